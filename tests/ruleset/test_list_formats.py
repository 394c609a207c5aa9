"""Lists are read in the formats that their publishers ship."""

import ipaddress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.ruleset.list_formats import ListContent, ListFormat, read_list

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "addresses"
shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared data folder is not here")


def networks(content: ListContent) -> list[str]:
    return [str(network) for network, _ in content.networks]


def read(text: str, form: ListFormat, min_level: int = 0) -> ListContent:
    return read_list(text.encode(), form, min_level=min_level)


def test_a_comment_of_a_plain_list_is_reason_owner_and_expiry() -> None:
    content = read(
        "192.0.2.1 # scraped us owner=ada expires=2026-12-31\n192.0.2.2;bad\n192.0.2.3\n", "plain"
    )
    notes = {str(network): note for network, note in content.networks}
    assert notes["192.0.2.1/32"] == (
        "scraped us", "ada", datetime(2026, 12, 31, tzinfo=UTC).timestamp(),
    )  # fmt: skip
    assert notes["192.0.2.2/32"].reason == "bad"
    assert notes["192.0.2.3/32"] == ("", "", None)


@pytest.mark.parametrize("when", ["soon", "2026-13-01", "2026-12-31T18:00:00", ""])
def test_an_expiry_that_is_no_moment_is_a_mistake(when: str) -> None:
    [(line, text)] = read(f"\n192.0.2.1 # expires={when}\n", "plain").mistakes
    assert line == 2
    assert "must be a date or a time with its zone" in text


def test_netsets_mix_addresses_and_networks_and_date_themselves() -> None:
    content = read(
        "#\n# Source File Date: Fri Nov 13 17:17:05 UTC 2015\n#\n0.0.0.0/8\n1.93.0.224\n", "netset"
    )
    assert networks(content) == ["0.0.0.0/8", "1.93.0.224/32"]
    assert content.published_at == datetime(2015, 11, 13, 17, 17, 5, tzinfo=UTC).timestamp()


def test_levels_below_the_least_are_left_out() -> None:
    text = "# x\n192.0.2.1\t10\n192.0.2.2\t3\n192.0.2.3\t2\n"
    assert networks(read(text, "level", 3)) == ["192.0.2.1/32", "192.0.2.2/32"]
    [note, _] = [note for _, note in read(text, "level", 3).networks]
    assert note.reason == "level 10"


@pytest.mark.parametrize("line", ["192.0.2.1", "192.0.2.1\tx", "192.0.2.1\t3\t4", "192.0.2.1\t-1"])
def test_a_level_line_of_another_shape_is_a_mistake(line: str) -> None:
    [(number, text)] = read(f"192.0.2.9\t1\n{line}\n", "level").mistakes
    assert number == 2
    assert "an address and a level" in text


DROP = (
    '{"cidr":"192.0.2.0/24","sblid":"SBL1","rir":"apnic"}\n'
    '{"cidr":"2001:db8::\\/29","sblid":"SBL2"}\n'
    '{"type":"metadata","timestamp":1790072042,"records":2}\n'
)


def test_drop_lists_are_read_with_their_case_numbers_and_their_date() -> None:
    content = read(DROP, "drop")
    assert [(str(n), note.reason) for n, note in content.networks] == [
        ("192.0.2.0/24", "SBL1"),
        ("2001:db8::/29", "SBL2"),
    ]
    assert content.published_at == 1790072042


def test_a_drop_list_that_was_cut_is_a_mistake() -> None:
    [(line, text)] = read("".join(DROP.splitlines(keepends=True)[:2]), "drop").mistakes
    assert line == 2
    assert "must end with its metadata line" in text


@pytest.mark.parametrize("line", ["<html>", "[]", "{}", '{"cidr": 7}', '"192.0.2.1"', "null"])
def test_a_drop_line_of_another_shape_is_a_mistake(line: str) -> None:
    [(number, _)] = read(f"{line}\n{DROP}", "drop").mistakes
    assert number == 1


def test_ranges_of_google_bing_and_openai_are_read() -> None:
    text = (
        '{"creationTime": "2024-06-18T22:00:57.000000",\n "prefixes": [\n'
        '{"ipv6Prefix": "2001:4860:4801:10::/64"},\n{"ipv4Prefix": "192.0.2.0/27"}]}'
    )
    content = read(text, "ranges")
    assert networks(content) == ["192.0.2.0/27", "2001:4860:4801:10::/64"]
    assert content.published_at == datetime(2024, 6, 18, 22, 0, 57, tzinfo=UTC).timestamp()


def test_a_wrong_range_is_told_with_its_line() -> None:
    text = '{"prefixes": [\n{"ipv4Prefix": "192.0.2.0/24"},\n{"ipv4Prefix": "192.0.2.1/24"},\n{}]}'
    mistakes = read(text, "ranges").mistakes
    assert [line for line, _ in mistakes] == [3, 3]


@pytest.mark.parametrize("text", ["", "<html>", "[]", "{}", '{"prefixes": 3}', '{"prefixes": [3]}'])
def test_what_are_no_ranges_is_told(text: str) -> None:
    [(line, told)] = read(text, "ranges").mistakes
    assert line == 1
    assert "must be JSON such as" in told


forms = st.sampled_from(["plain", "netset", "level", "drop", "ranges"])


@given(st.binary(max_size=300), forms)
def test_no_bytes_break_a_reader(content: bytes, form: ListFormat) -> None:
    read_list(content, form)


@given(st.lists(st.ip_addresses(), max_size=30))
def test_every_form_reads_the_same_networks(
    addresses: list[ipaddress.IPv4Address | ipaddress.IPv6Address],
) -> None:
    written = [str(address) for address in addresses]
    plain = read("\n".join(written), "plain")
    level = read("\n".join(f"{address}\t1" for address in written), "level")
    drop = "".join(f'{{"cidr":"{address}"}}\n' for address in written)
    assert networks(plain) == networks(level)
    assert networks(plain) == networks(read(drop + '{"type":"metadata"}', "drop"))


@shared
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "form", "count"),
    [
        ("ip_formats/firehol_level1.sample.netset", "netset", 9),
        ("ip_formats/googlebot.sample.json", "ranges", 6),
        ("ip_formats/spamhaus_drop_v4.sample.json", "drop", 4),
        ("ipsum/level3.txt", "plain", 14_217),
        ("ipsum/ipsum_part.txt", "level", 73_890),
        ("ipranges/apple-proxy/ipv6_merged.txt", "plain", 10_455),
    ],
)
def test_published_lists_are_read_whole(name: str, form: ListFormat, count: int) -> None:
    content = read_list((SHARED / name).read_bytes(), form)
    assert content.mistakes == []
    assert len(content.networks) == count
