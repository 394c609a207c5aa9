"""riskengine.v1 from the wire: bytes to requests and outcomes."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from google.protobuf.message import DecodeError, Message

from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.edge.raw_request_pb2 import RawBatch, RawRequest
from riskengine.errors import InvalidRequestError
from riskengine.outcome import Outcome
from riskengine.request import Request, make_request
from riskengine.v1 import riskengine_pb2 as pb

REQUESTS_MAX = 512
OUTCOMES_MAX = 4_096
_ID_MAX = 128
_COMMON_HEADER_MAX = 256  # longer ones are hardly sent twice, and would fill the memory
_COMMON_HEADERS_MAX = 16_384

M = TypeVar("M", bound=Message)


def decode_request(message: bytes) -> Request:
    """The request of an EvaluateRequest; InvalidRequestError names the field that is wrong."""
    return _request(_parse(RawRequest, pb.EvaluateRequest, message))


class ArrivedBatch:
    """The requests of an EvaluateBatchRequest, read when somebody goes through them.

    That happens once. A request that is not valid is left out, and answered by `refused`.
    """

    def __init__(self, message: bytes) -> None:
        """InvalidRequestError where `message` is none, or holds too many requests."""
        self._message = _parse(RawBatch, pb.EvaluateBatchRequest, message)
        self._entries: list[Request | Decision] = []
        self._count = len(self._message.requests)
        if self._count > REQUESTS_MAX:
            raise InvalidRequestError(
                "requests", f"must be at most {REQUESTS_MAX}, got {self._count}"
            )

    def __len__(self) -> int:
        """How many there are, invalid ones included."""
        return self._count

    def __iter__(self) -> Iterator[Request]:
        """The valid ones, in order."""
        self._entries = [_request_or_refusal(request) for request in self._message.requests]
        self._message = RawBatch()  # what was read need not wait, too
        return (entry for entry in self._entries if isinstance(entry, Request))

    def answered(self, decisions: Iterable[Decision]) -> Iterator[Decision]:
        """`decisions` about the valid requests, and a refusal in place of each other one."""
        decided = iter(decisions)
        for entry in self._entries:
            yield next(decided) if isinstance(entry, Request) else entry


def decode_outcomes(message: bytes) -> list[Outcome]:
    """The outcomes of a ReportOutcomesRequest; one wrong field refuses all of them."""
    outcomes = _parse(pb.ReportOutcomesRequest, pb.ReportOutcomesRequest, message).outcomes
    if len(outcomes) > OUTCOMES_MAX:
        raise InvalidRequestError(
            "outcomes", f"must be at most {OUTCOMES_MAX}, got {len(outcomes)}"
        )
    return [_outcome(outcome, f"outcomes[{index}]") for index, outcome in enumerate(outcomes)]


def _parse(kind: type[M], promised: type[Message], message: bytes) -> M:
    try:
        return kind.FromString(message)
    except DecodeError:
        raise _not_a(promised) from None


def _not_a(promised: type[Message]) -> InvalidRequestError:
    return InvalidRequestError("message", f"these bytes are no {promised.DESCRIPTOR.full_name}")


def _request(message: RawRequest) -> Request:
    received_at = None
    if message.HasField("received_at"):
        stamp = message.received_at
        received_at = stamp.seconds + stamp.nanos * 1e-9
    attributes = message.attributes
    headers = tuple(map(_header, message.headers))
    return make_request(
        client_ip=message.client_ip,
        request_id=message.request_id,
        namespace=message.namespace,
        method=message.method,
        scheme=message.scheme,
        host=message.host,
        path=message.path,
        query=message.query,
        http_version=message.http_version,
        headers=headers,
        headers_known=bool(headers) and not message.headers_partial,
        body=message.body,
        body_size=message.body_size,
        user_id=message.user_id,
        session_id=message.session_id,
        device_id=message.device_id,
        tls_fingerprint=message.tls_fingerprint,
        attributes=dict(attributes) if attributes else None,
        received_at=received_at,
    )


class _Headers(dict[bytes, tuple[str, str]]):
    """Lower-case names and values of encoded Headers, remembered.

    A dict that fills itself: `lru_cache` takes half as long again, on every header of a request.
    """

    def __missing__(self, encoded: bytes) -> tuple[str, str]:
        try:
            message = pb.Header.FromString(encoded)
        except DecodeError:
            raise _not_a(pb.EvaluateRequest) from None
        header = message.name.lower(), message.value
        if len(encoded) <= _COMMON_HEADER_MAX:
            if len(self) >= _COMMON_HEADERS_MAX:
                self.clear()
            self[encoded] = header
        return header


_header = _Headers().__getitem__


def _request_or_refusal(message: RawRequest) -> Request | Decision:
    try:
        return _request(message)
    except InvalidRequestError as error:
        hit = RuleHit("edge", "", Verdict.DENY, "request.invalid", str(error))
        return Decision(
            decision_id="",
            request_id=message.request_id[:_ID_MAX],
            verdict=hit.verdict,
            stage=hit.stage,
            reason=hit.reason,
            hits=(hit,),
        )


def _outcome(message: pb.Outcome, place: str) -> Outcome:
    if not 0 < len(message.decision_id) <= _ID_MAX:
        raise InvalidRequestError(
            f"{place}.decision_id",
            f"must be the id of a decision, got {message.decision_id[:32]!r}",
        )
    if not 100 <= message.status <= 599:
        raise InvalidRequestError(
            f"{place}.status", f"must be an HTTP status from 100 to 599, got {message.status}"
        )
    if message.bytes < 0:
        raise InvalidRequestError(f"{place}.bytes", f"must not be negative, got {message.bytes}")
    latency_s = None
    if message.HasField("latency"):
        latency_s = message.latency.seconds + message.latency.nanos * 1e-9
        if latency_s < 0:
            raise InvalidRequestError(f"{place}.latency", "must not be negative")
    return Outcome(message.decision_id, message.status, message.bytes, latency_s)
