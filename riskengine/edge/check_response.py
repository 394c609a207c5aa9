"""Envoy's CheckResponse on the wire: a decision to bytes.

Envoy reads an empty CheckResponse, and status 0 with a denied_response, as an allow: so an allow
always says ok_response, and everything else has a status that is not 0.
"""

import re
from collections.abc import Iterable

from google.protobuf.struct_pb2 import Struct
from google.protobuf.wrappers_pb2 import BoolValue
from google.rpc.status_pb2 import Status

from riskengine.decision import Decision, Verdict
from riskengine.edge.envoy_api.external_auth_pb2 import (
    CheckResponse,
    DeniedHttpResponse,
    OkHttpResponse,
)
from riskengine.edge.envoy_api.header_pb2 import HeaderValue, HeaderValueOption
from riskengine.edge.envoy_api.http_status_pb2 import HttpStatus, StatusCode
from riskengine.edge.http_answer import http_answer

_OK, _PERMISSION_DENIED, _RESOURCE_EXHAUSTED = 0, 7, 8
_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)  # no pseudo header, no space
_FORBIDDEN_VALUE = re.compile(r"[\r\n\0]")


def encode_check_response(decision: Decision) -> bytes:
    """The CheckResponse of a decision; it can not be read as anything else than its verdict."""
    if decision.verdict is Verdict.ALLOW:
        return CheckResponse(
            status=Status(code=_OK),
            ok_response=OkHttpResponse(),
            dynamic_metadata=_metadata(decision),
        ).SerializeToString()
    answer = http_answer(decision)
    throttled = decision.verdict is Verdict.THROTTLE
    return CheckResponse(
        status=Status(code=_RESOURCE_EXHAUSTED if throttled else _PERMISSION_DENIED),
        denied_response=DeniedHttpResponse(
            status=HttpStatus(
                code=StatusCode.TooManyRequests if throttled else StatusCode.Forbidden
            ),
            headers=header_options(answer.headers),
            body=answer.body,
        ),
        dynamic_metadata=_metadata(decision),
    ).SerializeToString()


def header_options(headers: Iterable[tuple[str, str]]) -> list[HeaderValueOption]:
    """Headers for Envoy, each of which overwrites what stands there.

    ValueError for what would change where a request goes or split an answer: `host`, pseudo
    headers, CR and LF.
    """
    return [_header_option(name, value) for name, value in headers]


def _header_option(name: str, value: str) -> HeaderValueOption:
    if name == "host" or not _NAME.fullmatch(name):
        raise ValueError(f"header {name!r}: must be a lower-case header name, and not `host`")
    if _FORBIDDEN_VALUE.search(value):
        raise ValueError(f"header {name}: its value must be without CR, LF and NUL, got {value!r}")
    return HeaderValueOption(
        header=HeaderValue(key=name, value=value), append=BoolValue(value=False)
    )


def _metadata(decision: Decision) -> Struct:
    """What the gateway's access log can show: `%DYNAMIC_METADATA(envoy.filters.http.ext_authz)%`.

    `score` is absent for a request that was not scored, which is not the same as 0.
    """
    metadata = Struct()
    fields = metadata.fields
    fields["decision_id"].string_value = decision.decision_id
    fields["verdict"].string_value = decision.verdict.word
    fields["stage"].string_value = decision.stage
    fields["rule_id"].string_value = decision.rule_id
    fields["reason"].string_value = decision.reason
    if decision.anomaly_score is not None:
        fields["score"].number_value = decision.anomaly_score
    if decision.degraded:
        fields["degraded"].string_value = ",".join(decision.degraded)
    return metadata
