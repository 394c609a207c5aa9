"""What a process counts about itself, in Prometheus' words. docs/metrics.md lists every name.

Counting is per batch and in plain dicts: a Prometheus child costs more than a whole decision may
(0.3 to 3.8 µs a call). The families are built when somebody asks for them.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.registry import Collector

from riskengine.decision import Decision, LimitState, Verdict
from riskengine.inspection import Inspection
from riskengine.outcome import Outcome
from riskengine.records.address_metrics import (
    BanState,
    ListState,
    ban_families,
    list_families,
)
from riskengine.records.decision_log import LogCounts

Key = TypeVar("Key")
Family = CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily

BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Upper bounds of the latency histogram, in seconds."""

BREAKER_STATES = ("closed", "half_open", "open")
_MODES = {False: "enforce", True: "observe"}


class Metrics:
    """Counts decisions, failures and reloads; a registry of its own, so engines never mix."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        """What `prometheus_client` can expose."""
        self.decisions: Counter[tuple[Verdict, str, str]] = Counter()
        self.rule_hits: Counter[tuple[str, str, bool]] = Counter()
        self.near_limits: Counter[tuple[str, bool]] = Counter()
        self.degraded: Counter[str] = Counter()
        self.stage_failures: Counter[str] = Counter()
        self.reloads: Counter[bool] = Counter()
        self.outcomes: Counter[int] = Counter()
        self.latency_counts = [0] * (len(BUCKETS_S) + 1)
        self.latency_sum_s = 0.0
        self.log_counts: Callable[[], LogCounts] | None = None
        """Set it to let a decision log tell its counts."""
        self.store_state: Callable[[], str] | None = None
        """Set it to let a store tell its breaker's state, one of `BREAKER_STATES`."""
        self.lists: Callable[[], Sequence[ListState]] | None = None
        """Set it to let the ruleset tell how old its lists and databases are."""
        self.bans: Callable[[], BanState] | None = None
        """Set it to let the copy of the bans tell its size and age."""
        self.spared_requests: Callable[[], int] | None = None
        """Set it to let a store tell how many requests were answered without it."""
        self.processes: Callable[[], int] | None = None
        """Set it to let a store tell how many processes share it."""
        self.registry.register(_Families(self))

    def record(
        self, inspections: Sequence[Inspection], decisions: Sequence[Decision], latency_s: float
    ) -> None:
        """Count one batch; every decision of it took `latency_s` seconds."""
        self.decisions.update([(d.verdict, d.stage, d.reason) for d in decisions])
        hits = [hit for d in decisions if d.hits for hit in d.hits]
        if hits:
            self.rule_hits.update([(hit.stage, hit.rule_id, hit.observed) for hit in hits])
        near = [(d, s) for d in decisions for s in d.limits if s.remaining * 5 <= s.limit]
        if near:
            self.near_limits.update(
                [(s.rule_id, s.observed) for d, s in near if not _is_refused(d, s)]
            )
        degraded = [part for d in decisions if d.degraded for part in d.degraded]
        if degraded:
            self.degraded.update(degraded)
        self.latency_counts[bisect_left(BUCKETS_S, latency_s)] += len(decisions)
        self.latency_sum_s += latency_s * len(decisions)

    def record_outcomes(self, outcomes: Sequence[Outcome], at: float) -> None:
        """Count reported outcomes by the class of their status."""
        self.outcomes.update([outcome.status // 100 for outcome in outcomes])

    def record_reload(self, succeeded: bool) -> None:
        """Count a reload of rules and model."""
        self.reloads[succeeded] += 1

    def record_failure(self, stage: str) -> None:
        """Count a stage that failed and was left out."""
        self.stage_failures[stage] += 1

    def close(self) -> None:
        """Nothing to write out."""

    def exposition(self) -> bytes:
        """All metrics in Prometheus' text format."""
        return generate_latest(self.registry)


class _Families(Collector):
    """Builds the families at the moment of a scrape."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Family]:
        yield from _counters(self._metrics)
        yield _latency(self._metrics)
        yield from _told(self._metrics)


def _counters(metrics: Metrics) -> Iterator[Family]:
    """What is counted here."""
    yield _counter(
        "riskengine_decisions",
        "Decisions, by verdict, deciding stage and reason.",
        ("verdict", "stage", "reason"),
        {(v.word, stage, reason): n for (v, stage, reason), n in _copy(metrics.decisions)},
    )
    yield _counter(
        "riskengine_rule_hits",
        "Rules that fired, whether or not they decided.",
        ("stage", "rule_id", "mode"),
        {(stage, rule, _MODES[o]): n for (stage, rule, o), n in _copy(metrics.rule_hits)},
    )
    yield _counter(
        "riskengine_limit_near",
        "Requests within a limit that used 80 % of it or more.",
        ("rule_id", "mode"),
        {(rule, _MODES[o]): n for (rule, o), n in _copy(metrics.near_limits)},
    )
    yield _counter(
        "riskengine_degraded_decisions",
        "Decisions taken without one of the parts.",
        ("part",),
        {(part,): n for part, n in _copy(metrics.degraded)},
    )
    yield _counter(
        "riskengine_stage_failures",
        "Batches that a stage failed on and that were decided without it.",
        ("stage",),
        {(stage,): n for stage, n in _copy(metrics.stage_failures)},
    )
    yield _counter(
        "riskengine_ruleset_reloads",
        "Reloads of rules and model, by what became of them.",
        ("result",),
        {(word,): metrics.reloads[ok] for ok, word in ((True, "ok"), (False, "failed"))},
    )
    yield _counter(
        "riskengine_outcomes",
        "Reported outcomes of allowed requests, by class of status.",
        ("status_class",),
        {(f"{status}xx",): n for status, n in _copy(metrics.outcomes)},
    )


def _told(metrics: Metrics) -> Iterator[Family]:
    """What others tell, where they are there."""
    if metrics.log_counts is not None:
        yield from _log_families(metrics.log_counts())
    if metrics.store_state is not None:
        yield _breaker(metrics.store_state())
    if metrics.spared_requests is not None:
        yield CounterMetricFamily(
            "riskengine_store_spared_requests",
            "Requests over their limit that were answered without a round trip.",
            value=metrics.spared_requests(),
        )
    if metrics.processes is not None:
        yield GaugeMetricFamily(
            "riskengine_store_processes",
            "Processes that share the store, as counted last.",
            value=metrics.processes(),
        )
    if metrics.lists is not None:
        yield from list_families(metrics.lists())
    if metrics.bans is not None:
        yield from ban_families(metrics.bans())


def _is_refused(decision: Decision, state: LimitState) -> bool:
    return any(hit.rule_id == state.rule_id for hit in decision.hits)


def _counter(
    name: str, about: str, labels: Sequence[str], counts: Mapping[tuple[str, ...], int]
) -> CounterMetricFamily:
    family = CounterMetricFamily(name, about, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _latency(metrics: Metrics) -> HistogramMetricFamily:
    total, buckets = 0, []
    bounds = [*(str(bound) for bound in BUCKETS_S), "+Inf"]
    for bound, count in zip(bounds, tuple(metrics.latency_counts), strict=True):
        total += count
        buckets.append((bound, float(total)))
    about = "Time from taking up a batch to its decisions, once for every decision in it."
    family = HistogramMetricFamily("riskengine_decision_latency_seconds", about)
    family.add_metric((), buckets, metrics.latency_sum_s)
    return family


def _log_families(counts: LogCounts) -> Iterator[Family]:
    about = "Lines of the decision log, by what became of them."
    lines: dict[tuple[str, ...], int] = {
        ("written",): counts.written,
        ("dropped",): counts.dropped,
        ("lost",): counts.lost,
    }
    yield _counter("riskengine_log_lines", about, ("result",), lines)
    yield CounterMetricFamily(
        "riskengine_log_segments_removed",
        "Closed segments removed to stay below the disk cap.",
        value=counts.removed_segments,
    )


def _breaker(state: str) -> GaugeMetricFamily:
    about = "1 for the state that the store's circuit breaker is in."
    family = GaugeMetricFamily("riskengine_store_breaker", about, labels=("state",))
    for name in BREAKER_STATES:
        family.add_metric((name,), float(name == state))
    return family


def _copy(counts: Counter[Key]) -> list[tuple[Key, int]]:
    """A copy in one step, because the serving thread goes on counting."""
    return sorted(dict(counts).items(), key=str)
