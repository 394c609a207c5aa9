"""Every way a configuration can be wrong is named with file, line and what would be right."""

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]  # ships no types
import pytest
from ruamel.yaml import YAML

from riskengine.errors import RulesetError
from riskengine.gateway.config import config_schema, load_config

EXAMPLE = Path("deploy/gateway/gateway.yaml")
GOOD = """\
listen: 127.0.0.1:8080
engine:
  rules: rules
services:
  - id: shop
    endpoints:
      - address: 127.0.0.1:9001
"""

MISTAKES = {
    "unknown key": ("listen:", "lisen:", '1: unknown key "lisen"; did you mean "listen"?'),
    "no port": (
        "127.0.0.1:8080",
        "127.0.0.1",
        '1: listen must be HOST:PORT such as 0.0.0.0:8080 or [::1]:8080, got "127.0.0.1"',
    ),
    "neither rules nor endpoints": (
        "rules: rules",
        "store: memory",
        "2: engine needs either rules (decide in this process) or endpoints (ask over gRPC)",
    ),
    "unknown store": (
        "rules: rules",
        "rules: rules\n  store: disk",
        (
            "4: store must be memory, embedded or the URL of a Redis such as redis://HOST:PORT, "
            'got "disk"'
        ),
    ),
    "budget without unit": (
        "rules: rules",
        "rules: rules\n  budget: 50",
        "4: budget must be a duration above 0 such as 500ms, 10s, 1m, 24h or 7d, got 50",
    ),
    "unknown failure mode": (
        "rules: rules",
        "rules: rules\n  on_failure: ignore",
        '4: on_failure must be allow or deny, got "ignore"',
    ),
    "network with host bits": (
        "services:",
        "clients:\n  trusted_proxies: [10.0.0.1/8]\nservices:",
        (
            "5: an entry of trusted_proxies must be a network or an address such as 10.0.0.0/8 or "
            '::1, got "10.0.0.1/8"'
        ),
    ),
    "address without port": (
        "address: 127.0.0.1:9001",
        "address: 127.0.0.1",
        "7: address must be HOST:PORT, [IPV6]:PORT, unix:/PATH or https://HOST:PORT, got",
    ),
    "weight of nothing": (
        "address: 127.0.0.1:9001",
        "address: 127.0.0.1:9001\n        weight: 0",
        "8: weight must be a whole number of at least 1, got 0",
    ),
    "address twice": (
        "- address: 127.0.0.1:9001",
        "- address: 127.0.0.1:9001\n      - address: 127.0.0.1:9001",
        '8: address "127.0.0.1:9001" stands here twice',
    ),
    "two sources": (
        "- id: shop",
        "- id: shop\n    dns: shop.internal:80",
        "5: shop needs exactly one of endpoints, endpoints_file and dns",
    ),
    "unknown balancer": (
        "- id: shop",
        "- id: shop\n    balancer: fastest",
        (
            "6: balancer must be one of power_of_two, round_robin, least_loaded, client_hash, "
            'got "fastest"'
        ),
    ),
    "route to nowhere": (
        "services:",
        "routes:\n  - {service: shap}\nservices:",
        '5: no service has the id "shap"; did you mean "shop"?',
    ),
    "prefix without slash": (
        "services:",
        "routes:\n  - {service: shop, prefix: api}\nservices:",
        '5: prefix must be a path that begins with /, such as /api, got "api"',
    ),
    "no such share": (
        "- id: shop",
        "- id: shop\n    breaker: {failure_share: 5}",
        "6: failure_share must be a number above 0 and of at most 1, got 5",
    ),
    "key twice": ("listen:", "drain: 1s\ndrain: 2s\nlisten:", "stands here twice"),
}


def mistakes_of(text: str, tmp_path: Path) -> list[str]:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    with pytest.raises(RulesetError) as refused:
        load_config(path)
    return [mistake.removeprefix(f"{path}:") for mistake in refused.value.mistakes]


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake_is_named_with_its_line(case: str, tmp_path: Path) -> None:
    old, new, message = MISTAKES[case]
    assert old in GOOD
    [mistake] = mistakes_of(GOOD.replace(old, new, 1), tmp_path)
    assert message in mistake


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("listen:", "lisen:").replace(":9001", "").replace("rules: rules", "x: y")
    assert len(mistakes_of(text, tmp_path)) >= 3


def test_id_twice_is_a_mistake(tmp_path: Path) -> None:
    service = GOOD[GOOD.index("  - id: shop") :]
    found = mistakes_of(GOOD + service + "routes: [{service: shop}]\n", tmp_path)
    assert found == ['8: id "shop" stands here twice; ids must differ']


def test_several_services_need_routes(tmp_path: Path) -> None:
    service = GOOD[GOOD.index("  - id: shop") :].replace("shop", "api")
    [found] = mistakes_of(GOOD + service, tmp_path)
    assert found == "4: routes is missing; with several services it must say which gets what"


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesetError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "nowhere.yaml")


def test_example_loads_and_fits_the_schema_beside_it() -> None:
    load_config(EXAMPLE)
    schema = json.loads((EXAMPLE.parent / "gateway.schema.json").read_text())
    jsonschema.validate(YAML(typ="safe").load(EXAMPLE.read_text()), schema)


def test_schema_beside_the_example_is_the_current_one() -> None:
    assert (EXAMPLE.parent / "gateway.schema.json").read_text() == config_schema()


def test_every_key_is_documented() -> None:
    page = Path("docs/gateway.md").read_text()
    schema = json.loads(config_schema())
    keys = {key for model in (schema, *schema["$defs"].values()) for key in model["properties"]}
    assert {key for key in keys if f"`{key}`" not in page} == set()
