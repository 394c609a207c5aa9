"""The stream as a whole: same bytes for the same arguments, in order, labelled, convertible."""

import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice

import msgspec
import pytest

from riskengine.analyst.simulate import START, USUAL_MIX, check_mix, simulate
from riskengine.errors import SettingsError
from riskengine.simulation.populations import POPULATIONS
from tests.simulation.traffic import by_client

_DIGEST = """
import hashlib, msgspec
from riskengine.analyst.simulate import simulate
digest = hashlib.sha256()
for line in simulate(5, minutes=2, scale=0.5):
    digest.update(msgspec.json.encode(line))
print(digest.hexdigest())
"""


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_hash_seed_does_not_show(hash_seed: str) -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("17", hash_seed)
    }
    assert len(digests) == 1


def test_another_seed_gives_other_traffic() -> None:
    first, second = (msgspec.json.encode(list(simulate(seed, minutes=1))) for seed in (1, 2))
    assert first != second


def test_lines_come_in_order_of_time_and_inside_the_simulated_minutes() -> None:
    times = [line.received_at for line in simulate(1, minutes=4)]
    assert times == sorted(times)
    assert times[0] >= START
    assert times[-1] < START + timedelta(minutes=4)


def test_every_kind_occurs_even_in_a_short_simulation() -> None:
    kinds = {line.label.kind for line in simulate(1, minutes=3, scale=0.2) if line.label}
    assert kinds == set(USUAL_MIX)


def test_labels_say_which_kinds_are_bad() -> None:
    good = {p.kind for p in POPULATIONS if not p.bad}
    assert good == {"shopper", "crawler", "monitor"}
    for line in simulate(1, minutes=3):
        assert line.label is not None
        assert line.label.bad == (line.label.kind not in good)


def test_every_line_is_a_request_with_an_outcome_and_an_id_of_its_own() -> None:
    lines = list(simulate(1, minutes=4))
    assert len({line.request_id for line in lines}) == len(lines)
    for line in lines:
        assert line.to_request().received_at == line.received_at.timestamp()
        assert line.outcome is not None
        assert 100 <= line.outcome.status <= 599


def test_lines_survive_json() -> None:
    for line in islice(simulate(1, minutes=2), 500):
        assert msgspec.json.decode(msgspec.json.encode(line), type=type(line)) == line


def test_start_moves_every_line_and_changes_nothing_else() -> None:
    later = START + timedelta(days=3, hours=1)
    for before, after in zip(
        simulate(1, minutes=1), simulate(1, minutes=1, start=later), strict=True
    ):
        moved = msgspec.structs.replace(before, received_at=before.received_at + (later - START))
        assert moved == after


def test_scale_multiplies_clients() -> None:
    few, many = (
        len(by_client(simulate(1, minutes=10, scale=scale, mix={"crawler": 1})))
        for scale in (1.0, 3.0)
    )
    assert (few, many) == (80, 240)


def test_mix_keeps_other_kinds_away_and_need_not_sum_to_one() -> None:
    clients = by_client(simulate(1, minutes=10, mix={"crawler": 3, "monitor": 1}))
    heads = Counter(name.rpartition("-")[0] for name in clients)
    assert heads == {"crawler": 60, "monitor": 20}


def test_stream_starts_at_once_however_long_it_is() -> None:
    first = next(simulate(1, minutes=100_000, scale=100))
    assert first.received_at < START + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minutes": -1}, "minutes must be above 0 and at most 100000, got -1"),
        ({"minutes": 0}, "minutes must be above 0 and at most 100000, got 0"),
        ({"minutes": float("nan")}, "minutes must be above 0 and at most 100000, got nan"),
        ({"scale": float("inf")}, "scale must be above 0 and at most 100000, got inf"),
        ({"mix": {}}, "a mix must name at least one kind"),
        ({"mix": {"shopper": 0}}, "the share of shopper must be a number above 0, got 0"),
        (
            {"start": datetime(2026, 3, 1)},  # noqa: DTZ001 - the mistake under test
            "start must have a time zone, such as 2026-03-01T00:00:00Z",
        ),
    ],
)
def test_arguments_that_describe_no_traffic_are_named(
    arguments: dict[str, object], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        simulate(1, **arguments)  # type: ignore[arg-type]  # wrong ones on purpose
    assert str(caught.value) == message


def test_unknown_kind_is_answered_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match=r"unknown kind 'robots'; kinds are shopper, crawler"):
        check_mix({"robots": 1})


def test_shares_are_scaled_to_one() -> None:
    assert check_mix({"shopper": 3, "monitor": 1}) == {"shopper": 0.75, "monitor": 0.25}


def test_zone_of_the_start_is_kept() -> None:
    zone = datetime.fromisoformat("2026-03-01T11:00:00+01:00")
    first = next(simulate(1, minutes=1, start=zone))
    assert first.received_at == next(simulate(1, minutes=1)).received_at
    assert first.received_at.astimezone(UTC) == first.received_at
