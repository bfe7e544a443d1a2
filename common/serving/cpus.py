"""How many CPUs this process really has, whatever the machine's size."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")


def available_cpus(cgroups: Path = CGROUPS, membership: Path = MEMBERSHIP) -> int:
    """Whole CPUs within the scheduler's affinity and every cgroup quota above this process.

    A quota of 1.5 counts as 1: a thread too many is throttled and holds up the others.
    """
    # macOS has no affinity.
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min([affinity or 1, *map(int, _quotas(cgroups, membership))]))


def _quotas(cgroups: Path, membership: Path) -> Iterator[float]:
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mount, read = cgroups, _quota_v2
        elif "cpu" in controllers.split(","):
            mount, read = cgroups / "cpu", _quota_v1
        else:
            continue
        names = Path(path).parts[1:]
        # A parent's quota binds its children; a container sees itself as the root.
        for depth in range(len(names) + 1):
            try:
                quota = read(mount.joinpath(*names[:depth]))
            except (OSError, ValueError):
                continue
            if quota is not None:
                yield quota


def _quota_v2(directory: Path) -> float | None:
    quota, period = (directory / "cpu.max").read_text().split()
    return None if quota == "max" else int(quota) / int(period)


def _quota_v1(directory: Path) -> float | None:
    quota = int((directory / "cpu.cfs_quota_us").read_text())
    period = int((directory / "cpu.cfs_period_us").read_text())
    return None if quota < 0 else quota / period
