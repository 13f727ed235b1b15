"""How many cores this process may use. Standard library only: program and training ask alike."""

import os
import platform
from pathlib import Path

_CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")
_SIBLINGS = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
# By which clusters and users say how many threads a program may have. Where PyTorch is told to use more than the second
# allows, it computes with fewer and leaves parts of its results unwritten: the loss is not a number.
_ASKED = ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT")
_ARM = ("arm64", "aarch64")


def physical_cores() -> int:
    """Return how many physical cores may be used: hyper-threads only get in each other's way here."""
    try:
        allowed = os.sched_getaffinity(0)
    except AttributeError:
        # Processors of the ARM kind (Apple's) have no hyper-threads; of the others most have two a core.
        threads = 1 if platform.machine().lower() in _ARM else 2
        return _within_limits((os.cpu_count() or 1) // threads)
    cores = set()
    for cpu in allowed:
        try:
            siblings = Path(_SIBLINGS.format(cpu)).read_text()
        except OSError:
            siblings = str(cpu)
        cores.add(siblings.strip())
    return _within_limits(len(cores))


def logical_cores() -> int:
    """Return how many cores may be used where a core of several hyper-threads counts as so many."""
    try:
        return _within_limits(len(os.sched_getaffinity(0)))
    except AttributeError:
        return _within_limits(os.cpu_count() or 1)


def _within_limits(cores: int) -> int:
    """Return no more than what a container may use, or the user asked for: more threads wait for one another."""
    limits = (_container_limit(), *map(_number, _ASKED))
    return max(1, min([cores, *(limit for limit in limits if limit)]))


def _container_limit() -> int | None:
    try:
        quota, period = _CGROUP_LIMIT.read_text().split()
        return None if quota == "max" else max(1, round(int(quota) / int(period)))
    except (OSError, ValueError):
        return None


def _number(variable: str) -> int | None:
    try:
        return int(os.environ[variable].split(",")[0])
    except (KeyError, ValueError):
        return None
