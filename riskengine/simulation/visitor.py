"""Somebody who sends requests: an address, an agent, a session, and a clock of one's own."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from riskengine.records.lines import Label, RequestLine
from riskengine.simulation.agents import Agent
from riskengine.simulation.outcomes import draw_outcome
from riskengine.simulation.shop import HOST, Ask, Sale


@dataclass(frozen=True, slots=True)
class Scene:
    """What all clients of one simulation share."""

    start: datetime
    end_us: int
    """Length of the simulation; whatever is sent later is cut off."""
    sale: Sale

    def moment(self, at_us: int) -> datetime:
        """The time of day, so many microseconds from the start."""
        return self.start + timedelta(microseconds=at_us)


@dataclass(slots=True)
class Visitor:
    """Sends requests at `at_us`, microseconds from the start; only waiting moves that clock.

    Times are whole microseconds, so that the last bit of a machine's `exp` never shows.
    """

    rng: random.Random
    scene: Scene
    name: str
    """First part of each request id: population and number of the client."""
    label: Label
    at_us: int
    address: str
    agent: Agent
    keeps_cookies: bool = True
    session: str = ""
    user: str = ""
    device: str = ""
    sent: int = 0

    def wait(self, seconds: float) -> None:
        """Do nothing for so many seconds."""
        self.at_us += int(seconds * 1_000_000)

    def think(self, median_s: float, spread: float = 0.8) -> None:
        """Do nothing for a while that varies as people's do: log-normally."""
        self.wait(median_s * self.rng.lognormvariate(0.0, spread))

    def chance(self, share: float) -> bool:
        """True for this share of the times it is asked."""
        return self.rng.random() < share

    def send(self, ask: Ask, *, referer: str = "", status: int = 0) -> RequestLine:
        """One request, sent now; `status` where the answer is another one than success."""
        self.sent += 1
        line = RequestLine(
            received_at=self.scene.moment(self.at_us),
            client_ip=self.address,
            method=ask.method,
            path=ask.path,
            query=ask.query,
            request_id=f"{self.name}-{self.sent}",
            scheme="https",
            host=HOST,
            http_version=self.agent.http_version,
            headers=self.agent.headers(ask, referer, f"sid={self.session}" if self.session else ""),
            body=ask.body,
            user_id=self.user,
            session_id=self.session,
            device_id=self.device,
            label=self.label,
            outcome=draw_outcome(self.rng, ask.route, status),
        )
        if self.keeps_cookies and not self.session and ask.destination == "document":
            self.session = f"{self.rng.getrandbits(48):012x}"
        return line
