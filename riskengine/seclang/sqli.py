"""SQL injection: a grammar of the ways in which input leaves its place in a statement.

Our stand-in for libinjection, whose maintained bindings are GPL or have no current wheel. The
grammar is one regular expression on RE2: linear in the value, and fast on values without it.
docs/detection.md states how much it finds and how often it is wrong.
"""

import re

import re2

from riskengine.seclang.operators_contract import Match
from riskengine.seclang.sqli_grammar import ALTERNATIVES

_MEMORY_MAX = 64 << 20
HINT = re.compile(
    rb"['\"`;(]|--|/\*|\|\||&&|@@|\b(?:and|or|xor|union|select|having|order|group|limit|procedure"
    rb"|insert|update|delete|drop|create|alter|exec|declare|truncate|waitfor|into|like|case|from|where"
    rb"|sys\w+|information_schema|mysql|pg_catalog|sqlite_master|rlike|regexp)\b",
    re.IGNORECASE,
)


def detect_sqli(value: bytes) -> Match | None:
    """Finds the part of `value` that is SQL where a value should be; case does not matter."""
    if value.isalnum() or not _hinted(value):
        return None
    found = _search(value)
    return Match(found.group(), (found.group(),)) if found else None


def options() -> re2.Options:
    """How a grammar is compiled: bytes, either case, one search without groups."""
    chosen = re2.Options()
    chosen.encoding = re2.Options.Encoding.LATIN1
    chosen.case_sensitive = False
    chosen.dot_nl = True
    chosen.max_mem = _MEMORY_MAX
    chosen.never_capture = True
    chosen.log_errors = False
    return chosen


_hinted = re2.compile(HINT.pattern, options()).search
_search = re2.compile("|".join(ALTERNATIVES).encode("latin-1"), options()).search
