"""Turns proposed exclusions into a diff of rules/signatures.yaml, to be reviewed and applied."""

import difflib
import json
from collections.abc import Sequence

from riskengine.analyst.exclusions import Proposal

_KEY = "exclusions:"


def with_exclusions(text: str, proposals: Sequence[Proposal]) -> str:
    """`text` of a signatures file with `proposals` at the end of its exclusions.

    Everything else stays as it is, comments and order included.
    """
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    added = [line for proposal in proposals for line in _entry(proposal)]
    at = next((n for n, line in enumerate(lines) if line.startswith(_KEY)), None)
    if at is None:
        return "".join([*lines, f"\n{_KEY}\n", *added])
    if lines[at].removeprefix(_KEY).strip().startswith("[]"):
        lines[at] = f"{_KEY}\n"
    end = _end_of_block(lines, at + 1)
    return "".join([*lines[:end], *added, *lines[end:]])


def as_diff(name: str, before: str, after: str) -> str:
    """A unified diff that `patch` and `git apply` take."""
    return "".join(
        difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
    )


def _entry(proposal: Proposal) -> list[str]:
    clients = "1 client" if proposal.clients == 1 else f"{proposal.clients} clients"
    why = f"good traffic: {proposal.hits} hits, {clients}, such as {proposal.example}"
    return [
        f"  - rule: {proposal.rule}\n",
        f"    parameter: {json.dumps(proposal.parameter)}\n",
        f"    path: {json.dumps(proposal.path)}\n",
        f"    description: {json.dumps(why)}\n",
    ]


def _end_of_block(lines: list[str], start: int) -> int:
    """Behind the last line of the block: indented, a list item, or a comment inside it."""
    end = start
    for number in range(start, len(lines)):
        line = lines[number]
        if line.strip() and not line.startswith((" ", "-", "#")):
            break
        if line.strip() and not line.startswith("#"):
            end = number + 1
    return end
