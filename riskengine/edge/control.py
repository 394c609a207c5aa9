"""What the supervisor and its workers tell each other: JSON lines over stdin and stdout.

The first line a worker reads says what it serves: its Settings, say. End of file on its stdin means
that the supervisor is gone, and the worker goes too.
"""

from typing import Any, Literal

import msgspec

Order = Literal["reload", "report", "drain"]


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker serves."""


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The worker cannot serve; its text is fit to be shown to who started the service."""

    message: str
    exit_code: int


class Report(msgspec.Struct, frozen=True, tag="report"):
    """The answer to a `report` order."""

    metrics: str
    """Prometheus text exposition."""
    rules_problem: str
    """Why the newest rules are not the ones that decide; empty while they are."""
    stale_lists: list[str] = []
    """Lists and databases that are older than they may be."""
    more: dict[str, Any] = {}
    """What else the worker's health has to tell."""


Notice = Ready | Failed | Report


def encode_line(message: Notice | Order) -> bytes:
    """One line, with its line end."""
    return msgspec.json.encode(message) + b"\n"


def read_notice(line: bytes) -> Notice:
    """What a worker says."""
    return _notices.decode(line)


def read_order(line: bytes) -> Order:
    """What the supervisor says."""
    return _orders.decode(line)


_notices: msgspec.json.Decoder[Notice] = msgspec.json.Decoder(Notice)
_orders: msgspec.json.Decoder[Order] = msgspec.json.Decoder(Order)
