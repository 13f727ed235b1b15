"""Several processes train as one would: really started, by the launcher that `accelerate launch` uses."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.unit.training.conftest import make_rows, train
from training.contract.events import read_events
from training.contract.run_folder import RunFolder
from training.processes import Processes

MakeRun = Callable[..., RunFolder]


def start_together(run: RunFolder, processes: int = 2) -> "subprocess.Popen[str]":
    words = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m", "training"]
    return subprocess.Popen(
        [sys.executable, *words, str(run.path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )


def train_together(run: RunFolder, processes: int = 2) -> tuple[int, list[dict[str, Any]], str]:
    process = start_together(run, processes)
    out, error = process.communicate(timeout=300)
    return process.returncode, [json.loads(line) for line in out.splitlines() if line.startswith("{")], error


@pytest.mark.parametrize("count", [0, 1, 2, 7, 16])
def test_the_shares_are_all_there_is_once_and_in_order(count: int) -> None:
    items = list(range(count))
    shares = [Processes(rank, 3, 3).share(items) for rank in range(3)]
    assert [item for share in shares for item in share] == items
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
    assert Processes().share(items) == items


def test_who_is_not_launched_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert Processes.of_environment() == Processes(0, 1, 1)
    monkeypatch.setenv("RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert Processes.of_environment() == Processes(3, 4, 2)


def _steps(events: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events that tell of a step: others tell how far the scoring of an epoch is."""
    return [event for event in events if event["event"] == "progress" and event.get("step")]


# Dropout: with micro-batches of half a batch both ways draw the same numbers. 27 rows: the last batch of each epoch
# is of three, one for the first process and two for the second, which are other micro-batches.
@pytest.mark.parametrize(
    ("count", "method", "dropout"), [(24, "lora", 0.1), (27, "lora", 0.0), (24, "scales", 0.0)]
)
def test_two_processes_learn_what_one_learns(
    make_run: MakeRun, tmp_path: Path, count: int, method: str, dropout: float
) -> None:
    settings: dict[str, Any] = {"epochs": 2, "micro_batch": 4, "precision": "fp32"}
    settings |= {"method": method, "dropout": dropout}
    rows, validation = make_rows(count), make_rows(9)
    alone = make_run(rows, validation, **settings)
    assert train(alone.path)[0] == 0
    kept = RunFolder(tmp_path / "alone")
    alone.path.rename(kept.path)
    together = make_run(rows, validation, **settings)
    status, events, error = train_together(together)
    assert status == 0, error
    # One process tells: each event once, each step once.
    assert events == list(read_events(together.events))
    assert [e["event"] for e in events].count("finished") == 1
    steps = _steps(events)
    assert [e["step"] for e in steps] == list(range(1, 1 + 2 * math.ceil(count / 8)))
    before = _steps(read_events(kept.events))
    assert [e["loss"] for e in steps] == pytest.approx([e["loss"] for e in before], abs=2e-3)
    one, two = (json.loads(run.metrics.read_text(encoding="utf-8")) for run in (kept, together))
    assert (two["steps"], two["train_rows"]) == (one["steps"], one["train_rows"])
    assert two["validation"]["loss"] == pytest.approx(one["validation"]["loss"], abs=2e-3)
    assert two["validation"]["accuracy"] == one["validation"]["accuracy"]
    said = [json.loads(run.validation_probabilities.read_text(encoding="utf-8")) for run in (kept, together)]
    np.testing.assert_allclose(said[1], said[0], atol=2e-3)
    assert json.loads(together.environment.read_text(encoding="utf-8"))["processes"] == 2
    assert not together.lock.exists() and (together.model / "single" / "model.gguf").is_file()


def test_the_stop_file_stops_all_and_they_go_on_together(make_run: MakeRun) -> None:
    run = make_run(epochs=200)
    process = start_together(run)
    _wait_for_steps(run, process)
    run.stop.touch()
    process.communicate(timeout=120)
    assert (process.returncode, run.outcome(), run.lock.exists()) == (0, "cancelled", False)
    run.stop.unlink()
    process = start_together(run)
    end = time.monotonic() + 120
    while not any("Continuing" in str(e.get("message")) for e in read_events(run.events)):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    # As a cluster does when the time is up: the launcher is told, and passes it on.
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert (run.outcome(), run.lock.exists()) == ("cancelled", False)


def test_what_one_process_cannot_do_is_told_by_the_first_and_ends_all(make_run: MakeRun) -> None:
    run = make_run([row for row in make_rows(24) if row.label == "pro"])
    status, events, _ = train_together(run)
    assert status != 0
    assert (events[-1]["event"], events[-1]["kind"]) == ("failed", "user")
    assert "at least two classes" in events[-1]["message"]


def _wait_for_steps(run: RunFolder, process: "subprocess.Popen[str]") -> None:
    end = time.monotonic() + 120
    while not any(e["event"] == "progress" for e in read_events(run.events)):
        assert time.monotonic() < end and process.poll() is None, run.log.read_text(encoding="utf-8")
        time.sleep(0.05)
