"""How many cores may be used: those of the process, of its container, and those that the user asked for."""

import os
import platform
from pathlib import Path

import pytest

from training.contract import cores


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Four physical cores of two threads each, no container; return the folder of their files."""
    for cpu in range(8):
        (tmp_path / str(cpu)).write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    monkeypatch.setattr(cores, "_SIBLINGS", str(tmp_path / "{}"))
    monkeypatch.setattr(cores, "_CGROUP_LIMIT", tmp_path / "cpu.max")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    for name in ("OMP_NUM_THREADS", "OMP_THREAD_LIMIT"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_hyper_threads_are_one_core() -> None:
    assert (cores.physical_cores(), cores.logical_cores()) == (4, 8)


def test_a_process_that_is_kept_to_some_cores_has_those(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 4, 1}, raising=False)
    assert (cores.physical_cores(), cores.logical_cores()) == (2, 3)


@pytest.mark.parametrize(
    ("limit", "physical", "logical"),
    [("max 100000", 4, 8), ("250000 100000", 2, 2), ("10000 100000", 1, 1), ("", 4, 8)],
)
def test_a_container_has_its_share(machine: Path, limit: str, physical: int, logical: int) -> None:
    (machine / "cpu.max").write_text(limit)
    assert (cores.physical_cores(), cores.logical_cores()) == (physical, logical)


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "OMP_THREAD_LIMIT"])
@pytest.mark.parametrize(("asked", "found"), [("1", 1), ("3,2", 3), ("99", 4), ("many", 4), ("0", 4)])
def test_no_more_than_the_user_asked_for(
    monkeypatch: pytest.MonkeyPatch, name: str, asked: str, found: int
) -> None:
    monkeypatch.setenv(name, asked)
    assert cores.physical_cores() == found


@pytest.mark.parametrize(("processor", "physical"), [("x86_64", 4), ("AMD64", 4), ("arm64", 8)])
def test_systems_without_affinity_are_asked_for_their_cores(
    monkeypatch: pytest.MonkeyPatch, processor: str, physical: int
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(platform, "machine", lambda: processor)
    assert (cores.physical_cores(), cores.logical_cores()) == (physical, 8)
