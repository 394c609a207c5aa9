"""Bans in a Redis or Valkey; each method is one script, so that no reader sees half of a change."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec

from riskengine.errors import StoreError
from riskengine.ruleset.networks import read_network
from riskengine.store.bans import BANS_MAX, Ban, Changes
from riskengine.store.clients import FAILURES, open_client

_log = logging.getLogger("riskengine.store")

_KEYS = tuple(f"{{riskengine:bans1}}:{part}" for part in ("bans", "ends", "changes", "state"))
_ban = msgspec.json.Decoder(Ban)


class RedisBans:
    """Asks over a connection of its own, off the path of requests."""

    def __init__(self, url: str, *, timeout_s: float = 1.0, bans_max: int = BANS_MAX) -> None:
        """`url` is any that `--store` takes; nothing is connected yet."""
        self._timeout_s = timeout_s
        self._bans_max = bans_max
        self._redis = open_client(url, timeout_s=timeout_s)
        self._add, self._lift, self._read = (
            self._redis.register_script(
                files("riskengine.store").joinpath(f"bans_{name}.lua").read_bytes()
            )
            for name in ("add", "lift", "read")
        )

    async def add(self, bans: Sequence[Ban]) -> None:
        """See `BanStore.add`."""
        words: list[str | int | bytes] = [self._bans_max, secrets.token_hex(8)]
        for ban in bans:
            words += (ban.key, int(ban.expires_at * 1000), msgspec.json.encode(ban))
        await self._run(self._add, words)

    async def lift(self, keys: Sequence[str]) -> int:
        """See `BanStore.lift`."""
        return int(await self._run(self._lift, list(keys)))

    async def changes(self, mark: str = "") -> Changes:
        """See `BanStore.changes`."""
        life, _, version = mark.partition(" ")
        answer = await self._run(self._read, [life, version])
        told = zip(answer[3::2], answer[4::2], strict=True)
        bans, lifted = [], []
        for key, text in told:
            if not text:
                lifted.append(key.decode())
            elif (ban := _read(text)) is not None:
                bans.append(ban)
        now_life = answer[0].decode()
        return Changes(
            f"{now_life} {answer[1].decode()}",
            bool(answer[2]),
            bans,
            lifted,
            forgot=bool(life) and life != now_life,
        )

    async def close(self) -> None:
        """See `BanStore.close`."""
        await self._redis.aclose()

    async def _run(self, script: Any, words: Sequence[str | int | bytes]) -> Any:  # noqa: ANN401 - whatever the script answers
        try:
            async with asyncio.timeout(self._timeout_s):
                return await script(keys=_KEYS, args=words)
        except TimeoutError:
            wait_ms = self._timeout_s * 1000
            raise StoreError(f"the store did not answer within {wait_ms:.0f} ms") from None
        except FAILURES as error:
            raise StoreError(f"the store did not answer: {error}") from None


def _read(text: bytes) -> Ban | None:
    """The ban, or None for what somebody else left there: it must not keep us from the others."""
    try:
        ban = _ban.decode(text)
        read_network(ban.network)
    except (msgspec.DecodeError, ValueError) as error:
        _log.warning("a ban cannot be read", extra={"reason": str(error)})
        return None
    return ban
