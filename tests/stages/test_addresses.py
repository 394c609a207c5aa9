"""Lists decide by address: allow beats block, observing changes nothing."""

from typing import Any

import pytest

from riskengine.decision import Verdict
from riskengine.funnel import Funnel
from riskengine.inspection import Batch, Inspection
from riskengine.request import make_request
from riskengine.ruleset.addresses import AddressesFile
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.addresses import AddressesStage


def rules(**lists: dict[str, Any]) -> AddressesFile:
    """Rules named `allow...` and `block...`, each with what is given."""
    entries = {id_: {"id": id_, "description": "x"} | entry for id_, entry in lists.items()}
    return AddressesFile.model_validate(
        {
            "allowlists": [e for i, e in entries.items() if i.startswith("allow")],
            "blocklists": [e for i, e in entries.items() if i.startswith("block")],
        }
    )


async def inspect(file: AddressesFile, client_ip: str) -> Inspection:
    request = make_request(client_ip=client_ip, method="GET", path="/")
    batch = Batch.of([request], RouteTable(()), now=0.0, deadline=1.0)
    await Funnel([AddressesStage(file)]).run(batch)
    return batch.every[0]


def told(inspection: Inspection) -> list[tuple[str, str, str, bool]]:
    return [(h.rule_id, h.reason, h.detail, h.observed) for h in inspection.hits]


async def test_stranger_has_no_hit() -> None:
    inspection = await inspect(rules(block={"networks": ["192.0.2.0/24"]}), "192.0.3.0")
    assert told(inspection) == []
    assert inspection.verdict is Verdict.ALLOW


async def test_blocklisted_client_is_denied_with_the_network_as_detail() -> None:
    inspection = await inspect(rules(block={"networks": ["192.0.2.0/24"]}), "192.0.2.9")
    assert told(inspection) == [("block", "address.blocklisted", "192.0.2.0/24", False)]
    assert inspection.verdict is Verdict.DENY


async def test_blocklist_may_throttle() -> None:
    file = rules(block={"networks": ["192.0.2.0/24"], "verdict": "throttle"})
    assert (await inspect(file, "192.0.2.9")).verdict is Verdict.THROTTLE


async def test_allowlisted_client_is_marked_and_allowed() -> None:
    inspection = await inspect(rules(allow={"networks": ["2001:db8::/32"]}), "2001:db8::7")
    assert told(inspection) == [("allow", "address.allowlisted", "2001:db8::/32", False)]
    assert inspection.allowlisted_by is inspection.hits[0]


@pytest.mark.parametrize("allowed", ["192.0.2.9", "192.0.2.0/24", "0.0.0.0/0"])
@pytest.mark.parametrize("blocked", ["192.0.2.9", "192.0.2.0/24", "0.0.0.0/0"])
async def test_allowlist_beats_blocklist_however_wide_each_is(allowed: str, blocked: str) -> None:
    file = rules(block={"networks": [blocked]}, allow={"networks": [allowed]})
    inspection = await inspect(file, "192.0.2.9")
    assert inspection.verdict is Verdict.ALLOW
    assert [hit.rule_id for hit in inspection.hits] == ["allow", "block"]


async def test_observed_allowlist_does_not_allow() -> None:
    file = rules(
        block={"networks": ["192.0.2.0/24"]}, allow={"networks": ["192.0.2.9"], "mode": "observe"}
    )
    inspection = await inspect(file, "192.0.2.9")
    assert inspection.verdict is Verdict.DENY
    assert inspection.allowlisted_by is None
    assert ("allow", "address.allowlisted", "192.0.2.9/32", True) in told(inspection)


async def test_observed_blocklist_does_not_stop() -> None:
    file = rules(block={"networks": ["192.0.2.0/24"], "mode": "observe"})
    inspection = await inspect(file, "192.0.2.9")
    assert inspection.verdict is Verdict.ALLOW
    assert told(inspection) == [("block", "address.blocklisted", "192.0.2.0/24", True)]


async def test_disabled_list_leaves_no_trace() -> None:
    file = rules(block={"networks": ["192.0.2.0/24"], "mode": "disabled"})
    assert told(await inspect(file, "192.0.2.9")) == []


async def test_each_rule_hits_once_with_its_narrowest_network() -> None:
    file = rules(
        block={"networks": ["192.0.0.0/16", "192.0.2.0/24", "192.0.2.9", "192.0.2.9/32"]},
        block2={"networks": ["192.0.2.0/25"], "verdict": "throttle"},
    )
    inspection = await inspect(file, "192.0.2.9")
    assert sorted((h.rule_id, h.detail) for h in inspection.hits) == [
        ("block", "192.0.2.9/32"),
        ("block2", "192.0.2.0/25"),
    ]
    assert inspection.verdict is Verdict.DENY


@pytest.mark.parametrize("client_ip", ["::ffff:192.0.2.9", "::FFFF:c000:0209", "192.0.2.9"])
async def test_spelling_of_an_address_is_no_way_around_a_list(client_ip: str) -> None:
    assert (
        await inspect(rules(block={"networks": ["192.0.2.9"]}), client_ip)
    ).verdict is Verdict.DENY


@pytest.mark.parametrize("client_ip", ["0.0.0.1", "255.255.255.255"])
async def test_lists_reach_both_ends_of_the_address_space(client_ip: str) -> None:
    file = rules(block={"networks": ["0.0.0.0/1", "255.255.255.255"]})
    assert (await inspect(file, client_ip)).verdict is Verdict.DENY
    assert (await inspect(file, "128.0.0.0")).verdict is Verdict.ALLOW


async def test_networks_of_one_family_say_nothing_about_the_other() -> None:
    assert (
        await inspect(rules(block={"networks": ["::/0"]}), "192.0.2.9")
    ).verdict is Verdict.ALLOW
    assert (await inspect(rules(block={"networks": ["0.0.0.0/0"]}), "::1")).verdict is Verdict.ALLOW
