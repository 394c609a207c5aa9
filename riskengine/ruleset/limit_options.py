"""Parts of a limit rule that have a shape of their own."""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, field_validator, model_validator

from riskengine.ruleset.fields import Duration, Entry, Moment, show

Algorithm = Literal["strict", "exact", "approx", "pace", "concurrency"]
Calendar = Literal["day", "week", "month"]

CALENDARS: Mapping[str, str] = {"day": "1d", "week": "7d", "month": "31d"}
"""Nominal length of each period."""


def _check_time_zone(name: str) -> str:
    zone_of(name)
    return name


@cache
def zone_of(name: str) -> ZoneInfo:
    """The time zone; ValueError where nobody knows it."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise ValueError(
            f"must be the name of a time zone such as Europe/Berlin, got {show(name)}"
        ) from None


TimeZone = Annotated[str, AfterValidator(_check_time_zone)]


class Moments(Entry):
    """When a rule holds."""

    starts_at: Moment | None = None
    """Off before this moment: 2026-11-27T08:00:00+01:00; reads no clock of the client's."""
    expires_at: Moment | None = None
    """Off from this moment on."""

    @model_validator(mode="after")
    def _starts_before_it_expires(self) -> Self:
        if self.expires_at is not None and self.expires_at <= (self.starts_at or 0.0):
            raise ValueError("expires_at must be later than starts_at")
        return self


class Escalation(Entry):
    """Bans for those who keep offending: a step up each time, and down again with time."""

    bans: tuple[Duration, ...] = Field(min_length=1, max_length=10)
    """How long each ban lasts, the first offence's first; the last one repeats."""
    forget: Duration
    """Good behaviour for so long brings one step down."""

    @field_validator("bans")
    @classmethod
    def _bans_grow(cls, bans: tuple[float, ...]) -> tuple[float, ...]:
        if list(bans) != sorted(bans):
            raise ValueError("must grow from step to step, such as [1m, 10m, 1h]")
        return bans
