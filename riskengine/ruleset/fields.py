"""Field types shared by all rule files."""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from riskengine.decision import Verdict

ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$"

_DURATION = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)(ms|s|m|h|d)", re.ASCII)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST_S = 3660 * 86400.0
_SHOWN_MAX = 64


def show(value: object) -> str:
    """`value` as it would stand in a rule file, cut: for the `got ...` part of a message."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def read_duration(value: object) -> float:
    """Seconds of a text such as `500ms`, `10s`, `1m`, `7d`; ValueError says what is right."""
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if not 0 < seconds <= _LONGEST_S:
        raise ValueError(
            f"must be a duration above 0 such as 500ms, 10s, 1m, 24h or 7d, got {show(value)}"
        )
    return seconds


def read_moment(value: object) -> float:
    """Seconds since the epoch of `2026-12-31` or `2026-12-31T18:00:00Z`; a day begins in UTC.

    ValueError says what is right: a time without a zone is not the same moment for everybody.
    """
    wrong = (
        f"must be a date or a time with its zone such as 2026-12-31T18:00:00Z, got {show(value)}"
    )
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or (moment.tzinfo is None and len(str(value)) > len("2026-12-31")):
        raise ValueError(wrong)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _read_verdict(value: object) -> object:
    words = {"throttle": Verdict.THROTTLE, "deny": Verdict.DENY}
    if isinstance(value, str) and value in words:
        return words[value]
    if isinstance(value, Verdict):
        return value
    raise ValueError(f"must be throttle or deny, got {show(value)}")


# `patternErrorMessage` is what editors show, and what loading says, instead of the pattern.
Duration = Annotated[
    float,
    BeforeValidator(read_duration),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": r"^\d{1,12}(\.\d{1,6})?(ms|s|m|h|d)$",
            "patternErrorMessage": "a duration such as 500ms, 10s, 1m, 24h or 7d",
        }
    ),
]
Moment = Annotated[
    float,
    BeforeValidator(read_moment),
    WithJsonSchema({"type": "string", "patternErrorMessage": "a date or a time with its zone"}),
]
StoppingVerdict = Annotated[
    Verdict,
    BeforeValidator(_read_verdict),
    WithJsonSchema({"type": "string", "enum": ["throttle", "deny"]}),
]
Identifier = Annotated[
    str,
    Field(
        pattern=ID_PATTERN,
        json_schema_extra={"patternErrorMessage": "1 to 64 lower-case letters, digits and dashes"},
    ),
]
Mode = Literal["enforce", "observe", "disabled"]


class Entry(BaseModel):
    """Anything written in a rule file: frozen, and unknown keys are mistakes.

    Lists become tuples. The docstring under a field is what editors show for it.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _lists_are_tuples(cls, data: Any) -> Any:  # noqa: ANN401 - pydantic's signature
        if not isinstance(data, dict):
            return data
        return {
            key: tuple(value) if isinstance(value, list) else value for key, value in data.items()
        }


class Rule(Entry):
    """What every rule has."""

    id: Identifier
    """Permanent id: tests, logs and dashboards refer to it."""
    description: str = Field(min_length=1)
    """What the rule is for, in a sentence."""
    mode: Mode = "enforce"
    """enforce: obeyed; observe: only recorded; disabled: off."""
    owner: str = ""
    """Whom to ask before changing it."""
    false_positives: str = ""
    """Who may be hit wrongly, and what to do then."""

    @property
    def observed(self) -> bool:
        """Whether hits are only recorded."""
        return self.mode == "observe"
