"""The way of one request through screening: every list, parameter and rule that had a say."""

from dataclasses import replace

import msgspec

from riskengine.analyst.advice import Advice, advise
from riskengine.analyst.exclusions import Proposal, propose, read_hit
from riskengine.decision import RuleHit, Verdict
from riskengine.engine import Engine
from riskengine.errors import RulesetError
from riskengine.funnel import Stage
from riskengine.inspection import Batch
from riskengine.query import parse_query
from riskengine.request import Request
from riskengine.ruleset.behavior import BehaviorFile
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.ruleset import Ruleset
from riskengine.ruleset.signatures import Exclusion, SignaturesFile
from riskengine.seclang.pattern_cache import PatternCache
from riskengine.seclang.rules import Rule
from riskengine.stages.signature_sets import read_set

SCREENING = ("addresses", "parameters", "signatures")
_PARANOIA = "paranoia-level/"


class TracedHit(msgspec.Struct, frozen=True):
    """What one rule said."""

    rule_id: str
    verdict: str
    reason: str
    detail: str
    observed: bool


class SignatureTrace(msgspec.Struct, frozen=True):
    """A signature that fired."""

    rule: int
    parameter: str
    """As SecLang names it."""
    matched: str
    """Cut and escaped."""
    points: int
    paranoia: int | None
    """The level from which on the rule runs; None where the rule does not tell."""
    place: str
    """File and line of the rule."""


class StageTrace(msgspec.Struct, frozen=True):
    """What one stage of screening had to say."""

    stage: str
    result: str
    """`passed`, `allowed`, `throttled`, `denied`; what comes after a stop is what would be said."""
    after_stop: bool
    """Whether a stage before has stopped the request already."""
    hits: list[TracedHit]


class ParameterTrace(msgspec.Struct, frozen=True):
    """A parameter of the query, and the signatures that fired on it."""

    name: str
    value: str
    signatures: list[int]


class ScreeningTrace(msgspec.Struct, frozen=True):
    """The way of a request through screening."""

    method: str
    path: str
    query: str
    client_ip: str
    route: str
    """Id of the route; empty where the shop's map has none for it."""
    verdict: str
    country: str
    asn: int | None
    tags: list[str]
    bot: str
    bot_state: str
    stages: list[StageTrace]
    parameters: list[ParameterTrace]
    signatures: list[SignatureTrace]
    advice: list[Advice]
    passes_with_exclusions: bool | None
    """Whether screening lets the request pass once the exclusions advised are made; None where
    there are none to make."""
    ruleset_revision: str

    def to_json(self) -> bytes:
        """Indented JSON with a newline at its end."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"


async def trace(
    ruleset: Ruleset, request: Request, *, now: float, patterns: PatternCache
) -> ScreeningTrace:
    """Run each stage of screening, those after a stop as well. Bans and the DNS are not asked."""
    batch, stages = await _run(ruleset, request, now, patterns)
    [inspection] = batch.every
    origin = inspection.origin
    found = [hit for hit in inspection.hits if hit.reason == "signature.match"]
    proposals = _proposals(found, request)
    passes = None
    if proposals and any(hit.reason == "signature.threshold" for hit in inspection.hits):
        try:
            again, _ = await _run(_excluding(ruleset, proposals), request, now, patterns)
            passes = again.every[0].verdict is Verdict.ALLOW
        except (RulesetError, ValueError):  # what the client named so cannot be spelt as a target
            passes = False
    signatures = _signatures(ruleset, found)
    return ScreeningTrace(
        request.method,
        request.path,
        request.query,
        request.address.text,
        inspection.route.id if inspection.route else "",
        inspection.verdict.word,
        origin.country,
        origin.asn,
        sorted(origin.tags),
        origin.bot,
        origin.state,
        stages,
        _parameters(request, signatures),
        signatures,
        advise(inspection.hits, path=request.path, client=request.address.text),
        passes,
        ruleset.revision,
    )


async def _run(
    ruleset: Ruleset, request: Request, now: float, patterns: PatternCache
) -> tuple[Batch, list[StageTrace]]:
    stages: list[Stage] = []

    def note(stage: Stage) -> Stage:
        stages.append(stage)
        return stage

    rules = replace(ruleset, limits=LimitsFile(), behavior=BehaviorFile(), overrides={})
    Engine(rules, around_stage=note, patterns=patterns)
    batch = Batch.of([request], ruleset.routes, now=now, deadline=now)
    screening = [stage for stage in stages if stage.name in SCREENING]
    return batch, [await _inspect(stage, batch) for stage in screening]


async def _inspect(stage: Stage, batch: Batch) -> StageTrace:
    [inspection] = batch.every
    stopped_by, before = inspection.decided_by, len(inspection.hits)
    batch.open = [inspection]
    await stage.inspect(batch)
    batch.settle()
    hits = inspection.hits[before:]
    result = _result(hits)
    if stopped_by is not None:
        inspection.decided_by = stopped_by
    return StageTrace(stage.name, result, stopped_by is not None, [_traced(hit) for hit in hits])


def _result(hits: list[RuleHit]) -> str:
    enforced = [hit for hit in hits if not hit.observed]
    strictest = max((hit.verdict for hit in enforced), default=Verdict.ALLOW)
    if strictest > Verdict.ALLOW:
        return "denied" if strictest is Verdict.DENY else "throttled"
    allowed = any(hit.reason == "address.allowlisted" for hit in enforced)
    return "allowed" if allowed else "passed"


def _traced(hit: RuleHit) -> TracedHit:
    return TracedHit(hit.rule_id, hit.verdict.word, hit.reason, hit.detail, hit.observed)


def _proposals(found: list[RuleHit], request: Request) -> list[Proposal]:
    read = (read_hit(hit.detail, request.path, request.address.text) for hit in found)
    return propose(hit for hit in read if hit is not None)


def _excluding(ruleset: Ruleset, proposals: list[Proposal]) -> Ruleset:
    more = [
        Exclusion(
            description="Tried by explain.",
            rule=one.rule,
            parameter=one.parameter if one.parameter != "-" else None,
            path=one.path,
        )
        for one in proposals
    ]
    signatures: SignaturesFile = ruleset.signatures.model_copy(
        update={"exclusions": (*ruleset.signatures.exclusions, *more)}
    )
    return replace(ruleset, signatures=signatures)


def _signatures(ruleset: Ruleset, found: list[RuleHit]) -> list[SignatureTrace]:
    rules: dict[int, Rule] = {}
    for source in ruleset.signatures.sets if found else ():
        if source.mode != "disabled":
            read = read_set(source, ruleset.directory).rules.rules
            rules = {rule.id: rule for rule in read} | rules
    return [one for hit in found if (one := _signature(hit, rules.get(int(hit.rule_id))))]


def _signature(hit: RuleHit, rule: Rule | None) -> SignatureTrace | None:
    read = read_hit(hit.detail, "/", "")
    if read is None:
        return None
    points = int(hit.detail.rpartition("(")[2].partition(" ")[0])
    levels = [tag.partition(_PARANOIA)[2] for tag in (rule.tags if rule else ())]
    level = next((int(level) for level in levels if level.isdigit()), None)
    place = str(rule.place) if rule else ""
    return SignatureTrace(read.rule, read.parameter, read.text, points, level, place)


def _parameters(request: Request, signatures: list[SignatureTrace]) -> list[ParameterTrace]:
    return [
        ParameterTrace(
            one.name,
            one.value,
            [hit.rule for hit in signatures if hit.parameter.lower() == f"args:{one.name}".lower()],
        )
        for one in parse_query(request.query).parameters
    ]
