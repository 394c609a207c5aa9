"""The library's settings out of the configuration's entries: one rule, no lists of names."""

import dataclasses
from typing import Any, TypeVar

from riskengine.ruleset.fields import Entry

S = TypeVar("S")


def settings_of(kind: type[S], entry: Entry, **own: Any) -> S:  # noqa: ANN401 - fields of `kind`
    """A `kind` (a frozen dataclass) of the fields that the entry has under the same name.

    The configuration writes durations with their unit, the library has it in the name: `idle_s`
    takes `idle`. Fields that the entry lacks keep the library's default; `own` wins over both.
    """
    told = {
        name: getattr(entry, key)
        for name in _names(kind)
        for key in (name, name.removesuffix("_s"))
        if key in type(entry).model_fields
    }
    return kind(**(told | own))


def _names(kind: type[Any]) -> list[str]:
    return [field.name for field in dataclasses.fields(kind)]
