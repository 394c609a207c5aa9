"""Access log lines, as servers write them and as clients make them."""

import time

import pytest

from riskengine.analyst.access_log import AccessEntry, read_access_line

HEAD = "203.0.113.7 - - [01/Mar/2026:10:00:00 +0000]"
TAIL = '200 512 "https://shop.example/" "Mozilla/5.0"'
AT = 1_772_359_200.0


def entry(line: str) -> AccessEntry:
    found = read_access_line(line)
    assert found is not None
    return found


def test_combined_line_tells_request_headers_and_outcome() -> None:
    request, outcome = entry(f'{HEAD} "GET /products/7?ref=a HTTP/1.1" {TAIL}\n')
    assert request.address.text == "203.0.113.7"
    assert (request.method, request.path, request.query) == ("GET", "/products/7", "ref=a")
    assert request.http_version == "1.1"
    assert request.headers == (
        ("referer", "https://shop.example/"),
        ("user-agent", "Mozilla/5.0"),
    )
    assert not request.headers_known, "other headers may have been sent"
    assert request.received_at == AT
    assert (outcome.status, outcome.bytes) == (200, 512)


def test_common_line_tells_no_headers() -> None:
    request, outcome = entry(f'{HEAD} "GET / HTTP/1.0" 304 -')
    assert request.headers == ()
    assert outcome.bytes == 0


@pytest.mark.parametrize(
    ("quoted", "method", "path", "query", "version"),
    [
        ("GET / HTTP/2.0", "GET", "/", "", "2.0"),
        ("GET /a b HTTP/1.1", "GET", "/a b", "", "1.1"),
        ("GET /", "GET", "/", "", ""),
        ("GET", "GET", "/", "", ""),
        (r"GET /\"x\" HTTP/1.1", "GET", '/"x"', "", "1.1"),
        (r"GET /a\\b HTTP/1.1", "GET", r"/a\b", "", "1.1"),
        (r"GET /\xc3\xa9?q=\xff HTTP/1.1", "GET", "/%C3%A9", "q=%FF", "1.1"),
        (r"GET /\x22 HTTP/1.1", "GET", '/"', "", "1.1"),
        ("OPTIONS * HTTP/1.1", "OPTIONS", "*", "", "1.1"),
        ("CONNECT example.com:443 HTTP/1.1", "CONNECT", "example.com:443", "", "1.1"),
        ("GET http://shop.example/a?b HTTP/1.1", "GET", "/a", "b", "1.1"),
        ("GET http://shop.example HTTP/1.1", "GET", "/", "", "1.1"),
        (r"\x16\x03\x01\x02\x00\x01", "\x16\x03\x01\x02\x00\x01", "/", "", ""),
        (r"\xff\xd8 a", "\xff\xd8 a", "/", "", ""),
    ],
)
def test_request_lines(quoted: str, method: str, path: str, query: str, version: str) -> None:
    request = entry(f'{HEAD} "{quoted}" {TAIL}').request
    assert (request.method, request.path, request.query) == (method, path, query)
    assert request.http_version == version


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ('203.0.113.7 - ann [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "ann"),
        ('203.0.113.7 - ann lee [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "ann lee"),
        ('2001:db8::1 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1', ""),
    ],
)
def test_users_and_ipv6(line: str, user: str) -> None:
    assert entry(line).request.user_id == user


def test_escapes_in_headers_are_undone() -> None:
    agent = r"\"Bot\" \\ \xc3\xa9 \xff"
    request = entry(f'{HEAD} "GET / HTTP/1.1" 200 1 "-" "{agent}"').request
    assert dict(request.headers)["user-agent"].startswith('"Bot" \\ ')
    assert "referer" not in dict(request.headers)


def test_fields_behind_the_user_agent_are_left_alone() -> None:
    request = entry(f'{HEAD} "GET / HTTP/1.1" {TAIL} "-" 0.003 upstream').request
    assert dict(request.headers)["user-agent"] == "Mozilla/5.0"


@pytest.mark.parametrize(
    ("stamp", "at"),
    [
        ("01/Mar/2026:10:00:00 +0000", AT),
        ("01/Mar/2026:12:00:00 +0200", AT),
        ("01/Mar/2026:04:30:00 -0530", AT),
        ("28/Feb/2026:23:00:00 -1100", AT),
        ("31/Dec/2016:23:59:60 +0000", 1_483_228_800.0),
    ],
)
def test_times_are_read_in_their_zone(stamp: str, at: float) -> None:
    assert entry(f'203.0.113.7 - - [{stamp}] "GET / HTTP/1.1" 200 1').request.received_at == at


def test_connection_on_which_nothing_was_sent_is_no_request() -> None:
    assert read_access_line(f'{HEAD} "-" 408 -') is None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no time such as"),
        ("hello", "no time such as"),
        (f'{HEAD} "GET / HTTP/1.1" 200 1 "-" "Mozilla', "a quoted field is not closed"),
        (f'{HEAD} "GET / HTTP/1.1" many 1', "not in Common or Combined Log Format"),
        (f'{HEAD} "GET / HTTP/1.1" 200 1 junk', "not in Common or Combined Log Format"),
        ('shop.example - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "client_ip"),
        ('203.0.113.7 - - [31/Feb/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "no day 31/Feb"),
        ('203.0.113.7 - - [01/Mrz/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "no day 01/Mrz"),
        ('203.0.113.7 - - [01/Mar/0000:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "year"),
        ('203.0.113.7 - - [01/Mar/1969:10:00:00 +0000] "GET / HTTP/1.1" 200 1', "received_at"),
        ('203.0.113.7 - - [01/Mar/2026:24:00:00 +0000] "GET / HTTP/1.1" 200 1', "no time 24"),
    ],
)
def test_malformed_line_says_what_is_wrong(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_access_line(line)


@pytest.mark.parametrize(
    "line",
    [
        f'{HEAD} "' + "\\" * 200_000,
        f"{HEAD} " + '"a' * 100_000,
        "1 - " + " [" * 100_000,
        "a" * 300_000,
        f'{HEAD} "GET /' + " x" * 100_000 + '" 200',
    ],
    ids=["backslashes", "quotes", "brackets", "one word", "spaces"],
)
def test_hostile_line_costs_no_more_than_its_length(line: str) -> None:
    started = time.process_time()
    with pytest.raises(ValueError, match=r"no time|quoted|Format"):
        read_access_line(line)
    assert time.process_time() - started < 0.5
