"""What a supervisor is to keep running, and how that ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Ending(NamedTuple):
    """How a service ended."""

    exit_code: int
    message: str = ""
    """What the operator should know; empty when all went well."""


@dataclass(frozen=True, slots=True)
class Crew:
    """The workers of one service."""

    workers: int
    command: Sequence[str]
    """What starts one; it reads its first line only once it has imported what it needs."""
    first_line: Callable[[str], bytes]
    """What a worker of that name is to serve."""
    announcement: str
    """What is said once all of them serve."""
    drain_s: float = 10.0
    spare_workers: int = 1
    pass_fds: Sequence[int] = ()
    """Open files that workers inherit under the same numbers."""
