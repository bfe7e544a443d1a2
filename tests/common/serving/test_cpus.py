"""A server counts the CPUs it was given, not those of the machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.serving.cpus import available_cpus


@pytest.fixture(autouse=True)
def eight_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def cpus(tmp_path: Path, membership: str, files: dict[str, str]) -> int:
    for name, content in files.items():
        file = tmp_path / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    own = tmp_path / "own"
    own.write_text(membership)
    return available_cpus(tmp_path / "cgroup", own)


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    assert available_cpus(tmp_path, tmp_path / "missing") == 8


@pytest.mark.parametrize(
    ("quota", "count"),
    [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("max 100000", 8)],
)
def test_a_quota_of_version_2(tmp_path: Path, quota: str, count: int) -> None:
    assert cpus(tmp_path, "0::/\n", {"cpu.max": f"{quota}\n"}) == count


def test_a_parents_quota_binds(tmp_path: Path) -> None:
    files = {"a/cpu.max": "300000 100000", "a/b/cpu.max": "max 100000", "other/cpu.max": "1 1"}
    assert cpus(tmp_path, "0::/a/b\n", files) == 3


def test_a_containers_own_root_counts_where_its_path_is_the_hosts(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/docker/123\n", {"cpu.max": "200000 100000"}) == 2


@pytest.mark.parametrize(("quota", "count"), [("200000", 2), ("-1", 8)])
def test_a_quota_of_version_1(tmp_path: Path, quota: str, count: int) -> None:
    files = {"cpu/x/cpu.cfs_quota_us": quota, "cpu/x/cpu.cfs_period_us": "100000"}
    assert cpus(tmp_path, "9:name=systemd:/\n4:cpu,cpuacct:/x\n2:cpuset:/x\n", files) == count


def test_the_affinity_holds_below_a_larger_quota(tmp_path: Path) -> None:
    assert cpus(tmp_path, "0::/\n", {"cpu.max": "1600000 100000"}) == 8
