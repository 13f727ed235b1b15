"""Whether a GPU is here that llama.cpp was built without."""

import sys
from pathlib import Path

import pytest

from app import doctor
from app.inference import machine


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of the system's list of GPUs, and a PATH on which nothing stands."""
    folder, programs = tmp_path / "gpus", tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setenv("PATH", str(programs))
    return folder


def _answer(tmp_path: Path, script: str) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)


def test_the_systems_list_is_enough(listed: Path) -> None:
    assert not machine._has_nvidia_gpu(listed)
    listed.mkdir()
    assert not machine._has_nvidia_gpu(listed)
    (listed / "0000:01:00.0").mkdir()
    assert machine._has_nvidia_gpu(listed)


@pytest.mark.skipif(sys.platform == "win32", reason="the program asked is a shell script here")
@pytest.mark.parametrize(
    ("script", "there"),
    [
        ("echo 'GPU 0: NVIDIA H200 (UUID: GPU-1)'", True),
        ("echo 'No devices were found'", False),
        ("echo 'GPU driver failed' ; exit 9", False),
    ],
)
def test_elsewhere_the_drivers_program_is_asked(
    listed: Path, tmp_path: Path, script: str, there: bool
) -> None:
    _answer(tmp_path, script)
    assert machine._has_nvidia_gpu(listed) is there


@pytest.mark.skipif(sys.platform == "win32", reason="the program asked is a shell script here")
def test_a_program_that_does_not_answer_or_cannot_run_is_no_gpu(
    listed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "_ANSWER_SECONDS", 0.2)
    _answer(tmp_path, "exec /bin/sleep 5")
    assert not machine._has_nvidia_gpu(listed)
    (tmp_path / "bin" / "nvidia-smi").write_bytes(b"\x7fELF no program")
    assert not machine._has_nvidia_gpu(listed)


def test_it_is_unused_only_where_llama_cpp_is_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_has_nvidia_gpu", lambda: True)
    assert machine.has_unused_gpu() is (machine.device() == "CPU")
    monkeypatch.setattr(machine, "_has_nvidia_gpu", lambda: False)
    assert not machine.has_unused_gpu()


@pytest.mark.parametrize(
    ("unused", "cuda", "device", "told"),
    [
        (True, False, "CPU", True),
        (False, True, "CPU", True),
        (False, False, "CPU", False),
        (False, True, "GPU", False),
    ],
)
def test_the_doctor_tells_it_whether_or_not_pytorch_is_there(
    unused: bool, cuda: bool, device: str, told: bool
) -> None:
    for torch in ("2.8", None):
        report = {
            "inference": {"available": True, "device": device, "unused_gpu": unused, "unused_amx": False},
            "training": {"torch": torch, "cuda": cuda},
            "free_disk_gb": 100.0,
        }
        sentence = f"{machine.UNUSED_GPU} {machine.UNUSED_GPU_STEP}"
        assert (sentence in doctor._missing(report)) is told
