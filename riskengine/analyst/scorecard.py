"""How right the decisions were, where somebody knows what each request truly was."""

from typing import NamedTuple

import msgspec

from riskengine.decision import Verdict
from riskengine.records.lines import Label


class KindRow(msgspec.Struct, frozen=True):
    """How one population fared. Shares are 0 to 1; None where there is nothing to divide."""

    kind: str
    bad: bool
    requests: int
    requests_stopped: int
    requests_stopped_share: float | None
    clients: int
    clients_stopped: int
    """Clients of which at least one request was stopped."""
    clients_stopped_share: float | None
    precision: float | None
    """Of the stopped requests of this kind and of good clients, the share that was of this kind."""


class Rates(msgspec.Struct, frozen=True):
    """Precision and recall over one unit: requests or clients."""

    bad: int
    bad_stopped: int
    good: int
    good_stopped: int
    precision: float | None
    recall: float | None
    false_positive_rate: float | None


class Scorecard(msgspec.Struct, frozen=True):
    """Labels against decisions: in all, and for each kind, bad kinds first."""

    requests: Rates
    clients: Rates
    kinds: list[KindRow]


class ScoreTally:
    """Adds labelled decisions up to a Scorecard."""

    def __init__(self) -> None:
        self._kinds: dict[Label, _Kind] = {}

    def add(self, label: Label, client: str, verdict: Verdict) -> None:
        """Count one labelled decision; `client` names who sent the request."""
        kind = self._kinds.get(label)
        if kind is None:
            kind = self._kinds[label] = _Kind()
        kind.requests += 1
        stopped = verdict is not Verdict.ALLOW
        kind.stopped += stopped
        kind.clients[client] = kind.clients.get(client, False) or stopped

    def scorecard(self) -> Scorecard | None:
        """The sums so far; None when nothing was labelled."""
        if not self._kinds:
            return None
        requests = _Sums(0, 0, 0, 0)
        clients = _Sums(0, 0, 0, 0)
        for label, kind in self._kinds.items():
            requests = requests.plus(label.bad, kind.requests, kind.stopped)
            clients = clients.plus(label.bad, len(kind.clients), kind.clients_stopped)
        order = sorted(self._kinds, key=lambda label: (not label.bad, label.kind))
        rows = [_row(label, self._kinds[label], requests.good_stopped) for label in order]
        return Scorecard(requests.rates(), clients.rates(), rows)


class _Kind:
    """What is counted of one population."""

    __slots__ = ("clients", "requests", "stopped")

    def __init__(self) -> None:
        self.requests = 0
        self.stopped = 0
        self.clients: dict[str, bool] = {}

    @property
    def clients_stopped(self) -> int:
        return sum(self.clients.values())


class _Sums(NamedTuple):
    bad: int
    bad_stopped: int
    good: int
    good_stopped: int

    def plus(self, bad: bool, count: int, stopped: int) -> "_Sums":
        if bad:
            return self._replace(bad=self.bad + count, bad_stopped=self.bad_stopped + stopped)
        return self._replace(good=self.good + count, good_stopped=self.good_stopped + stopped)

    def rates(self) -> Rates:
        return Rates(
            *self,
            precision=_share(self.bad_stopped, self.bad_stopped + self.good_stopped),
            recall=_share(self.bad_stopped, self.bad),
            false_positive_rate=_share(self.good_stopped, self.good),
        )


def _row(label: Label, kind: _Kind, good_stopped: int) -> KindRow:
    precision = _share(kind.stopped, kind.stopped + good_stopped) if label.bad else None
    return KindRow(
        kind=label.kind,
        bad=label.bad,
        requests=kind.requests,
        requests_stopped=kind.stopped,
        requests_stopped_share=_share(kind.stopped, kind.requests),
        clients=len(kind.clients),
        clients_stopped=kind.clients_stopped,
        clients_stopped_share=_share(kind.clients_stopped, len(kind.clients)),
        precision=precision,
    )


def _share(part: int, whole: int) -> float | None:
    """Rounded, so that reports of equal counts are equal on any machine."""
    return round(part / whole, 6) if whole else None
