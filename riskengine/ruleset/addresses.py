"""Address lists as analysts write them: `rules/addresses.yaml` and the lists it names."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from riskengine.decision import Verdict
from riskengine.ruleset.databases import Database
from riskengine.ruleset.fields import (
    Banning,
    Duration,
    Entry,
    Identifier,
    Moment,
    Rule,
    StoppingVerdict,
    show,
)
from riskengine.ruleset.list_formats import ListFormat
from riskengine.ruleset.networks import WrittenNetwork
from riskengine.ruleset.origin_match import OriginMatch, Tag

ListPath = Annotated[str, Field(min_length=1, max_length=255)]


def _check_url(url: str) -> str:
    if not url.startswith(("https://", "http://")) or any(c.isspace() for c in url):
        raise ValueError(f"must be an http:// or https:// URL, got {show(url)}")
    return url


class AddressSource(Entry):
    """A list as its publisher ships it; rules and bots name it by its id."""

    id: Identifier
    description: str = ""
    file: ListPath
    """The list below the rules directory."""
    format: ListFormat = "plain"
    """plain, netset, level (address TAB level), drop (Spamhaus), ranges (Google, Bing, OpenAI)."""
    min_level: int = Field(default=0, ge=0)
    """With format level: lowest level that counts."""
    source: Annotated[str, Field(max_length=2_048), AfterValidator(_check_url)] | None = None
    """Where `riskengine lists update` fetches it."""
    max_age: Duration | None = None
    """Time since it was fetched after which it is stale: an alarm in health and metrics."""
    min_share: float = Field(default=0.5, ge=0, le=1, strict=False)
    """An update with fewer networks than this share of those before is refused."""
    unreadable: Annotated[str, Field(pattern=r"^(error|count)$")] = "error"
    """A line that cannot be read: error (nothing loads) or count (left out, counted, reported)."""
    tags: tuple[Tag, ...] = ()
    """Tags that clients on this list have, for rules to match: vpn, hosting, ..."""
    owner: str = ""
    """Whom to ask about it."""

    @model_validator(mode="after")
    def _level_has_a_list(self) -> Self:
        if self.min_level and self.format != "level":
            raise ValueError(f"min_level is only for format level, got format {self.format}")
        return self


class ListEntry(Entry):
    """A network with what there is to say about it."""

    network: WrittenNetwork
    """Network or address."""
    reason: str = ""
    """Why it stands here."""
    owner: str = ""
    """Whom to ask."""
    expires_at: Moment | None = None
    """When it counts no more: 2026-12-31, or 2026-12-31T18:00:00Z."""


class AddressList(Rule):
    """Networks whose clients are always allowed."""

    networks: tuple[WrittenNetwork, ...] = ()
    """Networks and addresses: 192.0.2.0/24, 2001:db8::/32, 198.51.100.7."""
    entries: tuple[ListEntry, ...] = ()
    """Networks with a reason, an owner, a date on which they stop counting."""
    files: tuple[ListPath, ...] = ()
    """Lists below the rules directory, one network or address a line, # or ; for comments."""
    lists: tuple[Identifier, ...] = ()
    """Ids of `lists` of this file."""
    match: OriginMatch = OriginMatch()
    """Only clients of these origins; without any network: all of them."""

    @property
    def has_networks(self) -> bool:
        """Whether networks say whom it means; otherwise `match` alone does."""
        return bool(self.networks or self.entries or self.files or self.lists)

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.has_networks and self.match == OriginMatch():
            raise ValueError("needs networks, entries, files, lists or match")
        return self


class BlockList(Banning, AddressList):
    """Networks whose clients are stopped, unless an allowlist holds them too."""

    verdict: StoppingVerdict = Verdict.DENY
    """deny or throttle."""


class AddressesFile(Entry):
    """Who is let through and who is stopped by address alone, and what is known of addresses."""

    lists: tuple[AddressSource, ...] = ()
    """Published lists, for rules and bots to name."""
    databases: tuple[Database, ...] = ()
    """MMDB files that tell country, autonomous system and tags of an address."""
    allowlists: tuple[AddressList, ...] = ()
    """Clients that are always allowed; what the stages would have said is still recorded."""
    blocklists: tuple[BlockList, ...] = ()
    """Clients that are stopped."""
