"""Address lists as analysts write them: `rules/addresses.yaml` and the lists it names."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.fields import Entry, Rule, StoppingVerdict
from riskengine.ruleset.networks import WrittenNetwork

ListPath = Annotated[str, Field(min_length=1, max_length=255)]


class AddressList(Rule):
    """Networks whose clients are always allowed."""

    networks: tuple[WrittenNetwork, ...] = ()
    """Networks and addresses: 192.0.2.0/24, 2001:db8::/32, 198.51.100.7."""
    files: tuple[ListPath, ...] = ()
    """Lists below the rules directory, one network or address a line, # or ; for comments.
    When rules are loaded, what the lists hold is added to `networks`."""

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.networks and not self.files:
            raise ValueError("needs networks, files, or both")
        return self


class BlockList(AddressList):
    """Networks whose clients are stopped, unless an allowlist holds them too."""

    verdict: StoppingVerdict = Verdict.DENY
    """deny or throttle."""


class AddressesFile(Entry):
    """Who is let through and who is stopped by address alone."""

    allowlists: tuple[AddressList, ...] = ()
    """Clients that are always allowed; what the stages would have said is still recorded."""
    blocklists: tuple[BlockList, ...] = ()
    """Clients that are stopped."""
