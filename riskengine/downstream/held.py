"""Answers that go on after their call: their connection stays taken until they are done with."""

from typing import Protocol


class Releasable(Protocol):
    """What holds a connection; a pool's Lease."""

    def release(self) -> None:
        """Give the connection back; a second time does nothing."""
        ...


class Held:
    """An answer whose head has come and whose body is still being read.

    The call ends with its head, so latency and deadline are about that; the connection is its own
    until `let_go`.
    """

    def __init__(self) -> None:
        self._lease: Releasable | None = None

    def keep(self, lease: Releasable) -> None:
        """Take the connection over from the call."""
        self._lease = lease

    def let_go(self) -> None:
        """Give the connection back; what was not read makes it unusable, and it is closed."""
        lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()


def hand_back(lease: Releasable, answer: object) -> None:
    """Give the connection back, or leave it to an answer that still needs it."""
    if isinstance(answer, Held):
        answer.keep(lease)
    else:
        lease.release()
