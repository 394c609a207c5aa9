"""Files of every format, in order of time, with what is wrong in them counted."""

import datetime
import gzip
from pathlib import Path

import msgspec
import pytest

from riskengine.analyst.log_readers import LINE_BYTES_MAX, LOOK_AHEAD, LogReader
from riskengine.analyst.traffic import Logged, LoggedOutcome, LoggedRequest
from riskengine.clock import ManualClock
from riskengine.decision import Decision
from riskengine.errors import InputError
from riskengine.inspection import Inspection
from riskengine.normalize import normalize_path
from riskengine.outcome import Outcome
from riskengine.records.decision_log import DecisionLog
from riskengine.records.lines import Label, OutcomeLine, RequestLine
from riskengine.request import make_request

SHARED = Path(__file__).parents[3] / "shared" / "data" / "access_logs"
AT = 1_772_359_200.0


def access_line(second: int, path: str = "/") -> str:
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    return (
        f"203.0.113.7 - - [01/Mar/2026:{10 + hour:02}:{minute:02}:{second:02} +0000] "
        f'"GET {path} HTTP/1.1" 200 1 "-" "-"\n'
    )


def request_line(at: float = AT, **fields: object) -> bytes:
    line = RequestLine(
        received_at=datetime.datetime.fromtimestamp(at, datetime.UTC),
        client_ip="203.0.113.7",
        method="GET",
        path="/",
        label=Label(True, "scraper"),
        outcome=OutcomeLine(200, 5),
    )
    return msgspec.json.encode(msgspec.structs.replace(line, **fields)) + b"\n"


def requests(entries: list[Logged]) -> list[LoggedRequest]:
    return [entry for entry in entries if isinstance(entry, LoggedRequest)]


def write_decisions(
    directory: Path, worker: str, times: list[float], *, hash_key: bytes | None = None
) -> None:
    log = DecisionLog(directory, clock=ManualClock(), worker=worker, hash_key=hash_key)
    for number, at in enumerate(times):
        request = make_request(client_ip="203.0.113.7", method="GET", path="/", query="token=x")
        log.record(
            [Inspection(request, normalize_path("/"), None, at)],
            [Decision(decision_id=f"{worker}-{number}")],
        )
        log.record_outcomes([Outcome(f"{worker}-{number}", 200)], at + 0.5)
    log.close()


def test_access_log_is_recognised_and_read(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_text("\n" + access_line(0) + access_line(5, "/cart"))
    reader = LogReader(path)
    entries = requests(list(reader))
    assert reader.format == "access-log"
    assert [(entry.line, entry.request.path) for entry in entries] == [(2, "/"), (3, "/cart")]
    assert [entry.at for entry in entries] == [AT, AT + 5]
    assert reader.counts.lines == 2
    assert reader.position == reader.total_bytes == path.stat().st_size


def test_request_lines_keep_label_and_outcome(tmp_path: Path) -> None:
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(request_line(AT) + request_line(AT + 1, label=None))
    reader = LogReader(path)
    first, second = requests(list(reader))
    assert reader.format == "requests"
    assert first.label == Label(True, "scraper")
    assert first.outcome == OutcomeLine(200, 5)
    assert second.label is None


@pytest.mark.parametrize("name", ["access.log.gz", "access.log"])
def test_compressed_file_is_told_by_its_content_not_its_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(access_line(0).encode()))
    assert len(list(LogReader(path))) == 1


def test_decision_logs_of_several_workers_come_as_one_in_order_of_time(tmp_path: Path) -> None:
    write_decisions(tmp_path, "0", [AT, AT + 2, AT + 4])
    write_decisions(tmp_path, "1", [AT + 1, AT + 3])
    reader = LogReader(tmp_path)
    entries = list(reader)
    assert reader.format == "decision-log"
    assert [entry.at - AT for entry in entries] == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]
    assert (reader.counts.requests, reader.counts.outcomes) == (5, 5)
    assert isinstance(entries[1], LoggedOutcome)
    assert entries[1].decision_id == "0-0"


def test_decision_log_tells_what_must_be_carried_over(tmp_path: Path) -> None:
    write_decisions(tmp_path, "0", [AT], hash_key=b"0123456789abcdef")
    [entry] = requests(list(LogReader(tmp_path)))
    assert entry.recorded is not None
    assert entry.recorded.carried == ("addresses", "parameters", "signatures")
    assert entry.request.query == "token=*", "the length is known, the value is not"


def test_last_line_cut_by_a_crash_is_counted_and_nothing_else_lost(tmp_path: Path) -> None:
    write_decisions(tmp_path, "0", [AT, AT + 1])
    [path] = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-20])
    path = path.rename(path.with_name(path.name + ".open"))
    reader = LogReader(path)
    assert len(list(reader)) == 3
    assert (reader.counts.cut, reader.counts.malformed) == (1, 0)


def test_malformed_lines_are_counted_and_the_first_ones_shown(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    path.write_bytes(access_line(0).encode() + b"garbage\x00\xff\n" * 5)
    reader = LogReader(path, keep_malformed=2)
    assert len(list(reader)) == 1
    assert reader.counts.malformed == 5
    assert [(m.file, m.line) for m in reader.malformed] == [("access.log", 2), ("access.log", 3)]
    assert reader.malformed[0].text == "garbage\x00\\xff"


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"received_at":"2026-03-01T10:00:00Z"}\n', "client_ip"),
        (b"not json\n", "malformed"),
        (request_line(client_ip="010.0.0.1"), "client_ip: must be a plain"),
        (request_line(path=""), "path: must not be empty"),
        (request_line().replace(b"+00:00", b"").replace(b"Z", b""), "timezone"),
        (request_line(body="x" * LINE_BYTES_MAX), "longer than"),
    ],
    ids=["field missing", "no json", "address", "path", "no time zone", "too long"],
)
def test_malformed_request_line_says_why(tmp_path: Path, raw: bytes, reason: str) -> None:
    path = tmp_path / "requests.jsonl"
    path.write_bytes(request_line() + raw + request_line())
    reader = LogReader(path)
    assert len(list(reader)) == 2
    [malformed] = reader.malformed
    assert malformed.line == 2
    assert reason in malformed.reason


def test_lines_in_disorder_are_put_in_order(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    seconds = [30, 10, 20, 0, 40]
    path.write_text("".join(access_line(second) for second in seconds))
    reader = LogReader(path)
    assert [entry.at - AT for entry in reader] == [0, 10, 20, 30, 40]
    assert reader.counts.clamped == 0


def test_line_too_late_to_be_put_in_order_counts_at_the_time_before_it(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    lines = [access_line(100 + i // 100) for i in range(3 * LOOK_AHEAD)]
    path.write_text("".join([*lines, access_line(0, "/late")]))
    reader = LogReader(path)
    entries = requests(list(reader))
    times = [entry.at for entry in entries]
    assert times == sorted(times)
    assert reader.counts.clamped == 1
    [late] = [entry for entry in entries if entry.request.path == "/late"]
    assert late.request.received_at == late.at > AT + 100


def test_damaged_compressed_file_gives_what_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "access.log.gz"
    body = "".join(access_line(i % 3600, f"/{i * 7919}") for i in range(20_000)).encode()
    whole = gzip.compress(body)
    path.write_bytes(whole[: len(whole) * 9 // 10])
    reader = LogReader(path)
    assert len(list(reader)) > 10_000
    assert reader.counts.malformed == 1
    assert "the compressed file is damaged" in reader.malformed[0].reason


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"hello\nworld\n", "of no known format .*it begins with 'hello'"),
        (b'{"a":1}\n', "of no known format"),
        (b"PK\x03\x04rest", "is a zip archive; unpack it first"),
        (b"\x1f\x8bnot gzip at all", "damaged|Not a gzipped file|Unknown compression"),
        (b"\x00" * 3_000_000, "of no known format"),
    ],
    ids=["empty", "blank", "text", "json", "zip", "gzip", "binary"],
)
def test_unusable_file_is_named_with_its_problem(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "traffic"
    path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        LogReader(path)
    assert str(path) in str(caught.value)


def test_missing_file_and_directory_without_segments_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        LogReader(tmp_path / "nothing")
    with pytest.raises(InputError, match="no decision log in this directory"):
        LogReader(tmp_path)


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="the public data set is not beside the checkout")
def test_public_access_log_has_one_malformed_line() -> None:
    reader = LogReader(SHARED / "apache_combined_10k.log")
    assert len(list(reader)) == 9_999
    [malformed] = reader.malformed
    assert malformed.line == 8_899
    assert reader.counts.clamped == 0
