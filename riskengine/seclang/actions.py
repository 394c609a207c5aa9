"""Reads the actions of a rule: `id:1,phase:2,t:none,setvar:'tx.a=+1',chain`."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from riskengine.errors import OperatorError
from riskengine.seclang.macros import Macro, parse_macro
from riskengine.seclang.rules import Ctl, SetVar
from riskengine.seclang.targets import parse_target

PHASES = {"request": 2, "response": 4, "logging": 5, "1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
"""What `phase:` may say."""

CTLS = frozenset(
    {
        "forcerequestbodyvariable", "requestbodyaccess", "requestbodyprocessor", "ruleengine",
        "ruleremovebyid", "ruleremovebymsg", "ruleremovebytag", "ruleremovetargetbyid",
        "ruleremovetargetbymsg", "ruleremovetargetbytag",
    }
)  # fmt: skip
"""What `ctl:` can change here."""

IDLE_CTLS = frozenset(
    {
        "auditengine", "auditlogparts", "debugloglevel", "responsebodyaccess", "responsebodylimit",
        "requestbodylimit", "hashengine", "hashenforcement", "parsexmlintoargs",
    }
)  # fmt: skip
"""What `ctl:` may say without any meaning here: logs and responses are not ours."""

IDLE = frozenset(
    {
        "accuracy", "auditlog", "deprecatevar", "log", "maturity", "noauditlog", "nolog", "rev",
        "sanitisearg", "sanitisematched", "sanitisematchedbytes", "sanitiserequestheader",
        "sanitiseresponseheader", "status", "ver", "logdata", "msg", "severity", "tag", "phase",
        "id", "t", "capture", "multimatch", "chain", "pass", "block", "deny", "allow", "drop",
        "redirect", "proxy", "pause", "skip", "skipafter", "xmlns", "setvar", "ctl",
    }
)  # fmt: skip
"""Every action that is understood, most of them elsewhere."""

PERSISTENT = frozenset({"initcol", "expirevar", "setsid", "setuid", "setrsc"})
"""Actions on collections that outlive a request."""

_REMOVE_TARGET = frozenset(
    {"ruleremovetargetbyid", "ruleremovetargetbymsg", "ruleremovetargetbytag"}
)
_ACTION = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*)\s*(?::\s*(.*))?", re.DOTALL)
_SETVAR = re.compile(r"(!?)\s*([A-Za-z_]+)[.:]([^=]+)(?:=(.*))?", re.DOTALL)


class Action(NamedTuple):
    """One action: `name:value`."""

    name: str
    """In lower case."""
    value: str


def split_actions(text: str) -> list[Action]:
    """The actions of a rule, in order. OperatorError on what is no list of actions."""
    actions = []
    for piece in _split(text):
        match = _ACTION.fullmatch(piece)
        if match is None:
            raise OperatorError(f"{piece.strip()!r} is not an action")
        actions.append(Action(match[1].lower(), _unquoted((match[2] or "").strip())))
    return actions


def parse_setvar(value: str) -> SetVar:
    """`tx.name=value`, `tx.name=+1`, `!tx.name`. OperatorError for collections other than TX."""
    match = _SETVAR.fullmatch(value)
    if match is None:
        raise OperatorError(f"setvar:{value} must read collection.name=value")
    removed, collection, name, assigned = match.groups()
    if collection.lower() != "tx":
        raise OperatorError(
            f"setvar:{value} writes to {collection}, which outlives a request: "
            "limits.yaml is for that"
        )
    key = parse_macro(name.strip())
    if removed:
        return SetVar(key, "unset", Macro(()))
    if assigned is None:
        return SetVar(key, "=", parse_macro("1"))
    if assigned[:1] == "+":
        return SetVar(key, "+", parse_macro(assigned[1:]))
    if assigned[:1] == "-":
        return SetVar(key, "-", parse_macro(assigned[1:]))
    return SetVar(key, "=", parse_macro(assigned))


def parse_ctl(value: str) -> Ctl | None:
    """One `ctl`; None where it has no meaning here. OperatorError when it is not known."""
    kind, _, rest = value.partition("=")
    name = kind.strip().lower()
    if name in IDLE_CTLS:
        return None
    if name not in CTLS:
        raise OperatorError(f"ctl:{kind} is not understood")
    if name not in _REMOVE_TARGET:
        return Ctl(name, rest.strip())
    subject, _, target = rest.partition(";")
    return Ctl(name, subject.strip(), parse_target(target))


def _split(text: str) -> Iterator[str]:
    """`text` cut at commas that stand outside single quotes."""
    piece: list[str] = []
    quoted = escaped = False
    for sign in text:
        if sign == "," and not quoted:
            yield "".join(piece)
            piece = []
            continue
        if sign == "'" and not escaped:
            quoted = not quoted
        escaped = sign == "\\" and not escaped
        piece.append(sign)
    if "".join(piece).strip():
        yield "".join(piece)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1].replace("\\'", "'")
    return value
