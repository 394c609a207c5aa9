"""What a cache holds of one answer, and how old it may get."""

from dataclasses import dataclass

import msgspec


@dataclass(frozen=True, slots=True)
class CacheRules:
    """Times are seconds."""

    fresh_s: float = 60.0
    jitter: float = 0.1
    """So much of `fresh_s` is taken off at random, so that not everything expires at once."""
    stale_while_revalidate_s: float = 60.0
    """So much longer an old answer is given while a new one is fetched (RFC 5861)."""
    stale_if_error_s: float = 3_600.0
    """So much longer an old answer is given where the service fails (RFC 5861)."""
    negative_s: float = 5.0
    """How long it is remembered that there is nothing."""
    local_s: float = 10.0
    """A local copy is held against the shared store this often, whatever was announced."""
    local_bytes: int = 64_000_000


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """One answer, with times on the clock that all instances share (seconds since the epoch)."""

    value: bytes | None
    """None: there is nothing, and that is known."""
    fresh_until: float
    stale_until: float
    error_until: float

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        return 200 + len(self.value or b"")


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Entry)


def make_entry(value: bytes | None, rules: CacheRules, *, now: float, chance: float) -> Entry:
    """An entry that begins now; `chance` (0..1) shortens how long it is fresh."""
    if value is None:
        until = now + rules.negative_s
        return Entry(None, until, until, until)
    fresh_until = now + rules.fresh_s * (1.0 - rules.jitter * chance)
    return Entry(
        value,
        fresh_until,
        fresh_until + rules.stale_while_revalidate_s,
        fresh_until + max(rules.stale_while_revalidate_s, rules.stale_if_error_s),
    )


def encode_entry(entry: Entry) -> bytes:
    """MessagePack: data only, nothing in it is ever executed."""
    return _ENCODER.encode(entry)


def decode_entry(data: bytes) -> Entry | None:
    """What `encode_entry` wrote; None where it is something else."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError:
        return None
