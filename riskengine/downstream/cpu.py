"""How busy the CPUs are that this process may use."""

from collections.abc import Callable
from pathlib import Path

from riskengine.clock import Clock
from riskengine.downstream.cgroup import find_quota

CpuSource = Callable[[], float]
"""Share of the CPU in use since it was last asked, 0..1."""

_SHORTEST_S = 0.1
"""Asked again sooner, it repeats its answer: the kernel counts in hundredths of a second."""


def no_cpu() -> float:
    """Always idle: for demos and tests that are not about the CPU."""
    return 0.0


class HostCpu:
    """The busier of two: the whole host, and the quota of the container (cgroup v2 or v1).

    A container at its quota is slowed down while its host idles; a host can be full while no
    quota is.
    """

    def __init__(self, clock: Clock, *, root: Path = Path("/")) -> None:
        """`root` is where `proc` and `sys` are."""
        self._clock = clock
        self._stat = root / "proc/stat"
        self._quota = find_quota(root)
        self._looked_at = clock.monotonic()
        self._busy, self._all = self._read_host()
        self._used_s = self._read_used()
        self._share = 0.0

    @property
    def quota_cores(self) -> float | None:
        """CPU seconds a second that the container may use; None where there is no quota."""
        return None if self._quota is None else self._quota.cores

    def __call__(self) -> float:
        """Share of the CPU in use since the last look, 0..1."""
        now = self._clock.monotonic()
        passed_s = now - self._looked_at
        if passed_s < _SHORTEST_S:
            return self._share
        host, quota = self._host_share(), self._quota_share(passed_s)
        self._looked_at = now
        self._share = min(1.0, max(host, quota))
        return self._share

    def _host_share(self) -> float:
        busy, total = self._read_host()
        share = (busy - self._busy) / (total - self._all) if total > self._all else 0.0
        self._busy, self._all = busy, total
        return share

    def _quota_share(self, passed_s: float) -> float:
        if self._quota is None:
            return 0.0
        used_s = self._read_used()
        share = (used_s - self._used_s) / (passed_s * self._quota.cores)
        self._used_s = used_s
        return share

    def _read_used(self) -> float:
        return 0.0 if self._quota is None else self._quota.used_s()

    def _read_host(self) -> tuple[int, int]:
        """Ticks in use, and all ticks: user nice system idle iowait irq softirq steal (proc(5))."""
        try:
            words = self._stat.read_text().split("\n", 1)[0].split()[1:9]
        except OSError:
            return 0, 0
        ticks = [int(word) for word in words]
        idle = sum(ticks[3:5])
        return sum(ticks) - idle, sum(ticks)
