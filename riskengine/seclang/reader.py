"""Reads SecLang files into rules, and says of everything in them what is not understood."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from riskengine.errors import OperatorError
from riskengine.seclang.amendments import AMENDMENTS, Amendment, amend, parse_amendment
from riskengine.seclang.directive_rules import Defaults, Unfinished, begin_rule, read_defaults
from riskengine.seclang.places import Remark
from riskengine.seclang.rules import Marker, Rule, RuleSet, Step
from riskengine.seclang.source import Directive, Source, read_files

_SILENT = frozenset({"seccomponentsignature"})
_SERVER = frozenset(
    {
        "secargumentseparator", "secargumentslimit", "secauditengine", "secauditlog",
        "secauditlogdirmode", "secauditlogfilemode", "secauditlogformat", "secauditlogparts",
        "secauditlogrelevantstatus", "secauditlogstoragedir", "secauditlogtype",
        "seccollectiontimeout", "seccookieformat", "secdatadir", "secdebuglog", "secdebugloglevel",
        "secrequestbodyaccess", "secrequestbodyinmemorylimit", "secrequestbodyjsondepthlimit",
        "secrequestbodylimit", "secrequestbodylimitaction", "secrequestbodynofileslimit",
        "secresponsebodyaccess", "secresponsebodylimit", "secresponsebodylimitaction",
        "secresponsebodymimetype", "secruleengine", "secstatusengine", "sectmpdir",
        "sectmpsaveuploadedfiles", "secunicodemapfile", "secuploaddir", "secuploadfilemode",
        "secuploadkeepfiles", "secserversignature", "secpcrematchlimit", "secgeolookupdb",
        "secpcrematchlimitrecursion", "secwebappid", "secxmlexternalentity", "secsensorid",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reading:
    """What files say, and what of it is wrong or left out."""

    rules: RuleSet
    remarks: tuple[Remark, ...]

    @property
    def mistakes(self) -> list[Remark]:
        """The remarks because of which the files must not be used."""
        return [remark for remark in self.remarks if remark.kind == "mistake"]


def read_rules(paths: list[Path]) -> Reading:
    """The rules of `paths`, read in that order; never fails, everything wrong is a remark."""
    return _Reader(read_files(paths)).reading()


class _Reader:
    """One reading of files: rules in order, chains being put together."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._remarks = list(source.remarks)
        self._steps: list[Step] = []
        self._defaults: dict[int, Defaults] = {}
        self._chain: Unfinished | None = None
        self._amendments: list[Amendment] = []
        self._ids: dict[int, Rule] = {}

    def reading(self) -> Reading:
        for directive in self._source.directives:
            self._read(directive)
        if self._chain is not None:
            self._remark_chain("the chain has no end: a SecRule must follow")
        steps = amend(self._steps, self._amendments)
        rules = RuleSet(tuple(steps), _digest(self._source.contents))
        return Reading(rules, tuple(sorted(set(self._remarks))))

    def _read(self, directive: Directive) -> None:
        name = directive.name.lower()
        if self._chain is not None and name != "secrule":
            self._remark_chain(f"the chain has no end: a SecRule must follow, not {directive.name}")
            self._chain = None
        try:
            self._dispatch(name, directive)
        except OperatorError as error:
            self._remark(directive, "mistake", str(error))

    def _dispatch(self, name: str, directive: Directive) -> None:
        if name in ("secrule", "secaction"):
            self._read_rule(directive)
        elif name == "secmarker":
            self._steps.append(Marker(_only_argument(directive)))
        elif name == "secdefaultaction":
            defaults = read_defaults(_only_argument(directive))
            self._defaults[defaults.phase] = defaults
        elif name in AMENDMENTS:
            self._amendments.append(parse_amendment(directive))
        elif name in _SERVER:
            self._remark(directive, "without effect", f"{directive.name} is a setting of a server")
        elif name not in _SILENT:
            self._remark(directive, "unsupported", f"{directive.name} is not understood")

    def _read_rule(self, directive: Directive) -> None:
        before = self._chain
        unfinished = begin_rule(directive, self._defaults, before)
        for cause in unfinished.idle:
            remark = Remark(directive.place, unfinished.id, "without effect", cause)
            self._remarks.append(remark)
        if unfinished.chained:
            self._chain = unfinished
            return
        self._chain = None
        if unfinished.left_out:
            for place, cause in unfinished.left_out:
                self._remarks.append(Remark(place, unfinished.id, "unsupported", cause))
            return
        self._add(unfinished.rule())

    def _add(self, rule: Rule) -> None:
        known = self._ids.setdefault(rule.id, rule)
        if known is not rule and rule.id:
            cause = f"the id is taken by {known.place}; choose another"
            self._remarks.append(Remark(rule.place, rule.id, "mistake", cause))
        self._steps.append(rule)

    def _remark_chain(self, cause: str) -> None:
        if self._chain is not None:
            self._remarks.append(Remark(self._chain.place, self._chain.id, "mistake", cause))

    def _remark(self, directive: Directive, kind: str, cause: str) -> None:
        known = {"mistake": "mistake", "unsupported": "unsupported"}
        self._remarks.append(
            Remark(directive.place, 0, known.get(kind, "without effect"), cause)  # type: ignore[arg-type]  # one of three words
        )


def without(rules: RuleSet, ids: frozenset[int]) -> RuleSet:
    """The rule set with the rules of those ids left out."""
    kept = [step for step in rules.steps if isinstance(step, Marker) or step.id not in ids]
    return replace(rules, steps=tuple(kept))


def _only_argument(directive: Directive) -> str:
    if len(directive.arguments) != 1:
        raise OperatorError(f"{directive.name} needs one argument, got {len(directive.arguments)}")
    return directive.arguments[0]


def _digest(contents: Mapping[Path, bytes]) -> str:
    digest = hashlib.sha256()
    for content in contents.values():
        digest.update(len(content).to_bytes(8))
        digest.update(content)
    return digest.hexdigest()
