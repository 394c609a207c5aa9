"""A list is fetched as a whole or stays as it was."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from riskengine.analyst.fetching import fetch
from riskengine.analyst.list_update import ListUpdate, Updated
from riskengine.clock import ManualClock
from riskengine.errors import InputError
from riskengine.ruleset.addresses import AddressSource
from riskengine.ruleset.fetch_record import fetched_at, read_record, record_path
from tests.analyst.list_server import Publisher, publisher

TEN = b"".join(b"192.0.2.%d\n" % number for number in range(10))


@pytest.fixture
def server() -> Iterator[Publisher]:
    with publisher() as published:
        yield published


class Directory:
    """Rules with one list, and its updates."""

    def __init__(self, path: Path, server: Publisher) -> None:
        self.path, self.file = path, path / "list.txt"
        self.server, self.clock = server, ManualClock()

    def update(self, *, force: bool = False, if_older_s: float = 0.0, **words: Any) -> Updated:
        entry = {"id": "one", "file": "list.txt", "source": f"{self.server.base}/list"} | words
        source = AddressSource.model_validate(entry)
        run = ListUpdate(self.path, fetch, self.clock, force=force, if_older_s=if_older_s)
        return run.update(source)


@pytest.fixture
def directory(tmp_path: Path, server: Publisher) -> Directory:
    server.lists["/list"] = TEN
    return Directory(tmp_path, server)


def test_a_list_is_fetched_and_noted(directory: Directory) -> None:
    told = directory.update()
    assert (told.result, told.before, told.after) == ("updated", None, 10)
    assert directory.file.read_bytes() == TEN
    record = read_record(directory.file, TEN)
    assert record is not None
    assert (record.source, record.fetched_at, record.networks) == (
        f"{directory.server.base}/list", directory.clock.now(), 10,
    )  # fmt: skip
    assert sorted(path.name for path in directory.path.iterdir()) == [
        "list.txt", "list.txt.fetched.json",
    ]  # fmt: skip


def test_what_has_not_changed_is_not_sent_again_and_is_fresh_all_the_same(
    directory: Directory,
) -> None:
    directory.update()
    directory.clock.advance(3_600)
    assert directory.update().result == "unchanged"
    assert directory.server.asked[-1][1] is not None
    assert fetched_at(directory.file, TEN) == directory.clock.now()


def test_a_list_that_was_changed_by_hand_is_fetched_whole(directory: Directory) -> None:
    directory.update()
    directory.file.write_text("192.0.2.1\n")
    assert read_record(directory.file, b"192.0.2.1\n") is None
    assert directory.update().result == "updated"
    assert directory.file.read_bytes() == TEN


@pytest.mark.parametrize(("left", "result"), [(5, "updated"), (4, "refused"), (0, "refused")])
def test_a_list_that_suddenly_shrinks_is_refused(
    directory: Directory, left: int, result: str
) -> None:
    directory.update()
    small = b"".join(TEN.splitlines(keepends=True)[:left])
    directory.server.lists["/list"] = small
    told = directory.update()
    assert told.result == result
    assert directory.file.read_bytes() == (small if result == "updated" else TEN)


def test_how_much_may_be_lost_is_the_lists_own_and_force_takes_anything(
    directory: Directory,
) -> None:
    directory.update()
    directory.server.lists["/list"] = b"192.0.2.1\n"
    assert "less than 0.5 of the 10 before" in directory.update().detail
    assert directory.update(force=True).result == "updated"
    directory.server.lists["/list"] = TEN
    directory.update()
    directory.server.lists["/list"] = b"192.0.2.1\n"
    assert directory.update(min_share=0.1).result == "updated"


def test_a_list_that_cannot_be_read_leaves_the_old_one(directory: Directory) -> None:
    directory.update()
    directory.server.lists["/list"] = TEN + b"<html>\n"
    told = directory.update()
    assert told.result == "failed"
    assert "line 11 must be an address or a network" in told.detail
    assert directory.file.read_bytes() == TEN
    assert directory.update(unreadable="count").result == "updated"
    directory.server.lists["/list"] = b"<html>\n" * 3
    assert directory.update(unreadable="count", min_share=0).result == "failed"


def test_a_server_that_fails_leaves_the_old_list(directory: Directory) -> None:
    directory.update()
    del directory.server.lists["/list"]
    told = directory.update()
    assert (told.result, told.detail) == (
        "failed", f"{directory.server.base}/list: HTTP 404 Not Found",
    )  # fmt: skip
    assert directory.file.read_bytes() == TEN


def test_a_list_that_was_fetched_lately_is_left_alone(directory: Directory) -> None:
    directory.update()
    directory.clock.advance(3_599)
    assert directory.update(if_older_s=3_600).result == "recent"
    directory.clock.advance(1)
    assert directory.update(if_older_s=3_600).result == "unchanged"


def test_a_directory_that_cannot_be_written_is_told(directory: Directory) -> None:
    told = directory.update(file="nowhere/list.txt")
    assert told.result == "failed"
    assert "nowhere/list.txt: No such file" in told.detail


def test_a_note_that_is_damaged_is_as_good_as_none(directory: Directory) -> None:
    directory.update()
    record_path(directory.file).write_text("{")
    assert fetched_at(directory.file, TEN) == directory.file.stat().st_mtime
    assert directory.update().result == "unchanged"
    assert read_record(directory.file, TEN) is not None


def test_redirects_are_followed_within_http_alone(server: Publisher) -> None:
    server.lists["/list"] = TEN
    server.redirects = {"/old": "/list", "/file": "file:///etc/passwd", "/ftp": "ftp://x/"}
    assert fetch(f"{server.base}/old", {}).content == TEN
    for path in ("/file", "/ftp"):
        with pytest.raises(InputError, match=r"redirected to it|not allowed"):
            fetch(server.base + path, {})


def test_a_server_that_is_not_there_is_told_with_its_url() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/list"
        with pytest.raises(InputError, match=url):
            fetch(url, {})
