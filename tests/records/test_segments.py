"""Segments rotate, stay below the cap, and never fail a decision."""

import resource
from pathlib import Path

import pytest

from riskengine.clock import ManualClock
from riskengine.records.segments import Segments, worker_of

LINE = b'{"n":1}\n'


def segments(
    directory: Path,
    clock: ManualClock,
    *,
    worker: str = "0",
    max_segment_bytes: int = 100,
    max_segment_age_s: float = 60.0,
    max_total_bytes: int = 10_000,
) -> Segments:
    return Segments(
        directory,
        clock=clock,
        worker=worker,
        max_segment_bytes=max_segment_bytes,
        max_segment_age_s=max_segment_age_s,
        max_total_bytes=max_total_bytes,
    )


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_segment_is_open_while_it_grows_and_loses_the_suffix_when_closed(tmp_path: Path) -> None:
    log = segments(tmp_path / "new", ManualClock())
    log.append(LINE, 1)
    assert names(tmp_path / "new") == ["decisions-20231114T221320.000000Z-0-000001.jsonl.open"]
    log.close()
    log.close()
    assert names(tmp_path / "new") == ["decisions-20231114T221320.000000Z-0-000001.jsonl"]


def test_segment_that_would_grow_too_large_is_closed_first(tmp_path: Path) -> None:
    log = segments(tmp_path, ManualClock())
    for _ in range(5):
        log.append(LINE * 5, 5)
    log.close()
    assert [path.stat().st_size for path in sorted(tmp_path.iterdir())] == [80, 80, 40]
    assert log.written == 25


def test_block_larger_than_a_segment_has_one_of_its_own(tmp_path: Path) -> None:
    log = segments(tmp_path, ManualClock())
    log.append(LINE * 50, 50)
    log.append(LINE, 1)
    log.close()
    assert [path.stat().st_size for path in sorted(tmp_path.iterdir())] == [400, 8]


def test_old_segment_is_closed_even_when_nothing_is_written(tmp_path: Path) -> None:
    clock = ManualClock()
    log = segments(tmp_path, clock)
    log.append(LINE, 1)
    clock.advance(59)
    log.close_when_old()
    assert names(tmp_path)[0].endswith(".open")
    clock.advance(1)
    log.close_when_old()
    assert names(tmp_path)[0].endswith(".jsonl")


def test_oldest_closed_segments_give_way_to_the_cap(tmp_path: Path) -> None:
    clock = ManualClock()
    log = segments(tmp_path, clock, max_total_bytes=300)
    for _ in range(10):
        log.append(LINE * 12, 12)
        clock.advance(1)
    log.close()
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 300
    assert log.removed == 7
    assert names(tmp_path)[-1].endswith("-000010.jsonl")


def test_open_segment_of_another_worker_is_never_removed(tmp_path: Path) -> None:
    clock = ManualClock()
    other = segments(tmp_path, clock, worker="1")
    other.append(LINE * 12, 12)
    clock.advance(1)
    log = segments(tmp_path, clock, max_total_bytes=150)
    for _ in range(4):
        log.append(LINE * 12, 12)
        clock.advance(1)
    assert any("-1-" in name and name.endswith(".open") for name in names(tmp_path))


def test_successor_closes_what_a_dead_process_left_open(tmp_path: Path) -> None:
    clock = ManualClock()
    segments(tmp_path, clock).append(LINE, 1)
    segments(tmp_path, clock, worker="1").append(LINE, 1)
    clock.advance(5)
    segments(tmp_path, clock).append(LINE, 1)
    left_open = [worker_of(path) for path in sorted(tmp_path.glob("*.open"))]
    assert sorted(left_open) == ["0", "1"]
    assert len(names(tmp_path)) == 3


def test_unwritable_directory_costs_lines_and_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    clock = ManualClock()
    log = segments(blocker / "log", clock)
    for _ in range(5):
        log.append(LINE * 3, 3)
        clock.advance(2)
    assert (log.lost, log.written) == (15, 0)
    assert len(caplog.records) == 1
    assert "Not a directory" in log.failure


def test_writing_goes_on_when_the_directory_comes_back(tmp_path: Path) -> None:
    blocker = tmp_path / "log"
    blocker.write_text("")
    clock = ManualClock()
    log = segments(blocker, clock)
    log.append(LINE, 1)
    blocker.unlink()
    log.append(LINE, 1)
    assert log.lost == 2, "no second attempt within a second"
    clock.advance(1)
    log.append(LINE, 1)
    assert (log.lost, log.written, log.failure) == (2, 1, "")


def test_disk_that_fills_up_in_the_middle_of_a_block_leaves_whole_lines_only(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    log = segments(tmp_path, clock)
    log.append(LINE, 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        log.append(LINE * 4, 4)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert log.lost == 4
    assert log.failure
    clock.advance(1)
    log.append(LINE, 1)
    [path] = tmp_path.iterdir()
    assert path.read_bytes() == LINE * 2


@pytest.mark.parametrize(
    ("name", "worker"),
    [
        ("decisions-20231114T221320.000000Z-0-000001.jsonl", "0"),
        ("decisions-20231114T221320.000000Z-blue-2-000001.jsonl.open", "blue-2"),
        ("decisions-20231114T221320.000000Z-0-000001.jsonl.gz", "0"),
        ("requests.jsonl", ""),
    ],
)
def test_worker_is_told_by_the_name(name: str, worker: str) -> None:
    assert worker_of(Path(name)) == worker
