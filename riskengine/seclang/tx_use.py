"""Which TX variables rules read and write, so far as it can be told beforehand."""

from collections.abc import Sequence
from dataclasses import replace

from riskengine.seclang.rules import Rule, Target
from riskengine.seclang.specialize import uncertain_names


def read_names(rule: Rule) -> set[str]:
    """Names of TX variables that the rule reads."""
    names = {t.key for c in rule.conditions for t in c.targets if t.variable == "TX" and t.key}
    for condition in rule.conditions:
        macros = [condition.argument, *[setvar.value for setvar in condition.setvars]]
        names |= {r.key for macro in macros for r in macro.references if r.variable == "TX"}
    return names


def read_beginnings(rule: Rule) -> list[str]:
    """What names of TX variables that the rule selects begin with; with `*`: what they hold."""
    whole = [t for c in rule.conditions for t in c.targets if t.variable == "TX" and not t.key]
    return [beginning for target in whole for beginning in _beginning(target)]


def is_own(target: Target, rule: Rule, rules: Sequence[Rule]) -> bool:
    """Whether only `rule` writes what the target reads."""
    for other in rules:
        names, beginnings = uncertain_names(other)
        if other is rule or not (names or beginnings):
            continue
        if any(target.takes(name) for name in names):
            return False
        if any(_may_take(target, beginning) for beginning in beginnings):
            return False
    return True


def keeps_to_itself(rule: Rule, rules: Sequence[Rule]) -> bool:
    """Whether no other rule reads what `rule` writes before its last condition holds."""
    names, beginnings = uncertain_names(replace(rule, conditions=rule.conditions[:-1]))
    written = {name for name in names if not name.isdigit()}
    if beginnings:
        return False
    for other in rules:
        if other is not rule and (written & read_names(other) or _reads_any(other, written)):
            return False
    return True


def _reads_any(rule: Rule, names: set[str]) -> bool:
    whole = [t for c in rule.conditions for t in c.targets if t.variable == "TX" and not t.key]
    return any(target.takes(name) for target in whole for name in names)


def _may_take(target: Target, beginning: str) -> bool:
    """Whether a variable whose name begins so may be meant: true when in doubt."""
    if target.pattern is None:
        return not target.key or target.key.startswith(beginning)
    wanted = _beginning(target)[0]
    if wanted.startswith("*") or not wanted:
        return True
    return wanted.startswith(beginning) or beginning.startswith(wanted)


def _beginning(target: Target) -> list[str]:
    if target.pattern is None:
        return [""]
    text = target.pattern.pattern
    text = text if isinstance(text, str) else text.decode("latin-1")
    plain = ""
    for sign in text.removeprefix("(?i)").removeprefix("^"):
        if sign in "*?{":
            plain = plain[:-1]
        if not (sign.isalnum() or sign == "_"):
            break
        plain += sign.lower()
    anchored = text.removeprefix("(?i)").startswith("^")
    return [plain] if anchored else ["*" + plain]
