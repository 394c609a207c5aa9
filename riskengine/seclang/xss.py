"""Script injection: a grammar of the ways in which input becomes markup that runs.

Our stand-in for libinjection's HTML tokenizer, for the reasons given in sqli.py: one regular
expression on RE2. docs/detection.md states how much it finds and how often it is wrong.
"""

import re

import re2

from riskengine.seclang.operators_contract import Match
from riskengine.seclang.sqli import options
from riskengine.seclang.xss_grammar import ALTERNATIVES

HINT = re.compile(rb"[<=:({]")


def detect_xss(value: bytes) -> Match | None:
    """Finds the part of `value` that a browser would run; case does not matter."""
    if value.isalnum() or not HINT.search(value):
        return None
    found = _search(value)
    return Match(found.group(), (found.group(),)) if found else None


_search = re2.compile("|".join(ALTERNATIVES).encode("latin-1"), options()).search
