"""Puts some simulated people behind shared addresses, as mobile carriers and universities do.

Somebody's first request has no cookie yet, so its profile is that of the address. Behind an address
of hundreds that profile is made of landing pages only: no assets, no cookies, another browser each
time. A model that has never seen one takes it for a bot.
"""

from collections.abc import Iterable, Iterator
from zlib import crc32

import msgspec

from riskengine.records.lines import Label, RequestLine

KIND = "shopper-crowd"
"""The kind of people behind a shared address."""

_ONE_IN = 3
_ADDRESSES = 16
_SKEW = 2  # the busiest address has a quarter of the crowd
_STEPS = 1 << 16


def into_crowds(lines: Iterable[RequestLine]) -> Iterator[RequestLine]:
    """The same traffic, with one shopper in three behind one of sixteen shared addresses."""
    for line in lines:
        address = _shared_address(line)
        if address is None:
            yield line
        else:
            yield msgspec.structs.replace(line, client_ip=address, label=Label(False, KIND))


def _shared_address(line: RequestLine) -> str | None:
    """Where the client of the line moves to; None for those who stay where they are."""
    if line.label is None or line.label.kind != "shopper":
        return None
    client, _, _ = line.request_id.rpartition("-")
    drawn = crc32(client.encode())
    if drawn % _ONE_IN:
        return None
    position = (drawn // _ONE_IN % _STEPS) / _STEPS
    return f"198.19.255.{1 + int(_ADDRESSES * position**_SKEW)}"
