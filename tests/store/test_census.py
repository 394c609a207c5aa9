from riskengine.clock import ManualClock
from riskengine.store.census import LEASE_S, Census
from tests.store.counting import CountingCounters


async def test_each_process_knows_how_many_share_the_store() -> None:
    store = CountingCounters(ManualClock())
    processes = [Census(store, at_least=1) for _ in range(8)]
    for _ in range(2):
        for census in processes:
            await census.count()
    assert {census.processes for census in processes} == {8}
    assert processes[0].share == 1 / 8


async def test_who_ends_is_counted_no_more() -> None:
    store = CountingCounters(ManualClock())
    one, other = Census(store, at_least=1), Census(store, at_least=1)
    other.begin()
    await other.count()
    await one.count()
    assert one.processes == 2
    await other.end()
    await one.count()
    assert one.processes == 1


async def test_who_dies_is_counted_until_its_place_lapses() -> None:
    clock = ManualClock()
    store = CountingCounters(clock)
    one, dead = Census(store, at_least=1), Census(store, at_least=1)
    await dead.count()
    clock.advance(LEASE_S / 2)
    await one.count()
    assert one.processes == 2
    clock.advance(LEASE_S / 2)
    await one.count()
    assert one.processes == 1


async def test_without_the_store_the_last_count_stands() -> None:
    store = CountingCounters(ManualClock())
    one, other = Census(store, at_least=1), Census(store, at_least=1)
    assert one.share == 1
    await other.count()
    await one.count()
    store.away = True
    one.begin()
    await one.end()
    assert one.share == 1 / 2


async def test_as_many_as_configured_are_expected_though_some_are_idle() -> None:
    store = CountingCounters(ManualClock())
    one = Census(store, at_least=4)
    await one.count()
    assert one.share == 1 / 4
