"""The command lines of children."""

import subprocess
import sys

import pytest

from app.jobs.commands import child_command, child_environment, child_folder


def test_from_source_and_installed_it_is_this_python() -> None:
    assert child_command(["train", "a b"]) == (sys.executable, ["-m", "app", "train", "a b"])


def test_frozen_it_is_the_program_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert child_command(["train"]) == (sys.executable, ["train"])


def test_the_command_runs() -> None:
    program, arguments = child_command(["--version"])
    told = subprocess.run(
        [program, *arguments], capture_output=True, text=True, cwd=child_folder(), env=child_environment()
    )
    assert told.returncode == 0
    assert told.stdout.startswith("StanceDesk")
