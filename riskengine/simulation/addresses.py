"""Where simulated clients connect from: documentation and benchmark ranges only.

| range | who |
|---|---|
| 198.18.0.0/15, 203.0.113.0/25, 2001:db8::/32 | homes, phones, offices, and bots that rent lines |
| 203.0.113.128/25, 198.51.100.128/25 | data centres: monitors, most bots |
| 198.51.100.0/25 | the sample blocklist: some probers and stuffers |
| 192.0.2.0/24 | self-declared crawlers, and nobody else |
"""

import random

_HEX_GROUPS = 4


def draw_home(rng: random.Random) -> str:
    """An address that people have; about three in ten are IPv6."""
    kind = rng.random()
    if kind < 0.62:
        return f"198.{rng.randrange(18, 20)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
    if kind < 0.70:
        return f"203.0.113.{rng.randrange(1, 128)}"
    subnet = ":".join(f"{rng.randrange(1, 1 << 16):x}" for _ in range(2))
    return renew(rng, f"2001:db8:{subnet}::")


def renew(rng: random.Random, address: str) -> str:
    """The next privacy address inside the same /64 (RFC 8981); IPv4 addresses stay as they are."""
    if ":" not in address:
        return address
    network = address.split(":")[:4]
    interface = (f"{rng.randrange(1, 1 << 16):x}" for _ in range(_HEX_GROUPS))
    return ":".join((*network, *interface))


def draw_hosted(rng: random.Random) -> str:
    """An address in a data centre."""
    return f"{rng.choice(('203.0.113', '198.51.100'))}.{rng.randrange(128, 240)}"


def draw_listed(rng: random.Random) -> str:
    """An address of the sample blocklist."""
    return f"198.51.100.{rng.randrange(1, 128)}"


def draw_crawler(rng: random.Random) -> str:
    """An address of the sample crawler range."""
    return f"192.0.2.{rng.randrange(1, 255)}"


def draw_rented(rng: random.Random) -> str:
    """An address that a bot operator rents: half of them in homes."""
    return draw_home(rng) if rng.random() < 0.5 else draw_hosted(rng)
