"""Bans that rules set: in force here at once, and told to the other processes."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from riskengine.inspection import Inspection
from riskengine.request import Request
from riskengine.ruleset.ban_terms import BanTerms
from riskengine.stages.addresses import BANNED
from riskengine.store.ban_book import BanBook
from riskengine.store.ban_feed import BanFeed
from riskengine.store.bans import Ban, make_ban

ESCALATED = "rate_limit.escalated"


class RuleBans:
    """Bans whom rules stopped that say so. No I/O."""

    def __init__(self, feed: BanFeed | None, now: Callable[[], float]) -> None:
        """Without a `feed` bans stay in this process; `now` tells seconds since the epoch."""
        self._feed = feed
        self._now = now
        self.book = BanBook() if feed is None else feed.book

    def note(self, inspections: Iterable[Inspection], terms: Mapping[str, BanTerms]) -> None:
        """Ban those whom a rule of `terms` stopped. Who is banned already is not banned anew."""
        for inspection in inspections:
            if inspection.decided_by is None or inspection.allowlisted_by is not None:
                continue
            if inspection.origin.verified or inspection.decided_by.reason == BANNED:
                continue
            for ban in _bans_of(inspection, terms):
                self._set(ban)

    def ban(self, request: Request, *, rule_id: str, for_s: float, all_hosts: bool) -> None:
        """Ban the client of a request for so long: a repeat offender."""
        terms = BanTerms(for_s, all_hosts)
        self._set(_ban(request, rule_id, ESCALATED, terms, self._now()))

    def _set(self, ban: Ban) -> None:
        if self._feed is not None:
            self._feed.publish(ban, after=ban.created_at)
        else:
            self.book.put(ban, after=ban.created_at)


def _bans_of(inspection: Inspection, terms: Mapping[str, BanTerms]) -> Iterator[Ban]:
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
