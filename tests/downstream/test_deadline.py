"""Deadlines on the wire never grow, and what servers say about coming back is understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.downstream.deadline import (
    read_grpc_timeout,
    shortened,
    write_grpc_timeout,
    write_http_timeout,
)
from riskengine.downstream.pushback import NEVER, read_grpc_pushback, read_retry_after


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1H", 3600),
        ("2M", 120),
        ("3S", 3),
        ("250m", 0.25),
        ("100u", 0.0001),
        ("7n", 7e-9),
        ("", None),
        ("5", None),
        ("S", None),
        ("-1S", None),
        ("123456789S", None),
        ("1s", None),
        ("1S ", None),
        ("\u0661S", None),
    ],
)
def test_grpc_timeouts_are_read(text: str, seconds: float | None) -> None:
    assert read_grpc_timeout(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.floats(0, 1e12))
def test_a_written_timeout_is_valid_and_never_longer(left_s: float) -> None:
    read_s = read_grpc_timeout(write_grpc_timeout(left_s))
    assert read_s is not None
    assert read_s <= left_s * (1 + 1e-12)
    if left_s < 99_000_000:
        assert read_s >= left_s - max(1.001, left_s * 1e-6)
    if left_s < 99:
        assert read_s >= left_s - 1e-6


def test_a_deadline_that_has_passed_is_written_as_nothing() -> None:
    assert write_grpc_timeout(-3) == "0u"
    assert write_http_timeout(-3) == "0"
    assert write_http_timeout(0.2509) == "250"


@given(st.floats(-100, 100), st.floats(0, 100), st.floats(0, 1), st.floats(0, 5))
def test_a_shortened_deadline_lies_between_now_and_the_one_it_was(
    now: float, left_s: float, share: float, margin_s: float
) -> None:
    deadline = now + left_s
    short = shortened(deadline, now, share=share, margin_s=margin_s)
    assert now <= short <= max(now, deadline) + 1e-9
    assert short <= max(now, deadline - margin_s) + 1e-9


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("9999999999999", None),
        ("Tue, 99 Nov 2023 22:00:00 GMT", None),
    ],
)
def test_retry_after_holds_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert read_retry_after(text, now=1_700_000_000.0) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("250", 0.25), ("-1", NEVER), ("", NEVER), ("abc", NEVER), ("1.5", NEVER)],
)
def test_grpc_pushback_is_milliseconds_or_never(text: str, seconds: float) -> None:
    assert read_grpc_pushback(text) == seconds
