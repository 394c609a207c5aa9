"""A small ruleset and traffic for it, for tests of replay and explain."""

import datetime
from pathlib import Path

import msgspec

from riskengine.records.lines import Label, OutcomeLine, RequestLine

AT = 1_772_359_200.0

ADDRESSES = """
blocklists:
  - {id: bad, description: bad networks, networks: [198.51.100.0/24], verdict: deny}
"""
PARAMETERS = """
checks:
  - id: no-php
    description: nothing here is PHP
    check: forbidden_paths
    paths: ["/**/*.php"]
routes:
  - id: login
    description: signing in
    methods: [POST]
    path: /login
  - id: search
    description: looking for things
    path: /search
    unknown: stop
    query:
      token: {type: string, pattern: "[a-z]+"}
      q: {type: string}
"""
LIMITS = """
limits:
  - id: login-limit
    description: guessing passwords
    match: {methods: [POST], routes: [login]}
    key: [ip]
    limit: 3
    window: 1m
"""


def write_rules(directory: Path, *, login_limit: int = 3) -> Path:
    directory.mkdir()
    (directory / "addresses.yaml").write_text(ADDRESSES)
    (directory / "parameters.yaml").write_text(PARAMETERS)
    (directory / "limits.yaml").write_text(LIMITS.replace("limit: 3", f"limit: {login_limit}"))
    return directory


def line(
    second: float = 0.0,
    *,
    client_ip: str = "203.0.113.7",
    method: str = "GET",
    path: str = "/",
    query: str = "",
    body: str = "",
    label: Label | None = None,
    outcome: OutcomeLine | None = None,
) -> RequestLine:
    return RequestLine(
        received_at=datetime.datetime.fromtimestamp(AT + second, datetime.UTC),
        client_ip=client_ip,
        method=method,
        path=path,
        query=query,
        body=body,
        label=label,
        outcome=outcome,
    )


def traffic() -> list[RequestLine]:
    """A visitor, somebody on the blocklist, a prober, and somebody who guesses passwords."""
    person, bot = Label(False, "shopper"), Label(True, "stuffer")
    ok, no = OutcomeLine(200, 10), OutcomeLine(401, 10)
    return [
        line(0, path="/", label=person, outcome=ok),
        line(1, path="/search", query="q=shoes", label=person, outcome=ok),
        line(2, client_ip="198.51.100.9", label=Label(True, "prober")),
        line(3, client_ip="203.0.113.8", path="/x.php", label=Label(True, "prober")),
        line(4, path="/search", query="token=NOT-SMALL", label=person),
        *(
            line(
                5 + n,
                client_ip="203.0.113.9",
                method="POST",
                path="/login",
                body="user=a&password=hunter2",
                label=bot,
                outcome=no,
            )
            for n in range(6)
        ),
    ]


def write_traffic(path: Path, lines: list[RequestLine]) -> Path:
    path.write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in lines))
    return path
