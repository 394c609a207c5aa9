"""The stage of parameters over rules that a test writes."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from riskengine.decision import RuleHit
from riskengine.inspection import Batch
from riskengine.request import Request, make_request
from riskengine.ruleset.parameters import ParametersFile
from riskengine.ruleset.routes import RouteTable
from riskengine.stages.parameter_findings import REASONS
from riskengine.stages.parameters import ParametersStage

CHECKOUT = Path(__file__).parents[2]
BROWSER = (("host", "shop.example"), ("user-agent", "Mozilla/5.0"), ("accept", "*/*"))
MEGABYTE = "x" * 1_000_000


def make(method: str = "GET", target: str = "/", **fields: Any) -> Request:
    path, _, query = target.partition("?")
    return make_request(client_ip="203.0.113.7", method=method, path=path, query=query, **fields)


class Stage:
    """A stage over rules written in the test, and what it finds."""

    def __init__(self, rules: ParametersFile) -> None:
        self.routes = RouteTable(rules.routes)
        self.stage = ParametersStage(rules, self.routes)

    async def hits(self, *requests: Request) -> list[RuleHit]:
        batch = Batch.of(requests, self.routes, now=0.0, deadline=1.0)
        await self.stage.inspect(batch)
        found = [hit for inspection in batch.every for hit in inspection.hits]
        assert {hit.reason for hit in found} <= set(REASONS)
        return found

    async def stopped(self, request: Request) -> bool:
        return any(not hit.observed for hit in await self.hits(request))


def checking(**fields: Any) -> Stage:
    rule = {"id": "rule", "description": "A check.", **fields}
    return Stage(ParametersFile.model_validate({"checks": [rule]}))


def routing(path: str = "/r", **fields: Any) -> Stage:
    return Stage(ParametersFile.model_validate({"routes": [{"id": "r", "path": path, **fields}]}))


def shop() -> Stage:
    text = (CHECKOUT / "rules" / "parameters.yaml").read_text()
    return Stage(ParametersFile.model_validate(YAML(typ="safe").load(text)))
