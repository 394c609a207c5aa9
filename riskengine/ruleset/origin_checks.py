"""Words about origins that lead nowhere: lists, tags and bots that nobody defines."""

from collections.abc import Iterator, Mapping
from typing import Any

from riskengine.ruleset.bots import STATES
from riskengine.ruleset.explanations import nearest
from riskengine.ruleset.fields import show
from riskengine.ruleset.yaml_source import Document, Place

AGENT_TAGS = (
    "academic", "advertising", "ai-crawler", "archiver", "browser-automation", "crawler",
    "feed-reader", "http-library", "monitoring", "scanner", "search-engine", "seo",
    "social-preview",
)  # fmt: skip
"""Tags by what a user agent says of itself; those of crawler-user-agents, and `crawler` for all."""

_LIST_IDS = (
    ("addresses.yaml", ("allowlists", "*", "lists", "*")),
    ("addresses.yaml", ("blocklists", "*", "lists", "*")),
    ("bots.yaml", ("bots", "*", "lists", "*")),
)
_MATCHES = ("match",), ("match", "unless")


def check_list_ids(documents: Mapping[str, Document]) -> None:
    """Blame every mention of a list that `addresses.yaml` does not define."""
    known = _words(documents, "addresses.yaml", "lists", "*", "id")
    for name, way in _LIST_IDS:
        for place, word in documents[name].find(*way) if name in documents else ():
            if isinstance(word, str) and word not in known:
                text = f"no list of addresses.yaml has the id {show(word)}"
                documents[name].blame(place, text + nearest(word, known))


def check_origin_words(documents: Mapping[str, Document]) -> None:
    """Blame what can never match: an unknown tag or bot, a country that no database tells."""
    tags = sorted({*AGENT_TAGS, *_given_tags(documents)})
    bots = [*STATES, *_words(documents, "bots.yaml", "bots", "*", "id")]
    for document in documents.values():
        _blame_unknown(document, "tags", tags, "nothing gives the tag")
        _blame_unknown(document, "bot", bots, "no bot of bots.yaml has the id")
        for fact in ("country", "asn"):
            if _words(documents, "addresses.yaml", "databases", "*", fact):
                continue
            for place, _ in _asked(document, fact):
                document.blame(place, f"no database of addresses.yaml gives {fact}")


def _blame_unknown(document: Document, fact: str, known: list[str], what: str) -> None:
    for place, words in _asked(document, fact):
        for at, word in enumerate(words if isinstance(words, list) else ()):
            if isinstance(word, str) and word not in known:
                document.blame((*place, at), f"{what} {show(word)}{nearest(word, known)}")


def _asked(document: Document, fact: str) -> Iterator[tuple[Place, Any]]:
    """Every place where a rule of the file asks for a fact."""
    for section in document.value if isinstance(document.value, dict) else ():
        for way in _MATCHES:
            yield from document.find(section, "*", *way, fact)


def _given_tags(documents: Mapping[str, Document]) -> Iterator[str]:
    yield from _words(documents, "addresses.yaml", "lists", "*", "tags", "*")
    if "addresses.yaml" in documents:
        for _, tags in documents["addresses.yaml"].find("databases", "*", "tags"):
            yield from tags if isinstance(tags, dict) else ()


def _words(documents: Mapping[str, Document], name: str, *way: str) -> list[str]:
    """What stands at the end of a way; text alone, but for the paths of databases."""
    found = documents[name].find(*way) if name in documents else ()
    return [str(word) for _, word in found if isinstance(word, str | list) and word]
