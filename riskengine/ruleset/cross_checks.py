"""What can only be seen across all rule files: ids that repeat, ids that lead nowhere."""

from collections.abc import Iterator, Mapping

from riskengine.ruleset.explanations import nearest
from riskengine.ruleset.fields import show
from riskengine.ruleset.yaml_source import Document, Place

# Where rules speak of routes: file, and the way to the ids. `*` is every entry of a list.
_ROUTE_IDS = (
    ("limits.yaml", ("limits", "*", "match", "routes", "*")),
    ("signatures.yaml", ("sets", "*", "routes", "*", "routes", "*")),
    ("signatures.yaml", ("exclusions", "*", "routes", "*")),
    ("behavior.yaml", ("thresholds", "*", "match", "routes", "*")),
)


def check_ids(documents: Mapping[str, Document]) -> None:
    """Blame every rule whose id another rule has, in whichever file."""
    first: dict[str, str] = {}
    for document in documents.values():
        for place, rule_id in rule_ids(document):
            here = f"{document.path}:{document.line_of(place)}"
            known = first.setdefault(rule_id, here)
            if known != here:
                document.blame(place, f"id {show(rule_id)} is taken by {known}; choose another")


def check_route_ids(documents: Mapping[str, Document]) -> None:
    """Blame every mention of a route that the shop's map does not have."""
    parameters = documents.get("parameters.yaml")
    if parameters is not None and parameters.value is None:
        return  # an unreadable map says nothing about its routes
    known = [route for _, route in parameters.find("routes", "*", "id")] if parameters else []
    for name, way in _ROUTE_IDS:
        for place, route in documents[name].find(*way) if name in documents else ():
            if isinstance(route, str) and route not in known:
                text = f"no route of parameters.yaml has the id {show(route)}"
                documents[name].blame(place, text + nearest(route, known))


def rule_ids(document: Document) -> Iterator[tuple[Place, str]]:
    """Place and id of every rule in a file, readable ones only."""
    for key in document.value if isinstance(document.value, dict) else ():
        for place, rule_id in document.find(key, "*", "id"):
            if isinstance(rule_id, str):
                yield place, rule_id
