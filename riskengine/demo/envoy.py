"""The story of a shop behind Envoy: who came, what became of them, and whether all counts agree."""

import asyncio
import contextlib
import re
import socket
from collections.abc import AsyncIterator, Callable
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from riskengine.decision import Verdict
from riskengine.demo.envoy_process import RunningEnvoy, http_get, running_envoy
from riskengine.demo.service import running_service
from riskengine.demo.shop import SESSION, Shop, running_shop
from riskengine.demo.visitor import Answer, Browser, Visitor

SCANS = (
    "/.env",
    "/.git/config",
    "/wp-config.php",
    "/../../etc/passwd",
    "/static/..%2f..%2fetc/passwd",
    "/images/%252e%252e%5c%252e%252e/secret",
)
"""What a scanner for weak spots asks for, in the spellings that slip past simple filters."""

LOGINS = 8
_WAIT_MAX_S = 120

_PAGES = (
    ("/", 2.4),
    ("/category/lamps", 3.9),
    ("/products/17", 5.2),
    ("/search?q=reading+lamp", 3.1),
    ("/products/42", 4.6),
)
"""What the shopper looks at, and for how many seconds."""
_DECISIONS = re.compile(
    r'^riskengine_decisions_total\{.*verdict="(\w+)".*\} ([0-9.e+]+)$', re.MULTILINE
)

Tell = Callable[[str], None]


class Count(NamedTuple):
    """One thing that several have counted, each for itself."""

    what: str
    by_envoy: int
    by_engine: int
    by_visitors: int
    by_shop: int | None = None
    """None for what the shop never sees."""

    @property
    def agrees(self) -> bool:
        """Whether everybody has counted the same."""
        shop = self.by_envoy if self.by_shop is None else self.by_shop
        return self.by_envoy == self.by_engine == self.by_visitors == shop


class Ending(NamedTuple):
    """How the story ended."""

    visitors: dict[str, list[Answer]]
    surprises: list[str]
    """What should have gone otherwise; empty when all went well."""
    counts: list[Count]
    logged: list[dict[str, object]]
    """Envoy's access log, one entry for each request that was stopped."""

    @property
    def well(self) -> bool:
        """Whether everybody was treated as they should be, and all counts agree."""
        return not self.surprises and all(count.agrees for count in self.counts)


async def tell_story(
    config: Path, *, rules: Path, models: Path, wait: bool, tell: Tell = lambda _: None
) -> Ending:
    """Start shop, engine and Envoy, let three visitors in, compare what was counted, stop all.

    With `wait` the shopper takes a person's time and the hammer comes back when it was told to,
    about a minute in all. `tell` gets a line whenever something happens.
    """
    async with _street(config, rules, models) as street:
        tell(f"A shop, the engine and Envoy are up; visitors come in at port {street.envoy.port}.")
        shopper, scanner, hammer = (
            Browser("127.0.0.2", street.envoy.port),
            Visitor("127.0.0.3", street.envoy.port, {"user-agent": "curl/8.14"}),
            Visitor("127.0.0.4", street.envoy.port, {"user-agent": "python-requests/2.32"}),
        )
        surprises = await _in_parallel(
            _shop(shopper, wait, tell),
            _scan(scanner, tell),
            _hammer(hammer, wait, tell),
        )
        visitors = {
            "shopper": shopper,
            "scanner": scanner,
            "hammer": hammer,
        }
        answers = [answer for visitor in visitors.values() for answer in visitor.answers]
        counts = await street.counts(answers)
        log = await street.envoy.access_log(len(answers))
        logged = [line for line in log if line["verdict"] != "allow"]
    return Ending({n: v.answers for n, v in visitors.items()}, surprises, counts, logged)


async def _in_parallel(*visits: AsyncIterator[str]) -> list[str]:
    async def surprises(visit: AsyncIterator[str]) -> list[str]:
        return [surprise async for surprise in visit]

    return list(chain.from_iterable(await asyncio.gather(*map(surprises, visits))))


async def _shop(visitor: Browser, wait: bool, tell: Tell) -> AsyncIterator[str]:
    """A person who looks around, puts something into the cart and looks at it."""
    for path, think_s in _PAGES if wait else _PAGES[:1]:
        answers = await visitor.open(path)
        for answer in answers:
            if answer.status != 200:
                yield f"the shopper should see {answer.asked}, got {answer.status}"
        tell(f"[green]shopper[/]  GET {path}: {answers[0].status}")
        await asyncio.sleep(think_s if wait else 0)
    added = await visitor.post_json("/cart/items", product_id=42, quantity=1)
    [cart, *_] = await visitor.open("/cart")
    tell(
        f"[green]shopper[/]  puts a lamp into the cart: {added.status}, and sees it: {cart.status}"
    )
    if (added.status, cart.status) != (200, 200):
        yield f"the shopper should fill a cart, got {added.status} and {cart.status}"


async def _scan(visitor: Visitor, tell: Tell) -> AsyncIterator[str]:
    """Somebody who tries doors; none may open."""
    for path in SCANS:
        answer = await visitor.get(path)
        tell(f"[red]scanner[/]  GET {path}: {answer.status}")
        if answer.status != 403:
            yield f"the scanner should be denied {path} with 403, got {answer.status}"


async def _hammer(visitor: Visitor, wait: bool, tell: Tell) -> AsyncIterator[str]:
    """Somebody who guesses passwords as fast as he can, and then waits as he is told."""
    for number in range(LOGINS):
        answer = await visitor.post_form("/login", user="mallory", password=f"guess {number}")
        tell(f"[yellow]hammer[/]   POST /login: {answer.status}{_waiting(answer)}")
    told = answer.headers.get("retry-after", "")
    if answer.status != 429 or not told.isdigit():
        yield f"the hammer should end with 429 and Retry-After, got {answer.status}"
        return
    if not wait:
        return
    await asyncio.sleep(min(int(told), _WAIT_MAX_S))
    answer = await visitor.post_form("/login", user="mallory", password=f"guess {LOGINS}")
    tell(f"[yellow]hammer[/]   POST /login after {told} s: {answer.status}{_why(answer)}")
    if answer.status not in (200, 403):
        yield f"the login limit should have room after {told} s, got {answer.status}"


def _why(answer: Answer) -> str:
    """The limit has forgotten by then; the behaviour model need not have."""
    if answer.status == 403:
        return ", the limit has room again, but what it has been doing is remembered"
    return ", as it was told"


def _waiting(answer: Answer) -> str:
    told = answer.headers.get("retry-after")
    return f", try again in {told} s" if told else ""


class _Street(NamedTuple):
    """Everything that is up while the story goes on."""

    shop: Shop
    envoy: RunningEnvoy
    metrics_port: int

    async def counts(self, answers: list[Answer]) -> list[Count]:
        """What each of them has counted so far."""
        stats = await self.envoy.ext_authz_stats()
        engine = await asyncio.to_thread(self._verdicts)
        stopped = sum(answer.stopped for answer in answers)
        reached = sum(self.shop.served.values())
        return [
            Count("allowed", stats["ok"], engine["allow"], len(answers) - stopped, reached),
            Count("stopped", stats["denied"], engine["throttle"] + engine["deny"], stopped),
            Count("not decided", stats["error"], 0, 0, self.shop.unchecked),
        ]

    def _verdicts(self) -> dict[str, int]:
        verdicts = {verdict.word: 0 for verdict in Verdict}
        for verdict, count in _DECISIONS.findall(http_get(self.metrics_port, "/metrics")):
            verdicts[verdict] += int(float(count))
        return verdicts


@contextlib.asynccontextmanager
async def _street(config: Path, rules: Path, models: Path) -> AsyncIterator[_Street]:
    metrics_port = _free_port()
    flags = ["--store", "embedded", "--metrics-listen", f"127.0.0.1:{metrics_port}"]
    flags += ["--session-cookie", SESSION]
    flags += ["--rules", str(rules), "--models", str(models)]
    async with contextlib.AsyncExitStack() as stack:
        shop = stack.enter_context(running_shop())
        service = await stack.enter_async_context(running_service(*flags))
        engine_port = int(service.target.rpartition(":")[2])
        envoy = await stack.enter_async_context(
            running_envoy(config, engine_port=engine_port, shop_port=shop.server_port)
        )
        yield _Street(shop, envoy, metrics_port)


def _free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
