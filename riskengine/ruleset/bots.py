"""Crawlers as analysts write them: `rules/bots.yaml`."""

import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Banning, Entry, Identifier, Rule, StoppingVerdict, show
from riskengine.ruleset.networks import WrittenNetwork

STATES = ("verified", "spoofed", "unverifiable")
"""What a client that calls itself a bot is found to be."""

_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", re.ASCII)


def _check_domain(domain: str) -> str:
    if not _DOMAIN.fullmatch(domain):
        raise ValueError(
            f"must be a domain in lower case such as googlebot.com, got {show(domain)}"
        )
    return domain


Domain = Annotated[str, AfterValidator(_check_domain)]


class BotRule(Banning, Rule):
    """A crawler, how it calls itself, and how to tell whether it is the one."""

    user_agents: tuple[Annotated[str, Field(min_length=3, max_length=128)], ...] = Field(
        min_length=1
    )
    """Words of its user agent, in any case: whoever says one of them claims to be this bot."""
    lists: tuple[Identifier, ...] = ()
    """Lists of `addresses.yaml` that its operator publishes as all of its addresses."""
    networks: tuple[WrittenNetwork, ...] = ()
    """Its networks, where they are few."""
    domains: tuple[Domain, ...] = ()
    """Domains that the names of its addresses end in, confirmed by looking the name up again."""
    verdict: StoppingVerdict = Verdict.DENY
    """What becomes of a client that was found not to be the bot it claims to be."""

    @model_validator(mode="after")
    def _is_no_state(self) -> Self:
        if self.id in STATES:
            raise ValueError(
                f"id must not be one of {', '.join(STATES)}: matches mean states by it"
            )
        return self


class BotsFile(Entry):
    """The whole of `bots.yaml`."""

    bots: tuple[BotRule, ...] = ()
    """Crawlers; of several that a user agent names, the first one counts."""
