"""The share of the CPU is that of the host or of the container's quota, whichever is fuller."""

from pathlib import Path

import pytest

from riskengine.clock import ManualClock, SystemClock
from riskengine.downstream.cgroup import find_quota
from riskengine.downstream.cpu import HostCpu, no_cpu


class Machine:
    """A file system with the few files that tell of the CPU."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.clock = ManualClock()
        self.host(busy=0, idle=0)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def host(self, *, busy: int, idle: int) -> None:
        self.write("proc/stat", f"cpu  {busy} 0 0 {idle} 0 0 0 0 7 7\ncpu0 1 2 3\n")

    def v2(self, directory: str, quota: str, used_us: int) -> None:
        self.write(f"sys/fs/cgroup/{directory}/cpu.max", quota)
        self.write(f"sys/fs/cgroup/{directory}/cpu.stat", f"usage_usec {used_us}\nuser_usec 1\n")

    def v1(self, mount: str, directory: str, quota_us: int, used_ns: int) -> None:
        at = f"sys/fs/cgroup/{mount}/{directory}"
        self.write(f"{at}/cpu.cfs_quota_us", f"{quota_us}\n")
        self.write(f"{at}/cpu.cfs_period_us", "100000\n")
        self.write(f"{at}/cpuacct.usage", f"{used_ns}\n")

    def cpu(self) -> HostCpu:
        return HostCpu(self.clock, root=self.root)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_without_a_quota_it_is_the_share_of_the_host(machine: Machine) -> None:
    cpu = machine.cpu()
    assert cpu.quota_cores is None
    machine.clock.advance(1)
    machine.host(busy=180, idle=20)
    assert cpu() == pytest.approx(0.9)
    machine.clock.advance(1)
    machine.host(busy=180, idle=220)
    assert cpu() == 0.0


def test_waiting_for_disks_is_idle_and_stolen_time_is_not(machine: Machine) -> None:
    cpu = machine.cpu()
    machine.clock.advance(1)
    machine.write("proc/stat", "cpu  0 0 0 30 30 0 0 40 0 0\n")
    assert cpu() == pytest.approx(0.4)


def test_a_container_at_its_v2_quota_is_full_though_the_host_idles(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/pod/app\n")
    machine.v2("pod/app", "max 100000", 0)
    machine.v2("pod", "150000 100000", 0)
    cpu = machine.cpu()
    assert cpu.quota_cores == 1.5
    machine.clock.advance(2)
    machine.host(busy=10, idle=990)
    machine.v2("pod", "150000 100000", 2_850_000)
    assert cpu() == pytest.approx(0.95)


def test_the_tightest_quota_of_all_above_counts(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/a/b\n")
    machine.v2("a/b", "200000 100000", 0)
    machine.v2("a", "50000 100000", 0)
    quota = find_quota(machine.root)
    assert quota is not None
    assert quota.cores == 0.5


def test_inside_a_namespace_the_quota_stands_at_the_root_of_the_mount(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "0::/../../not/visible/here\n")
    machine.v2(".", "100000 100000", 0)
    assert machine.cpu().quota_cores == 1.0


@pytest.mark.parametrize("mount", ["cpu,cpuacct", "cpu"])
def test_a_v1_quota_is_found_as_well(machine: Machine, mount: str) -> None:
    machine.write("proc/self/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n")
    machine.v1(mount, "docker/x", 50_000, 0)
    cpu = machine.cpu()
    assert cpu.quota_cores == 0.5
    machine.clock.advance(1)
    machine.v1(mount, "docker/x", 50_000, 400_000_000)
    assert cpu() == pytest.approx(0.8)


def test_a_v1_quota_of_minus_one_is_none(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "3:cpu,cpuacct:/\n")
    machine.v1("cpu", ".", -1, 0)
    assert machine.cpu().quota_cores is None


def test_asked_again_at_once_it_repeats_its_answer(machine: Machine) -> None:
    cpu = machine.cpu()
    machine.clock.advance(1)
    machine.host(busy=50, idle=50)
    assert cpu() == 0.5
    machine.clock.advance(0.05)
    machine.host(busy=150, idle=50)
    assert cpu() == 0.5


def test_where_nothing_can_be_read_it_is_idle(tmp_path: Path) -> None:
    clock = ManualClock()
    cpu = HostCpu(clock, root=tmp_path)
    clock.advance(1)
    assert cpu() == 0.0
    assert no_cpu() == 0.0


def test_it_reads_this_machine() -> None:
    assert 0.0 <= HostCpu(SystemClock())() <= 1.0
