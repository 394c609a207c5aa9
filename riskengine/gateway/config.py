"""Reads a gateway's configuration: all mistakes at once, each with file and line."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from riskengine.errors import RulesetError
from riskengine.gateway.config_model import GatewayFile
from riskengine.ruleset.explanations import nearest
from riskengine.ruleset.fields import show
from riskengine.ruleset.loader import sorted_messages
from riskengine.ruleset.validation import validate
from riskengine.ruleset.yaml_source import Document, read_document


def load_config(path: Path) -> GatewayFile:
    """The configuration in `path`; RulesetError with every mistake in it."""
    return read_config(path, read_file(path))


def read_file(path: Path) -> bytes:
    """What the file holds; RulesetError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise RulesetError([f"{path}: cannot be read: {error.strerror}"]) from None


def read_config(path: Path, content: bytes) -> GatewayFile:
    """The configuration that `content` is; mistakes name `path`."""
    document = read_document(path, content)
    config = validate(document, GatewayFile)
    if config is not None:
        _check_ids(document)
        _check_addresses(document, config)
        _check_routes(document, config)
    if config is None or document.mistakes:
        raise RulesetError(sorted_messages(document.mistakes))
    return config


def config_schema() -> str:
    """The JSON Schema of the configuration, for editors."""
    schema: dict[str, Any] = GatewayFile.model_json_schema()
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
    return json.dumps(schema, indent=2) + "\n"


def _check_ids(document: Document) -> None:
    seen = Counter[str]()
    for place, name in document.find("services", "*", "id"):
        seen[name] += 1
        if seen[name] > 1:
            document.blame(place, f"id {show(name)} stands here twice; ids must differ")


def _check_addresses(document: Document, config: GatewayFile) -> None:
    """An endpoint that is named twice would get twice its share."""
    for number, service in enumerate(config.services):
        seen: set[str] = set()
        for index, endpoint in enumerate(service.endpoints):
            if endpoint.address in seen:
                place = ("services", number, "endpoints", index, "address")
                document.blame(place, f"address {show(endpoint.address)} stands here twice")
            seen.add(endpoint.address)


def _check_routes(document: Document, config: GatewayFile) -> None:
    known = [service.id for service in config.services]
    for place, name in document.find("routes", "*", "service"):
        if name not in known:
            document.blame(place, f"no service has the id {show(name)}{nearest(name, known)}")
    if not config.routes and len(known) > 1:
        document.blame(
            ("services",), "routes is missing; with several services it must say which gets what"
        )
