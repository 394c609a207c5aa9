"""docs/addresses.md tells every field, and its examples load."""

import re
from pathlib import Path

import pytest

from riskengine.records.address_metrics import BanState, ListState, ban_families, list_families
from riskengine.ruleset.addresses import AddressesFile, AddressSource, ListEntry
from riskengine.ruleset.bots import BotRule, BotsFile
from riskengine.ruleset.databases import Database
from riskengine.ruleset.fields import Banning, Entry
from riskengine.ruleset.limits import LimitsFile
from riskengine.ruleset.list_formats import _READERS
from riskengine.ruleset.origin_checks import AGENT_TAGS
from riskengine.ruleset.origin_match import OriginMatch
from riskengine.ruleset.validation import validate
from riskengine.ruleset.yaml_source import read_document

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "addresses.md"
TEXT = PAGE.read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)


@pytest.mark.parametrize(
    "model", [AddressSource, ListEntry, Database, BotRule, Banning, OriginMatch]
)
def test_every_field_is_told(model: type[Entry]) -> None:
    general = {"false_positives"}
    missing = [name for name in model.model_fields if f"`{name}`" not in TEXT]
    assert set(missing) <= general


@pytest.mark.parametrize("word", [*_READERS, "level", *AGENT_TAGS])
def test_every_format_and_tag_is_told(word: str) -> None:
    assert f"`{word}`" in TEXT


@pytest.mark.parametrize(
    ("containing", "model"),
    [("lists:\n", AddressesFile), ("bots:\n", BotsFile), ("limits:\n", LimitsFile)],
)
def test_examples_load(containing: str, model: type[Entry]) -> None:
    [text] = [text for text in EXAMPLES if text.startswith(containing)]
    document = read_document(PAGE, text.encode())
    assert validate(document, model) is not None, document.mistakes


def test_every_metric_of_lists_and_bans_is_told() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    state = ListState("x", 1.0, False, 1, 0)
    for family in (*list_families([state]), *ban_families(BanState(1, 1.0))):
        assert f"`{family.name}`" in page
