"""Turns a SecRule or SecAction directive into a rule, or says why it is left out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from riskengine.errors import OperatorError
from riskengine.seclang.actions import (
    IDLE,
    PERSISTENT,
    PHASES,
    Action,
    parse_ctl,
    parse_setvar,
    split_actions,
)
from riskengine.seclang.macros import Macro, parse_macro
from riskengine.seclang.operators import compile_operator
from riskengine.seclang.places import Place
from riskengine.seclang.rules import Condition, Ctl, Disruption, Rule, SetVar, Target
from riskengine.seclang.source import Directive
from riskengine.seclang.targets import parse_targets
from riskengine.seclang.transforms import TRANSFORMS

_DISRUPTIONS: Mapping[str, Disruption] = {
    "pass": "pass", "deny": "deny", "drop": "deny", "redirect": "deny", "proxy": "deny",
}  # fmt: skip
_DEFAULT_PHASE = 2


@dataclass(frozen=True, slots=True)
class Defaults:
    """What SecDefaultAction says for the rules of one phase."""

    phase: int = _DEFAULT_PHASE
    disruption: Disruption = "pass"
    transforms: tuple[str, ...] = ()
    recorded: bool = True


@dataclass(slots=True)
class Unfinished:
    """A rule being read: its chain may go on."""

    id: int
    place: Place
    phase: int
    defaults: Defaults
    first: list[Action]
    """Actions of the rule that began the chain: only those decide what becomes of the request."""
    conditions: list[Condition] = field(default_factory=list)
    left_out: list[tuple[Place, str]] = field(default_factory=list)
    """Why the rule cannot be used."""
    idle: list[str] = field(default_factory=list)
    """What in its last directive has no effect here."""
    chained: bool = False
    """Whether another SecRule must follow."""

    def rule(self) -> Rule:
        """The finished rule."""
        last = {action.name: action.value for action in self.first}
        skip = last.get("skip", "")
        return Rule(
            id=self.id,
            phase=self.phase,
            place=self.place,
            conditions=tuple(self.conditions),
            disruption=_disruption(self.first, self.defaults),
            skip_after=last.get("skipafter", ""),
            skip=int(skip) if skip.isdecimal() else 0,
            tags=tuple(action.value for action in self.first if action.name == "tag"),
            message=parse_macro(last.get("msg", "")),
            data=parse_macro(last.get("logdata", "")),
            severity=last.get("severity", "").upper(),
            recorded=_is_recorded(self.first, self.defaults),
        )


def read_defaults(text: str) -> Defaults:
    """The argument of SecDefaultAction."""
    actions = split_actions(text)
    phase = _phase(actions, _DEFAULT_PHASE)
    return Defaults(
        phase,
        _disruption(actions, Defaults()),
        _transforms(actions, ()),
        _is_recorded(actions, Defaults()),
    )


def begin_rule(
    directive: Directive, defaults: Mapping[int, Defaults], before: Unfinished | None
) -> Unfinished:
    """The rule that `directive` begins, or the one that it goes on with.

    OperatorError where the directive makes no sense; what is merely not done here is noted.
    """
    is_rule = directive.name.lower() == "secrule"
    arguments = directive.arguments
    needed = (2, 3) if is_rule else (1,)
    needs = "variables, an operator and actions" if is_rule else "actions"
    if len(arguments) not in needed:
        raise OperatorError(f"{directive.name} needs {needs}, got {len(arguments)} arguments")
    actions = split_actions(arguments[-1]) if len(arguments) == needed[-1] else []
    rule = before or _started(directive, actions, defaults)
    rule.chained = any(action.name == "chain" for action in actions)
    rule.idle = []
    try:
        _refuse_late_phase(rule.phase)
        rule.conditions.append(_condition(directive, actions, rule, is_rule))
    except OperatorError as error:
        rule.left_out.append((directive.place, str(error)))
    return rule


def _refuse_late_phase(phase: int) -> None:
    if phase not in (1, 2):
        raise OperatorError(f"phase {phase} is behind the answer, which is not seen here")


def _started(
    directive: Directive, actions: list[Action], defaults: Mapping[int, Defaults]
) -> Unfinished:
    ids = [action.value for action in actions if action.name == "id"]
    if len(ids) != 1 or not ids[0].isdecimal():
        raise OperatorError(f"the rule needs one numeric id, got {', '.join(ids) or 'none'}")
    phase = _phase(actions, _DEFAULT_PHASE)
    return Unfinished(
        int(ids[0]), directive.place, phase, defaults.get(phase, Defaults(phase)), actions
    )


def _condition(
    directive: Directive, actions: list[Action], rule: Unfinished, is_rule: bool
) -> Condition:
    for action in actions:
        if action.name not in IDLE and action.name not in PERSISTENT and action.name != "setenv":
            raise OperatorError(f"the action {action.name} is not understood")
    targets: tuple[tuple[Target, ...], tuple[Target, ...]] = ((), ())
    operator, negated, argument = None, False, Macro(())
    if is_rule:
        targets = parse_targets(directive.arguments[0])
        name, negated, text = _split_operator(directive.arguments[1])
        raw = text.encode("utf-8", "surrogateescape")
        operator = compile_operator(name, raw, directory=directive.place.path.parent)
        argument = parse_macro(text)
    # Only the first rule of a chain takes the transformations of SecDefaultAction.
    inherited = rule.defaults.transforms if not rule.conditions else ()
    return Condition(
        place=directive.place,
        targets=targets[0],
        excluded=targets[1],
        operator=operator,
        negated=negated,
        argument=argument,
        transforms=_transforms(actions, inherited),
        multi_match=any(action.name == "multimatch" for action in actions),
        capture=any(action.name == "capture" for action in actions),
        setvars=_setvars(actions, rule),
        ctls=_ctls(actions),
    )


def _split_operator(text: str) -> tuple[str, bool, str]:
    """Name, whether `!` negates it, and the argument."""
    stripped = text.strip()
    negated = stripped.startswith("!")
    rest = stripped.removeprefix("!").lstrip() if negated else stripped
    if not rest.startswith("@"):
        return "rx", negated, rest
    name, _, argument = rest[1:].partition(" ")
    return name, negated, argument.strip(" ") if name.lower() != "rx" else argument.lstrip(" ")


def _setvars(actions: list[Action], rule: Unfinished) -> tuple[SetVar, ...]:
    setvars = []
    for action in actions:
        if action.name in PERSISTENT or action.name == "setenv":
            rule.idle.append(
                f"{action.name}:{action.value} is for what outlives a request, "
                "which limits.yaml does here"
            )
        if action.name == "setvar":
            try:
                setvars.append(parse_setvar(action.value))
            except OperatorError as error:
                rule.idle.append(str(error))
    return tuple(setvars)


def _ctls(actions: list[Action]) -> tuple[Ctl, ...]:
    parsed = [parse_ctl(action.value) for action in actions if action.name == "ctl"]
    return tuple(ctl for ctl in parsed if ctl is not None)


def _transforms(actions: list[Action], inherited: tuple[str, ...]) -> tuple[str, ...]:
    chain = list(inherited)
    for action in actions:
        name = action.value.lower()
        if action.name != "t":
            continue
        if name == "none":
            chain.clear()
        elif name in TRANSFORMS:
            chain.append(name)
        else:
            raise OperatorError(f"the transformation {action.value} is not known")
    return tuple(chain)


def _phase(actions: list[Action], otherwise: int) -> int:
    for action in actions:
        if action.name == "phase":
            if action.value.lower() not in PHASES:
                raise OperatorError(f"phase must be from 1 to 5, got {action.value}")
            return PHASES[action.value.lower()]
    return otherwise


def _disruption(actions: list[Action], defaults: Defaults) -> Disruption:
    for action in reversed(actions):
        if action.name == "allow":
            return {"phase": "allow:phase", "request": "allow:request"}.get(action.value, "allow")  # type: ignore[return-value]  # a word of Disruption
        if action.name == "block":
            return defaults.disruption
        if action.name in _DISRUPTIONS:
            return _DISRUPTIONS[action.name]
    return defaults.disruption


def _is_recorded(actions: list[Action], defaults: Defaults) -> bool:
    for action in reversed(actions):
        if action.name in ("log", "nolog"):
            return action.name == "log"
    return defaults.recorded
