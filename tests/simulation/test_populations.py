"""Each population does what docs/simulation.md says of it."""

from collections import Counter
from ipaddress import ip_address, ip_network
from itertools import pairwise
from statistics import mean, median, pstdev
from urllib.parse import parse_qs

import msgspec
import pytest

from riskengine.analyst.simulate import USUAL_MIX, simulate
from riskengine.records.lines import RequestLine
from tests.simulation.traffic import by_client, gaps_s, header, pages, traffic_of

_EVERYWHERE = [
    ip_network(text)
    for text in (
        "198.18.0.0/15",
        "203.0.113.0/24",
        "198.51.100.0/24",
        "192.0.2.0/24",
        "2001:db8::/32",
    )
]
_LISTED, _CRAWLERS = ip_network("198.51.100.0/25"), ip_network("192.0.2.0/24")


def _spread(gaps: list[float]) -> float:
    """Coefficient of variation."""
    return pstdev(gaps) / mean(gaps)


# --- everybody ------------------------------------------------------------------------------------


def test_addresses_are_documentation_addresses_and_ranges_keep_their_meaning() -> None:
    for line in simulate(4, minutes=6):
        address = ip_address(line.client_ip)
        assert line.label is not None
        assert any(address in network for network in _EVERYWHERE)
        assert (address in _CRAWLERS) == (line.label.kind == "crawler")
        if address in _LISTED:
            assert line.label.kind in {"prober", "stuffer"}


def test_some_probers_and_stuffers_are_on_the_sample_blocklist() -> None:
    kinds = {
        line.label.kind
        for line in traffic_of("prober", "stuffer")
        if line.label and ip_address(line.client_ip) in _LISTED
    }
    assert kinds == {"prober", "stuffer"}


@pytest.mark.parametrize("kind", [kind for kind in USUAL_MIX if kind != "monitor"])
def test_clients_of_one_kind_differ_in_pace_and_agent(kind: str) -> None:
    clients = [lines for lines in by_client(traffic_of(kind)).values() if len(lines) > 5]
    assert len({round(median(gaps_s(lines)), 3) for lines in clients}) > len(clients) / 2
    assert len({header(lines[0], "user-agent") for lines in clients}) > 2


# --- good kinds -----------------------------------------------------------------------------------


def test_shoppers_think_between_pages_for_seconds_that_vary() -> None:
    clients = by_client(pages(traffic_of("shopper"))).values()
    gaps = [gap for lines in clients for gap in gaps_s(lines)]
    assert 3 < median(gaps) < 15
    assert _spread(gaps) > 0.8
    assert max(gaps) > 30


def test_shoppers_load_shared_assets_once() -> None:
    for lines in by_client(traffic_of("shopper")).values():
        fetched = Counter(
            line.path
            for line in lines
            if line.path.startswith("/static/") and line.outcome and line.outcome.status == 200
        )
        assert not fetched or max(fetched.values()) == 1


def test_shoppers_get_a_session_with_the_first_page_and_keep_it() -> None:
    for lines in by_client(traffic_of("shopper")).values():
        sessions = [line.session_id for line in lines]
        assert all(sessions[1:]), lines[0].request_id
        assert len(set(sessions[1:])) <= 1
        assert all(header(line, "cookie") == f"sid={line.session_id}" for line in lines[1:])


def test_shoppers_are_users_only_after_a_login_that_succeeded() -> None:
    logged_in = 0
    for lines in by_client(traffic_of("shopper", heads=80)).values():
        successes = [n for n, line in enumerate(lines) if _logs_in(line, 303)]
        first = successes[0] if successes else len(lines)
        assert not any(line.user_id for line in lines[: first + 1])
        assert all(line.user_id for line in lines[first + 1 :])
        logged_in += bool(successes)
    assert logged_in > 3


def test_some_shoppers_mistype_but_never_often() -> None:
    failures = [
        sum(_logs_in(line, 401) for line in lines)
        for lines in by_client(traffic_of("shopper", heads=80)).values()
    ]
    assert 0 < max(failures) <= 2


def test_shoppers_buy_only_after_minutes_not_milliseconds() -> None:
    bought = 0
    for lines in by_client(traffic_of("shopper", heads=80)).values():
        for before, after in pairwise(pages(lines)):
            if after.path == "/checkout" and after.method == "POST":
                assert gaps_s([before, after])[0] > 3
                bought += 1
    assert bought > 5


def test_browsers_say_who_they_are_consistently() -> None:
    for lines in by_client(traffic_of("shopper")).values():
        agents = {header(line, "user-agent") for line in lines}
        assert len(agents) == 1
        if lines[0].device_id:
            continue
        for line in lines:
            assert header(line, "accept-language")
            assert header(line, "sec-fetch-site")
            assert ("Chrome/" in header(line, "user-agent")) == bool(header(line, "sec-ch-ua"))


def test_ipv6_shoppers_change_address_only_inside_their_64() -> None:
    moved = 0
    for lines in by_client(traffic_of("shopper", heads=80)).values():
        addresses = {line.client_ip for line in lines}
        assert len({line.to_request().address.subject for line in lines}) == 1
        moved += len(addresses) > 1
    assert moved > 0


def test_households_share_one_address_with_several_sessions() -> None:
    sessions: dict[str, set[str]] = {}
    for line in traffic_of("shopper", heads=80):
        sessions.setdefault(line.client_ip, set()).add(line.session_id)
    assert max(len(found - {""}) for found in sessions.values()) >= 3


def test_suggestions_grow_as_somebody_types() -> None:
    calls = [line for line in traffic_of("shopper") if line.path == "/api/suggest"]
    grown = [
        _typed(after).startswith(_typed(before))
        for lines in by_client(calls).values()
        for before, after in pairwise(lines)
        if gaps_s([before, after])[0] < 1.2
    ]
    assert len(grown) > 20
    assert all(grown)


def test_crawlers_are_polite_and_begin_with_robots() -> None:
    for lines in by_client(traffic_of("crawler", minutes=30.0)).values():
        assert lines[0].path == "/robots.txt"
        assert min(gaps_s(lines), default=9.0) > 1.3
        assert not any(line.path.startswith(("/static", "/images", "/cart")) for line in lines)


def test_monitor_asks_every_half_minute_without_drifting() -> None:
    for lines in by_client(traffic_of("monitor", heads=3)).values():
        assert all(abs(gap - 30.0) < 0.02 for gap in gaps_s(lines))
        assert abs(sum(gaps_s(lines)) - 30.0 * (len(lines) - 1)) < 0.02


# --- bad kinds ------------------------------------------------------------------------------------


def test_fast_scrapers_ask_several_times_a_second() -> None:
    for lines in by_client(traffic_of("scraper-fast", minutes=30.0)).values():
        assert median(gaps_s(lines)) < 0.5


def test_slow_scrapers_keep_a_humans_pace_but_repeat_nothing_and_buy_nothing() -> None:
    for lines in by_client(traffic_of("scraper-slow")).values():
        assert all(line.method == "GET" for line in lines)
        assert len({(line.path, line.query) for line in lines}) == len(lines)
        if len(lines) > 20:
            assert 1.5 < median(gaps_s(pages(lines))) < 7


def test_slow_scrapers_cover_the_whole_catalogue_in_the_end() -> None:
    lines = traffic_of("scraper-slow", minutes=120.0, heads=3)
    complete = max(len({line.path for line in found}) for found in by_client(lines).values())
    assert complete == 360 + 12


def test_distributed_scrapers_send_little_from_each_address() -> None:
    for lines in by_client(traffic_of("scraper-distributed", minutes=40.0)).values():
        if len(lines) < 100:
            continue
        per_address = Counter(line.client_ip for line in lines)
        assert len(per_address) >= 15
        assert median(per_address.values()) <= 15
        assert len({header(line, "user-agent") for line in lines}) > 10


def test_headless_browsers_load_assets_like_people_but_are_regular_and_never_search() -> None:
    shoppers = [_spread(g) for g in _page_gaps("shopper")]
    headless = [_spread(g) for g in _page_gaps("scraper-headless")]
    assert max(headless) < median(shoppers)
    lines = traffic_of("scraper-headless")
    assert any(line.path.startswith("/images/") for line in lines)
    assert not any(line.path in {"/search", "/api/suggest", "/cart"} for line in lines)


def test_scalpers_check_out_within_a_quarter_second_of_the_cart() -> None:
    pairs = 0
    for lines in by_client(traffic_of("scalper")).values():
        carts = [line for line in lines if line.path == "/cart/items"]
        payments = [line for line in lines if line.path == "/checkout" and line.method == "POST"]
        for cart, payment in zip(carts, payments, strict=False):
            assert 0.01 < gaps_s([cart, payment])[0] < 0.25
            pairs += 1
    assert pairs > 30


def test_scalpers_act_when_the_sale_opens_and_not_before() -> None:
    lines = traffic_of("scalper")
    carts = [line.received_at for line in lines if line.path == "/cart/items"]
    stocks = [line.received_at for line in lines if line.path.endswith("/stock")]
    assert min(carts) > min(stocks)
    opens = min(carts)
    assert abs((opens - lines[0].received_at).total_seconds()) < 90
    assert sum(at < opens for at in stocks) > len(stocks) * 0.9


def test_sale_ends_with_conflicts_for_those_who_come_late() -> None:
    late = simulate(2, minutes=20, scale=6, mix={"shopper": 1})
    answers = Counter(
        line.outcome.status
        for line in late
        if line.outcome and line.path == "/checkout" and line.method == "POST"
    )
    assert answers[303] > 0
    assert answers[409] > 0


def test_stuffers_try_many_users_and_are_mostly_refused() -> None:
    attempts = [line for line in traffic_of("stuffer", minutes=30.0) if line.method == "POST"]
    refused = sum(_logs_in(line, 401) for line in attempts)
    assert 0.95 < refused / len(attempts) < 1
    for lines in by_client(attempts).values():
        if len(lines) > 50:
            assert len({_form(line)["user"][0] for line in lines}) > 0.9 * len(lines)
            assert len({line.client_ip for line in lines}) >= 3


def test_probers_send_what_no_browser_sends() -> None:
    lines = traffic_of("prober", heads=60)
    paths = " ".join(line.path for line in lines)
    for sign in ("/.env", "/.git/", "wp-login.php", "%2e%2e", "..%252f", "\x00", "%zz"):
        assert sign in paths
    assert {line.method for line in lines} > {"GET", "TRACE", "PROPFIND"}
    assert any("union%20all" in line.query for line in lines)
    assert any("\x01" in line.query for line in lines)


def test_carts_of_people_and_scalpers_are_what_the_shop_expects() -> None:
    for line in (*traffic_of("shopper"), *traffic_of("scalper")):
        if line.path != "/cart/items":
            continue
        item = msgspec.json.decode(line.body)
        assert set(item) == {"product_id", "quantity"}
        assert 1 <= item["quantity"] <= 99
        assert header(line, "content-length") == str(len(line.body.encode()))


def _page_gaps(kind: str) -> list[list[float]]:
    clients = by_client(pages(traffic_of(kind))).values()
    return [gaps_s(lines) for lines in clients if len(lines) > 8]


def _logs_in(line: RequestLine, status: int) -> bool:
    return (
        line.path == "/login"
        and line.method == "POST"
        and line.outcome is not None
        and line.outcome.status == status
    )


def _form(line: RequestLine) -> dict[str, list[str]]:
    return parse_qs(line.body, keep_blank_values=True)


def _typed(line: RequestLine) -> str:
    return parse_qs(line.query)["q"][0]
