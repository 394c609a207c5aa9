"""What is known about where a request comes from."""

from typing import Literal, NamedTuple

BotState = Literal["", "verified", "spoofed", "unverifiable"]


class Origin(NamedTuple):
    """Facts about an address and a user agent; empty where nobody tells."""

    country: str = ""
    """Two capital letters (ISO 3166-1)."""
    asn: int | None = None
    """Number of the autonomous system."""
    tags: frozenset[str] = frozenset()
    bot: str = ""
    """Id of the bot that the client claims to be."""
    state: BotState = ""
    """What came of that claim; empty where there is none."""
    agent: str = ""
    """Family of the user agent; told only where a rule asks for one."""

    @property
    def verified(self) -> bool:
        """Whether the client is a bot that was verified: it is exempt from much."""
        return self.state == "verified"


UNKNOWN = Origin()
