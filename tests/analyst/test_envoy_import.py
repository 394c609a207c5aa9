"""Descriptor files of envoyproxy/ratelimit become rules, or are refused where they are wrong."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskengine.analyst.envoy_descriptors import (
    DescriptorEntry,
    Domain,
    Node,
    RateLimit,
    read_domains,
)
from riskengine.analyst.envoy_import import Imported, import_descriptors
from riskengine.analyst.limit_yaml import require_loadable
from riskengine.errors import RulesetError
from riskengine.inspection import Batch
from riskengine.request import make_request
from riskengine.ruleset.limits import LimitRule
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.limit_plan import LimitPlan

SHARED = Path(__file__).parents[3] / "shared" / "data" / "envoy_ratelimit_configs"
VALID = {
    "config.yaml", "example.yaml", "basic_config.yaml", "merge_domain_key1.yaml",
    "merge_domain_key2.yaml", "metadata.yaml", "shadowmode_config.yaml", "share_threshold.yaml",
    "wildcard.yaml", "another.yaml", "basic.yaml", "reload.yaml",
}  # fmt: skip


def write(directory: Path, text: str, name: str = "config.yaml") -> Path:
    path = directory / name
    path.write_text(text)
    return path


def imported(directory: Path, text: str) -> Imported:
    return import_descriptors(read_domains([write(directory, text)]))


def rules_of(result: Imported) -> dict[str, LimitRule]:
    return {rule.id: rule for rule in require_loadable(result.text, Path("limits.yaml")).limits}


def counting(rules: list[LimitRule], namespace: str, attributes: dict[str, str]) -> dict[str, str]:
    """Rules that count a request with these attributes, and whom each counts."""
    request = make_request(
        client_ip="203.0.113.7", method="GET", path="/", namespace=namespace, attributes=attributes
    )
    [inspection] = Batch.of([request], RouteTable(()), now=0, deadline=1).every
    return {
        limit.id: hits[0][0].subject
        for limit in LimitPlan(rules, {}).limits_at(inspection).limits
        if limit.counts(inspection) and (hits := limit.hits(inspection, bytes))
    }


HUGE = """domain: d
descriptors:
  - {key: k, rate_limit: {unit: day, requests_per_unit: 4000000000}}
"""
NESTED = """
domain: shop
descriptors:
  - key: plan
    value: free
    descriptors:
      - key: user
        rate_limit: {unit: second, requests_per_unit: 5}
      - key: user
        value: tester
        rate_limit: {unit: MINUTE, requests_per_unit: 1000}
        shadow_mode: true
  - key: path
    rate_limit: {unit: hour, requests_per_unit: 20}
  - key: path
    value: /health
  - key: path
    value: /img/*
    rate_limit: {unlimited: true}
  - key: path
    value: /api/*
    share_threshold: true
    rate_limit: {unit: day, requests_per_unit: 9, name: api}
"""


def test_entries_become_attributes_with_value_window_and_mode(tmp_path: Path) -> None:
    rules = rules_of(imported(tmp_path, NESTED))
    assert {rule.id: (rule.limit, rule.window, rule.mode) for rule in rules.values()} == {
        "shop-plan-free-user": (5, 1, "enforce"),
        "shop-plan-free-user-tester": (1000, 60, "observe"),
        "shop-path": (20, 3600, "enforce"),
        "shop-path-api": (9, 86400, "enforce"),
    }
    assert rules["shop-plan-free-user"].match.attributes == {"plan": "free"}
    assert rules["shop-plan-free-user"].key == ("attribute:user",)


@pytest.mark.parametrize(
    ("attributes", "counted"),
    [
        ({"plan": "free", "user": "ann"}, {"shop-plan-free-user": "attribute:user:ann"}),
        (
            {"plan": "free", "user": "tester"},
            {"shop-plan-free-user-tester": "attribute:plan:free,attribute:user:tester"},
        ),
        ({"plan": "paid", "user": "ann"}, {}),
        ({"path": "x"}, {"shop-path": "attribute:path:x"}),
        ({"path": "/health"}, {}),
        ({"path": "/img/logo.png"}, {}),
        ({"path": "/api/one"}, {"shop-path-api": "namespace:shop"}),
        ({"path": "/api/two"}, {"shop-path-api": "namespace:shop"}),
    ],
)
def test_the_most_specific_entry_counts_alone(
    tmp_path: Path, attributes: dict[str, str], counted: dict[str, str]
) -> None:
    rules = list(rules_of(imported(tmp_path, NESTED)).values())
    assert counting(rules, "shop", attributes) == counted
    assert counting(rules, "other-shop", attributes) == {}


def test_every_rule_says_where_it_came_from(tmp_path: Path) -> None:
    text = imported(tmp_path, NESTED).text
    for comment in (
        "# config.yaml:7: plan=free / user\n  - id: shop-plan-free-user\n",
        "# config.yaml:15: path=/health: has no limit; the rules around it leave it out.",
        "# config.yaml:17: path=/img/*: has no limit; the rules around it leave it out.",
        f"# From: {tmp_path}/config.yaml",
    ):
        assert comment in text


@pytest.mark.parametrize(
    ("entry", "note"),
    [
        ("rate_limit: {unit: second, requests_per_unit: 0}", "k refuses everything"),
        ("rate_limit: {unit: month, requests_per_unit: 1}", "a month is 30d here"),
        (
            "rate_limit: {unit: day, requests_per_unit: 1, replaces: [{name: other}]}",
            "replaces (other) has no equal",
        ),
        ("detailed_metric: true\n    rate_limit: {unit: day, requests_per_unit: 1}", "per rule"),
        ("value_to_metric: true", "value_to_metric: metrics are per rule"),
        ("quota_mode: true\n    rate_limit: {unit: day, requests_per_unit: 1}", "observes"),
        (
            "metadata: {a: {b: c}}\n    rate_limit: {unit: day, requests_per_unit: 1}",
            "metadata is not imported",
        ),
        (
            "descriptors: [{key: k, rate_limit: {unit: day, requests_per_unit: 1}}]",
            "k stands twice in k / k",
        ),
    ],
)
def test_what_has_no_equal_is_a_note_and_a_comment(tmp_path: Path, entry: str, note: str) -> None:
    result = imported(tmp_path, f"domain: d\ndescriptors:\n  - key: k\n    {entry}\n")
    assert any(note in found.text for found in result.notes)
    assert all(found.source.startswith(f"{tmp_path}/config.yaml:") for found in result.notes)
    assert any(line.lstrip().startswith("#") and note in line for line in result.text.splitlines())


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("descriptors: []", "config.yaml:1: domain is missing"),
        ("domain: d", "config.yaml:1: descriptors must be a list of at least 1 entry"),
        ("domain: d\ndescriptors:\n  - value: v", "config.yaml:3: key is missing"),
        (
            "domain: d\ndescriptors:\n  - {key: a b}",
            "config.yaml:3: key must be at most 64 letters",
        ),
        ("domain: a b\ndescriptors:\n  - {key: k}", "domain must be at most 64 letters"),
        (
            "domain: d\ndescriptors:\n  - {key: k, rate_limit: {unit: week-end}}",
            "config.yaml:3: unit must be one of second, minute, hour, day, week, month, year, got",
        ),
        (
            "domain: d\ndescriptors:\n  - {key: k, rate_limit: {unit: day}}",
            "config.yaml:3: requests_per_unit is missing; write 0 to refuse everything",
        ),
        (
            "domain: d\ndescriptors:\n  - key: k\n    ratelimit: {}",
            'config.yaml:4: unknown key "ratelimit"; did you mean "rate_limit"?',
        ),
        (
            "domain: d\ndescriptors:\n  - {key: k, value: 1}\n  - {key: k, value: 1}",
            'config.yaml:4: "k=1" stands here twice, first at',
        ),
        (
            HUGE,
            "config.yaml:3: requests_per_unit must be at most 1000000000, got 4000000000",
        ),
        ("static_resources: {}", "is a configuration of Envoy itself"),
        ("'''", "config.yaml:1: has a quoted text without its closing quote"),
    ],
)
def test_mistakes_are_named_with_file_line_and_what_is_right(
    tmp_path: Path, text: str, mistake: str
) -> None:
    with pytest.raises(RulesetError) as raised:
        imported(tmp_path, text)
    assert any(mistake in found for found in raised.value.mistakes), raised.value.mistakes


def test_one_domain_in_two_files_is_put_together_only_when_asked(tmp_path: Path) -> None:
    text = (
        "domain: d\ndescriptors:\n  - {{key: {}, rate_limit: {{unit: day, requests_per_unit: 1}}}}"
    )
    files = [write(tmp_path, text.format(key), f"{key}.yaml") for key in "ab"]
    with pytest.raises(RulesetError, match=r'domain "d" stands in .*a\.yaml too'):
        read_domains(files)
    assert set(rules_of(import_descriptors(read_domains(files, merge=True)))) == {"d-a", "d-b"}


def test_ids_stay_apart_and_short(tmp_path: Path) -> None:
    long = "x" * 80
    text = "domain: d\ndescriptors:\n" + "".join(
        f"  - {{key: k, value: {value}, rate_limit: {{unit: day, requests_per_unit: 1}}}}\n"
        for value in ("a.b", "a-b", f"{long}1", f"{long}2", "ünï", '"\\u2028\\x7f: #"')
    )
    result = imported(tmp_path, text)
    assert len(rules_of(result)) == 6
    assert all(len(id_) <= 64 for id_ in rules_of(result))


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="needs the public data set folder")
def test_published_files_import_or_are_refused_as_they_are_meant_to() -> None:
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for path in sorted(SHARED.rglob("*.yaml")):
        try:
            rules = import_descriptors(read_domains([path])).rules
        except RulesetError as error:
            mistakes = [text for text in error.mistakes if not text.startswith(f"{path}:")]
            found[False].add(path.name)
        else:
            mistakes = [] if rules else ["no rules"]
            found[True].add(path.name)
        assert mistakes == []
    assert found[True] == VALID
    assert not found[False] & VALID
    assert len(found[False]) == 15


# The service's own look-up, written down from its description: at each entry the value, else the
# first pattern that fits, else the bare key; the limit is that of the last entry.


def looked_up(nodes: tuple[Node, ...], descriptor: list[tuple[str, str]]) -> Node | None:
    found: Node | None = None
    for key, value in descriptor:
        same = [node for node in nodes if node.entry.key == key]
        exact = [n for n in same if n.entry.value == value]
        like = [n for n in same if n.entry.value == "a*" and value.startswith("a")]
        bare = [n for n in same if not n.entry.value]
        found = next(iter([*exact, *like, *bare]), None)
        if found is None:
            return None
        nodes = found.children
    return found


@st.composite
def trees(draw: st.DrawFn, depth: int = 0) -> tuple[Node, ...]:
    names = [(key + str(depth), value) for key in "kl" for value in ("", "a", "ab", "c", "a*")]
    chosen = draw(st.lists(st.sampled_from(names), unique=True, max_size=5))
    nodes: list[Node] = []
    for key, value in chosen:
        limit = draw(st.sampled_from([None, RateLimit(unit="day", requests_per_unit=1)]))
        children = draw(trees(depth + 1)) if depth < 2 else ()
        entry = DescriptorEntry(key=key, value=value, rate_limit=limit)
        nodes.append(Node(entry, Path("f"), len(nodes), children))
    return tuple(nodes)


@settings(max_examples=150, deadline=None)
@given(trees(), st.data())
def test_rules_count_exactly_what_the_service_would_look_up(
    nodes: tuple[Node, ...], data: st.DataObject
) -> None:
    result = import_descriptors([Domain("d", nodes)])
    rules = list(rules_of(result).values())
    values = st.sampled_from(["a", "ab", "abc", "c", "x"])
    descriptor = [
        (f"{data.draw(st.sampled_from('kl'))}{depth}", data.draw(values))
        for depth in range(data.draw(st.integers(1, 3)))
    ]
    found = looked_up(nodes, descriptor)
    if found is None and looked_up(nodes, descriptor[:1]) is not None:
        return  # entries that no file names: said in docs/limits.md
    counted = counting(rules, "d", dict(descriptor))
    assert len(counted) == (found is not None and found.entry.rate_limit is not None)
