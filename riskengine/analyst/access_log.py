"""Lines of the Apache and nginx access logs: Common and Combined Log Format.

The formats are those of https://httpd.apache.org/docs/2.4/logs.html; both servers escape quotes,
backslashes and bytes that do not print.
"""

import calendar
import re
from functools import lru_cache
from typing import NamedTuple

from riskengine.errors import InvalidRequestError
from riskengine.records.lines import OutcomeLine
from riskengine.request import Request, make_request


class AccessEntry(NamedTuple):
    """What one line of an access log tells."""

    request: Request
    outcome: OutcomeLine


def read_access_line(line: str) -> AccessEntry | None:
    """The request in a line, or None where the client sent none (`"-"`).

    Raises ValueError with the reason when the line is malformed. Referer and user agent are the
    only headers known.
    """
    match = _LINE.match(line)
    if match is None:
        raise ValueError(_why_not(line))
    address, user, day, clock, zone, target, status, size, referer, agent = match.groups()
    if target in ("-", ""):
        return None
    method, path, query, version = _request_line(target)
    try:
        request = make_request(
            client_ip=address,
            method=method,
            path=path,
            query=query,
            http_version=version,
            headers=_headers(referer, agent),
            headers_known=False,
            user_id="" if user == "-" else user[:_USER_MAX],
            received_at=_moment(day, clock, zone),
        )
    except InvalidRequestError as error:
        raise ValueError(str(error)) from None
    return AccessEntry(request, OutcomeLine(int(status), 0 if size == "-" else int(size)))


# Possessive quantifiers (`*+`) never give back what they took: linear time on any input.
_QUOTED = r'"((?:[^"\\]++|\\.)*+)"'
_LINE = re.compile(
    r"(\S++) \S++ ([^\[]*?) ?\[(\d\d/[A-Z][a-z][a-z]/\d{4}):(\d\d:\d\d:\d\d) ([+-]\d{4})\] "
    + _QUOTED
    + r" (\d{3}) (\d{1,18}|-)(?:| "
    + _QUOTED
    + " "
    + _QUOTED
    + r"(?: .*+)?)\r?\n?\Z",
    re.ASCII | re.DOTALL,
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}", re.ASCII)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_LETTERS = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "v": "\v", "f": "\f"}
_MONTHS = {name: number for number, name in enumerate(calendar.month_abbr) if name}
_USER_MAX = 128
_METHOD_MAX = 32


def _why_not(line: str) -> str:
    """The first thing that is wrong, in words that lead to it."""
    if not _TIME.search(line):
        return "no time such as [17/May/2015:10:05:03 +0000]"
    if line.count('"') % 2:
        return "a quoted field is not closed"
    return "not in Common or Combined Log Format"


_TIME = re.compile(r"\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]", re.ASCII)


def _request_line(text: str) -> tuple[str, str, str, str]:
    """Method, path, query, version. What is no HTTP becomes a strange method on `/`."""
    method, _, target = text.partition(" ")
    if not _TOKEN.fullmatch(method):
        return _plain(text)[:_METHOD_MAX], "/", "", ""
    before, _, last = target.rpartition(" ")
    version = ""
    if last.startswith("HTTP/"):
        target, version = before, last[5:]
    if "\\" in target:
        target = _ESCAPE.sub(_unescape_target, target)
    if target[:1] != "/":
        target = _origin_form(target)
    path, _, query = target.partition("?")
    return method, path or "/", query, version


def _origin_form(target: str) -> str:
    """`http://host/path` as `/path`; anything else (`*`, `host:443`) stays as it is."""
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() not in ("http", "https"):
        return target
    slash = rest.find("/")
    return "/" if slash < 0 else rest[slash:]


def _headers(referer: str | None, agent: str | None) -> tuple[tuple[str, str], ...]:
    """The two headers of the combined format; `-` means that it was not sent."""
    found = []
    if referer is not None and referer != "-":
        found.append(("referer", _plain(referer) if "\\" in referer else referer))
    if agent is not None and agent != "-":
        found.append(("user-agent", _plain(agent) if "\\" in agent else agent))
    return tuple(found)


def _plain(text: str) -> str:
    r"""`text` without its escapes; `\xHH` bytes are read as UTF-8, or else as Latin-1."""
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(_unescape, text)
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    return chr(int(code[1:], 16)) if len(code) == 3 else _LETTERS.get(code, code)


def _unescape_target(match: re.Match[str]) -> str:
    """In paths and queries, bytes that are not ASCII are percent-encoded, as in the contract."""
    char = _unescape(match)
    return char if char.isascii() else f"%{ord(char):02X}" if len(match[1]) == 3 else char


@lru_cache(maxsize=4_096)
def _midnight(day: str, zone: str) -> float:
    """Seconds since the epoch at which a day begins in a zone."""
    month = _MONTHS.get(day[3:6])
    if month is None or not 1 <= int(day[:2]) <= calendar.monthrange(int(day[7:]) or 1, month)[1]:
        raise ValueError(f"there is no day {day}")
    seconds = calendar.timegm((int(day[7:]), month, int(day[:2]), 0, 0, 0))
    offset = int(zone[1:3]) * 3600 + int(zone[3:]) * 60
    return float(seconds - offset if zone[0] == "+" else seconds + offset)


@lru_cache(maxsize=4_096)
def _moment(day: str, clock: str, zone: str) -> float:
    hours, minutes, seconds = int(clock[:2]), int(clock[3:5]), int(clock[6:])
    if hours > 23 or minutes > 59 or seconds > 60:
        raise ValueError(f"there is no time {clock}")
    return _midnight(day, zone) + hours * 3600 + minutes * 60 + seconds
