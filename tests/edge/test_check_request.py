"""What becomes of Envoy's words, and of what clients write into them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.edge.check_request import NAMESPACE, CheckReader, RefusedRequest
from riskengine.edge.envoy_api.attribute_context_pb2 import AttributeContext
from riskengine.edge.envoy_api.external_auth_pb2 import CheckRequest
from riskengine.errors import InvalidRequestError
from riskengine.request import Request
from riskengine.settings import Settings

SETTINGS = Settings(
    trusted_peers=("10.1.0.0/16",),
    trusted_proxies=("10.2.0.0/16",),
    user_header="x-user",
    session_header="x-session",
    session_cookie="sid",
    device_header="x-device",
)
Pairs = list[tuple[str, bytes]]


def check(
    headers: Pairs | None = None, *, source: str = "203.0.113.7", raw: bool = True, **http: Any
) -> CheckRequest:
    """Envoy's message; `raw` sends headers as `encode_raw_headers` does."""
    message = CheckRequest()
    attributes = message.attributes
    attributes.source.address.socket_address.address = source
    attributes.request.http.MergeFrom(
        AttributeContext.HttpRequest(
            **{"id": "77", "method": "GET", "path": "/", "protocol": "HTTP/1.1", **http}
        )
    )
    for name, value in headers or []:
        if raw:
            attributes.request.http.header_map.headers.add(key=name, raw_value=value)
        else:
            attributes.request.http.headers[name] = value.decode()
    return message


def read(message: CheckRequest, settings: Settings = SETTINGS) -> Request:
    request = CheckReader(settings).read(message.SerializeToString())
    assert isinstance(request, Request)
    return request


def test_plain_request_is_told_field_by_field() -> None:
    message = check(
        [(":authority", b"shop.example"), ("user-agent", b"curl"), ("x-ja4", b"t13d")],
        method="POST",
        scheme="https",
        host="shop.example",
        path="/search?q=a?b",
        raw_body=b"hello",
    )
    message.attributes.request.time.FromMilliseconds(1_700_000_000_250)
    message.attributes.context_extensions.update({NAMESPACE: "shop-de", "team": "web"})
    request = read(message)
    assert request.address.text == "203.0.113.7"
    assert (request.method, request.scheme, request.host) == ("POST", "https", "shop.example")
    assert (request.path, request.query) == ("/search", "q=a?b")
    assert request.http_version == "1.1"
    assert request.headers == (("user-agent", "curl"), ("x-ja4", "t13d"))
    assert (request.body, request.body_size) == (b"hello", 5)
    assert (request.namespace, request.attributes) == ("shop-de", {"team": "web"})
    assert (request.request_id, request.tls_fingerprint) == ("77", "t13d")
    assert request.received_at == 1_700_000_000.25


def test_raw_headers_keep_order_and_repetition() -> None:
    pairs = [("b", b"1"), (":path", b"/"), ("a", b"2"), ("b", b"3")]
    assert read(check(pairs)).headers == (("b", "1"), ("a", "2"), ("b", "3"))


def test_header_map_without_raw_headers_serves_too() -> None:
    message = check([("b", b"1"), (":path", b"/x"), ("a", b"2")], raw=False, path="/x?y")
    request = read(message)
    assert sorted(request.headers) == [("a", "2"), ("b", "1")]
    assert request.path == "/x"


@pytest.mark.parametrize(
    ("protocol", "version"),
    [("HTTP/1.0", "1.0"), ("HTTP/1.1", "1.1"), ("HTTP/2", "2"), ("HTTP/3", "3"), ("", "")],
)
def test_protocol_becomes_the_contract_s_version(protocol: str, version: str) -> None:
    assert read(check(protocol=protocol)).http_version == version


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"/a?b=1", "/a", "b=1"),
        (b"/a?", "/a", ""),
        (b"?b", "/", "b"),
        (b"/caf\xe9?x=\xff", "/caf%E9", "x=%FF"),
        ("/café".encode(), "/café", ""),
        (b"/%2e%2e/\xe9\"'<>", "/%2e%2e/%E9\"'<>", ""),
        (b"*", "*", ""),
    ],
)
def test_target_keeps_bytes_that_are_not_utf8(target: bytes, path: str, query: str) -> None:
    request = read(check([(":path", target)], path="/lost!"))
    assert (request.path, request.query) == (path, query)


def test_connect_has_the_root_as_its_path() -> None:
    assert read(check(method="CONNECT", path="")).path == "/"


def test_header_bytes_that_are_not_utf8_are_read_as_latin_1() -> None:
    assert read(check([("x-name", b"caf\xe9")])).headers == (("x-name", "caf\xe9"),)


@pytest.mark.parametrize(
    ("headers", "body", "size"),
    [
        ([], b"", 0),
        ([], b"abc", 3),
        ([("content-length", b"900")], b"abc", 900),
        ([("content-length", b"1")], b"abc", 3),
        ([("content-length", b"9" * 40)], b"abc", 3),
        ([("content-length", b"-5")], b"abc", 3),
        ([("content-length", "٣".encode())], b"", 0),
        ([("x-envoy-auth-partial-body", b"true")], b"abc", 4),
        ([("x-envoy-auth-partial-body", b"false")], b"abc", 3),
        # what the client wrote comes first, what Envoy wrote comes last
        ([("x-envoy-auth-partial-body", b"false"), ("x-envoy-auth-partial-body", b"true")], b"", 1),
    ],
)
def test_size_of_the_body_says_whether_it_was_cut(headers: Pairs, body: bytes, size: int) -> None:
    request = read(check(headers, raw_body=body))
    assert request.body_size == size
    assert "x-envoy-auth-partial-body" not in dict(request.headers)


def test_body_may_come_as_text() -> None:
    assert read(check(body="é")).body == "é".encode()


@pytest.mark.parametrize(
    ("headers", "ids"),
    [
        ([], ("", "", "")),
        ([("x-user", b"u"), ("x-session", b"s"), ("x-device", b"d")], ("u", "s", "d")),
        ([("cookie", b"a=1; sid=one; b=2")], ("", "?" * 32, "")),
        ([("x-session", b"s"), ("cookie", b"sid=one")], ("", "s", "")),
        ([("cookie", b"xsid=one; b=sid")], ("", "", "")),
        ([("cookie", b"sid=")], ("", "", "")),
    ],
)
def test_ids_come_from_configured_headers_and_the_session_cookie(
    headers: Pairs, ids: tuple[str, str, str]
) -> None:
    request = read(check(headers))
    assert (request.user_id, request.device_id) == (ids[0], ids[2])
    assert len(request.session_id) == len(ids[1])
    assert "one" not in request.session_id


def test_equal_session_cookies_make_equal_sessions() -> None:
    first, again, other = (
        read(check([("cookie", value)])).session_id
        for value in (b"sid=one", b"x=1,sid=one", b"sid=two")
    )
    assert first == again != other


def test_no_header_is_an_id_until_it_is_configured() -> None:
    request = read(check([("", b"x"), ("x-user", b"u"), ("cookie", b"sid=one")]), Settings())
    assert (request.user_id, request.session_id, request.device_id) == ("", "", "")


def test_id_that_is_too_long_is_hashed_and_still_tells_apart() -> None:
    ids = {read(check([("x-user", b"u" * 500 + end)])).user_id for end in (b"1", b"2")}
    assert len(ids) == 2
    assert all(len(user_id) == 32 for user_id in ids)


def test_envoy_s_word_for_no_fingerprint_is_none() -> None:
    assert read(check([("x-ja4", b"-")])).tls_fingerprint == ""


def test_request_id_of_the_header_wins_over_the_stream_s() -> None:
    assert read(check([("x-request-id", b"abc")])).request_id == "abc"


def test_client_behind_trusted_peers_and_proxies_is_found() -> None:
    forwarded = [("x-forwarded-for", b"198.51.100.1"), ("x-forwarded-for", b"203.0.113.9")]
    assert read(check(forwarded, source="10.2.0.1")).address.text == "203.0.113.9"
    named = [("x-client-ip", b"203.0.113.8")]
    assert read(check(named, source="10.1.0.1")).address.text == "203.0.113.8"
    assert read(check(named)).address.text == "203.0.113.7"


def test_request_that_its_client_made_unreadable_is_refused_and_never_an_error() -> None:
    headers = [(f"x-{number}", b"") for number in range(300)]
    refused = CheckReader(SETTINGS).read(check(headers).SerializeToString())
    assert refused == RefusedRequest("77", "headers: must be at most 256, got 300")


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\xff", "message: these bytes are no envoy.service.auth.v3.CheckRequest"),
        (b"", "attributes.request.http: must describe an HTTP request"),
        (check(source="").SerializeToString(), "attributes.source.address: must be a plain"),
    ],
)
def test_gateway_that_sends_nonsense_is_told_what_is_wrong(message: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        CheckReader(SETTINGS).read(message)
    assert str(caught.value).startswith(problem)


def test_namespace_that_cannot_be_is_the_gateway_s_mistake() -> None:
    message = check()
    message.attributes.context_extensions[NAMESPACE] = "no spaces"
    with pytest.raises(InvalidRequestError, match=r"^namespace"):
        CheckReader(SETTINGS).read(message.SerializeToString())


@given(
    st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=30)), max_size=8),
    st.binary(max_size=40),
)
def test_nothing_a_client_sends_is_an_error(headers: Pairs, target: bytes) -> None:
    names = ["x-client-ip", "x-forwarded-for", "cookie", "content-length", "x-user", "x-request-id"]
    every = [*headers, *((name, target) for name in names), (":path", target)]
    for source in ("203.0.113.7", "10.1.0.1", "10.2.0.1"):
        read(check(every, source=source))
