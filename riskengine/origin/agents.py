"""What a user agent says about itself, by lists that others keep well.

Crawlers: crawler-user-agents (MIT). Families: ua-parser (Apache-2.0). A user agent is what the
client says; nothing here is proof of anything.
"""

from collections import defaultdict
from functools import lru_cache
from importlib.resources import files

import msgspec
import re2

AGENT_MAX = 256
"""Characters of a user agent that are looked at; crawlers name themselves near the beginning."""

_NONE: frozenset[str] = frozenset()
_MEMORY = 64 << 20  # for the automata of some 1500 patterns


class _Crawler(msgspec.Struct):
    pattern: str
    tags: list[str] = []


class CrawlerTags:
    """Tags of user agents that belong to crawlers: 2 us when seen before, up to 0.2 ms when not."""

    def __init__(self) -> None:
        data = files("crawleruseragents").joinpath("crawler-user-agents.json").read_bytes()
        crawlers = msgspec.json.decode(data, type=list[_Crawler])
        by_tag: defaultdict[str, list[str]] = defaultdict(list)
        for crawler in crawlers:
            for tag in crawler.tags:
                by_tag[tag].append(crawler.pattern)
        self._any = _either([crawler.pattern for crawler in crawlers])
        self._by_tag = {tag: _either(patterns) for tag, patterns in by_tag.items()}
        self._remembered = lru_cache(maxsize=16_384)(self._find)

    @property
    def known(self) -> frozenset[str]:
        """The tags that the package gives."""
        return frozenset(self._by_tag)

    def tags(self, agent: str) -> frozenset[str]:
        """`crawler` and the package's own tags; none where no crawler calls itself like this."""
        return self._remembered(agent[:AGENT_MAX])

    def _find(self, agent: str) -> frozenset[str]:
        text = agent.encode("utf-8", "replace")
        if self._any.search(text) is None:
            return _NONE
        own = (tag for tag, pattern in self._by_tag.items() if pattern.search(text) is not None)
        return frozenset(("crawler", *own))


class AgentFamilies:
    """Families of user agents as ua-parser names them: 2 us when seen before, 15 us when not."""

    def __init__(self) -> None:
        from ua_parser import Domain, loaders
        from ua_parser.regex import Resolver

        resolver = Resolver(loaders.load_lazy_builtins())

        def find(agent: str) -> str:
            found = resolver(agent, Domain.USER_AGENT).user_agent
            return "" if found is None else str(found.family)

        self._remembered = lru_cache(maxsize=16_384)(find)

    def family(self, agent: str) -> str:
        """Such as Chrome, Googlebot, curl; empty where nobody knows it."""
        return self._remembered(agent[:AGENT_MAX])


def _either(patterns: list[str]) -> "re2.Pattern":
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile("|".join(f"(?:{pattern})" for pattern in patterns).encode(), options)
