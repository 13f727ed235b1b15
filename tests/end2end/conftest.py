"""A real study, trained once by the real commands on the embedded base, for all end-to-end tests."""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import resources
from tests.end2end.cascade_at_work import write_model, write_study
from tests.small_base import write_small_base

LANGUAGES = ("en", "es", "de")


@dataclass(frozen=True)
class Program:
    """The program as a shell would start it, with a home of its own."""

    home: Path

    def environment(self) -> dict[str, str]:
        return os.environ | {"STANCEDESK_HOME": str(self.home), "PYTHONIOENCODING": "utf-8"}

    def start(self, *words: object, **options: Any) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "app", *map(str, words)],
            env=self.environment(),
            encoding="utf-8",
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def __call__(self, *words: object, status: int = 0) -> str:
        """Run a command, check its exit status and return what it printed: its complaint, where it failed."""
        with self.start(*words) as child:
            out, complaint = child.communicate()
        assert child.returncode == status, f"{words}\n{out}\n{complaint}"
        assert "Traceback" not in complaint
        return out if status == 0 else complaint

    def events(self, *words: object) -> list[dict[str, Any]]:
        """Run a long command with --json and return its events."""
        return [json.loads(line) for line in self(*words, "--json").splitlines()]


@dataclass(frozen=True)
class TrainedStudy:
    """A study with a model that was trained on it."""

    program: Program
    study: Path
    model: str
    events: list[dict[str, Any]]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")


@pytest.fixture(scope="session")
def small_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the embedded base cut to two layers, for what is not about how well a model answers."""
    return write_small_base(tmp_path_factory.mktemp("base") / "small.gguf")


@pytest.fixture(scope="session")
def sample_rows(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, int], Path]:
    """Return a function that writes the first n sample tweets of a few languages as a CSV."""

    def write(path: Path, each: int) -> Path:
        with resources.sample_study_file() as source, open(source, encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        chosen = [r for lang in LANGUAGES for r in [r for r in rows if r["lang"] == lang][:each]]
        with open(path, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(chosen)
        return path

    return write


@pytest.fixture(scope="session")
def trained_study(
    tmp_path_factory: pytest.TempPathFactory, sample_rows: Callable[[Path, int], Path]
) -> TrainedStudy:
    folder = tmp_path_factory.mktemp("trained")
    program = Program(folder / "home")
    study = folder / "trained.stancedesk"
    program("new", study)
    program("import", study, sample_rows(folder / "tweets.csv", 24))
    events = program.events(
        "train", study, "--base", "smollm2-135m", "--name", "tiny", "--epochs", 1, "--seed", 7
    )
    return TrainedStudy(program, study, "tiny", events)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the path of a model of random weights that a light model can learn from (`cascade_at_work`)."""
    return write_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a study that this model classifies, to be copied."""
    return write_study(tmp_path_factory.mktemp("study"))
