"""What a client is told over HTTP when it is stopped: status, headers and a problem document.

Retry-After is RFC 9110 §10.2.3, the body RFC 9457, and RateLimit and RateLimit-Policy are
draft-ietf-httpapi-ratelimit-headers-10, which also names the problem types.
"""

import math
import re
from typing import NamedTuple

import msgspec

from riskengine.decision import Decision, LimitState, Verdict

RETRY_AFTER_S = 10
"""What a throttled client is asked to wait when the rule does not say."""

_TYPES = "https://iana.org/assignments/http-problem-types#"
_UNPRINTABLE = re.compile(r'[^ -~]|["\\]')
_COUNT_MAX = 999_999_999_999_999  # RFC 9651, 3.3.1


class HttpAnswer(NamedTuple):
    """A complete HTTP answer; its header values are free of CR and LF."""

    status: int
    headers: tuple[tuple[str, str], ...]
    """Lower-case name and value."""
    body: str


def http_answer(decision: Decision) -> HttpAnswer:
    """403 for a deny, 429 for a throttle. An allow has no answer of ours: ValueError.

    It names the limits that were reached, which clients must know to keep them, and the decision
    for those who help the client. It never names a signature or why a score was high.
    """
    if decision.verdict is Verdict.THROTTLE:
        return _throttled(decision)
    if decision.verdict is Verdict.DENY:
        body = _problem("about:blank", "Forbidden", 403, decision)
        return HttpAnswer(403, _PROBLEM_HEADERS, body)
    raise ValueError("an allowed request is answered by the shop")


def _throttled(decision: Decision) -> HttpAnswer:
    limits = [limit for limit in decision.limits if not limit.observed]
    full = [_printable(limit.rule_id) for limit in limits if limit.retry_after_s > 0]
    retry_after_s = RETRY_AFTER_S if decision.retry_after_s is None else decision.retry_after_s
    headers = [
        *_PROBLEM_HEADERS,
        ("retry-after", str(max(1, _whole(retry_after_s)))),
        ("x-envoy-ratelimited", "true"),
    ]
    if limits:
        headers.append(("ratelimit", ", ".join(map(_state, limits))))
        headers.append(("ratelimit-policy", ", ".join(map(_policy, limits))))
    kind = "quota-exceeded" if full else "abnormal-usage-detected"
    extra = {"violated-policies": full} if full else {}
    return HttpAnswer(
        429, tuple(headers), _problem(_TYPES + kind, "Too Many Requests", 429, decision, extra)
    )


def _problem(
    kind: str,
    title: str,
    status: int,
    decision: Decision,
    extra: dict[str, list[str]] | None = None,
) -> str:
    problem = {"type": kind, "title": title, "status": status, "decision_id": decision.decision_id}
    return msgspec.json.encode(problem | (extra or {})).decode()


def _state(limit: LimitState) -> str:
    remaining = min(max(limit.remaining, 0), _COUNT_MAX)
    reset_s = limit.retry_after_s or limit.window_s
    return f'"{_printable(limit.rule_id)}";r={remaining};t={_whole(reset_s)}'


def _policy(limit: LimitState) -> str:
    return (
        f'"{_printable(limit.rule_id)}";q={min(limit.limit, _COUNT_MAX)};w={_whole(limit.window_s)}'
    )


def _whole(seconds: float) -> int:
    """Rounded up, so that a client that waits as told is not too early."""
    return min(math.ceil(max(seconds, 0.0)), _COUNT_MAX)


def _printable(text: str) -> str:
    """Text that may stand inside a quoted string of a header."""
    return _UNPRINTABLE.sub("_", text)


_PROBLEM_HEADERS = (
    ("content-type", "application/problem+json"),
    ("cache-control", "no-store"),
)
