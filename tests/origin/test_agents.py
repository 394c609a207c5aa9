"""User agents are known by lists that others keep."""

import pytest

from riskengine.origin.agents import AgentFamilies, CrawlerTags
from riskengine.ruleset.origin_checks import AGENT_TAGS

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture(scope="module")
def crawlers() -> CrawlerTags:
    return CrawlerTags()


@pytest.mark.parametrize(
    ("agent", "tags"),
    [
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
         {"crawler", "search-engine"}),
        ("Mozilla/5.0 (compatible; GPTBot/1.0; +https://openai.com/gptbot)",
         {"crawler", "ai-crawler"}),
        ("python-requests/2.32", {"crawler", "http-library"}),
        (FIREFOX, set()),
        ("", set()),
    ],
)  # fmt: skip
def test_crawlers_have_the_tags_of_the_list(
    crawlers: CrawlerTags, agent: str, tags: set[str]
) -> None:
    assert crawlers.tags(agent) == tags


def test_all_tags_of_the_list_may_be_asked_for(crawlers: CrawlerTags) -> None:
    assert {*crawlers.known, "crawler"} == set(AGENT_TAGS)


def test_agents_of_any_kind_and_length_are_taken(crawlers: CrawlerTags) -> None:
    for agent in ("\ud800", "\x00", "x" * 100_000, "é" * 300):
        assert crawlers.tags(agent) == frozenset()


def test_families_are_those_of_ua_parser() -> None:
    families = AgentFamilies()
    assert families.family(FIREFOX) == "Firefox"
    assert families.family("curl/8.5.0") == "curl"
    assert families.family("") == families.family("zzz") == ""
