"""What rules may ask about where a request comes from; part of the `match` of every rule."""

from typing import Annotated

from pydantic import Field

from riskengine.ruleset.fields import ID_PATTERN, Entry

Country = Annotated[
    str,
    Field(
        pattern=r"^[A-Z]{2}$",
        json_schema_extra={"patternErrorMessage": "two capital letters such as DE (ISO 3166-1)"},
    ),
]
Asn = Annotated[int, Field(ge=0, le=4_294_967_295)]
Tag = Annotated[
    str,
    Field(
        pattern=ID_PATTERN,
        json_schema_extra={"patternErrorMessage": "1 to 64 lower-case letters, digits and dashes"},
    ),
]


class OriginFacts(Entry):
    """Facts about the origin of a request; a field that is given must hold for one of its words."""

    country: tuple[Country, ...] = ()
    """Countries of the address, by a database of `addresses.yaml`."""
    asn: tuple[Asn, ...] = ()
    """Numbers of the autonomous system that the address belongs to."""
    tags: tuple[Tag, ...] = ()
    """Tags that lists, databases or the user agent give: hosting, vpn, ai-crawler, ..."""
    bot: tuple[Tag, ...] = ()
    """verified, spoofed, unverifiable, or the id of a bot that the client was verified to be."""
    agent: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    """Families of the user agent as ua-parser names them: Chrome, curl, Python Requests."""


class OriginMatch(OriginFacts):
    """Which origins are meant: those that every field given holds for, and `unless` does not."""

    unless: OriginFacts | None = None
    """Facts of which all must not hold together: `unless: {country: [DE, AT]}`."""
