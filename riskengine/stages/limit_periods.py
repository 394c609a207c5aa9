"""Days, weeks and months of a time zone: when a calendar quota begins anew."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from riskengine.ruleset.limit_options import Calendar, zone_of


class Period(NamedTuple):
    """Microseconds since the epoch, the end excluded."""

    starts_us: int
    ends_us: int


class Periods:
    """Finds the period that a moment lies in; remembers the last one, because time hardly moves."""

    __slots__ = ("_calendar", "_last", "_zone")

    def __init__(self, calendar: Calendar, time_zone: str) -> None:
        self._calendar = calendar
        self._zone: ZoneInfo = zone_of(time_zone)
        self._last = Period(0, 0)

    def at(self, seconds: float) -> Period:
        """The period of a moment, in seconds since the epoch.

        A day lasts from one local midnight to the next, so 23 or 25 hours where clocks change.
        """
        at_us = round(seconds * 1_000_000)
        if not self._last.starts_us <= at_us < self._last.ends_us:
            self._last = self._find(seconds)
        return self._last

    def _find(self, seconds: float) -> Period:
        day = datetime.fromtimestamp(seconds, self._zone).replace(
            hour=0, minute=0, second=0, microsecond=0, fold=0
        )
        if self._calendar == "week":
            day -= timedelta(days=day.weekday())
        if self._calendar == "month":
            day = day.replace(day=1)
        return Period(_us(day), _us(self._after(day)))

    def _after(self, day: datetime) -> datetime:
        """Local midnight of the next period: arithmetic within a zone is on its wall clock."""
        if self._calendar == "month":
            return (day + timedelta(days=32)).replace(day=1)
        return day + timedelta(days=7 if self._calendar == "week" else 1)


def _us(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000
