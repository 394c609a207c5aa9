"""Endpoints from a YAML file that is read again whenever it changes."""

import asyncio
import logging
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from riskengine.downstream.discovery import Update
from riskengine.downstream.endpoint import Endpoint
from riskengine.downstream.errors import DiscoveryError

_BYTES_MAX = 1_000_000
_DEPTH_MAX = 4
_KEYS = {"address": str, "weight": int, "priority": int, "zone": str}
_log = logging.getLogger("riskengine.downstream")


class FileEndpoints:
    """A file such as

        endpoints:
          - address: 10.0.0.1:8080
          - {address: "10.0.1.1:8080", priority: 1, weight: 2}

    A file that cannot be read, or has a mistake, keeps the last good list. Replace it by renaming
    another one over it; a look every `look_s` finds it on any file system.
    """

    def __init__(self, path: Path, *, look_s: float = 1.0) -> None:
        self._path = path
        self._look_s = look_s

    async def run(self, update: Update) -> None:
        """See Discovery."""
        text = await asyncio.to_thread(_read, self._path)
        known = await asyncio.to_thread(parse_endpoints, text, str(self._path))
        await update(known)
        refused = ""
        while True:
            await asyncio.sleep(self._look_s)
            try:
                changed = await asyncio.to_thread(_read, self._path)
                if changed in (text, refused):
                    continue
                refused = changed
                known = await asyncio.to_thread(parse_endpoints, changed, str(self._path))
            except DiscoveryError as error:
                _log.warning("endpoints kept", extra={"reason": str(error)})
                continue
            text = changed
            await update(known)


def parse_endpoints(text: str, source: str) -> list[Endpoint]:
    """The endpoints in `text`.

    Raises DiscoveryError with every mistake, each as `source:line: what would be right`.
    """
    try:
        _refuse_nesting(text, source)
        document = YAML(typ="rt").load(text)
    except (YAMLError, ValueError) as error:
        raise DiscoveryError(f"{source}: no readable YAML: {_first_line(error)}") from error
    if not isinstance(document, dict) or set(document) != {"endpoints"}:
        raise DiscoveryError(f"{source}:1: must hold one key, endpoints")
    entries = document["endpoints"]
    if not isinstance(entries, CommentedSeq) or not entries:
        raise DiscoveryError(f"{source}:1: endpoints must be a list of at least one")
    endpoints: list[Endpoint] = []
    mistakes: list[str] = []
    for number, entry in enumerate(entries):
        line = entries.lc.item(number)[0] + 1
        _collect(entry, f"{source}:{line}", endpoints, mistakes)
    if mistakes:
        raise DiscoveryError("\n".join(mistakes))
    return endpoints


def _refuse_nesting(text: str, source: str) -> None:
    """Deep nesting takes time that grows with the square of its depth: stop at the first of it."""
    depth = 0
    for event in YAML(typ="rt").parse(text):
        if isinstance(event, CollectionStartEvent):
            depth += 1
        elif isinstance(event, CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH_MAX:
            line = event.start_mark.line + 1
            deep = f"must not be nested more than {_DEPTH_MAX} levels deep"
            raise DiscoveryError(f"{source}:{line}: {deep}")


def _collect(entry: Any, where: str, endpoints: list[Endpoint], mistakes: list[str]) -> None:  # noqa: ANN401 - anything may stand there
    """Add the endpoint of one entry, or say what is wrong with it."""
    if not isinstance(entry, CommentedMap) or "address" not in entry:
        mistakes.append(f"{where}: must be a mapping with address, got {entry!r}")
        return
    wrong = [_mistake(key, value) for key, value in entry.items()]
    if any(wrong):
        mistakes.extend(f"{where}: {mistake}" for mistake in wrong if mistake)
        return
    try:
        endpoint = Endpoint(**entry)
    except ValueError as error:
        mistakes.append(f"{where}: {error}")
        return
    if endpoint.address in {known.address for known in endpoints}:
        mistakes.append(f"{where}: address {endpoint.address} stands there twice")
        return
    endpoints.append(endpoint)


def _mistake(key: object, value: object) -> str | None:
    kind = _KEYS.get(str(key))
    if kind is None:
        return f"unknown key {key!r}; known are {', '.join(_KEYS)}"
    if not isinstance(value, kind) or isinstance(value, bool):
        return f"{key}: must be {'text' if kind is str else 'a whole number'}, got {value!r}"
    return None


def _read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DiscoveryError(f"{path}: {error.strerror}") from error
    if len(data) > _BYTES_MAX:
        raise DiscoveryError(f"{path}: must be at most {_BYTES_MAX} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DiscoveryError(f"{path}: must be UTF-8") from error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
