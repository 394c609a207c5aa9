"""MMDB files of any vendor tell country, network and tags; broken ones are refused."""

from pathlib import Path
from typing import Any

import pytest

from riskengine.errors import RulesetError
from riskengine.ruleset.databases import Database
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.open_databases import DatabaseFacts, OpenDatabase

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "addresses" / "maxmind_test"
pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here"),
]

TESTS, BAD = SHARED / "test-data", SHARED / "bad-data"
# What these are damaged in cannot be seen before the record or the day comes; they open.
OPEN_ALL_THE_SAME = {
    "libmaxminddb-corrupt-search-tree.mmdb",
    "libmaxminddb-empty-array-last-in-metadata.mmdb",
    "libmaxminddb-empty-map-last-in-metadata.mmdb",
}


def opened(name: str, **words: Any) -> OpenDatabase:
    rule = Database.model_validate({"id": "db", "file": "x"} | words)
    return OpenDatabase(rule, TESTS / name)


def told(database: OpenDatabase, address: str) -> str:
    try:
        facts = database.facts(address)
    except ValueError as error:
        return str(error).partition(":")[0]
    return "nothing" if facts == DatabaseFacts() else str(facts)


def test_country_of_maxminds_schema() -> None:
    database = opened("GeoLite2-Country-Test.mmdb", country=["country.iso_code"])
    assert database.facts("81.2.69.160") == DatabaseFacts("GB")
    assert database.facts("2001:218::1").country == "JP"
    assert database.facts("127.0.0.1") == DatabaseFacts()


def test_the_first_path_that_leads_to_a_country_counts() -> None:
    paths = ["no.such", "continent.code.deeper", "country.iso_code", "registered_country.iso_code"]
    assert opened("GeoIP2-Country-Test.mmdb", country=paths).facts("81.2.69.160").country == "GB"


def test_number_of_the_autonomous_system() -> None:
    database = opened("GeoLite2-ASN-Test.mmdb", asn=["autonomous_system_number"])
    assert database.facts("1.128.0.0").asn == 1221
    assert database.facts("192.0.2.1").asn is None


def test_anonymisers_and_hosting_become_tags() -> None:
    database = opened(
        "GeoIP2-Anonymous-IP-Test.mmdb",
        tags={
            "anonymiser": "is_anonymous",
            "hosting": "is_hosting_provider",
            "tor": "is_tor_exit_node",
        },
    )
    assert database.facts("1.2.0.1").tags == {"anonymiser"}
    assert "hosting" in database.facts("71.160.223.1").tags
    assert database.facts("192.0.2.1").tags == frozenset()


def test_a_tag_may_ask_for_a_value() -> None:
    database = opened(
        "GeoIP2-Connection-Type-Test.mmdb", tags={"cable": "connection_type=Cable/DSL"}
    )
    assert database.facts("2003::1").tags == {"cable"}
    assert database.facts("192.0.2.1").tags == frozenset()


def test_paths_lead_through_arrays() -> None:
    database = opened("MaxMind-DB-test-nested.mmdb", tags={"deep": "map1.map2.array.0.map3.a=1"})
    assert database.facts("1.1.1.1").tags == {"deep"}


def test_an_ipv6_address_in_a_file_of_ipv4_is_unknown() -> None:
    database = opened("MaxMind-DB-test-ipv4-24.mmdb", tags={"here": "ip"})
    assert database.facts("2001:db8::1") == DatabaseFacts()
    assert database.facts("1.1.1.1").tags == {"here"}


def test_a_file_without_ipv4_opens() -> None:
    assert opened("MaxMind-DB-no-ipv4-search-tree.mmdb", tags={"x": "y"}).facts("1.1.1.1") == (
        DatabaseFacts()
    )


@pytest.mark.parametrize("path", sorted(BAD.rglob("*.mmdb")), ids=lambda path: path.name)
def test_broken_files_are_refused_with_their_name_or_say_so_when_asked(path: Path) -> None:
    rule = Database.model_validate({"id": "db", "file": "x", "country": ["a.b"]})
    if path.name in OPEN_ALL_THE_SAME:
        database = OpenDatabase(rule, path)
        for address in ("1.1.1.1", "::", "255.255.255.255", "2001:db8::1"):
            assert told(database, address) in ("nothing", f"{path} is damaged")
        return
    with pytest.raises(ValueError, match="must name a whole MMDB file") as caught:
        OpenDatabase(rule, path)
    assert str(path) in str(caught.value)


def test_age_is_counted_from_the_day_the_file_was_built() -> None:
    database = opened("GeoLite2-ASN-Test.mmdb", asn=["x"], max_age="30d")
    assert not database.is_stale(database.built_at + 30 * 86_400)
    assert database.is_stale(database.built_at + 30 * 86_400 + 1)


def test_a_broken_file_is_a_mistake_of_the_rules_with_its_line(tmp_path: Path) -> None:
    bad = BAD / "maxminddb-golang" / "invalid-string-length.mmdb"
    (tmp_path / "addresses.yaml").write_text(
        "databases:\n"
        f"  - id: one\n    file: {bad}\n    country: [x]\n"
        "  - id: two\n    file: gone.mmdb\n    country: [x]\n"
    )
    with pytest.raises(RulesetError) as caught:
        load_ruleset(tmp_path)
    first, second = caught.value.mistakes
    assert first.startswith(f"{tmp_path}/addresses.yaml:3: file must name a whole MMDB file; {bad}")
    assert second == (
        f"{tmp_path}/addresses.yaml:6: file must name an MMDB file that exists; "
        f"{tmp_path}/gone.mmdb does not"
    )
