"""Which bot a user agent claims to be."""

from collections.abc import Sequence
from functools import lru_cache

import re2

from riskengine.origin.agents import AGENT_MAX
from riskengine.ruleset.bots import BotRule


class BotClaims:
    """Finds the first bot that a user agent names; about 0.1 us when seen before."""

    def __init__(self, bots: Sequence[BotRule]) -> None:
        self._words = [(word.lower(), bot) for bot in bots for word in bot.user_agents]
        self._any = re2.compile(
            ("(?i)" + "|".join(re2.escape(word) for word, _ in self._words)).encode()
        )
        self._remembered = lru_cache(maxsize=16_384)(self._find)

    def claimed(self, agent: str) -> BotRule | None:
        """The bot, or None for everybody else."""
        return self._remembered(agent[:AGENT_MAX])

    def _find(self, agent: str) -> BotRule | None:
        if not self._words or self._any.search(agent.encode("utf-8", "replace")) is None:
            return None
        text = agent.lower()
        return next((bot for word, bot in self._words if word in text), None)
