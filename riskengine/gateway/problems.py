"""What a client is told when the gateway itself cannot pass its request on (RFC 9457)."""

import math
from http import HTTPStatus

import msgspec

from riskengine.edge.http_answer import HttpAnswer


class Refusal(Exception):  # noqa: N818 - it is an answer, not a failure of ours
    """The request ends here, with this answer."""

    def __init__(
        self,
        status: int,
        reason: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        cause: str = "",
    ) -> None:
        """`reason` is a stable code for the access log, `detail` a sentence for the client.

        `cause` is for operators alone: it names what is behind the gateway.
        """
        super().__init__(detail)
        self.status = status
        self.reason = reason
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.cause = cause

    def answer(self) -> HttpAnswer:
        """The complete answer."""
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        headers = [("content-type", "application/problem+json"), ("cache-control", "no-store")]
        if self.retry_after_s is not None:
            headers.append(("retry-after", str(max(1, math.ceil(self.retry_after_s)))))
        return HttpAnswer(self.status, tuple(headers), msgspec.json.encode(problem).decode())


def malformed(detail: str) -> Refusal:
    """The request cannot be understood in one way only."""
    return Refusal(400, "request.malformed", detail)
