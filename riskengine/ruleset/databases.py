"""MaxMind DB files: which there are, and where each vendor's schema keeps what rules ask for."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from riskengine.ruleset.fields import Duration, Entry, Identifier, show
from riskengine.ruleset.origin_match import Tag


def _check_path(path: str) -> str:
    if not all(part.strip() for part in path.partition("=")[0].split(".")):
        raise ValueError(f"must be a path of fields such as country.iso_code, got {show(path)}")
    return path


FieldPath = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_check_path)]
"""Names of nested fields with dots between; a number counts in an array, from 0."""


class Database(Entry):
    """One MMDB file of any vendor, and the paths of the fields in its records."""

    id: Identifier
    description: str = ""
    file: Annotated[str, Field(min_length=1, max_length=4_096)]
    """Path of the file; one that is not absolute is below the rules directory."""
    country: tuple[FieldPath, ...] = ()
    """Where the two-letter country stands; the first path that leads to one counts."""
    asn: tuple[FieldPath, ...] = ()
    """Where the number of the autonomous system stands: 64496, "64496" or "AS64496"."""
    tags: dict[Tag, FieldPath] = Field(default_factory=dict)
    """For each tag a path that must lead to something true, or PATH=VALUE."""
    max_age: Duration | None = None
    """Age from which the file counts as stale, in health and metrics; by its own build date."""
    owner: str = ""
    """Whom to ask about it."""

    @model_validator(mode="after")
    def _gives_something(self) -> "Database":
        if not (self.country or self.asn or self.tags):
            raise ValueError("needs country, asn or tags")
        return self
