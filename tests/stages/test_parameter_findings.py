from pathlib import Path
from typing import get_args

import pytest

from riskengine import normalize, query
from riskengine.ruleset.parameter_spec import ParameterSpec
from riskengine.ruleset.parameters import ParameterRoute
from riskengine.ruleset.request_checks import RequestCheck
from riskengine.stages.parameter_findings import REASONS, shown

DOCS = Path(__file__).parents[2] / "docs"


def documented(name: str, page: str) -> bool:
    return f"`{name}`" in (DOCS / page).read_text()


@pytest.mark.parametrize("oddity", sorted({*normalize.ODDITIES, *query.ODDITIES}))
def test_every_oddity_is_documented(oddity: str) -> None:
    assert documented(oddity, "normalization.md")


@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_code_is_documented(reason: str) -> None:
    part, _, oddity = reason.partition(".")
    by_oddity = part in ("path", "query") and reason != "path.forbidden"
    assert documented(f"{part}.<oddity>" if by_oddity else reason, "parameters.md")
    assert not by_oddity or documented(oddity, "normalization.md")


def test_every_kind_of_check_is_documented() -> None:
    for model in get_args(get_args(RequestCheck)[0]):
        for kind in get_args(model.model_fields["check"].annotation):
            assert documented(kind, "parameters.md")


@pytest.mark.parametrize("model", [ParameterRoute, ParameterSpec])
def test_every_field_is_documented(model: type[ParameterRoute | ParameterSpec]) -> None:
    plain = {"id", "description"}
    for name, field in model.model_fields.items():
        assert name in plain or documented(field.alias or name, "parameters.md")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "'a'"),
        ("a\x1b\u202e\n", r"'a\x1b\u202e\n'"),
        ("é", "'é'"),
        ("x" * 1_000_000, "'" + "x" * 76 + "..."),
        ("\0" * 80, "'" + r"\x00" * 19 + "..."),
        (1, "1"),
        (1.5, "1.5"),
        (True, "True"),
        (10**200, "1" + "0" * 79),
        (None, "null"),
        ([1] * 1_000, "an array"),
        ({"a": 1}, "an object"),
    ],
)
def test_what_was_found_is_shown_escaped_and_cut(value: object, text: str) -> None:
    assert shown(value) == text
    assert len(shown(value)) <= 80
