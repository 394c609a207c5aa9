"""Keyed pseudonyms: who is who stays comparable, and nobody can tell who it was.

Equal inputs give equal pseudonyms under one key. An address becomes an address in fd00::/8
(RFC 4193, never routed) whose /64 depends only on the subject the client is counted under, so
that limits and profiles count the same in replay. A /48 or an IPv4 neighbourhood is lost.
"""

import socket
from functools import lru_cache
from hashlib import blake2b

from riskengine.address import Address

_KEY_BYTES_MAX = 64  # of blake2b
_REMEMBERED = 16_384


class Pseudonyms:
    """Pseudonyms under one key; whoever has the key can link them to known identifiers again."""

    def __init__(self, key: bytes) -> None:
        """`key` is at least 16 secret random bytes."""
        if len(key) < 16:
            raise ValueError(f"a pseudonym key needs at least 16 bytes, got {len(key)}")
        self._key = key if len(key) <= _KEY_BYTES_MAX else blake2b(key).digest()
        # The same clients come back with every request; hashing costs 2 µs, a look-up 0.1.
        self.identifier = lru_cache(maxsize=_REMEMBERED)(self._identifier)
        self.address = lru_cache(maxsize=_REMEMBERED)(self._address)

    def _identifier(self, value: str) -> str:
        """32 hexadecimal digits for an id; empty stays empty."""
        return self._hash(b"id", value.encode(errors="surrogatepass"), 16).hex() if value else ""

    def _address(self, address: Address) -> str:
        """The text of a pseudonymous IPv6 address."""
        network = b"\xfd" + self._hash(b"net", address.subject.encode(), 7)
        return socket.inet_ntop(socket.AF_INET6, network + self._hash(b"host", address.packed, 8))

    def _hash(self, purpose: bytes, value: bytes, size: int) -> bytes:
        return blake2b(value, digest_size=size, key=self._key, person=purpose).digest()
