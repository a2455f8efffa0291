"""Cores and memory that a process may use: of the system, its container, or its job of a queue."""

import numpy as np
import pytest

from data_gen import machine
from data_gen.machine import cores, free_memory


@pytest.fixture
def system(monkeypatch, tmp_path):
    """Eight cores and 3,000 kB, and control groups that a test makes: {file: text}."""
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    for name, file in (("MEMORY", "meminfo"), ("LIMITS", "cgroup"), ("GROUPS", "own")):
        monkeypatch.setattr(machine, name, tmp_path / file)
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    3000 kB\n")

    def of(groups="", **files):
        (tmp_path / "own").write_text(groups)
        for name, text in files.items():
            path = tmp_path / "cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return of


CONTAINER = {"memory.current": "1000\n", "memory.stat": "inactive_file 200\nactive_file 100\n"}


def test_without_groups_they_are_the_system_s(system, tmp_path):
    assert cores() == 8 and free_memory() == 3000 * 1024
    (tmp_path / "meminfo").unlink()
    assert free_memory() == np.inf


@pytest.mark.parametrize(
    ("text", "found"), [("max 100000", 8), ("150000 100000", 2), ("1000 100000", 1)]
)
def test_cores_are_those_that_a_container_has(system, text, found):
    system(**{"cpu.max": text})
    assert cores() == found


@pytest.mark.parametrize(
    ("limit", "found"), [("max\n", 3000 * 1024), ("1500\n", 800), ("600\n", 0)]
)
def test_free_memory_is_what_a_container_leaves(system, limit, found):
    system(**CONTAINER, **{"memory.max": limit})
    assert free_memory() == found


@pytest.mark.parametrize("place", ["job_7/step_0", "job_7"])
def test_limits_of_a_job_and_of_groups_above_it_hold(system, place):
    """SLURM's and systemd's are not at the root."""
    own = {f"slurm/{place}/{name}": text for name, text in CONTAINER.items()}
    other = {"slurm/job_8/cpu.max": "100000 100000", "slurm/job_8/memory.max": "1001"}
    files = {f"slurm/{place}/memory.max": "1500", f"slurm/{place}/cpu.max": "300000 100000"}
    system("0::/slurm/job_7/step_0\n", **own, **files, **other)
    assert cores() == 3 and free_memory() == 800


@pytest.mark.parametrize("root", ["cpu,cpuacct", "cpu"])
def test_groups_of_version_1(system, root):
    stat = "total_inactive_file 20\ntotal_active_file 10\n"
    system(
        "9:name=systemd:/\n4:memory:/job_7\n3:cpu,cpuacct:/job_7\n",
        **{
            "memory/job_7/memory.limit_in_bytes": "9000\n",
            "memory/job_7/memory.usage_in_bytes": "1000\n",
            "memory/job_7/memory.stat": stat,
            "memory/memory.limit_in_bytes": f"{2**63}\n",
            "memory/memory.usage_in_bytes": "5000\n",
            "memory/memory.stat": stat,
            f"{root}/cpu.cfs_quota_us": "-1\n",
            f"{root}/cpu.cfs_period_us": "100000\n",
            f"{root}/job_7/cpu.cfs_quota_us": "250000\n",
            f"{root}/job_7/cpu.cfs_period_us": "100000\n",
        },
    )
    assert cores() == 3 and free_memory() == 8030
