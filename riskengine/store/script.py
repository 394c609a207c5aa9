"""The script that counts in the store: its text, what goes into it and what comes out, as bytes."""

import hashlib
import struct
from collections.abc import Sequence
from importlib.resources import files
from itertools import chain
from typing import NamedTuple

from riskengine.store.counters import Algorithm, Hit, Tally

_PARTS = ("head", "strict", "log", "exact", "approx", "pace", "calendar", "concurrency", "batch")
"""Files of `lua/`, in the order in which they know each other."""

TEXT = b"\n".join(
    files("riskengine.store").joinpath("lua", f"{part}.lua").read_bytes() for part in _PARTS
)
DIGEST = hashlib.sha1(TEXT, usedforsecurity=False).hexdigest()
"""What EVALSHA knows the script by."""

_CONCURRENCY = Algorithm.CONCURRENCY
_ANSWER = struct.Struct("<id")
_tuple = tuple.__new__  # what a NamedTuple's own constructor calls, without its Python frame


class Call(NamedTuple):
    """Keys and arguments of one run of the script."""

    keys: list[str]
    specs: bytes
    requests: bytes
    times: bytes
    tokens: bytes

    @property
    def arguments(self) -> tuple[int | str | bytes, ...]:
        """What follows the script in EVAL and EVALSHA."""
        return (len(self.keys), *self.keys, self.specs, self.requests, self.times, self.tokens)


def write_call(requests: Sequence[Sequence[Hit]], at_us: Sequence[int] | None) -> Call:
    """The call that counts `requests`: each key once, each kind of limit once."""
    keys: dict[str, int] = {}
    specs: dict[tuple[object, ...], int] = {}
    words: list[int] = []
    tokens: list[bytes] = []
    number_key, number_spec = keys.setdefault, specs.setdefault
    for hits in requests:
        words.append(len(hits))
        for hit in hits:
            words += (
                number_key(hit[0], len(keys) + 1),
                number_spec(hit[1:9], len(specs) + 1),
            )
            if hit[6] is _CONCURRENCY:
                tokens.append(hit.token[:8].ljust(8, b"\0"))
    return Call(
        list(keys),
        struct.pack(f"<{8 * len(specs)}d", *chain.from_iterable(specs)),
        struct.pack(f"<{len(words)}I", *words),
        struct.pack(f"<{len(at_us)}d", *at_us) if at_us else b"",
        b"".join(tokens),
    )


def read_answer(answer: bytes, requests: Sequence[Sequence[Hit]]) -> list[list[Tally]]:
    """The tallies of `requests`, in their order."""
    tallies = [
        _tuple(
            Tally,
            (True, left, wait_us / 1_000_000)
            if left >= 0
            else (False, -1 - left, wait_us / 1_000_000),
        )
        for left, wait_us in _ANSWER.iter_unpack(answer)
    ]
    found, start = [], 0
    for hits in requests:
        end = start + len(hits)
        found.append(tallies[start:end])
        start = end
    return found
