"""How old lists and databases are, and how many bans there are, in Prometheus' words."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily

from riskengine.ruleset.ruleset import Ruleset


class ListState(NamedTuple):
    """A list or database at one moment."""

    name: str
    age_s: float
    stale: bool
    networks: int | None = None
    """None for a database, which does not tell."""
    unreadable: int = 0


class BanState(NamedTuple):
    """This process's copy of the bans."""

    held: int
    age_s: float | None
    """Seconds since it was last compared with the store; None before the first time."""


def list_states(rules: Ruleset, now: float) -> list[ListState]:
    """Every published list and every database."""
    lists = [
        ListState(name, now - one.fetched_at, one.is_stale(now), len(one.networks), one.unreadable)
        for name, one in rules.lists.items()
    ]
    return lists + [
        ListState(one.rule.id, now - one.built_at, one.is_stale(now)) for one in rules.databases
    ]


def list_families(states: Sequence[ListState]) -> Iterator[GaugeMetricFamily]:
    """Age, staleness and size of each list."""
    of: list[tuple[str, str, Callable[[ListState], float | None]]] = [
        (
            "age_seconds",
            "Time since a list was fetched or a database was built.",
            lambda s: s.age_s,
        ),
        ("stale", "1 for a list or database that is older than its max_age.", lambda s: s.stale),
        ("networks", "Networks on a list.", lambda s: s.networks),
        ("unreadable_lines", "Lines of a list that were left out.", lambda s: s.unreadable),
    ]
    for name, about, read in of:
        family = GaugeMetricFamily(f"riskengine_list_{name}", about, labels=("list",))
        for state in states:
            if (value := read(state)) is not None:
                family.add_metric((state.name,), float(value))
        yield family


def ban_families(state: BanState) -> Iterator[GaugeMetricFamily]:
    """How many bans are known, and how fresh that knowledge is."""
    yield GaugeMetricFamily("riskengine_bans", "Bans that this process knows.", value=state.held)
    if state.age_s is not None:
        yield GaugeMetricFamily(
            "riskengine_bans_age_seconds",
            "Time since the bans were last compared with the store.",
            value=state.age_s,
        )
