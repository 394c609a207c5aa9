"""The CPU quota that a container was given, by cgroup v2 or v1, and how much of it is used.

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and cgroup-v1/cpuacct.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_V2 = Path("sys/fs/cgroup")
_V1 = (Path("sys/fs/cgroup/cpu,cpuacct"), Path("sys/fs/cgroup/cpu"), Path("sys/fs/cgroup/cpuacct"))


@dataclass(frozen=True, slots=True)
class CpuQuota:
    """The tightest quota above this process."""

    cores: float
    """CPU seconds it may use in a second."""
    used_s: Callable[[], float]
    """CPU seconds that everything under the quota has used so far."""


def find_quota(root: Path = Path("/")) -> CpuQuota | None:
    """The quota of the machine whose file system is at `root`; None where nothing limits it."""
    quotas = [quota for quota in (*_quotas_v2(root), *_quotas_v1(root)) if quota is not None]
    return min(quotas, key=lambda quota: quota.cores, default=None)


def _quotas_v2(root: Path) -> Iterator[CpuQuota | None]:
    for path in _paths(root, lambda controllers: controllers == ""):
        for directory in _upwards(root / _V2, path):
            yield _quota_v2(directory)


def _quota_v2(directory: Path) -> CpuQuota | None:
    words = _read(directory / "cpu.max").split()
    if len(words) != 2 or words[0] == "max":
        return None
    stat = directory / "cpu.stat"
    return CpuQuota(int(words[0]) / int(words[1]), lambda: _usage_v2(stat))


def _usage_v2(stat: Path) -> float:
    for line in _read(stat).splitlines():
        if line.startswith("usage_usec "):
            return int(line.split()[1]) / 1e6
    return 0.0


def _quotas_v1(root: Path) -> Iterator[CpuQuota | None]:
    for path in _paths(root, lambda controllers: "cpu" in controllers.split(",")):
        for mount in _V1:
            for directory in _upwards(root / mount, path):
                yield _quota_v1(root, directory, path)


def _quota_v1(root: Path, directory: Path, path: str) -> CpuQuota | None:
    quota, period = (
        _read(directory / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")
    )
    if not period or not quota or int(quota) <= 0:
        return None
    usage = _usage_file_v1(root, directory, path)
    if usage is None:
        return None
    return CpuQuota(int(quota) / int(period), lambda: int(_read(usage) or 0) / 1e9)


def _usage_file_v1(root: Path, directory: Path, path: str) -> Path | None:
    """`cpuacct` may be mounted beside `cpu`, or elsewhere at the same path."""
    places = [
        directory,
        *(root / mount / path.strip("/") for mount in _V1),
        *map(root.joinpath, _V1),
    ]
    files = [place / "cpuacct.usage" for place in places]
    return next((file for file in files if file.is_file()), None)


def _paths(root: Path, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Where this process is, in the hierarchies whose controllers are `wanted`."""
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if wanted(controllers):
            yield path


def _upwards(mount: Path, path: str) -> Iterator[Path]:
    """`path` below `mount` and all above it: in a container only the root may be there."""
    directory = mount / path.strip("/")
    while directory != mount and directory.is_relative_to(mount):
        yield directory
        directory = directory.parent
    yield mount


def _read(path: Path) -> str:
    """What the file holds; nothing where it is not there."""
    try:
        return path.read_text()
    except OSError:
        return ""
