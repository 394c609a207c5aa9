"""Behaviour rules as analysts write them: `rules/behavior.yaml`."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Banning, Duration, Entry, Identifier, Rule, StoppingVerdict
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.routes import Kind, Step

PROFILES_MAX = 1_000_000


class ThresholdMatch(OriginMatch):
    """Which requests a threshold stops: those that fulfil every field given; all where none is."""

    routes: tuple[Identifier, ...] = ()
    """Ids of routes of the shop's map."""
    kinds: tuple[Kind, ...] = ()
    """Kinds of routes: page, asset, api. A request without a route has none."""
    steps: tuple[Step, ...] = ()
    """Steps of the buying funnel: product, cart, checkout, login."""


class ThresholdRule(Banning, Rule):
    """Requests of clients that score at least `threshold`."""

    match: ThresholdMatch = ThresholdMatch()
    """Which requests are stopped; all where it is left out."""
    threshold: Annotated[float, Field(gt=0, le=1, strict=False)]
    """Score from which the rule fires; the model's card recommends some, with their cost."""
    verdict: StoppingVerdict = Verdict.THROTTLE
    """What happens to such requests."""
    retry_after: Duration = 60.0
    """With throttle: when the client should come back."""


class ProfileLimits(Entry):
    """How much is remembered about clients, in each process."""

    max: int = Field(default=50_000, ge=1, le=PROFILES_MAX)
    """Most clients remembered; the one unseen for longest is forgotten first. About 1.5 KB each."""
    idle: Duration = 1800.0
    """A client unseen for this long starts afresh."""


class BehaviorFile(Entry):
    """The whole of `behavior.yaml`."""

    model: Identifier | None = None
    """Name of a directory under models/; without one nothing is scored."""
    min_requests: int = Field(default=10, ge=2, le=1000)
    """Requests of a client that must have been seen before it is scored at all."""
    assets_per_score: int = Field(default=16, ge=1, le=1000)
    """A client is scored anew when it acts, and after so many assets in a row; 1 scores each."""
    profiles: ProfileLimits = ProfileLimits()
    """How much is remembered about clients."""
    thresholds: tuple[ThresholdRule, ...] = ()
    """What to do about high scores."""

    @model_validator(mode="after")
    def _thresholds_have_a_model(self) -> Self:
        if self.thresholds and self.model is None:
            raise ValueError("thresholds need a model; name one, such as `model: default`")
        return self
