"""Labelled shop traffic out of a seed: what models are trained on and rules are tried against."""

import heapq
import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import itemgetter

from riskengine.errors import SettingsError
from riskengine.records.lines import Label, RequestLine
from riskengine.simulation.population import Entrance, Population
from riskengine.simulation.populations import POPULATIONS
from riskengine.simulation.shop import draw_sale
from riskengine.simulation.timeline import Client, in_time_order
from riskengine.simulation.visitor import Scene

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
USUAL_MIX: Mapping[str, float] = {p.kind: p.share for p in POPULATIONS}
CLIENTS_PER_MINUTE = 8
"""Clients that come in a minute at scale 1, of all kinds together."""

_Arrival = tuple[int, Population, int]


def simulate(
    seed: int,
    *,
    minutes: float = 10.0,
    scale: float = 1.0,
    mix: Mapping[str, float] | None = None,
    start: datetime = START,
) -> Iterator[RequestLine]:
    """Requests by time, each with label, outcome and the id `<kind>-<client>-<number>`.

    Equal arguments give equal lines on every machine. `scale` multiplies the clients, `mix`
    gives the shares of their kinds (any positive numbers; a kind that is not named stays away).
    Every kind of the mix has at least one client. A sale opens half way through; whatever would
    be sent after `minutes` is cut off. Memory grows with the clients active at once. Raises
    SettingsError for arguments that describe no traffic.
    """
    shares = check_mix(USUAL_MIX if mix is None else mix)
    if not 0 < minutes <= 100_000:
        raise SettingsError(f"minutes must be above 0 and at most 100000, got {minutes:g}")
    if not 0 < scale <= 100_000:
        raise SettingsError(f"scale must be above 0 and at most 100000, got {scale:g}")
    if start.tzinfo is None:
        raise SettingsError(f"start must have a time zone, such as {start.isoformat()}Z")
    end_us = int(minutes * 60_000_000)
    sale = draw_sale(random.Random(f"{seed}/sale"), end_us // 2)
    return _until_the_end(seed, Scene(start, end_us, sale), _heads(shares, minutes * scale))


def check_mix(mix: Mapping[str, float]) -> dict[str, float]:
    """The shares of the mix, summing to 1; SettingsError where a kind or a share makes no sense."""
    for kind, share in mix.items():
        if kind not in USUAL_MIX:
            raise SettingsError(f"unknown kind {kind!r}; kinds are {', '.join(USUAL_MIX)}")
        if not 0 < share < float("inf"):
            raise SettingsError(f"the share of {kind} must be a number above 0, got {share:g}")
    if not mix:
        raise SettingsError("a mix must name at least one kind")
    total = sum(mix.values())
    return {kind: share / total for kind, share in mix.items()}


def _heads(shares: Mapping[str, float], scaled_minutes: float) -> dict[str, int]:
    """How many clients of each kind come."""
    clients = CLIENTS_PER_MINUTE * scaled_minutes
    return {kind: max(1, round(share * clients)) for kind, share in shares.items()}


def _until_the_end(seed: int, scene: Scene, heads: Mapping[str, int]) -> Iterator[RequestLine]:
    crowds = [_arrivals(seed, scene, p, heads[p.kind]) for p in POPULATIONS if p.kind in heads]
    clients = (_client(seed, scene, a) for a in heapq.merge(*crowds, key=itemgetter(0)))
    end = scene.moment(scene.end_us)
    for line in in_time_order(clients):
        if line.received_at >= end:
            return
        yield line


def _arrivals(seed: int, scene: Scene, population: Population, heads: int) -> Iterator[_Arrival]:
    """One client in each of `heads` equal parts of the time, somewhere in it."""
    rng = random.Random(f"{seed}/{population.kind}")
    for number in range(heads):
        yield population.arrive(scene, (number + rng.random()) / heads), population, number


def _client(seed: int, scene: Scene, arrival: _Arrival) -> Client:
    at_us, population, number = arrival
    name = f"{population.kind}-{number}"
    label = Label(bad=population.bad, kind=population.kind)
    rng = random.Random(f"{seed}/{name}")
    return scene.moment(at_us), population.act(Entrance(rng, scene, name, label, at_us))
