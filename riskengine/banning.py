"""Whom the rules ban, once a batch is decided, and from when on that holds."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from riskengine.inspection import Batch, Inspection
from riskengine.request import Request
from riskengine.ruleset.ban_terms import BanTerms
from riskengine.stages.addresses import BANNED
from riskengine.store.bans import Ban, make_ban

ESCALATED = "rate_limit.escalated"
"""Reason of a ban for having offended again and again."""


def bans_of(batch: Batch, terms: Mapping[str, BanTerms]) -> Iterator[Ban]:
    """The bans that a decided batch leads to, in the order of its requests.

    Who is banned already is not banned anew; allowlisted clients and verified bots never are.
    """
    for inspection in batch.every:
        if inspection.decided_by is None or inspection.allowlisted_by is not None:
            continue
        if not inspection.origin.verified and inspection.decided_by.reason != BANNED:
            yield from _bans_of_one(inspection, terms)


class OffenderBans:
    """Bans those who keep offending; what `stages.escalation.BanSink` asks for."""

    def __init__(self, publish: Callable[[Ban], object], now: Callable[[], float]) -> None:
        """`publish` puts a ban in force; `now` tells seconds since the epoch."""
        self._publish = publish
        self._now = now

    def ban(self, request: Request, *, rule_id: str, for_s: float, all_hosts: bool) -> None:
        """Ban the client of a request for so long, on its host or on all."""
        terms = BanTerms(for_s, all_hosts)
        self._publish(_ban(request, rule_id, ESCALATED, terms, self._now()))


def one_moment_each(requests: Sequence[Request]) -> Iterator[Sequence[Request]]:
    """Parts in which nobody comes at two different times.

    A ban holds for whatever comes later than the request that caused it. On the clock of requests
    that may be in the same batch, which is then cut here.
    """
    start, seen = 0, dict[str, float | None]()
    for place, request in enumerate(requests):
        at = seen.setdefault(request.address.subject, request.received_at)
        if at != request.received_at:
            yield requests[start:place]
            start, seen = place, {request.address.subject: request.received_at}
    yield requests[start:]


def _bans_of_one(inspection: Inspection, terms: Mapping[str, BanTerms]) -> Iterator[Ban]:
    """A ban for each enforced hit of a rule that bans."""
    for hit in inspection.hits:
        own = terms.get(hit.rule_id)
        if own is not None and not hit.observed:
            yield _ban(inspection.request, hit.rule_id, hit.reason, own, inspection.at)


def _ban(request: Request, rule_id: str, reason: str, terms: BanTerms, at: float) -> Ban:
    return make_ban(
        request.address.text,
        namespace=request.namespace,
        host="" if terms.all_hosts else request.host,
        reason=reason,
        author=f"rule:{rule_id}",
        rule_id=rule_id,
        created_at=at,
        expires_at=at + terms.seconds,
    )
