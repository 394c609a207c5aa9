"""What `riskengine limits suggest` counts, and the rule that it proposes."""

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from riskengine.analyst.limit_suggestion import WindowReport
from riskengine.analyst.limit_yaml import WrittenLimit, require_loadable, written_limits
from riskengine.errors import InputError
from riskengine.ruleset.limits import LIMIT_MAX, LimitRule

_NOT_AN_ID = re.compile(r"[^a-z0-9]+")


def counting_rule(key: Sequence[str], route: str | None, methods: Sequence[str]) -> LimitRule:
    """A rule that counts what is asked about; InputError says which argument is wrong."""
    fields = {
        "id": _id(key, route),
        "description": "what is asked about",
        "key": list(key),
        "match": _match(route, methods),
        "limit": 1,
        "window": "1m",
        "keys_max": LIMIT_MAX,  # a log is never too wide to count by the key asked about
    }
    try:
        return LimitRule.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        flag = "--key" if first["loc"][0] == "key" else "--route or --method"
        raise InputError(f"{flag}: {first['msg']}, got {first['input']!r}") from None


def proposed_rule(rule: LimitRule, window: WindowReport, facts: Sequence[str]) -> str:
    """The rule as it would stand in `limits.yaml`, in mode observe, with `facts` above it."""
    match: dict[str, Sequence[str]] = {
        "methods": rule.match.methods,
        "paths": rule.match.paths,
        "routes": rule.match.routes,
    }
    where = ", ".join((*rule.match.paths, *rule.match.routes)) or "the shop"
    written = WrittenLimit(
        id=rule.id,
        description=f"No {' and '.join(rule.key)} needs more of {where} than this.",
        mode="observe",
        match={name: values for name, values in match.items() if values},
        key=rule.key,
        limit=window.proposed.limit,
        window=window.window,
        comments=facts,
    )
    text = written_limits((), [written])
    require_loadable(text, Path("limits.yaml"))
    return text


def _match(route: str | None, methods: Sequence[str]) -> dict[str, list[str]]:
    match: dict[str, list[str]] = {"methods": list(methods)} if methods else {}
    if route is not None:
        match["paths" if route.startswith("/") else "routes"] = [route]
    return match


def _id(key: Sequence[str], route: str | None) -> str:
    words = f"{route or 'requests'}-per-{'-'.join(key)}".lower()
    return _NOT_AN_ID.sub("-", words).strip("-")[:64].rstrip("-") or "limit"
