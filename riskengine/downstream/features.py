"""Features of a shop, how much each matters, and what answers in its place."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum


class Priority(IntEnum):
    """How much a feature matters; the smaller, the more."""

    VITAL = 0
    """Never degraded on purpose: order, payment."""
    IMPORTANT = 1
    OPTIONAL = 2
    """The first to go: reviews, order history."""


Fallback = Callable[[object], Awaitable[object]]
"""Answers for a key in place of the service; LookupError where it has nothing."""


@dataclass(frozen=True, slots=True)
class Feature:
    """Something a client can ask for."""

    name: str
    priority: Priority
    fallback: Fallback | None = None
    """None: there is nothing to answer with but an error. See `riskengine.downstream.fallbacks`."""
