"""Carries over what a stage said when a log was written, where the log no longer shows it why."""

from collections import Counter
from collections.abc import Sequence

from riskengine.analyst.report import STAGES
from riskengine.analyst.traffic import LoggedRequest, Recorded
from riskengine.decision import RuleHit, Verdict
from riskengine.funnel import Stage
from riskengine.inspection import Batch, Inspection, only_recorded
from riskengine.origin.origin import Origin
from riskengine.stages.addresses import SPOOFED, VERIFIED


class CarryOver:
    """Stands around the stages of a replayed funnel and answers for them where it must."""

    def __init__(self) -> None:
        self._recorded: dict[int, Recorded] = {}
        self._bots: dict[int, RuleHit] = {}
        self.carried: Counter[str] = Counter()
        """Requests for which a stage's recorded result was taken, by stage."""
        self.missing: Counter[str] = Counter()
        """Requests that a stage could not judge, and had not judged then either, by stage.

        Something before it had stopped them; their decisions name the stage in `degraded`.
        """

    def expect(self, entries: Sequence[LoggedRequest]) -> None:
        """Say which requests come next; results are looked up by the request object itself."""
        self._recorded = {
            id(entry.request): entry.recorded
            for entry in entries
            if entry.recorded is not None and entry.recorded.carried
        }
        self._bots = {
            id(entry.request): hit
            for entry in entries
            if entry.recorded is not None
            for hit in entry.recorded.hits
            if hit.reason in _BOT_REASONS
        }

    def around(self, stage: Stage) -> Stage:
        """The stage, answering from the record where its input is missing."""
        return _Carrying(stage, self)

    def unseen(self, stage: str, batch: Batch) -> list[tuple[Inspection, Recorded]]:
        """The open requests that `stage` cannot see for itself, each with what the log says."""
        if not self._recorded:
            return []
        known = [(i, self._recorded.get(id(i.request))) for i in batch.open]
        return [(i, recorded) for i, recorded in known if recorded and stage in recorded.carried]

    def tell_bots(self, batch: Batch) -> None:
        """What the DNS said of bots then stands, because nobody is asked now."""
        for inspection in batch.open if self._bots else ():
            hit, origin = self._bots.get(id(inspection.request)), inspection.origin
            if hit is not None and origin.state == "unverifiable" and origin.bot == hit.rule_id:
                self.carried["addresses"] += 1
                _tell_bot(inspection, hit)

    def answer(self, stage: str, inspection: Inspection, recorded: Recorded) -> None:
        """Let the record answer for `stage`."""
        if not _was_asked(stage, recorded):
            self.missing[stage] += 1
            inspection.degrade(stage)
            return
        self.carried[stage] += 1
        for hit in recorded.hits:
            if hit.stage != stage:
                continue
            inspection.hits.append(hit)
            if hit.reason == VERIFIED:
                inspection.origin = Origin(bot=hit.rule_id, state="verified")
            # A signature that fired says ALLOW too: by itself it stops nothing.
            if stage == "addresses" and hit.verdict is Verdict.ALLOW and not hit.observed:
                inspection.allowlisted_by = hit


def _tell_bot(inspection: Inspection, hit: RuleHit) -> None:
    if hit.reason == VERIFIED:
        inspection.origin = inspection.origin._replace(state="verified")
        inspection.hits = [only_recorded(other) for other in inspection.hits]
    else:
        inspection.origin = inspection.origin._replace(state="spoofed")
    inspection.hits.append(hit)


class _Carrying:
    """A stage with a record beside it."""

    def __init__(self, stage: Stage, carry: CarryOver) -> None:
        self._stage = stage
        self._carry = carry
        self.name = stage.name
        self.dispensable = stage.dispensable

    async def inspect(self, batch: Batch) -> None:
        """Answer from the record what the stage cannot see, and ask the stage for the rest."""
        unseen = self._carry.unseen(self.name, batch)
        if not unseen:
            await self._stage.inspect(batch)
            self._tell_bots(batch)
            return
        for inspection, recorded in unseen:
            self._carry.answer(self.name, inspection, recorded)
        answered = {id(inspection) for inspection, _ in unseen}
        rest = Batch(batch.every, deadline=batch.deadline, shed=batch.shed)
        rest.open = [i for i in batch.open if id(i) not in answered]
        await self._stage.inspect(rest)
        self._tell_bots(rest)

    def _tell_bots(self, batch: Batch) -> None:
        if self.name == "addresses":
            self._carry.tell_bots(batch)


_BOT_REASONS = (VERIFIED, SPOOFED)


def _was_asked(stage: str, recorded: Recorded) -> bool:
    """Whether the funnel got as far as `stage` then."""
    if recorded.verdict == "allow" or recorded.stage not in STAGES:
        return True
    return STAGES.index(stage) <= STAGES.index(recorded.stage)
