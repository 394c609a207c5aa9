"""When each client of a log sent the requests that a limit would count."""

from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from riskengine.analyst.traffic import Logged, LoggedRequest
from riskengine.inspection import Batch, Inspection
from riskengine.ruleset.limits import LimitRule
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.limit_plan import LimitPlan


@dataclass(slots=True)
class Client:
    """One value of the key."""

    times: "array[float]" = field(default_factory=lambda: array("d"))
    """Seconds since the epoch, ascending."""
    good: int = 0
    bad: int = 0

    @property
    def is_bad(self) -> bool | None:
        """What its labels say, one bad request being enough; None without labels."""
        return None if not self.good + self.bad else self.bad > 0


@dataclass(slots=True)
class ClientTimes:
    """All clients of a log."""

    clients: dict[str, Client] = field(default_factory=dict)
    requests: int = 0
    """Requests that the rule counts."""
    elsewhere: int = 0
    """Requests that the rule does not match."""
    without_key: int = 0
    """Requests that match and lack a part of the key."""


def collect(
    entries: Iterable[Logged],
    rule: LimitRule,
    routes: RouteTable,
    *,
    on_request: Callable[[], None] = lambda: None,
) -> ClientTimes:
    """The requests that `rule` counts, for each whom it counts apart."""
    plan, found = LimitPlan([rule], {}), ClientTimes()
    for entry in entries:
        if not isinstance(entry, LoggedRequest):
            continue
        on_request()
        [inspection] = Batch.of([entry.request], routes, now=entry.at, deadline=0.0).every
        counted, subject = _who(plan, inspection)
        if not counted:
            found.elsewhere += 1
        elif subject is None:
            found.without_key += 1
        else:
            _count(found, subject, entry)
    return found


def _who(plan: LimitPlan, inspection: Inspection) -> tuple[bool, str | None]:
    """Whether the rule counts the request, and for whom; the namespace keeps shops apart."""
    for limit in plan.limits_at(inspection).limits:
        if not limit.counts(inspection):
            continue
        for count, _ in limit.hits(inspection, bytes):
            return True, f"{inspection.request.namespace} {count.subject}"
        return True, None
    return False, None


def _count(found: ClientTimes, subject: str, entry: LoggedRequest) -> None:
    found.requests += 1
    client = found.clients.setdefault(subject, Client())
    client.times.append(entry.at)
    if entry.label is not None:
        client.bad += entry.label.bad
        client.good += not entry.label.bad
