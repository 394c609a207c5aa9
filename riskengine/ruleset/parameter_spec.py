"""What one parameter may be: the entry that `query`, `form`, `json` and `captures` hold."""

from typing import Annotated, Literal

import re2
from pydantic import AfterValidator, Field, model_validator

from riskengine.ruleset.fields import Entry, show

Type = Literal[
    "string", "integer", "number", "boolean", "uuid", "date", "datetime", "array", "object"
]
Bound = Annotated[int | float, Field(allow_inf_nan=False)]

_SIZED = ("string", "array")
_RANGED = ("integer", "number")
_LISTED = ("string", "integer")


def compile_pattern(pattern: str) -> "re2.Pattern":
    """The compiled pattern; ValueError says why the linear-time engine does not take it."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)
        raise ValueError(
            f"must be an RE2 pattern (linear time: no look-around, no back-references), "
            f"got {show(pattern)}: {text}"
        ) from None


def _check_pattern(pattern: str) -> str:
    compile_pattern(pattern)
    return pattern


class ParameterSpec(Entry):
    """What a parameter's value must be."""

    type: Type = "string"
    """Type of the value; array and object only in JSON."""
    required: bool = False
    """Whether the parameter must be there."""
    repeated: bool = False
    """Whether it may be given several times."""
    secret: bool = False
    """Whether decisions must not show what was found."""
    min: Bound | None = None
    """Smallest integer or number."""
    max: Bound | None = None
    """Largest integer or number."""
    min_length: int | None = Field(default=None, ge=0)
    """Fewest characters of a string, or items of an array."""
    max_length: int | None = Field(default=None, ge=0)
    """Most characters of a string, or items of an array."""
    enum: tuple[str | int, ...] | None = Field(default=None, min_length=1)
    """The only values there are."""
    pattern: Annotated[str, Field(max_length=1_000), AfterValidator(_check_pattern)] | None = None
    """RE2 pattern that the whole string must match; linear time, whatever is sent."""
    items: "ParameterSpec | None" = None
    """What each item of an array must be."""
    fields: "dict[str, ParameterSpec] | None" = None
    """What the members of an object must be."""

    @model_validator(mode="after")
    def _fits_its_type(self) -> "ParameterSpec":
        """Refuse what could never have an effect, because somebody expects it to have one."""
        self._only_for(_RANGED, "min", "max")
        self._only_for(_SIZED, "min_length", "max_length")
        self._only_for(_LISTED, "enum")
        self._only_for(("string",), "pattern")
        self._only_for(("array",), "items")
        self._only_for(("object",), "fields")
        self._check_order("min", "max")
        self._check_order("min_length", "max_length")
        self._check_enum()
        return self

    def _only_for(self, types: tuple[str, ...], *names: str) -> None:
        for name in names:
            if getattr(self, name) is not None and self.type not in types:
                raise ValueError(
                    f"{name} is only for type {' or '.join(types)}, got type {self.type}"
                )

    def _check_order(self, low: str, high: str) -> None:
        least, most = getattr(self, low), getattr(self, high)
        if least is not None and most is not None and least > most:
            raise ValueError(f"{low} must be at most {high} ({most}), got {least}")

    def _check_enum(self) -> None:
        kind = int if self.type == "integer" else str
        wrong = [value for value in self.enum or () if not isinstance(value, kind)]
        if wrong:
            hint = "whole numbers" if kind is int else "text; put it in quotes"
            raise ValueError(f"enum of type {self.type} must be {hint}, got {show(wrong[0])}")
