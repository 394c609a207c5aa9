"""Whom each limit would touch, and which one is proposed."""

from array import array

import pytest

from riskengine.analyst.client_times import Client, ClientTimes
from riskengine.analyst.limit_suggestion import Group, best_window, reports, round_limits


def client(requests: int, *, every_s: float = 1.0, bad: bool | None = None) -> Client:
    times = array("d", [i * every_s for i in range(requests)])
    return Client(times, good=requests * (bad is False), bad=requests * (bad is True))


def clients(*found: Client) -> ClientTimes:
    return ClientTimes(
        {str(i): one for i, one in enumerate(found)}, sum(len(c.times) for c in found)
    )


def test_the_smallest_limit_that_spares_the_good_ones_is_proposed() -> None:
    found = clients(*[client(7, bad=False)] * 50, client(100, bad=True), client(3, bad=True))
    [report] = reports(found, [("1m", 60.0)], touch=0.001)
    assert report.proposed.limit == 7
    assert report.proposed.good == Group(50, 0)
    assert report.proposed.bad == Group(2, 1)
    assert (report.proposed.refused, report.proposed.refused_good) == (
        86,
        0,
    )  # 7 in each of two minutes pass


def test_without_labels_a_small_share_of_all_may_be_touched() -> None:
    found = clients(*[client(4)] * 99, client(60))
    [report] = reports(found, [("1m", 60.0)], touch=0.01)
    assert (report.proposed.limit, report.proposed.every) == (4, Group(100, 1))
    assert (report.proposed.good, report.proposed.refused_good) == (None, None)


def test_the_window_that_refuses_most_of_the_rest_is_chosen() -> None:
    good = [client(10, every_s=1, bad=False)] * 20
    slow_and_long = client(200, every_s=5, bad=True)
    windows = reports(clients(*good, slow_and_long), [("10s", 10.0), ("10m", 600.0)], touch=0.0)
    assert windows[0].proposed.refused == 0
    assert best_window(windows) == 1


def test_bins_and_curve_hold_every_client_once() -> None:
    found = clients(client(1), client(2), client(3), client(4), client(9, bad=True))
    [report] = reports(found, [("1h", 3600.0)], touch=0.01)
    assert [(b.least, b.most, b.clients) for b in report.bins] == [
        (1, 1, 1), (2, 2, 1), (3, 4, 2), (5, 8, 0), (9, 16, 1),
    ]  # fmt: skip
    assert report.quantiles == {"p50": 3, "p90": 9, "p99": 9, "p99.9": 9, "p100": 9}
    assert [(p.limit, p.every, p.bad) for p in report.curve][::4] == [
        (1, 4, 1),
        (5, 1, 1),
        (9, 0, 0),
    ]


@pytest.mark.parametrize("most", [1, 9, 10, 11, 99, 100, 101, 5_000, 1_234_567])
def test_round_limits_end_with_the_first_that_touches_nobody(most: int) -> None:
    limits = round_limits(most)
    assert limits == sorted(set(limits))
    assert limits[-1] >= most
    assert all(limit < most for limit in limits[:-1])
