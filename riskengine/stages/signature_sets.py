"""A set of signatures compiled: for each route the evaluator that serves there."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from riskengine.errors import OperatorError, RulesetError
from riskengine.origin.matching import origin_test
from riskengine.ruleset.path_patterns import PathPatterns
from riskengine.ruleset.signature_files import files_of
from riskengine.ruleset.signatures import Exclusion, Points, RouteSignatures, SignatureSet
from riskengine.seclang.building import build
from riskengine.seclang.exemptions import (
    Exemption,
    Sparing,
    exempted,
    parse_exemption,
    parse_sparing,
)
from riskengine.seclang.fast import FastRules
from riskengine.seclang.pattern_cache import PatternCache
from riskengine.seclang.reader import Reading, read_rules
from riskengine.seclang.rules import RuleSet
from riskengine.seclang.specialize import specialize


@dataclass(frozen=True, slots=True)
class Variant:
    """How a set judges on some routes."""

    rules: FastRules
    mode: str
    threshold: int
    on_unread_body: str


@dataclass(frozen=True, slots=True)
class LocalExemption:
    """An exclusion that holds in some places only."""

    exemption: Exemption
    paths: PathPatterns | None
    routes: tuple[str, ...]

    def holds(self, path_key: str, route: str) -> bool:
        """Whether it holds for a request to that path."""
        if self.routes and route not in self.routes:
            return False
        return self.paths is None or self.paths.find(path_key) is not None


class CompiledSet:
    """One set with all its variants. Made aside; takes seconds unless patterns are cached."""

    def __init__(
        self,
        source: SignatureSet,
        exclusions: tuple[Exclusion, ...],
        directory: Path,
        cache: PatternCache,
    ) -> None:
        """Raises RulesetError with all mistakes of its SecLang files."""
        self.source = source
        self.meant = origin_test(source.match)
        reading = read_set(source, directory)
        self.files = len(reading.rules.rules)
        left_out = _split(exclusions)
        self.local = tuple(left_out.local)
        rules = exempted(reading.rules, left_out.everywhere, left_out.sparings)
        built: dict[tuple[tuple[str, bytes], ...], FastRules] = {}

        def variant(own: RouteSignatures | None) -> Variant:
            tx = _variables(source, own)
            key = tuple(sorted(tx.items()))
            if key not in built:
                built[key] = build(specialize(rules, tx), cache.compiled)
            mode = (own.mode if own is not None else None) or source.mode
            threshold = (own.threshold if own is not None else None) or source.threshold
            on_unread = (own.on_unread_body if own is not None else None) or source.on_unread_body
            return Variant(built[key], mode, threshold, on_unread)

        self._everywhere = variant(None)
        self._by_route: dict[str, Variant] = {}
        for own in source.routes:
            made = variant(own)
            for route in own.routes:
                self._by_route.setdefault(route, made)

    @property
    def only_variant(self) -> Variant | None:
        """How all requests are judged; None where some routes have a way of their own."""
        return None if self._by_route else self._everywhere

    def variant_of(self, route: str) -> Variant:
        """How requests on that route are judged."""
        return self._by_route.get(route, self._everywhere)


def read_set(source: SignatureSet, directory: Path) -> Reading:
    """What the files of a set say; RulesetError with all mistakes in them."""
    files = files_of(source, directory)
    if not files:
        where = source.crs or source.directory or source.without_crs
        raise RulesetError([f"signatures.yaml: set {source.id}: no SecLang files in {where}"])
    reading = read_rules(files)
    if reading.mistakes:
        raise RulesetError([str(remark) for remark in reading.mistakes])
    return reading


def rules_of(source: SignatureSet, exclusions: tuple[Exclusion, ...], directory: Path) -> RuleSet:
    """The rules of a set without what is excluded everywhere."""
    left_out = _split(exclusions)
    rules = read_set(source, directory).rules
    return exempted(rules, left_out.everywhere, left_out.sparings)


def _variables(source: SignatureSet, own: RouteSignatures | None) -> dict[str, bytes]:
    """What TX holds before the set's own set-up, which leaves alone what is there already."""
    paranoia = b"%d" % ((own and own.paranoia) or source.paranoia)
    threshold = (own and own.threshold) or source.threshold
    points: Points = (own and own.points) or source.points
    return {
        "crs_setup_version": b"999",
        "blocking_paranoia_level": paranoia,
        "paranoia_level": paranoia,
        "executing_paranoia_level": paranoia,
        "detection_paranoia_level": paranoia,
        "inbound_anomaly_score_threshold": b"%d" % threshold,
        "critical_anomaly_score": b"%d" % points.critical,
        "error_anomaly_score": b"%d" % points.error,
        "warning_anomaly_score": b"%d" % points.warning,
        "notice_anomaly_score": b"%d" % points.notice,
        **{name.lower(): value.encode() for name, value in source.variables.items()},
    }


@dataclass(frozen=True, slots=True)
class _LeftOut:
    """Exclusions by what they do."""

    everywhere: list[Exemption] = field(default_factory=list)
    sparings: list[Sparing] = field(default_factory=list)
    local: list[LocalExemption] = field(default_factory=list)

    def add(self, one: Exclusion) -> None:
        if one.value is not None:
            self.sparings.append(parse_sparing(one.rule, one.tag, one.value))
            return
        exemption = parse_exemption(one.rule, one.tag, one.parameter)
        if one.path is None and not one.routes:
            self.everywhere.append(exemption)
            return
        paths = PathPatterns((one.path,)) if one.path is not None else None
        self.local.append(LocalExemption(exemption, paths, one.routes))


def _split(exclusions: Iterable[Exclusion]) -> _LeftOut:
    left_out = _LeftOut()
    for one in exclusions:
        try:
            left_out.add(one)
        except OperatorError as error:
            raise RulesetError(
                [f"signatures.yaml: exclusion of {one.rule or one.tag}: {error}"]
            ) from None
    return left_out
