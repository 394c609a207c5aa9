"""rules/parameters.yaml: what a request of this shop looks like."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Banning, Entry, Mode, StoppingVerdict, show
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.parameter_spec import ParameterSpec
from riskengine.ruleset.request_checks import RequestCheck
from riskengine.ruleset.routes import Route, capture_places, conflicts

Parameters = dict[Annotated[str, Field(min_length=1, max_length=256)], ParameterSpec]


def _check_content_type(text: str) -> str:
    if text != text.lower() or text.count("/") != 1 or any(c in text for c in " ;,"):
        raise ValueError(
            f"must be a media type in lower case such as application/json, got {show(text)}"
        )
    return text


ContentType = Annotated[str, AfterValidator(_check_content_type)]


class ParameterRoute(Banning, Route):
    """One place of the shop, and what may be sent to it.

    A set of parameters that is not written (`query`, `form`, `json`, `captures`) is not checked.
    """

    mode: Mode = "enforce"
    """enforce: obeyed; observe: only recorded; disabled: nothing is checked, the route stays."""
    verdict: StoppingVerdict = Verdict.DENY
    """What becomes of a request that does not fit."""
    owner: str = ""
    """Whom to ask before changing it."""
    false_positives: str = ""
    """Who may be hit wrongly, and what to do then."""
    match: OriginMatch = OriginMatch()
    """Only requests of these origins are checked; all where it is left out."""
    captures: Parameters | None = None
    """What may stand for each `{name}` of the path."""
    query: Parameters | None = None
    """Parameters of the query string."""
    form: Parameters | None = None
    """Parameters of an urlencoded body."""
    json_fields: Parameters | None = Field(default=None, alias="json")
    """Members of the JSON object in the body."""
    unknown: Literal["allow", "observe", "stop"] = "allow"
    """What to do with parameters that are not listed, in the sets that are written."""
    max_body: int | None = Field(default=None, ge=0)
    """Most bytes of the body, as sent and unpacked."""
    content_types: tuple[ContentType, ...] | None = Field(default=None, min_length=1)
    """Media types that a body may have; by default those that `form` and `json` can read."""
    incomplete_body: Literal["skip", "stop"] = "skip"
    """What to do with a body that cannot be read: cut, packed in a way that is not read here."""

    @model_validator(mode="after")
    def _captures_stand_in_the_path(self) -> "ParameterRoute":
        names = [name for _, name in capture_places(self)]
        for name in self.captures or ():
            if name not in names:
                known = ", ".join(names) or "none"
                raise ValueError(
                    f"captures must be names in braces of the path ({known}), got {show(name)}"
                )
        return self

    @model_validator(mode="after")
    def _text_is_flat(self) -> "ParameterRoute":
        """Only JSON has arrays and objects."""
        for where, parameters in (
            ("captures", self.captures), ("query", self.query), ("form", self.form),
        ):  # fmt: skip
            for name, spec in (parameters or {}).items():
                if spec.type in ("array", "object"):
                    raise ValueError(
                        f"{where}.{name}.type must not be {spec.type}: only json has those; "
                        f"'repeated: true' permits several values"
                    )
        return self


class ParametersFile(Entry):
    """All of rules/parameters.yaml."""

    checks: tuple[RequestCheck, ...] = ()
    """Checks of every request, wherever it goes."""
    routes: tuple[ParameterRoute, ...] = ()
    """The shop's map. What is not on it is judged by `checks` alone."""

    @model_validator(mode="after")
    def _routes_are_distinct(self) -> "ParametersFile":
        mistakes = [
            f"routes {first.id} and {second.id} both claim {method} {second.path}"
            for first, second, method in conflicts(self.routes)
        ]
        if mistakes:
            raise ValueError("; ".join(mistakes))
        return self
