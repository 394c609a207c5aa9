"""Reads lists of networks in the formats that their publishers ship."""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal, NamedTuple

import msgspec

from riskengine.ruleset.fields import read_moment, show
from riskengine.ruleset.network_set import NO_NOTE, NetworkSet, NetworkSetBuilder, Note
from riskengine.ruleset.networks import Network, read_network

ListFormat = Literal["plain", "netset", "level", "drop", "ranges"]

Entry = tuple[int, Network | ValueError, Note]
"""Line number, the network or what is wrong with the line, and what the line says about it."""


class ListContent(NamedTuple):
    """What a list file says."""

    networks: NetworkSet
    mistakes: list[tuple[int, str]]
    """Line and text of what cannot be read."""
    published_at: float | None = None
    """When its publisher made it, seconds since the epoch, where the list tells."""


def read_list(content: bytes, form: ListFormat, *, min_level: int = 0) -> ListContent:
    """The networks of a list file; entries of a level list below `min_level` are left out."""
    text = content.decode("utf-8-sig", "replace")
    builder = NetworkSetBuilder()
    mistakes = []
    entries = _level_entries(text, min_level) if form == "level" else _READERS[form](text)
    for line, network, note in entries:
        if isinstance(network, Network):
            builder.add(network, note)
        else:
            mistakes.append((line, str(network)))
    published = _PUBLISHED.get(form, _comment_date)
    return ListContent(builder.build(), mistakes, published(text))


def _plain_entries(text: str) -> Iterator[Entry]:
    """One network a line; `#` and `;` begin a comment, which is the reason of the entry.

    In a comment, `owner=NAME` and `expires=2026-12-31` are read as such.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if "#" not in line and ";" not in line:
            if written := line.strip():
                yield number, _network(written), NO_NOTE
            continue
        written, _, comment = _split_comment(line)
        if not written:
            continue
        try:
            yield number, _network(written), _read_note(comment)
        except ValueError as error:
            yield number, error, NO_NOTE


def _netset_entries(text: str) -> Iterator[Entry]:
    """One network a line; `#` begins a comment that says nothing about its line."""
    for number, line in enumerate(text.splitlines(), start=1):
        if written := line.partition("#")[0].strip():
            yield number, _network(written), NO_NOTE


def _level_entries(text: str, min_level: int) -> Iterator[Entry]:
    """An address and, behind white space, on how many lists it was found."""
    notes: dict[str, Note] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 2 or not (words[1].isascii() and words[1].isdigit()):
            wrong = f"must be an address and a level such as 192.0.2.1<TAB>3, got {show(line)}"
            yield number, ValueError(wrong), NO_NOTE
        elif len(words[1]) < 10 and int(words[1]) >= min_level:
            note = notes.setdefault(words[1], Note(f"level {words[1]}"))
            yield number, _network(words[0]), note


class _DropLine(msgspec.Struct):
    """A line of Spamhaus' DROP lists in JSON form."""

    cidr: str = ""
    sblid: str = ""
    type: str = ""
    timestamp: float | None = None


_drop_line = msgspec.json.Decoder(_DropLine)


def _drop_entries(text: str) -> Iterator[Entry]:
    """A JSON object a line; the last one, metadata, shows that the list is whole."""
    whole, number = False, 1
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = _drop_line.decode(line)
        except msgspec.DecodeError:
            entry = _DropLine()
        if entry.type == "metadata":
            whole = True
        elif entry.cidr:
            yield number, _network(entry.cidr), Note(entry.sblid) if entry.sblid else NO_NOTE
        else:
            wrong = f'must be an object such as {{"cidr":"192.0.2.0/24"}}, got {show(line)}'
            yield number, ValueError(wrong), NO_NOTE
    if not whole:
        wrong = "must end with its metadata line; the list was cut, or is no DROP list"
        yield number, ValueError(wrong), NO_NOTE


class _Prefix(msgspec.Struct):
    """A range as Google, Bing, OpenAI and others publish it; one of the two."""

    v4: str = msgspec.field(default="", name="ipv4Prefix")
    v6: str = msgspec.field(default="", name="ipv6Prefix")


class _Ranges(msgspec.Struct):
    prefixes: list[_Prefix]


def _ranges_entries(text: str) -> Iterator[Entry]:
    """A JSON document with `prefixes`, each an `ipv4Prefix` or an `ipv6Prefix`."""
    try:
        ranges = msgspec.json.decode(text, type=_Ranges)
    except msgspec.DecodeError as error:
        wrong = f'must be JSON such as {{"prefixes": [{{"ipv4Prefix": "192.0.2.0/24"}}]}}: {error}'
        yield 1, ValueError(wrong), NO_NOTE
        return
    at, line = 0, 1
    for prefix in ranges.prefixes:
        for written in filter(None, (prefix.v4, prefix.v6)):
            found = text.find(f'"{written}"', at)
            if found >= 0:
                line, at = line + text.count("\n", at, found), found
            yield line, _network(written), NO_NOTE
        if not prefix.v4 and not prefix.v6:
            yield line, ValueError("a prefix must have ipv4Prefix or ipv6Prefix"), NO_NOTE


_READERS: Mapping[ListFormat, Callable[[str], Iterator[Entry]]] = {
    "plain": _plain_entries,
    "netset": _netset_entries,
    "drop": _drop_entries,
    "ranges": _ranges_entries,
}


def _network(written: str) -> Network | ValueError:
    try:
        return read_network(written)
    except ValueError as error:
        return error


_COMMENT = re.compile(r"[#;]")


def _split_comment(line: str) -> tuple[str, str, str]:
    found = _COMMENT.search(line)
    if found is None:
        return line.strip(), "", ""
    return line[: found.start()].strip(), found[0], line[found.end() :].strip()


def _read_note(comment: str) -> Note:
    owner, expires_at, words = "", None, []
    for word in comment.split():
        key, _, value = word.partition("=")
        if key == "owner":
            owner = value
        elif key == "expires":
            expires_at = read_moment(value)
        else:
            words.append(word)
    if not words and not owner and expires_at is None:
        return NO_NOTE
    return Note(" ".join(words), owner, expires_at)


_DATED = re.compile(r"^#\s*(?:Source File Date|Last update)\s*:\s*(.+?)\s*$", re.MULTILINE)
_HEAD = 4_096


def _comment_date(text: str) -> float | None:
    """What FireHOL's and IPsum's headers say."""
    found = _DATED.search(text[:_HEAD])
    if found is None:
        return None
    try:
        return parsedate_to_datetime(found[1]).timestamp()
    except ValueError:
        pass
    try:
        return (
            datetime.strptime(found[1], "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC).timestamp()
        )
    except ValueError:
        return None


def _drop_date(text: str) -> float | None:
    last = text.rstrip().rpartition("\n")[2]
    try:
        return _drop_line.decode(last).timestamp
    except msgspec.DecodeError:
        return None


_CREATED = re.compile(r'"creationTime"\s*:\s*"([^"]{10,40})"')


def _ranges_date(text: str) -> float | None:
    found = _CREATED.search(text)
    try:
        moment = datetime.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


_PUBLISHED: Mapping[ListFormat, Callable[[str], float | None]] = {
    "drop": _drop_date,
    "ranges": _ranges_date,
}
