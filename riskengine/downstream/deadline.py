"""Deadlines that travel with a call: read from the caller, shortened, and handed on."""

import re

_GRPC_TIMEOUT = re.compile(r"([0-9]{1,8})([HMSmun])", re.ASCII)
_UNIT_S = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_LONGEST_S = 99_999_999.0

GRPC_HEADER = "grpc-timeout"
HTTP_HEADER = "x-envoy-expected-rq-timeout-ms"
"""What Envoy sends and many services already read: whole milliseconds that are left."""


def read_grpc_timeout(value: str) -> float | None:
    """Seconds in a `grpc-timeout` header; None where it is malformed.

    Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
    """
    match = _GRPC_TIMEOUT.fullmatch(value)
    return None if match is None else int(match[1]) * _UNIT_S[match[2]]


def write_grpc_timeout(left_s: float) -> str:
    """`left_s` in the finest unit that fits eight digits, never longer than it is."""
    left_s = min(max(left_s, 0.0), _LONGEST_S)
    for unit in ("u", "m", "S"):
        count = int(left_s / _UNIT_S[unit])
        if count <= 99_999_999:
            return f"{count}{unit}"
    return f"{int(_LONGEST_S)}S"


def write_http_timeout(left_s: float) -> str:
    """`left_s` as whole milliseconds, never longer than it is; at least 0."""
    return str(max(0, int(left_s * 1000)))


def shortened(deadline: float, now: float, *, share: float = 0.9, margin_s: float = 0.0) -> float:
    """A deadline before `deadline`, so that time to answer is left when it passes.

    It keeps `share` of what is left at `now`, and leaves at least `margin_s`; monotonic seconds,
    never before `now`.
    """
    left_s = max(0.0, deadline - now)
    return now + max(0.0, min(left_s * share, left_s - margin_s))
