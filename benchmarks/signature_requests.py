"""Requests for the benchmark of signatures: benign, random and hostile, all of them distinct."""

import base64
import csv
import gzip
import json
import random
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from riskengine.records.lines import RequestLine
from riskengine.request import Request, make_request

SAMPLE = Path(__file__).parents[1] / "data" / "samples" / "known-good.jsonl"
_ALPHABET = string.ascii_letters + string.digits + " -_.,:;/=+@()"
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0"


def benign_requests(data: Path) -> list[Request]:
    """Real browsing where the data is there; otherwise the project's own sample."""
    path = data / "requests" / "real_browsing_sample.jsonl.gz"
    if path.is_file():
        with gzip.open(path) as lines:
            return _distinct(_browsed(json.loads(line)) for line in lines)
    read = msgspec.json.Decoder(RequestLine).decode
    return _distinct(read(line).to_request() for line in SAMPLE.read_bytes().splitlines())


def query_requests(data: Path) -> list[Request]:
    """Real query strings; none without the data."""
    path = data / "requests" / "real_query_strings.jsonl.gz"
    if not path.is_file():
        return []
    with gzip.open(path) as lines:
        return _distinct(_asked(json.loads(line)["query"]) for line in lines)


def hostile_requests(data: Path, most: int) -> list[Request]:
    """Attack payloads of all classes, each as one parameter; none without the data."""
    path = data / "attack_payloads" / "http_params_train.csv"
    if not path.is_file():
        return []
    with path.open(encoding="utf-8") as rows:
        found = [row["payload"] for row in csv.DictReader(rows) if row["attack_type"] != "norm"]
    chosen = random.Random(1).sample(found, min(len(found), most))
    return _distinct(_asked(f"q={quote(payload, safe='')}") for payload in chosen)


def random_requests(count: int) -> list[Request]:
    """Requests no value of which was ever seen: path, parameters, cookie, agent, referrer."""
    rng = random.Random(2)
    return [_random(rng) for _ in range(count)]


def _random(rng: random.Random) -> Request:
    def text(length: int) -> str:
        return "".join(rng.choices(_ALPHABET, k=length))

    def word(length: int) -> str:
        return "".join(rng.choices(string.ascii_lowercase, k=length))

    query = "&".join(f"{word(5)}={quote(text(rng.randint(1, 40)))}" for _ in range(5))
    headers = (
        ("host", "www.example.com"),
        ("user-agent", _AGENT.format(rng.getrandbits(30))),
        ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
        ("accept-language", "en-US,en;q=0.9"),
        ("referer", f"https://www.example.com/{word(8)}?{word(4)}={word(12)}"),
        ("cookie", f"session={word(32)}; {word(6)}={word(20)}"),
        ("x-request-id", f"{rng.getrandbits(128):032x}"),
    )
    return _made("GET", f"/{word(7)}/{word(9)}", query, headers)


def _browsed(line: dict[str, Any]) -> Request:
    path, _, query = line["uri"].partition("?")
    headers = tuple((name.lower(), value) for name, value in line["headers"])
    body = base64.b64decode(line["body_b64"] or "")
    return _made(line["method"], path or "/", query, headers, body)


def _asked(query: str) -> Request:
    agent = _AGENT.format(120)
    return _made(
        "GET", "/", query, (("host", "www.example.com"), ("user-agent", agent), ("accept", "*/*"))
    )


def _made(
    method: str, path: str, query: str, headers: tuple[tuple[str, str], ...], body: bytes = b""
) -> Request:
    return make_request(
        client_ip="203.0.113.7",
        method=method,
        scheme="https",
        host=dict(headers).get("host", ""),
        path=path,
        query=query,
        http_version="HTTP/1.1",
        headers=headers,
        body=body,
    )


def _distinct(requests: Iterable[Request]) -> list[Request]:
    """Without those of which method, target, headers and body were there already; shuffled."""
    known = {(r.method, r.path, r.query, r.headers, r.body): r for r in requests}
    chosen = list(known.values())
    random.Random(3).shuffle(chosen)
    return chosen
