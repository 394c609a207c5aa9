"""Merging clients: order, ties, and how few of them are held."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from riskengine.records.lines import RequestLine
from riskengine.simulation.timeline import Client, in_time_order

_START = datetime(2026, 3, 1, tzinfo=UTC)


def _client(name: str, arrival_s: int, gaps_s: list[int]) -> Client:
    def lines() -> Iterator[RequestLine]:
        at_s = arrival_s
        for number, gap_s in enumerate(gaps_s):
            at_s += gap_s
            yield RequestLine(
                received_at=_START + timedelta(seconds=at_s),
                client_ip="198.18.0.1",
                method="GET",
                path="/",
                request_id=f"{name}-{number}",
            )

    return _START + timedelta(seconds=arrival_s), lines()


@given(st.lists(st.tuples(st.integers(0, 50), st.lists(st.integers(0, 9), max_size=8))))
def test_every_line_comes_once_and_in_order(clients: list[tuple[int, list[int]]]) -> None:
    arrivals = sorted(clients, key=lambda client: client[0])
    merged = list(in_time_order(_client(str(n), *client) for n, client in enumerate(arrivals)))
    times = [line.received_at for line in merged]
    assert times == sorted(times)
    assert len({line.request_id for line in merged}) == sum(len(gaps) for _, gaps in clients)


def test_ties_go_to_the_client_that_came_first() -> None:
    merged = in_time_order([_client("a", 0, [5, 0]), _client("b", 1, [4])])
    assert [line.request_id for line in merged] == ["a-0", "a-1", "b-0"]


def test_a_client_that_waits_before_its_first_line_does_not_overtake_later_ones() -> None:
    merged = in_time_order([_client("a", 0, [9]), _client("b", 1, [1])])
    assert [line.request_id for line in merged] == ["b-0", "a-0"]


def test_clients_are_started_only_when_the_stream_reaches_them() -> None:
    started = 0

    def arrivals() -> Iterator[Client]:
        nonlocal started
        for number in range(1_000):
            started += 1
            yield _client(str(number), number * 10, [0, 1])

    stream = in_time_order(arrivals())
    for _ in range(20):
        next(stream)
    assert started <= 11


def test_clients_without_lines_are_passed_over() -> None:
    merged = in_time_order([_client("a", 0, []), _client("b", 0, [1])])
    assert [line.request_id for line in merged] == ["b-0"]
