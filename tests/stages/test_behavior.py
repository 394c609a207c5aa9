from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from riskengine.behavior.features import NAMES, vector
from riskengine.behavior.forest import OnnxForest
from riskengine.behavior.profile import ProfileTable
from riskengine.decision import RuleHit, Verdict
from riskengine.inspection import Batch
from riskengine.ruleset.behavior import BehaviorFile, ThresholdMatch, ThresholdRule
from riskengine.stages.behavior import BehaviorStage
from tests.behavior.small_forest import card_of, small_forest
from tests.behavior.visits import visits

DATA = small_forest().SerializeToString()
FOREST = OnnxForest(DATA, card_of(DATA))
# Of its three trees, one asks for clockwork gaps, one for products, one for errors. Reading one
# product after the other at an even pace, without outcomes, ends at depths 1, 1 and 3; a missing
# spread of gaps at 3, 1 and 3.
CLOCKWORK = 2 ** (-(5 / 3) / 2)
UNKNOWN_GAPS = 2 ** (-(7 / 3) / 2)


def rules(*thresholds: ThresholdRule, model: str | None = "small") -> BehaviorFile:
    return BehaviorFile(model=model, min_requests=3, thresholds=thresholds)


def threshold(at: float, **fields: Any) -> ThresholdRule:
    made = {"id": "odd", "description": "odd clients", "threshold": at}
    return ThresholdRule(**{**made, **fields})


def stage(file: BehaviorFile, model: OnnxForest | None = FOREST) -> BehaviorStage:
    return BehaviorStage(file, ProfileTable(100, 600), model)


def walk(count: int, **fields: Any) -> list[dict[str, Any]]:
    return [{"path": f"/products/{n}", "after": 2.0 * n, **fields} for n in range(count)]


async def test_nobody_is_scored_before_enough_has_been_seen() -> None:
    batch = visits(*walk(3))
    await stage(rules()).inspect(batch)
    assert [i.score for i in batch.every[:2]] == [None, None]
    assert batch.every[2].score == pytest.approx(UNKNOWN_GAPS)
    assert [i.features is None for i in batch.every] == [True, True, False]


async def test_score_at_the_threshold_fires_and_below_it_does_not() -> None:
    batch = visits(*walk(8))
    scored = float(FOREST.score(_row(batch))[0])
    for at, fires in ((scored, True), (scored + 1e-9, False)):
        batch = visits(*walk(8))
        await stage(rules(threshold(at))).inspect(batch)
        assert bool(batch.every[-1].hits) is fires


def _row(batch: Batch) -> NDArray[np.float32]:
    """Features of the last request, as the stage gives them to the model."""
    table = ProfileTable(100, 600)
    for inspection in batch.every:
        profile = table.observe(inspection)
    return np.array([vector(profile, inspection.at)], dtype=np.float32)


async def test_hit_names_score_and_what_was_odd() -> None:
    batch = visits(*walk(8))
    await stage(rules(threshold(0.5, verdict="deny"))).inspect(batch)
    hit = batch.every[-1].hits[0]
    assert (hit.stage, hit.rule_id, hit.reason) == ("behavior", "odd", "behavior.anomalous")
    assert hit.verdict is Verdict.DENY
    assert hit.retry_after_s is None
    assert hit.detail == f"score {CLOCKWORK:.3f}, distinct_products 2.20, gap_spread 0.00"


async def test_throttle_says_when_to_come_back() -> None:
    batch = visits(*walk(8))
    await stage(rules(threshold(0.5, retry_after="90s"))).inspect(batch)
    hit = batch.every[-1].hits[0]
    assert (hit.verdict, hit.retry_after_s) == (Verdict.THROTTLE, 90.0)


async def test_observed_rule_is_only_recorded_and_disabled_one_not_at_all() -> None:
    batch = visits(*walk(8))
    odd = threshold(0.5, mode="observe"), threshold(0.5, id="off", mode="disabled")
    await stage(rules(*odd)).inspect(batch)
    assert [(hit.rule_id, hit.observed) for hit in batch.every[-1].hits] == [("odd", True)]


@pytest.mark.parametrize(
    ("match", "path", "fires"),
    [
        ({"routes": ("product",)}, "/products/9", True),
        ({"routes": ("product",)}, "/cart", False),
        ({"kinds": ("page",)}, "/cart", True),
        ({"kinds": ("api",)}, "/cart", False),
        ({"kinds": ("page",)}, "/not-on-the-map", False),
        ({"steps": ("cart", "checkout")}, "/cart", True),
        ({"steps": ("checkout",)}, "/cart", False),
        ({"kinds": ("page",), "steps": ("checkout",)}, "/cart", False),
        ({}, "/not-on-the-map", True),
    ],
)
async def test_threshold_stops_only_what_it_matches(
    match: dict[str, Any], path: str, fires: bool
) -> None:
    batch = visits(*walk(8), {"path": path, "after": 16.0})
    await stage(rules(threshold(0.5, match=ThresholdMatch(**match)))).inspect(batch)
    assert bool(batch.every[-1].hits) is fires


async def test_stopped_requests_are_learned_from_and_not_scored() -> None:
    batch = visits(*walk(4))
    batch.every[3].hits.append(RuleHit("addresses", "bad", Verdict.DENY, "address.blocklisted"))
    batch.settle()
    behavior = stage(rules(threshold(0.01)))
    await behavior.inspect(batch)
    assert batch.every[3].score is None
    assert batch.every[3].features is None
    later = visits({"path": "/products/9", "after": 9.0})
    await behavior.inspect(later)
    assert later.every[0].features is not None
    assert dict(zip(NAMES, later.every[0].features, strict=True))["stopped_share"] == 0.2


async def test_assets_stand_as_their_client_did_when_it_acted() -> None:
    behavior = stage(rules(threshold(0.01)))
    page = visits(*walk(5), *[{"path": "/static/a.css", "after": 8.1}] * 2)
    await behavior.inspect(page)
    later = visits({"path": "/static/b.css", "after": 9.0})
    await behavior.inspect(later)
    acted, *assets = *page.every[4:], *later.every
    assert acted.features is not None
    for asset in assets:
        assert asset.features is None
        assert (asset.score, asset.hits) == (acted.score, acted.hits)


async def test_who_asks_for_assets_alone_is_scored_at_every_sixteenth() -> None:
    batch = visits(*[{"path": f"/static/{n}.css", "after": float(n)} for n in range(40)])
    await stage(rules()).inspect(batch)
    scored = [place for place, i in enumerate(batch.every) if i.features is not None]
    assert scored == [2, 18, 34]
    assert all(i.score is not None for i in batch.every[2:])


async def test_another_model_scores_anew_whoever_asks_for_what() -> None:
    profiles = ProfileTable(100, 600)
    await BehaviorStage(rules(), profiles, FOREST).inspect(visits(*walk(4)))
    batch = visits({"path": "/static/a.css", "after": 8.0})
    await BehaviorStage(rules(model=None), profiles, None).inspect(batch)
    assert batch.every[0].score is None
    batch = visits({"path": "/static/a.css", "after": 8.0})
    await BehaviorStage(rules(), profiles, FOREST).inspect(batch)
    assert batch.every[0].score is not None


async def test_own_verdict_never_feeds_back_into_the_profile() -> None:
    behavior = stage(rules(threshold(0.01, verdict="deny")))
    for number in range(8):
        batch = visits({"path": f"/products/{number}", "after": 2.0 * number})
        await behavior.inspect(batch)
        batch.settle()
    features = batch.every[0].features
    assert batch.every[0].verdict is Verdict.DENY
    assert features is not None
    assert dict(zip(NAMES, features, strict=True))["stopped_share"] == 0


async def test_missing_model_is_named_where_the_rules_ask_for_one() -> None:
    batch = visits(*walk(4))
    await stage(rules(), model=None).inspect(batch)
    assert all(i.degraded == ("model",) and i.score is None for i in batch.every)
    assert batch.every[3].features is not None


async def test_rules_without_a_model_miss_none() -> None:
    batch = visits(*walk(4))
    await stage(rules(model=None), model=None).inspect(batch)
    assert all(i.degraded == () for i in batch.every)


async def test_shed_stage_goes_on_learning() -> None:
    behavior = stage(rules(threshold(0.01)))
    shed = visits(*walk(4), shed=frozenset({"behavior"}))
    await behavior.inspect(shed)
    assert all(i.degraded == ("behavior",) and i.score is None for i in shed.every)
    after = visits({"path": "/products/4", "after": 8.0})
    await behavior.inspect(after)
    assert after.every[0].score is not None
    assert after.every[0].degraded == ()


async def test_reload_keeps_the_profiles() -> None:
    profiles = ProfileTable(100, 600)
    await BehaviorStage(rules(), profiles, FOREST).inspect(visits(*walk(4)))
    reloaded = BehaviorStage(rules(), profiles, FOREST)
    batch = visits({"path": "/products/4", "after": 8.0})
    await reloaded.inspect(batch)
    assert batch.every[0].score is not None


_requests = st.lists(
    st.fixed_dictionaries(
        {
            "session_id": st.sampled_from(["a", "b", ""]),
            "path": st.sampled_from(["/", "/products/1", "/products/2", "/cart", "/a.css"]),
            "after": st.integers(0, 50).map(float),
        }
    ),
    min_size=1,
    max_size=24,
)


@given(_requests, st.lists(st.integers(1, 6), min_size=24, max_size=24))
async def test_scores_do_not_depend_on_where_batches_are_cut(
    requests: list[dict[str, Any]], sizes: list[int]
) -> None:
    whole = visits(*requests)
    await stage(rules(threshold(0.5))).inspect(whole)
    behavior, rest, scores, hits = stage(rules(threshold(0.5))), list(requests), [], []
    for size in sizes:
        part, rest = visits(*rest[:size]), rest[size:]
        await behavior.inspect(part)
        scores += [i.score for i in part.every]
        hits += [i.hits for i in part.every]
    assert scores == [i.score for i in whole.every]
    assert hits == [i.hits for i in whole.every]
