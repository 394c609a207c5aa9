"""Turns what a file says into frozen entries, or into everything that is wrong with it."""

from functools import cache
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from riskengine.ruleset.explanations import Explainer
from riskengine.ruleset.fields import Entry
from riskengine.ruleset.yaml_source import Document

AnyEntry = TypeVar("AnyEntry", bound=Entry)


def validate(document: Document, model: type[AnyEntry]) -> AnyEntry | None:
    """The file as `model`; None when it is not one, and then `document.mistakes` says why."""
    if document.value is None:
        return None
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        explainer = _explainer(model)
        for details in error.errors(include_url=False):
            if _is_consequence(details):
                continue
            written = document.written(details["loc"])
            document.blame(written, explainer.explain(details, written))
        return None


def _is_consequence(details: ErrorDetails) -> bool:
    """Whether a list is called too short only because its entries have mistakes of their own."""
    least = details.get("ctx", {}).get("min_length", 0)
    return details["type"] == "too_short" and len(details["input"]) >= least


@cache
def _explainer(model: type[Entry]) -> Explainer:
    return Explainer(model)
