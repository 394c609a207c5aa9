"""What was seen while a service was overloaded, and the figures that follow from it."""

import asyncio
from dataclasses import dataclass, field
from typing import NamedTuple

from riskengine.downstream.features import Priority

_LATE_MS = 500
_SETTLED_S = 1.0
"""Figures are of the time under load, but for its first second."""


class Sample(NamedTuple):
    """One call."""

    at_s: float
    priority: Priority
    end: str
    """`service`, `fallback` or `failed`."""
    latency_s: float


@dataclass
class Record:
    """One run; times are seconds since `began`, which is monotonic."""

    times: int
    protected: bool
    capacity: float
    began: float
    load_from_s: float
    load_for_s: float
    cpu: float = 0.0
    late_s: float = 0.0
    """How far the sender fell behind its own schedule."""
    changes: int = 0
    samples: list[Sample] = field(default_factory=list)
    levels: list[tuple[float, int]] = field(default_factory=list)
    pending: set[asyncio.Task[None]] = field(default_factory=set)


def summarize(record: Record) -> dict[str, float | int | bool]:
    """The figures of a run, rounded. Goodput counts answers of the service within the deadline."""
    begin = record.load_from_s + _SETTLED_S
    end = record.load_from_s + record.load_for_s
    loaded = [sample for sample in record.samples if begin <= sample.at_s < end]
    served = sorted(s.latency_s for s in loaded if s.end == "service")
    vital = [s for s in loaded if s.priority is Priority.VITAL]
    goodput = len(served) / (end - begin)
    return {
        "times": record.times,
        "protected": record.protected,
        "capacity": round(record.capacity, 1),
        "offered": round(len(loaded) / (end - begin), 1),
        "goodput_share": round(goodput / record.capacity, 3),
        "vital_success": round(sum(s.end == "service" for s in vital) / max(1, len(vital)), 4),
        "answered": round(sum(s.end != "failed" for s in loaded) / max(1, len(loaded)), 4),
        "served_p50_ms": round(1000 * served[len(served) // 2]) if served else -1,
        "served_p99_ms": round(1000 * served[int(len(served) * 0.99)]) if served else -1,
        "level_changes": record.changes,
        "level_at_end": record.levels[-1][1],
        "cpu": round(record.cpu, 2),
        "late_ms": round(1000 * record.late_s),
    }


def missed(figures: dict[str, float | int | bool]) -> list[str]:
    """What a protected run promised and did not keep."""
    if not figures["protected"]:
        return []
    promises = {
        "goodput above 90 % of capacity": figures["goodput_share"] > 0.9,
        "vital calls served above 99 %": figures["vital_success"] > 0.99,
        "p99 of what was served within the deadline": 0 <= figures["served_p99_ms"] <= 1_000,
        "no flapping: one level up and down": figures["level_changes"] <= 2,
        "a sender on time: the machine is too busy to tell": figures["late_ms"] <= _LATE_MS,
    }
    return [f"{figures['times']} x: {promise}" for promise, kept in promises.items() if not kept]
