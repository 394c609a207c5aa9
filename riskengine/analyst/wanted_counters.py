"""Whom somebody means at the command line: `203.0.113.7`, `ip:203.0.113.7`, `user:ann`, a key."""

import re
from dataclasses import dataclass
from typing import get_args

from riskengine.ruleset.limits import PlainPart
from riskengine.stages.limit_keys import override_subject
from riskengine.store.stored_limits import CounterKey

_PLAIN = "|".join((*get_args(PlainPart), "site"))
_PART = re.compile(rf"({_PLAIN}|(?:attribute|header):[A-Za-z0-9._-]{{1,64}}):(.+)")


@dataclass(frozen=True, slots=True)
class WantedCounters:
    """Counters of a whole key, a whole subject, one part of a subject, or the value of a part."""

    text: str
    contains: str
    part: str
    """The part, or `:VALUE` where its name was not given."""

    def fits(self, key: CounterKey) -> bool:
        """Whether the counter is of the one who is meant."""
        if self.text == key.subject:
            return True
        if self.part.startswith(":"):
            return any(part.endswith(self.part) for part in key.parts)
        return self.part in key.parts


def wanted_counters(text: str) -> WantedCounters:
    """Who is meant. An IPv6 address means its /64, and odd values their hash, as in keys."""
    if "," in text:
        return WantedCounters(text, text, text)
    match = _PART.fullmatch(text)
    if match is not None:
        part = override_subject([match[1]], match[2])
        return WantedCounters(text, part, part)
    value = override_subject(["ip"], text).removeprefix("ip:")
    return WantedCounters(text, value, f":{value}")
