"""Nothing secret reaches a line, and the line still tells what replay needs."""

import datetime

import msgspec
import pytest

from riskengine.decision import RuleHit, Verdict
from riskengine.records.redaction import Redaction, restored
from riskengine.request import Request, make_request

AT = datetime.datetime(2026, 3, 1, 10, tzinfo=datetime.UTC)
KEY = b"0123456789abcdef"
SECRET = "hunter2hunter2"  # noqa: S105 - what the tests look for


def request() -> Request:
    return make_request(
        client_ip="203.0.113.7",
        method="POST",
        path=f"/login;jsessionid={SECRET}",
        query=f"next=/&token={SECRET}",
        headers=(
            ("host", "shop.example"),
            ("cookie", f"sid={SECRET}"),
            ("cookie", "theme=dark"),
            ("authorization", f"Bearer {SECRET}"),
            ("referer", f"https://shop.example/?access_token={SECRET}&q=shoes"),
            ("x-forwarded-for", "203.0.113.7"),
        ),
        body=f"user=ann&password={SECRET}".encode(),
        user_id="user-ann",
        session_id="session-1",
        device_id="device-1",
    )


@pytest.mark.parametrize("key", [None, KEY], ids=["plain", "hashed"])
def test_no_secret_reaches_the_line(key: bytes | None) -> None:
    assert SECRET.encode() not in msgspec.json.encode(Redaction(key).line(request(), AT))


def test_lengths_of_all_that_is_withheld_are_kept() -> None:
    line = Redaction().line(request(), AT)
    assert line.withheld == {
        "header.cookie": 18 + 10,
        "header.authorization": 7 + 14,
        "header.referer.access_token": 14,
        "path.jsessionid": 14,
        "query.token": 14,
        "body": 32,
    }
    assert line.body_size == 32
    assert line.body == ""


def test_what_is_no_secret_stays_as_it_was() -> None:
    line = Redaction().line(request(), AT)
    assert line.client_ip == "203.0.113.7"
    assert line.query == "next=/&token="
    assert line.headers is not None
    assert ("host", "shop.example") in line.headers
    assert ("referer", "https://shop.example/?access_token=&q=shoes") in line.headers
    assert ("x-forwarded-for", "203.0.113.7") in line.headers
    assert (line.user_id, line.session_id, line.device_id) == ("user-ann", "session-1", "device-1")


def test_restored_request_has_the_sizes_of_the_real_one() -> None:
    line = restored(Redaction().line(request(), AT))
    assert len(line.path) == len(request().path)
    assert len(line.query) == len(request().query)
    real = sum(len(value) for _, value in request().headers)
    assert sum(len(value) for _, value in line.headers or ()) == real
    assert line.to_request().body_size == 32


def test_with_a_key_nothing_tells_who_it_was() -> None:
    redaction = Redaction(KEY)
    text = msgspec.json.encode(redaction.line(request(), AT)).decode()
    for told in ("203.0.113.7", "user-ann", "session-1", "device-1"):
        assert told not in text
    assert redaction.profile("default/s:session-1") != "default/s:session-1"


@pytest.mark.parametrize(
    ("detail", "logged"),
    [
        ("", ""),
        ("network 198.51.100.0/25", "network 198.51.100.0/25"),
        ("password: longer than 128", "withheld: 25 characters"),
        ("ip 203.0.113.7, user user-ann", None),
    ],
)
def test_details_of_hits_give_nothing_away(detail: str, logged: str | None) -> None:
    hit = RuleHit("rate_limits", "a-limit", Verdict.DENY, "rate_limit.exceeded", detail)
    [line] = Redaction(KEY).hits((hit,), request())
    if logged is not None:
        assert line.detail == logged
    assert "203.0.113.7" not in line.detail
    assert "user-ann" not in line.detail


def test_hit_without_a_key_is_logged_as_it_is() -> None:
    hit = RuleHit("addresses", "a", Verdict.DENY, "address.blocklisted", "203.0.113.7/32", True)
    [line] = Redaction().hits((hit,), request())
    assert line.to_hit() == hit
