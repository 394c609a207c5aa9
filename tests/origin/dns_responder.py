"""A name server small enough to be steered by tests: real DNS over real UDP on loopback."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

Records = Mapping[tuple[str, str], Sequence[str]]
"""Answers by name and type, or `SERVFAIL` or `SILENCE`; what is not there is NXDOMAIN."""


class _Responder(asyncio.DatagramProtocol):
    def __init__(self, records: Records, asked: list[str]) -> None:
        self._records = records
        self._asked = asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        [question] = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self._asked.append(f"{kind} {name}")
        response = dns.message.make_response(query)
        response.flags |= dns.flags.RA
        records = self._records.get((name, kind))
        if records == ["SILENCE"]:
            return
        if records == ["SERVFAIL"]:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif records is None:
            response.set_rcode(dns.rcode.NXDOMAIN)
        elif records:
            response.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *records))
        self._transport.sendto(response.to_wire(), address)


@asynccontextmanager
async def dns_responder(records: Records) -> AsyncIterator[tuple[int, list[str]]]:
    """Port of the server, and the questions it was asked so far."""
    asked: list[str] = []
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Responder(records, asked), local_addr=("127.0.0.1", 0)
    )
    try:
        yield transport.get_extra_info("sockname")[1], asked
    finally:
        transport.close()
