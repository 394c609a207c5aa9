"""What signatures see of bodies that come packed, and what they say where they cannot see."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from riskengine.clock import ManualClock
from riskengine.decision import Decision, RuleHit, Verdict
from riskengine.engine import Engine
from riskengine.request import Request, make_request
from riskengine.ruleset.loader import load_ruleset
from riskengine.store.memory import MemoryCounters

SECLANG = """
SecRule ARGS|XML:/*|REQUEST_BODY "@contains attack" \\
    "id:1,phase:2,pass,log,setvar:tx.inbound_anomaly_score_pl1=+5"
SecRule REQBODY_ERROR "!@eq 0" "id:2,phase:2,pass,log"
SecRule TX:inbound_anomaly_score_pl1 "@ge %{tx.inbound_anomaly_score_threshold}" \\
    "id:9,phase:2,deny,nolog"
"""
FORM = "application/x-www-form-urlencoded"
GOOD, BAD = b"text=shoes", b"text=attack"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "own.conf").write_text(SECLANG)
    (tmp_path / "parameters.yaml").write_text(
        "routes:\n  - {id: upload, path: /upload, methods: [POST]}\n"
    )
    write(tmp_path)
    return tmp_path


def write(rules: Path, fields: str = "") -> None:
    (rules / "signatures.yaml").write_text(
        f"sets:\n  - {{id: own, description: Ours., directory: own{fields}}}\n"
    )


def raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def send(
    body: bytes, coding: str = "gzip", kind: str = FORM, *, size: int = 0, path: str = "/"
) -> Request:
    headers = (("content-type", kind), ("content-encoding", coding))
    return make_request(
        client_ip="203.0.113.1",
        method="POST",
        path=path,
        host="shop",
        headers=headers,
        body=body,
        body_size=size,
    )


async def decide(rules: Path, request: Request) -> Decision:
    clock = ManualClock(1_700_000_000.0)
    engine = Engine(load_ruleset(rules), clock=clock, counters=MemoryCounters(clock))
    [decision] = await engine.evaluate([request])
    return decision


async def hit_of_the_body(rules: Path, request: Request) -> RuleHit:
    hits = (await decide(rules, request)).hits
    [hit] = [hit for hit in hits if hit.reason == "signature.body"]
    return hit


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
    ],
)
async def test_packed_body_is_judged_by_what_it_holds(
    rules: Path, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    good = await decide(rules, send(pack(GOOD), coding))
    bad = await decide(rules, send(pack(BAD), coding))
    assert (good.verdict, good.hits) == (Verdict.ALLOW, ())
    assert (bad.verdict, bad.reason) == (Verdict.DENY, "signature.threshold")
    assert bad.hits[0].detail.startswith("1 at ARGS:text: 'attack'")


DISPOSITION = b'Content-Disposition: form-data; name="text"'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b'{"text": "attack"}'),
        ("application/xml", b"<a>attack</a>"),
        (
            "multipart/form-data; boundary=X",
            b"--X\r\n%s\r\n\r\nattack\r\n--X--" % DISPOSITION,
        ),
        ("text/plain", b"attack"),
    ],
)
async def test_packed_body_of_every_kind_is_taken_apart(
    rules: Path, kind: str, body: bytes
) -> None:
    decision = await decide(rules, send(gzip.compress(body), kind=kind))
    assert decision.reason == "signature.threshold"


async def test_packed_body_that_the_gateway_cut_is_looked_at_as_far_as_it_goes(
    rules: Path,
) -> None:
    whole = gzip.compress(BAD + b"&more=" + bytes(range(256)) * 40)
    decision = await decide(rules, send(whole[:300], size=len(whole)))
    assert decision.reason == "signature.threshold"
    good = gzip.compress(GOOD + bytes(range(256)) * 40)
    assert (await decide(rules, send(good[:300], size=len(good)))).hits == ()


UNREAD = [
    (gzip.compress(GOOD)[:-4], "gzip", "its gzip ends too early"),
    (GOOD, "gzip", "it is not gzip, though it says so"),
    (gzip.compress(GOOD) + gzip.compress(BAD), "gzip",
     "something stands behind the end of its gzip"),
    (GOOD, "br", "its encoding is 'br', not gzip or deflate alone"),
    (gzip.compress(gzip.compress(GOOD)), "gzip, gzip",
     "its encoding is 'gzip, gzip', not gzip or deflate alone"),
    (gzip.compress(bytes(50_000_000)), "gzip", "it unpacks to more than 262144 bytes"),
    (b"&".join(b"a%d=1" % n for n in range(1_001)), "identity", "more than 1000 arguments"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "coding", "why"), UNREAD, ids=[why for _, _, why in UNREAD])
async def test_body_that_is_not_all_looked_at_is_stopped_and_says_why(
    rules: Path, body: bytes, coding: str, why: str
) -> None:
    decision = await decide(rules, send(body, coding))
    assert (decision.verdict, decision.reason) == (Verdict.DENY, "signature.body")
    assert decision.rule_id == "own"
    hit = await hit_of_the_body(rules, send(body, coding))
    assert hit.detail == f"not all of the body was looked at: {why}"


async def test_rules_see_that_a_body_could_not_be_unpacked(rules: Path) -> None:
    hits = (await decide(rules, send(GOOD, "br"))).hits
    assert "2" in [hit.rule_id for hit in hits]


async def test_what_was_unpacked_before_the_limit_is_looked_at(rules: Path) -> None:
    decision = await decide(rules, send(gzip.compress(BAD + bytes(50_000_000))))
    assert decision.reason == "signature.threshold"
    assert "signature.body" in [hit.reason for hit in decision.hits]


async def test_a_set_or_one_of_its_routes_may_only_observe_such_bodies(rules: Path) -> None:
    write(rules, ", on_unread_body: observe")
    assert (await hit_of_the_body(rules, send(GOOD, "br"))).observed
    write(rules, ", routes: [{routes: [upload], on_unread_body: observe}]")
    assert (await hit_of_the_body(rules, send(GOOD, "br", path="/upload"))).observed
    assert not (await hit_of_the_body(rules, send(GOOD, "br"))).observed
    write(rules, ", mode: observe")
    assert (await hit_of_the_body(rules, send(GOOD, "br"))).observed


async def test_body_that_is_not_what_its_type_says_is_looked_at_as_one_value(rules: Path) -> None:
    decision = await decide(rules, send(b'{"text": attack', "identity", "application/json"))
    assert decision.reason == "signature.threshold"
    assert "signature.body" not in [hit.reason for hit in decision.hits]
