"""What is being found out about the requests of one batch, while the funnel runs."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from riskengine.decision import LimitState, RuleHit, Verdict
from riskengine.headers import headers_of
from riskengine.normalize import NormalPath, normalize_path
from riskengine.origin.origin import UNKNOWN, Origin
from riskengine.request import Request
from riskengine.ruleset.routes import Route, RouteTable


class Inspection:
    """One request and all that the stages have found out about it so far. Mutable, short-lived."""

    __slots__ = (
        "allowlisted_by", "at", "decided_by", "degraded", "features", "headers", "hits",
        "limits", "normal", "origin", "places", "profile_key", "request", "route", "score",
        "settled",
    )  # fmt: skip

    def __init__(
        self, request: Request, normal: NormalPath, route: Route | None, at: float
    ) -> None:
        self.request = request
        self.normal = normal
        self.route = route
        self.at = at
        """Seconds since the epoch on the clock this decision runs on."""
        self.headers = headers_of(request.headers)
        self.hits: list[RuleHit] = []
        self.settled = 0
        """How many of `hits` the funnel has weighed."""
        self.decided_by: RuleHit | None = None
        """The enforced hit that ended the funnel for this request."""
        self.allowlisted_by: RuleHit | None = None
        """The enforced allowlist hit (verdict ALLOW); it wins over everything."""
        self.origin: Origin = UNKNOWN
        """What is known about where the request comes from; told by the first stage."""
        self.limits: tuple[LimitState, ...] = ()
        self.places: tuple[Any, ...] = ()
        """Places in flight that the request holds: hits, for `store.places` to give back."""
        self.degraded: tuple[str, ...] = ()
        self.profile_key = ""
        self.features: Sequence[float] | None = None
        """The behaviour features at this request, in the order of `behavior.features.NAMES`."""
        self.score: float | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict as it stands now."""
        return Verdict.ALLOW if self.decided_by is None else self.decided_by.verdict

    def degrade(self, part: str) -> None:
        """Name a part that could not be asked."""
        if part not in self.degraded:
            self.degraded = (*self.degraded, part)


class Batch:
    """Requests judged together, in order of arrival.

    `every` holds all of them, `open` those that no stage has stopped yet: allowlisted ones to the
    end, because what the stages would have said of them is recorded.
    """

    __slots__ = ("deadline", "every", "open", "shed")

    def __init__(
        self, inspections: list[Inspection], *, deadline: float, shed: frozenset[str] = frozenset()
    ) -> None:
        self.every = inspections
        self.open = list(inspections)
        self.deadline = deadline
        """Monotonic seconds by which the most urgent caller wants its answer."""
        self.shed = shed
        """Names of stages that do no more than they must, to save the engine from overload."""

    @classmethod
    def of(
        cls,
        requests: Iterable[Request],
        routes: RouteTable,
        *,
        now: float,
        deadline: float,
        believe_received_at: bool = False,
        shed: frozenset[str] = frozenset(),
    ) -> "Batch":
        """A batch at time `now`; `received_at` counts instead where it is to be believed."""
        inspections = []
        for request in requests:
            normal = normalize_path(request.path)
            at = now
            if believe_received_at and request.received_at is not None:
                at = request.received_at
            inspections.append(
                Inspection(request, normal, routes.match(request.method, normal.key), at)
            )
        return cls(inspections, deadline=deadline, shed=shed)

    def settle(self) -> None:
        """Weigh the hits that the stage before left, and close what is decided."""
        fresh = [one for one in self.open if one.settled < len(one.hits)]
        if fresh:
            for inspection in fresh:
                _settle(inspection)
            self.open = [one for one in self.open if one.decided_by is None]


def _settle(inspection: Inspection) -> None:
    """Let the strictest enforced hit decide, the first one among equals."""
    if inspection.allowlisted_by is not None:
        inspection.hits = [only_recorded(hit) for hit in inspection.hits]
    fresh = inspection.hits[inspection.settled :]
    inspection.settled = len(inspection.hits)
    stopping = [hit for hit in fresh if not hit.observed and hit.verdict > Verdict.ALLOW]
    if stopping:
        inspection.decided_by = max(stopping, key=lambda hit: hit.verdict)


def only_recorded(hit: RuleHit) -> RuleHit:
    """What a rule said of a request that it must not stop: allowlisted, a verified bot."""
    if hit.observed or hit.verdict is Verdict.ALLOW:
        return hit
    return msgspec.structs.replace(hit, observed=True)
