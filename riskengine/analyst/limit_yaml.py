"""Writes limit rules as people write them, with comments above."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from riskengine.errors import RulesetError
from riskengine.ruleset.fields import Mode
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.loader import sorted_messages
from riskengine.ruleset.validation import validate
from riskengine.ruleset.yaml_source import read_document

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)
_WORDS = {"true", "false", "null", "yes", "no", "on", "off"}
_UNPRINTABLE = re.compile(r"[\x7f-\x9f\u2028\u2029\ufeff]")
_COLUMNS = 98

Match = Mapping[str, Sequence[str] | Mapping[str, str] | Mapping[str, Sequence[str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenLimit:
    """A rule to be written, and what is said above it."""

    id: str
    description: str
    key: Sequence[str]
    limit: int
    window: str
    """As in a rule file: `1m`."""
    match: Match = field(default_factory=dict)
    mode: Mode = "enforce"
    comments: Sequence[str] = ()


def written_limits(head: Iterable[str], blocks: Iterable[WrittenLimit | Sequence[str]]) -> str:
    """The text of a `limits.yaml`; a block of mere lines becomes a comment between the rules."""
    lines = [_comment(line, "") for line in head]
    rules: list[str] = []
    for block in blocks:
        rules.append("")
        if isinstance(block, WrittenLimit):
            rules += _rule(block)
        else:
            rules += [_comment(line, "  ") for line in block]
    empty = not any(line.startswith("  - id:") for line in rules)
    return "\n".join([*lines, "limits: []" if empty else "limits:", *rules[1:], ""])


def require_loadable(text: str, path: Path) -> LimitsFile:
    """The rules in `text`, which is to become `path`; RulesetError where they would not load."""
    document = read_document(path, text.encode())
    file = validate(document, LimitsFile)
    if file is None or document.mistakes:
        raise RulesetError(sorted_messages(document.mistakes))
    return file


def scalar(text: str) -> str:
    """`text` as a value that reads back as the same text."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _rule(rule: WrittenLimit) -> list[str]:
    lines = [_comment(line, "  ") for line in rule.comments]
    lines += [f"  - id: {rule.id}", f"    description: {scalar_sentence(rule.description)}"]
    if rule.mode != "enforce":
        lines.append(f"    mode: {rule.mode}")
    if rule.match:
        lines += _match(rule.match)
    return [
        *lines,
        f"    key: {_list(rule.key)}",
        f"    limit: {rule.limit}",
        f"    window: {rule.window}",
    ]


def scalar_sentence(text: str) -> str:
    """A sentence, without quotes where it needs none."""
    harmless = re.fullmatch(r"[A-Za-z][A-Za-z0-9 ,./;_()=*-]*", text, re.ASCII)
    return text if harmless else scalar(text)


def _match(match: Match) -> list[str]:
    """On one line where it fits."""
    parts = [f"{name}: {_flow(value)}" for name, value in match.items()]
    one = f"    match: {{{', '.join(parts)}}}"
    if len(one) <= _COLUMNS and len(parts) == 1:
        return [one]
    return ["    match:", *(f"      {part}" for part in parts)]


def _flow(value: Sequence[str] | Mapping[str, str] | Mapping[str, Sequence[str]]) -> str:
    if not isinstance(value, Mapping):
        return _list(value)
    pairs = [
        f"{scalar(name)}: {scalar(inner) if isinstance(inner, str) else _list(inner)}"
        for name, inner in value.items()
    ]
    return f"{{{', '.join(pairs)}}}"


def _list(values: Sequence[str]) -> str:
    return f"[{', '.join(scalar(value) for value in values)}]"


def _comment(line: str, indent: str) -> str:
    """One line, whatever a name from somewhere else holds."""
    text = " ".join(line.split()) if not line.isprintable() else line
    printable = "".join(c if c.isprintable() else "?" for c in text)
    return f"{indent}# {printable}".rstrip()
