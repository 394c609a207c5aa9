"""One page of metrics out of the pages of several workers."""

import re
from collections.abc import Mapping

_SAMPLE = re.compile(r"([A-Za-z_:][A-Za-z0-9_:]*)(\{)?(.*)", re.DOTALL)


def merge_pages(pages: Mapping[str, str]) -> str:
    """Prometheus text in which each sample carries its `worker`; `pages` are by worker's name.

    Families stay together and are described once, as the text format asks (version 0.0.4).
    """
    families: dict[str, list[str]] = {}
    described: set[str] = set()
    for worker, page in pages.items():
        family = ""
        for line in page.splitlines():
            if line.startswith(("# HELP ", "# TYPE ")):
                family = line.split(" ", 3)[2]
                if line not in described:
                    described.add(line)
                    families.setdefault(family, []).append(line)
            elif line and not line.startswith("#"):
                families.setdefault(family, []).append(_labelled(line, worker))
    return "".join(f"{line}\n" for lines in families.values() for line in lines)


def _labelled(sample: str, worker: str) -> str:
    match = _SAMPLE.fullmatch(sample)
    if match is None:
        return sample
    name, brace, rest = match.groups()
    label = f'worker="{worker}"'
    return f"{name}{{{label},{rest}" if brace else f"{name}{{{label}}}{rest}"
