"""`python -m training` as a process: whole runs, stops, kills, a full disk, and every mistake in a sentence."""

import json
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.unit.training.conftest import LEAVES, make_rows, start_training, train
from training.__main__ import _began
from training.contract.events import read_events
from training.contract.run_folder import RunFolder
from training.contract.run_lock import lock_holder
from training.contract.spec import Row

MakeRun = Callable[..., RunFolder]


def wait_for(run: RunFolder, kind: str, process: "subprocess.Popen[str]") -> None:
    """Wait until an event of a kind is in the run's file."""
    end = time.monotonic() + 120
    while not any(event["event"] == kind for event in read_events(run.events)):
        assert time.monotonic() < end and process.poll() is None, run.log.read_text(encoding="utf-8")
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("method", "files"),
    [
        ("scales", ["adapter/scales.safetensors", "model/single/model.gguf"]),
        (
            "auto",
            [
                "adapter/adapter_config.json",
                "adapter/adapter_model.safetensors",
                "model/adapter/adapter.gguf",
                "model/adapter/base.gguf",
                "model/single/model.gguf",
            ],
        ),
    ],
)
def test_a_run_leaves_all_that_its_folder_promises(make_run: MakeRun, method: str, files: list[str]) -> None:
    run = make_run(validation=[*make_rows(7), Row("empty", "  ", "en", "pro")], method=method)
    status, events, error = train(run.path)
    assert (status, error) == (0, "")
    assert events == list(read_events(run.events))
    assert [e["event"] for e in events if e["event"] != "progress"] == [
        "started", "stage", "warning", "stage", "stage", "evaluated", "stage", "stage", "finished",
    ]  # fmt: skip
    assert run.outcome() == "finished"
    metrics = json.loads(run.metrics.read_text(encoding="utf-8"))
    assert metrics["validation"]["rows"] == 7
    assert metrics["classes"]["train"] == dict.fromkeys(LEAVES, 6) | {}
    assert metrics["steps"] == 3
    assert metrics["peak_memory_bytes"] > 10**8
    assert set(metrics["validation"]["languages"]) == {"en", "es"}
    assert {k: v for k, v in events[-1].items() if k not in ("event", "time")} == metrics
    probabilities = json.loads(run.validation_probabilities.read_text(encoding="utf-8"))
    assert [row is None for row in probabilities] == [False] * 7 + [True]
    assert all(sum(row) == pytest.approx(1) for row in probabilities[:7])
    environment = json.loads(run.environment.read_text(encoding="utf-8"))
    assert environment["packages"]["torch"] and environment["plan"]["device"] in ("cpu", "cuda")
    names = sorted(str(p.relative_to(run.path)) for p in run.path.rglob("*") if p.is_file())
    assert [name for name in names if "/" in name] == files
    assert not run.lock.exists()


def test_the_stop_file_cancels_and_a_second_start_goes_on(make_run: MakeRun) -> None:
    run = make_run(epochs=200)
    process = start_training(run.path)
    wait_for(run, "progress", process)
    run.stop.touch()
    process.communicate(timeout=60)
    assert (process.returncode, run.outcome(), run.lock.exists()) == (0, "cancelled", False)
    steps = [e["step"] for e in read_events(run.events) if e["event"] == "progress"]
    run.stop.unlink()
    process = start_training(run.path)
    end = time.monotonic() + 120
    while not any("Continuing" in str(e.get("message")) for e in read_events(run.events)):
        assert time.monotonic() < end and process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    message = next(e["message"] for e in read_events(run.events) if "Continuing" in str(e.get("message")))
    assert f"after step {steps[-1]} of 600" in message
    assert (process.returncode, run.outcome()) == (0, "cancelled")


def test_after_a_kill_the_lock_tells_and_the_run_can_be_started_again(make_run: MakeRun) -> None:
    run = make_run(epochs=200)
    process = start_training(run.path)
    wait_for(run, "evaluated", process)
    assert lock_holder(run.lock, _began) == process.pid
    status, events, _ = train(run.path)
    assert (status, events[-1]["kind"]) == (1, "held")
    assert f"process {process.pid}" in events[-1]["message"]
    process.kill()
    process.communicate()
    assert (run.outcome(), run.lock.exists(), lock_holder(run.lock, _began)) == ("", True, None)
    # As a kill during the export leaves it.
    half = run.model / "single" / f".model.gguf.{process.pid}.partial"
    half.parent.mkdir(parents=True, exist_ok=True)
    half.write_bytes(b"half")
    make_run(epochs=1)
    status, events, _ = train(run.path)
    assert (status, events[-1]["event"], run.lock.exists()) == (0, "finished", False)
    assert not half.exists()


def test_nobody_listening_is_no_error(make_run: MakeRun) -> None:
    run = make_run()
    process = start_training(run.path)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    process.stderr.close()
    assert process.wait(timeout=120) == 0
    assert run.outcome() == "finished"


def test_a_full_disk_is_told_in_a_sentence(make_run: MakeRun) -> None:
    def limit() -> None:
        # The largest file that this process may write: enough for a checkpoint, not for the model.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000_000, 20_000_000))

    run = make_run()
    status, events, error = train(run.path, preexec_fn=limit)
    assert (status, events[-1]["kind"], error) == (1, "user", "")
    assert "disk is full" in events[-1]["message"]
    assert [p.name for p in run.path.rglob("*.partial")] == []
    assert not (run.model / "single" / "model.gguf").exists()
    status, events, _ = train(run.path)
    assert (status, events[-1]["event"]) == (0, "finished")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no rows to train on"),
        (make_rows(8, ["pro"]), "All rows to train on are labelled “pro”"),
        ([Row("7", "some text", "en", "perhaps")], "“perhaps”"),
        ([Row("8", " ", "en", "pro")], "no rows to train on"),
    ],
)
def test_rows_that_cannot_be_learnt_from_are_told(make_run: MakeRun, rows: list[Row], said: str) -> None:
    status, events, error = train(make_run(rows=rows).path)
    assert (status, events[-1]["event"], events[-1]["kind"], error) == (1, "failed", "user", "")
    assert said in events[-1]["message"]


def _break_spec(run: RunFolder, base: Path) -> None:
    run.spec.write_text("{ not json", encoding="utf-8")


def _break_rows(run: RunFolder, base: Path) -> None:
    run.train.write_text('{"id": "1"}\n', encoding="utf-8")


def _lose_rows(run: RunFolder, base: Path) -> None:
    run.validation.unlink()


def _set(**values: Any) -> Callable[[RunFolder, Path], None]:
    def change(run: RunFolder, base: Path) -> None:
        spec = json.loads(run.spec.read_text(encoding="utf-8"))
        run.spec.write_text(json.dumps(spec | values), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_break_spec, "not valid JSON"),
        (_break_rows, "Line 1 of train.jsonl"),
        (_lose_rows, "no validation.jsonl"),
        (_set(single_type="Q9"), "Choose one of Q4_0"),
        (_set(base_sha256="0" * 64), "is not the base model"),
        (_set(base_path="/nowhere/base.gguf"), "/nowhere/base.gguf"),
        (_set(leaves=["pro", "anti"]), "4 answers for 2 classes"),
        (_set(prompt={"version": "0.1"}), "prompt version"),
        (_set(epochs=0), "“epochs”"),
        (_set(colour="blue"), "Unknown settings: colour"),
    ],
)
def test_a_run_folder_that_cannot_be_used_is_told(
    make_run: MakeRun, small_base: Path, change: Callable[[RunFolder, Path], None], said: str
) -> None:
    run = make_run()
    change(run, small_base)
    status, events, error = train(run.path)
    assert (status, events[-1]["event"], events[-1]["kind"], error) == (1, "failed", "user", "")
    assert said in events[-1]["message"]


def test_a_base_that_is_none_is_told_and_another_path_can_be_given(
    make_run: MakeRun, small_base: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(small_base.read_bytes()[:100_000])
    run = make_run(base_path=broken)
    status, events, _ = train(run.path)
    assert (status, events[-1]["kind"]) == (1, "user")
    assert "broken.gguf" in events[-1]["message"]
    status, events, _ = train(run.path, "--base", small_base)
    assert (status, events[-1]["kind"]) == (1, "user")
    assert "is not the base model that this run was written for" in events[-1]["message"]


def test_a_bug_is_reported_with_its_traceback(make_run: MakeRun) -> None:
    run = make_run()
    code = (
        "import sys, training.run, training.__main__ as main\n"
        "def run(*a): raise ZeroDivisionError('sums')\n"
        "training.run.run = run\n"
        "sys.exit(main.main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(run.path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, last["kind"]) == (1, "bug")
    assert "ZeroDivisionError: sums" in last["detail"]
    assert "ZeroDivisionError: sums" in run.log.read_text(encoding="utf-8")


def test_the_probe_is_one_json_object() -> None:
    process = start_training("--probe")
    out, _ = process.communicate(timeout=120)
    found = json.loads(out)
    assert process.returncode == 0
    assert found["torch"] and found["missing"] == [] and found["cores"] >= 1
    assert isinstance(found["bf16"], bool) and found["memory"] > 10**8


def test_the_probe_answers_where_torch_is_not_installed() -> None:
    code = (
        "import sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name in ('torch', 'psutil', 'bitsandbytes') else find(name, *a)\n"
        "from training.__main__ import main\n"
        "sys.exit(main(['--probe']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert (done.returncode, found["torch"], found["missing"]) == (0, None, ["torch", "psutil"])
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_not_there_and_no_folder_are_told(tmp_path: Path) -> None:
    process = start_training(tmp_path / "none")
    _, error = process.communicate(timeout=60)
    assert (process.returncode, error.count("\n")) == (1, 1)
    process = start_training()
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "a run folder is needed" in error


def test_importing_training_costs_nothing() -> None:
    code = (
        "import sys, training, training.__main__\n"
        "print([m for m in ('torch', 'numpy', 'llama_cpp', 'transformers', 'gguf', 'psutil') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_four_bit_training_is_a_whole_run_too(make_run: MakeRun) -> None:
    run = make_run(method="qlora", epochs=2)
    status, events, _ = train(run.path)
    assert (status, events[-1]["event"]) == (0, "finished"), run.log.read_text(encoding="utf-8")
    assert (events[-1]["method"], events[-1]["steps"]) == ("qlora", 6)
    losses = [event["loss"] for event in events if event["event"] == "progress" and "loss" in event]
    assert losses[-1] < losses[0]
