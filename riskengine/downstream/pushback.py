"""What servers say about coming back: `Retry-After` and `grpc-retry-pushback-ms`."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_DIGITS = re.compile(r"[0-9]{1,9}", re.ASCII)
_SIGNED = re.compile(r"-?[0-9]{1,10}", re.ASCII)

NEVER = -1.0
"""The server asked not to be tried again."""


def read_retry_after(value: str, *, now: float) -> float | None:
    """Seconds to wait by a `Retry-After` header at `now` (seconds since the epoch).

    It holds seconds or an HTTP date (RFC 9110 §10.2.3); a date that has passed is 0. None where it
    is neither.
    """
    value = value.strip()
    if _DIGITS.fullmatch(value):
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.fromtimestamp(now, UTC)).total_seconds())


def read_grpc_pushback(value: str) -> float:
    """Seconds to wait by a `grpc-retry-pushback-ms` entry; NEVER where negative or malformed.

    Source: https://github.com/grpc/proposal/blob/master/A6-client-retries.md
    """
    if not _SIGNED.fullmatch(value) or int(value) < 0:
        return NEVER
    return int(value) / 1000
