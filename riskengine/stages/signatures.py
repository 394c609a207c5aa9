"""Stage 3 of screening: does the request hold what attacks hold? SecLang rules, such as the CRS."""

import zlib
from collections.abc import Iterable, Sequence
from functools import partial

from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch, Inspection
from riskengine.ruleset.signatures import SignatureSet, SignaturesFile
from riskengine.seclang.evaluation import Fired
from riskengine.seclang.exemptions import Exemption
from riskengine.seclang.fast import NOTHING, Outcome
from riskengine.stages.signature_sets import CompiledSet, Variant

REASONS = ("signature.match", "signature.threshold", "signature.budget", "signature.body")
"""Every reason code of the stage; docs/signatures.md explains each."""

_HITS_MAX = 64
_SHOWN_MAX = 80
_SHED_SHARE = 8  # under overload a request has an eighth of its budget


class SignaturesStage:
    """Runs signature sets over the requests still open, a batch at a time. No I/O."""

    name = "signatures"
    dispensable = True

    def __init__(self, rules: SignaturesFile, sets: Sequence[CompiledSet]) -> None:
        """`sets` are those of `rules` that are not disabled, compiled."""
        del rules
        self._sets = tuple(sets)

    async def inspect(self, batch: Batch) -> None:
        """Leave a hit for each rule that fires, and one for the set that stops the request."""
        for compiled in self._sets:
            self._inspect(compiled, batch)

    def _inspect(self, compiled: CompiledSet, batch: Batch) -> None:
        source = compiled.source
        shed = self.name in batch.shed
        budget = source.budget // _SHED_SHARE if shed else source.budget
        for variant, inspections in _by_variant(compiled, batch.open):
            requests = [inspection.request for inspection in inspections]
            local = partial(_local, compiled, inspections) if compiled.local else None
            headers = [inspection.headers for inspection in inspections]
            outcomes = variant.rules.evaluate(requests, budget, local, headers)
            for inspection, outcome in zip(inspections, outcomes, strict=True):
                if outcome is NOTHING:
                    continue
                if outcome.exhausted and shed:
                    inspection.degrade(self.name)
                if outcome.fired or outcome.exhausted or outcome.unread:
                    inspection.hits += _hits(compiled, variant, outcome, shed=shed)


def _by_variant(
    compiled: CompiledSet, inspections: Iterable[Inspection]
) -> list[tuple[Variant, list[Inspection]]]:
    sampling, meant = compiled.source.sampling, compiled.meant
    only = compiled.only_variant
    if only is not None and meant is None and sampling >= 100:  # as most sets are
        return [(only, list(inspections))] if only.mode != "disabled" else []
    grouped: dict[int, tuple[Variant, list[Inspection]]] = {}
    for inspection in inspections:
        if meant is not None and not meant(inspection.origin):
            continue
        if sampling < 100 and _bucket(inspection) >= sampling:
            continue
        route = inspection.route.id if inspection.route is not None else ""
        variant = compiled.variant_of(route)
        if variant.mode != "disabled":
            grouped.setdefault(id(variant), (variant, []))[1].append(inspection)
    return list(grouped.values())


def _bucket(inspection: Inspection) -> int:
    """0 to 99, always the same for one client address."""
    return zlib.crc32(str(inspection.request.address).encode()) % 100


def _local(compiled: CompiledSet, inspections: Sequence[Inspection], place: int) -> list[Exemption]:
    inspection = inspections[place]
    route = inspection.route.id if inspection.route is not None else ""
    key = inspection.normal.key
    return [one.exemption for one in compiled.local if one.holds(key, route)]


def _hits(
    compiled: CompiledSet, variant: Variant, outcome: Outcome, *, shed: bool
) -> list[RuleHit]:
    source = compiled.source
    recorded = [
        fired for fired in outcome.fired if fired.rule.recorded and fired is not outcome.stopped
    ]
    observed = variant.mode == "observe"
    hits = [_match(fired) for fired in recorded[:_HITS_MAX]]
    if outcome.exhausted and not shed:
        detail = f"needs more than the {source.budget} bytes of looks that one request may have"
        spared = observed or source.on_budget == "observe"
        hits.append(_hit(source, "signature.budget", detail, observed=spared))
    if outcome.stopped is not None:
        detail = _stopped(outcome.stopped, recorded, variant)
        hits.append(_hit(source, "signature.threshold", detail, observed=observed))
    if outcome.unread:
        detail = f"not all of the body was looked at: {outcome.unread}"
        spared = observed or variant.on_unread_body == "observe"
        hits.append(_hit(source, "signature.body", detail, observed=spared))
    return hits


def _hit(source: SignatureSet, reason: str, detail: str, *, observed: bool) -> RuleHit:
    return RuleHit("signatures", source.id, source.verdict, reason, detail, observed)


def _match(fired: Fired) -> RuleHit:
    """A rule that fired. By itself it stops nothing: it adds points."""
    first = fired.found[0] if fired.found else None
    where = first.name if first is not None else "-"
    text = shown(first.text) if first is not None else "''"
    points = f"{fired.points} point{'' if fired.points == 1 else 's'}"
    detail = f"{fired.rule.id} at {where.replace(' ', '_')[:_SHOWN_MAX]}: {text} ({points})"
    return RuleHit("signatures", str(fired.rule.id), Verdict.ALLOW, "signature.match", detail)


def _stopped(stopped: Fired, recorded: Sequence[Fired], variant: Variant) -> str:
    points = sum(fired.points for fired in recorded)
    rules = ", ".join(str(fired.rule.id) for fired in recorded[:8] if fired.points)
    return (
        f"{points} points of {variant.threshold} by {rules or stopped.rule.id} "
        f"(stopped by {stopped.rule.id})"
    )


def shown(text: bytes) -> str:
    """What matched, for a detail: quoted, everything unprintable escaped, 80 characters at most."""
    quoted = repr(text[:_SHOWN_MAX].decode("utf-8", "backslashreplace"))
    if len(quoted) > _SHOWN_MAX or len(text) > _SHOWN_MAX:
        return quoted[: _SHOWN_MAX - 3] + "..."
    return quoted
