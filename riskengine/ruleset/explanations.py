"""Says in plain sentences what is wrong with an entry and what would be right."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from riskengine.ruleset.fields import show
from riskengine.ruleset.yaml_source import Place

JsonSchema = dict[str, Any]


class Explainer:
    """Knows what stands where in one kind of file, from the JSON Schema of its model."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._schema = model.model_json_schema()

    def explain(self, error: ErrorDetails, written: Place) -> str:
        """The mistake as a sentence without place: `limit must be a whole number, got "many"`.

        `written` is the part of the error's place that stands in the file.
        """
        place = error["loc"]
        kind = error["type"]
        expected = self._at(place)
        if kind == "missing":
            return f"{place[-1]} is missing; it must be {describe(expected)}"
        if kind == "extra_forbidden":
            return _unknown_key(str(place[-1]), self._keys(place[:-1]))
        if kind.startswith("union_tag"):
            return _unknown_variant(error)
        if kind in ("value_error", "assertion_error"):
            return _own_words(error, written)
        sentence = f"must be {describe(expected)}, got {show(error['input'])}"
        return f"{subject} {sentence}" if (subject := _subject(error, written)) else sentence

    def _keys(self, place: Place) -> list[str]:
        return sorted({key for schema in self._at(place) for key in schema.get("properties", ())})

    def _at(self, place: Place) -> list[JsonSchema]:
        """What may stand at `place`: one schema per variant."""
        found = list(self._variants(self._schema))
        for step in place:
            found = self._within(found, step)
        return found

    def _within(self, schemas: list[JsonSchema], step: str | int) -> list[JsonSchema]:
        inner = [deeper for schema in schemas for deeper in self._children(schema, step)]
        # A step that leads nowhere is the name of a variant, or an index that nobody wrote.
        return inner or [s for s in schemas if _is_variant(s, step)] or schemas

    def _children(self, schema: JsonSchema, step: str | int) -> Iterator[JsonSchema]:
        child = schema.get("items") if isinstance(step, int) else None
        if isinstance(step, str):
            rest = schema.get("additionalProperties")
            child = schema.get("properties", {}).get(step, rest)
        if isinstance(child, dict):
            yield from self._variants(child)

    def _variants(self, schema: JsonSchema) -> Iterator[JsonSchema]:
        if reference := schema.get("$ref"):
            schema = self._schema["$defs"][reference.rpartition("/")[2]]
        branches = schema.get("anyOf") or schema.get("oneOf")
        if not branches:
            yield schema
            return
        for branch in branches:
            yield from self._variants(branch)


def describe(schemas: Sequence[JsonSchema]) -> str:
    """What would be right, in words: `a whole number above 0`, `throttle or deny`."""
    words = [_describe(schema) for schema in schemas if schema.get("type") != "null"]
    if "a number" in words:
        words = [word for word in words if word != "a whole number"]
    return " or ".join(dict.fromkeys(words)) or "left out"


def nearest(word: str, known: Sequence[str]) -> str:
    """`; did you mean "limit"?`, or the known words where none is near."""
    if close := get_close_matches(word, known, n=1, cutoff=0.6):
        return f"; did you mean {show(close[0])}?"
    return f"; known are {', '.join(known)}" if known else ""


def _describe(schema: JsonSchema) -> str:
    if "enum" in schema:
        return _either([str(word) for word in schema["enum"]])
    if "const" in schema:
        return str(schema["const"])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return ("a whole number" if kind == "integer" else "a number") + _bounds(schema)
    if kind == "string":
        return schema.get("patternErrorMessage") or _text(schema)
    if kind == "array":
        return "a list" + _size(schema, "Items", "entry", "entries")
    if kind == "boolean":
        return "true or false"
    keys = ", ".join(schema.get("properties", ()))
    return f"a mapping (keys: {keys})" if keys else "a mapping"


def _bounds(schema: JsonSchema) -> str:
    above, least = schema.get("exclusiveMinimum"), schema.get("minimum")
    below, most = schema.get("exclusiveMaximum"), schema.get("maximum")
    if least is not None and most is not None:
        return f" from {least} to {most}"
    bounds = (("above", above), ("of at least", least), ("below", below), ("of at most", most))
    told = [f"{word} {_number(bound)}" for word, bound in bounds if bound is not None]
    return f" {' and '.join(told)}" if told else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _text(schema: JsonSchema) -> str:
    if pattern := schema.get("pattern"):
        return f"text that matches {pattern}"
    return "text" + _size(schema, "Length", "character", "characters")


def _size(schema: JsonSchema, what: str, one: str, many: str) -> str:
    least, most = schema.get(f"min{what}"), schema.get(f"max{what}")
    if least and most:
        return f" of {least} to {most} {many}"
    if most is not None:
        return f" of at most {most} {many}"
    return f" of at least {least} {one if least == 1 else many}" if least else ""


def _either(words: list[str]) -> str:
    return " or ".join(words) if len(words) < 3 else f"one of {', '.join(words)}"


def _is_variant(schema: JsonSchema, name: str | int) -> bool:
    return any(part.get("const") == name for part in schema.get("properties", {}).values())


def _unknown_key(key: str, known: Sequence[str]) -> str:
    return f"unknown key {show(key)}{nearest(key, known)}"


def _unknown_variant(error: ErrorDetails) -> str:
    context: Mapping[str, Any] = error.get("ctx", {})
    key = str(context.get("discriminator", "")).strip("'")
    given = error["input"].get(key) if isinstance(error["input"], dict) else None
    known = [tag.strip(" '") for tag in str(context.get("expected_tags", "")).split(",")]
    if "tag" not in context:
        return f"{key} is missing"
    return f"{key} must be {_either(known)}, got {show(given)}"


def _own_words(error: ErrorDetails, written: Place) -> str:
    """What one of our own validators says; a sentence without a subject gets one."""
    text = str(error.get("ctx", {}).get("error", error["msg"]))
    subject = _subject(error, written)
    return f"{subject} {text}" if subject and text.startswith(("must ", "needs ")) else text


def _subject(error: ErrorDetails, written: Place) -> str:
    """What the sentence is about: the rule by its id, else the nearest key."""
    if isinstance(error["input"], dict) and isinstance(error["input"].get("id"), str):
        return str(error["input"]["id"])
    keys = [step for step in written if isinstance(step, str)]
    if error["loc"][-1:] == ("[key]",):
        return f"the key {show(keys[-1])}"
    if not keys:
        return ""
    return keys[-1] if isinstance(written[-1], str) else f"an entry of {keys[-1]}"
