"""Lists of transformations, put into the order in which least is left to do."""

from collections.abc import Mapping
from types import MappingProxyType

from riskengine.seclang.transforms import TRANSFORMS, Transform
from riskengine.seclang.transforms_text import cmd_line_in_its_case

LOWERCASE = "lowercase"
_CMD_LINE = "cmdline"
CMD_LINE_IN_ITS_CASE = "cmdline in its case"

STEPS: Mapping[str, Transform] = MappingProxyType(
    {**TRANSFORMS, CMD_LINE_IN_ITS_CASE: cmd_line_in_its_case}
)
"""What lists in this order are made of."""

_BLIND = frozenset(
    {
        CMD_LINE_IN_ITS_CASE, "compresswhitespace", "normalisepath", "normalisepathwin",
        "normalizepath", "normalizepathwin", "removecomments", "removecommentschar", "removenulls",
        "removewhitespace", "replacecomments", "replacenulls", "trim", "trimleft", "trimright",
    }
)  # fmt: skip
"""Transformations that treat letters of both cases alike."""


def ordered(chain: tuple[str, ...]) -> tuple[str, ...]:
    """Steps that come to the same as `chain`, lower case as late as possible.

    At the end of a list it costs nothing, see caseless.py.
    """
    steps: list[str] = []
    lowers = False
    for step in _taken_apart(chain):
        if step == LOWERCASE:
            lowers = True
            continue
        if lowers and step not in _BLIND:
            steps.append(LOWERCASE)
            lowers = False
        steps.append(step)
    return (*steps, LOWERCASE) if lowers else tuple(steps)


def _taken_apart(chain: tuple[str, ...]) -> list[str]:
    """`cmdLine` as the two steps that it is."""
    steps: list[str] = []
    for step in chain:
        steps += (CMD_LINE_IN_ITS_CASE, LOWERCASE) if step == _CMD_LINE else (step,)
    return steps
