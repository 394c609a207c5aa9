"""The operator that holds a JSON text against a JSON Schema."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from riskengine.errors import OperatorError
from riskengine.seclang.operators_contract import Match
from riskengine.seclang.operators_files import read_beside

Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int,),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}
KEYWORDS = {
    *("$id", "$schema", "additionalProperties", "const", "description", "enum", "items"),
    *("maxItems", "maxLength", "maximum", "minItems", "minLength", "minimum", "properties"),
    *("required", "title", "type"),
}
"""Keywords of JSON Schema that are read."""
_DEPTH_MAX = 64


def schema_finder(argument: bytes, directory: Path) -> Callable[[bytes], Match | None]:
    """Finds a text that is not JSON, or breaks the schema in the file named by `argument`.

    Reads the keywords of JSON Schema 2020-12 listed in docs/seclang.md; any other one is refused
    when the rules load. An empty value matches nothing.
    """
    name = argument.strip()
    shown = name.decode("utf-8", "replace")
    schema = _decode(read_beside(directory, name), shown)
    _check(schema, shown)

    def find(value: bytes) -> Match | None:
        if not value:
            return None
        try:
            document = msgspec.json.decode(value)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return Match(value)
        return None if _holds(schema, document, 0) else Match(value)

    return find


def _decode(text: bytes, where: str) -> Schema:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise OperatorError(f"{where} is not a JSON object: {error}") from None


def _check(schema: object, where: str) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise OperatorError(f"{where}: a schema is an object, true or false")
    unknown = sorted(schema.keys() - KEYWORDS)
    if unknown:
        raise OperatorError(f"{where}: the keyword {unknown[0]!r} is not supported")
    for name, inner in schema.get("properties", {}).items():
        _check(inner, f"{where}: properties.{name}")
    for name in ("items", "additionalProperties"):
        if name in schema:
            _check(schema[name], f"{where}: {name}")


def _holds(schema: Schema | bool, document: object, depth: int) -> bool:
    if isinstance(schema, bool):
        return schema
    if depth > _DEPTH_MAX or not _is_of_type(document, schema.get("type")):
        return False
    if "const" in schema and document != schema["const"]:
        return False
    if "enum" in schema and document not in schema["enum"]:
        return False
    if isinstance(document, dict):
        return _object_holds(schema, document, depth)
    if isinstance(document, list):
        items = schema.get("items", True)
        return _within(len(document), schema, "Items") and all(
            _holds(items, item, depth + 1) for item in document
        )
    if isinstance(document, str):
        return _within(len(document), schema, "Length")
    if isinstance(document, bool) or not isinstance(document, int | float):
        return True
    return _within(document, schema, "imum")


def _is_of_type(document: object, wanted: str | list[str] | None) -> bool:
    if wanted is None:
        return True
    names = [wanted] if isinstance(wanted, str) else wanted
    return any(
        isinstance(document, _TYPES.get(name, ()))
        and (not isinstance(document, bool) or name == "boolean")
        for name in names
    )


def _object_holds(schema: Schema, document: dict[str, Any], depth: int) -> bool:
    if not document.keys() >= set(schema.get("required", ())):
        return False
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    return all(
        _holds(properties.get(name, others), inner, depth + 1) for name, inner in document.items()
    )


def _within(size: float, schema: Schema, noun: str) -> bool:
    low, high = schema.get(f"min{noun}"), schema.get(f"max{noun}")
    return (low is None or size >= low) and (high is None or size <= high)
