"""What would have let a request pass, as narrow as can be."""

from collections.abc import Iterable, Iterator

import msgspec

from riskengine.analyst.exclusions import propose, read_hit
from riskengine.decision import RuleHit, Verdict


class Advice(msgspec.Struct, frozen=True):
    """One change that lets a rule's stop go away. Whether it should is for people to say."""

    rule_id: str
    file: str
    """The rule file to change; empty where it is a command."""
    change: str


def advise(hits: Iterable[RuleHit], *, path: str, client: str) -> list[Advice]:
    """A change for each enforced stop among `hits`, in their order."""
    hits = list(hits)
    stops = [hit for hit in hits if not hit.observed and hit.verdict > Verdict.ALLOW]
    return list(dict.fromkeys(one for hit in stops for one in _of(hit, hits, path, client)))


def _of(stop: RuleHit, hits: list[RuleHit], path: str, client: str) -> Iterator[Advice]:
    if stop.reason == "address.banned":
        yield Advice(stop.rule_id, "", f"riskengine bans lift {client}")
    elif stop.stage == "addresses":
        entry = f"{{network: {client}, reason: ..., owner: ..., expires_at: ...}}"
        change = f"an entry {entry} in an allowlist; it wins over everything"
        yield Advice(stop.rule_id, "addresses.yaml", change)
    elif stop.reason == "signature.threshold":
        yield from _exclusions(hits, path, client)
    elif stop.reason == "signature.budget":
        yield Advice(stop.rule_id, "signatures.yaml", "a larger `budget`, or `on_budget: observe`")
    elif stop.reason == "signature.body":
        change = "`on_unread_body: observe`, for this route under `routes`"
        yield Advice(stop.rule_id, "signatures.yaml", change)
    elif stop.stage == "parameters":
        about = f" ({stop.detail})" if stop.detail else ""
        change = f"permit in {stop.rule_id} what it objects to: {stop.reason}{about}"
        yield Advice(stop.rule_id, "parameters.yaml", change)
    elif stop.stage == "rate_limits":
        yield Advice(stop.rule_id, "limits.yaml", f"a larger `limit` of {stop.rule_id}")
    elif stop.stage == "behavior":
        yield Advice(stop.rule_id, "behavior.yaml", f"a higher threshold of {stop.rule_id}")


def _exclusions(hits: list[RuleHit], path: str, client: str) -> Iterator[Advice]:
    """The narrowest exclusions: one rule, one parameter, one path each."""
    matches = (hit for hit in hits if hit.reason == "signature.match")
    read = (read_hit(hit.detail, path, client) for hit in matches)
    for one in propose(hit for hit in read if hit is not None):
        looks = f', parameter: "{one.parameter}"' if one.parameter != "-" else ""
        change = f"exclusions: - {{rule: {one.rule}{looks}, path: {one.path}, description: ...}}"
        yield Advice(str(one.rule), "signatures.yaml", change)
