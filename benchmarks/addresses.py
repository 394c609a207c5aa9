"""What listed networks cost: loading a million, and finding an address among them.

The stage is run as the engine runs it, in batches of 64 requests of strangers, none of them listed;
the ratio that counts is that of a million networks to a thousand. Networks have prefixes from /24
to /32, as block lists do; an eighth of them is IPv6. The same ratio for 64 strangers who come again
and again tells the work of a search from the memory that a search among a million waits for.

    python -m benchmarks.addresses [--networks N] [--json]
"""

import argparse
import asyncio
import json
import random
import socket
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from riskengine.clock import SystemClock, cpu_seconds
from riskengine.inspection import Batch
from riskengine.request import Request, make_request
from riskengine.ruleset.loader import load_ruleset
from riskengine.ruleset.routes import RouteTable
from riskengine.ruleset.ruleset import Ruleset
from riskengine.stages.addresses import AddressesStage

SMALL, BATCH, ASKED, ROUNDS = 1_000, 64, 32_768, 9
RATIO_MAX, AGAIN_RATIO_MAX, FIND_US_MAX = 1.75, 1.15, 3.0
RULES = """blocklists:
  - {id: big, description: x, files: [list.txt]}
"""


def written(rng: random.Random, count: int) -> str:
    """`count` random networks, one a line."""
    return "\n".join(_network(rng, v6=number % 8 == 0) for number in range(count))


def _network(rng: random.Random, *, v6: bool) -> str:
    if v6:
        length = rng.randint(40, 64)
        value = (0x2000 << 112 | rng.getrandbits(125)) >> 128 - length << 128 - length
        return f"{socket.inet_ntop(socket.AF_INET6, value.to_bytes(16))}/{length}"
    length = rng.choice((24, 28, 32, 32, 32, 32))
    value = rng.getrandbits(32) >> 32 - length << 32 - length
    return f"{socket.inet_ntoa(value.to_bytes(4))}/{length}"


def asked(rng: random.Random) -> list[Request]:
    """Requests of clients from anywhere; every eighth comes over IPv6."""
    addresses = [_network(rng, v6=n % 8 == 0).partition("/")[0] for n in range(ASKED)]
    return [make_request(client_ip=address, method="GET", path="/") for address in addresses]


def load(directory: Path, count: int) -> tuple[AddressesStage, float, float]:
    """A stage over `count` networks; seconds to read the rules and to build the stage."""
    (directory / "addresses.yaml").write_text(RULES)
    (directory / "list.txt").write_text(written(random.Random(1), count))
    clock = SystemClock()
    started = clock.monotonic()
    rules: Ruleset = load_ruleset(directory)
    read = clock.monotonic()
    stage = AddressesStage(rules.addresses, list_files=rules.list_files)
    return stage, read - started, clock.monotonic() - read


def unlisted(stage: AddressesStage, requests: list[Request]) -> list[Request]:
    """The requests of clients that stand on no list."""
    batches = _batches(requests)
    asyncio.run(_inspect(stage, batches))
    inspections = [inspection for batch in batches for inspection in batch.every]
    return [inspection.request for inspection in inspections if not inspection.hits]


def cost_us(stage: AddressesStage, requests: list[Request]) -> float:
    """CPU microseconds of the stage for one request."""
    batches = _batches(requests)
    return _cpu(lambda: asyncio.run(_inspect(stage, batches))) / len(requests) * 1e6


def _batches(requests: list[Request]) -> list[Batch]:
    routes = RouteTable(())
    return [
        Batch.of(requests[start : start + BATCH], routes, now=0.0, deadline=1.0)
        for start in range(0, len(requests), BATCH)
    ]


async def _inspect(stage: AddressesStage, batches: list[Batch]) -> None:
    for batch in batches:
        await stage.inspect(batch)


def _cpu(work: Callable[[], None]) -> float:
    started = cpu_seconds()
    work()
    return cpu_seconds() - started


def run(networks: int) -> dict[str, float]:
    """The figures of a table of `networks` beside one of a thousand."""
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as big:
        few, _, _ = load(Path(small), SMALL)
        many, read_s, build_s = load(Path(big), networks)
    requests = asked(random.Random(2))
    strangers = unlisted(many, unlisted(few, requests))
    costs = compared(few, many, strangers)
    again = compared(few, many, strangers[:BATCH] * (len(strangers) // BATCH))
    return {
        "networks": networks,
        "read_s": round(read_s, 2),
        "build_s": round(build_s, 2),
        "request_us_1000": round(statistics.median(costs["few"]), 3),
        "request_us": round(statistics.median(costs["many"]), 3),
        "ratio": ratio(costs),
        "ratio_again": ratio(again),
        "listed": len(requests) - len(strangers),
    }


def compared(
    few: AddressesStage, many: AddressesStage, requests: list[Request]
) -> dict[str, list[float]]:
    """Costs of both stages in turn, so that a noisy machine disturbs both alike."""
    costs: dict[str, list[float]] = {"few": [], "many": []}
    for _ in range(ROUNDS):
        costs["few"].append(cost_us(few, requests))
        costs["many"].append(cost_us(many, requests))
    return costs


def ratio(costs: dict[str, list[float]]) -> float:
    """How much more a request costs among many networks."""
    ratios = [many / few for few, many in zip(costs["few"], costs["many"], strict=True)]
    return round(statistics.median(ratios), 2)


def main() -> None:
    """Print the figures; exit 1 when cost is not flat."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--networks", type=int, default=1_000_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = run(arguments.networks)
    if arguments.json:
        print(json.dumps(figures, indent=2))
    else:
        print(
            f"{figures['networks']:,} networks read in {figures['read_s']} s, "
            f"table built in {figures['build_s']} s\n"
            f"a request costs {figures['request_us']} us of CPU, with 1 000 networks "
            f"{figures['request_us_1000']}: {figures['ratio']}x (at most {RATIO_MAX}x); of clients "
            f"who come again {figures['ratio_again']}x (at most {AGAIN_RATIO_MAX}x)"
        )
    sys.exit(
        figures["ratio"] > RATIO_MAX
        or figures["ratio_again"] > AGAIN_RATIO_MAX
        or figures["request_us"] > FIND_US_MAX
    )


if __name__ == "__main__":
    main()
