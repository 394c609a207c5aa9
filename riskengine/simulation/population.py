"""A kind of client: whether it is bad, how common it is, when it comes and what it does."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from riskengine.records.lines import Label, RequestLine
from riskengine.simulation.agents import Agent
from riskengine.simulation.visitor import Scene, Visitor


@dataclass(frozen=True, slots=True)
class Entrance:
    """One client about to come: everything it draws, it draws from `rng`."""

    rng: random.Random
    scene: Scene
    name: str
    label: Label
    at_us: int

    def visitor(
        self, address: str, agent: Agent, *, part: str = "", keeps_cookies: bool = True
    ) -> Visitor:
        """Somebody who acts for this client; `part` tells several of them apart."""
        return Visitor(
            self.rng,
            self.scene,
            self.name + part,
            self.label,
            self.at_us,
            address,
            agent,
            keeps_cookies,
        )


def through_the_day(scene: Scene, position: float) -> int:
    """Clients come evenly over the whole simulation."""
    return int(scene.end_us * position)


def from_the_start(scene: Scene, position: float) -> int:
    """Clients are there within the first tenth."""
    return int(scene.end_us * 0.1 * position)


@dataclass(frozen=True, slots=True)
class Population:
    """Clients of one kind."""

    kind: str
    bad: bool
    share: float
    """Share of all clients, unless a mix says otherwise."""
    act: Callable[[Entrance], Iterator[RequestLine]]
    """What one client sends, in order of time."""
    arrive: Callable[[Scene, float], int] = through_the_day
    """Microseconds from the start at which a client comes, by its position (0..1) among all."""
