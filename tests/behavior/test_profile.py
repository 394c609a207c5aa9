from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskengine.behavior.profile import ProfileTable, profile_key
from tests.behavior.visits import AT, visit


@pytest.mark.parametrize(
    ("fields", "key"),
    [
        ({"session_id": "s1", "user_id": "u1", "device_id": "d1"}, "default:s:s1"),
        ({"user_id": "u1", "device_id": "d1"}, "default:u:u1"),
        ({"device_id": "d1"}, "default:d:d1"),
        ({}, "default:a:203.0.113.7"),
        ({"client_ip": "2001:db8::1"}, "default:a:2001:db8::/64"),
        ({"namespace": "de", "session_id": "s1"}, "de:s:s1"),
    ],
)
def test_profile_belongs_to_session_else_user_else_device_else_address(
    fields: dict[str, Any], key: str
) -> None:
    assert profile_key(visit(**fields).request) == key


def test_client_cannot_name_its_session_into_another_namespace() -> None:
    assert profile_key(visit(session_id="x").request) != profile_key(
        visit(namespace="x", session_id="default:s:x").request
    )


def test_privacy_addresses_of_one_network_share_a_profile() -> None:
    table = ProfileTable(10, 60)
    first = table.observe(visit(client_ip="2001:db8::1"))
    assert table.observe(visit(client_ip="2001:db8::2")) is first
    assert first.requests == 2


def test_client_unseen_for_longest_makes_room() -> None:
    table = ProfileTable(2, 60)
    kept = table.observe(visit(session_id="a"))
    table.observe(visit(session_id="b"))
    table.observe(visit(session_id="a"))
    table.observe(visit(session_id="c"))
    assert table.forgotten_full == 1
    assert table.observe(visit(session_id="a")) is kept
    assert table.observe(visit(session_id="b")).requests == 1


def test_client_unseen_for_the_idle_time_starts_afresh() -> None:
    table = ProfileTable(10, 60)
    table.observe(visit())
    assert table.observe(visit(after=60)).requests == 2
    assert table.observe(visit(after=121)).requests == 1
    assert table.forgotten_idle == 1


def test_newcomers_sweep_out_the_idle() -> None:
    table = ProfileTable(100, 60)
    for number in range(10):
        table.observe(visit(session_id=f"old{number}"))
    for number in range(5):
        table.observe(visit(session_id=f"new{number}", after=100))
    assert len(table) == 5
    assert table.forgotten_idle == 10


def test_outcome_teaches_the_profile_it_belongs_to() -> None:
    table = ProfileTable(10, 60)
    profile = table.observe(visit())
    assert table.outcome("default:a:203.0.113.7", 404, AT)
    assert table.outcome("default:a:203.0.113.7", 401, AT)
    assert (profile.answers, profile.errors, profile.auth_errors) == (2, 2, 1)


def test_outcome_of_a_forgotten_client_is_of_no_use() -> None:
    table = ProfileTable(10, 60)
    assert not table.outcome("default:a:203.0.113.7", 200, AT)
    table.observe(visit())
    assert not table.outcome("default:a:203.0.113.7", 200, AT + 61)
    assert len(table) == 1


def test_smaller_table_after_a_reload_keeps_the_latest() -> None:
    table = ProfileTable(10, 60)
    for name in "abc":
        table.observe(visit(session_id=name))
    table.resize(1, 60)
    assert len(table) == 1
    assert table.observe(visit(session_id="c")).requests == 2


@given(st.lists(st.tuples(st.integers(0, 8), st.floats(-5, 200)), max_size=60))
def test_table_never_holds_more_than_its_maximum(seen: list[tuple[int, float]]) -> None:
    table = ProfileTable(3, 60)
    for client, after in seen:
        table.observe(visit(session_id=f"s{client}", after=after))
        assert len(table) <= 3
