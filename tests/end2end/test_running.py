"""A training run that is stopped, paused, killed or short of room: it goes on and ends as it would have ended."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from safetensors.numpy import load_file
from sqlalchemy import text

from app.study import models, runs, unfinished_runs
from app.study.shelf import Shelf
from app.study.study import Study
from tests.end2end.conftest import Program
from tests.small_base import write_small_base
from training.contract.events import read_events
from training.contract.run_folder import RunFolder

# Random moments at which a training is cut off. More can be asked for: STANCEDESK_KILLS=50.
KILLS = int(os.environ.get("STANCEDESK_KILLS", "3"))
EPOCHS, SEED = 3, 5
# What depends on how busy the machine is, and on breaks.
_TIMES = {"training_seconds", "tokens_per_second", "seconds", "peak_memory_bytes"}

_whole: dict[str, tuple[dict[str, Any], dict[str, Any], float]] = {}


@pytest.fixture
def study(
    program: Program,
    tmp_path: Path,
    sample_rows: Callable[[Path, int], Path],
    monkeypatch: pytest.MonkeyPatch,
) -> Path:
    """Return a study of 90 labelled tweets, with a small base beside it."""
    monkeypatch.setenv("STANCEDESK_HOME", str(program.home))
    path = tmp_path / "s.stancedesk"
    program("new", path)
    program("import", path, sample_rows(tmp_path / "tweets.csv", 30))
    write_small_base(small_base(path))
    return path


def small_base(study: Path) -> Path:
    return study.with_name("small.gguf")


def start(program: Program, study: Path, name: str, *words: object) -> "subprocess.Popen[str]":
    settings = ("--base", small_base(study), "--epochs", EPOCHS, "--seed", SEED)
    return program.start("train", study, "--name", name, *settings, "--json", *words)


def events_until(
    child: "subprocess.Popen[str]", wanted: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Read a child's events up to the first that is wanted."""
    assert child.stdout is not None
    seen = []
    for line in child.stdout:
        seen.append(json.loads(line))
        if wanted(seen[-1]):
            return seen
    raise AssertionError(f"it ended before: {seen[-3:]} {child.stderr.read() if child.stderr else ''}")


def is_step(event: dict[str, Any], step: int = 1) -> bool:
    return event["event"] == "progress" and event.get("step", 0) >= step


def wait_for_end(process: psutil.Process, seconds: float = 300) -> None:
    """Wait for the end of a process, also where its parent is held and cannot take note of it."""
    end = time.monotonic() + seconds
    with contextlib.suppress(psutil.NoSuchProcess):
        while process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < end, "it does not end"
            time.sleep(0.05)


def run_of(study: Path, name: str) -> runs.Run:
    with Study.open(study) as opened:
        return next(run for run in unfinished_runs.list_runs(opened) if run.name == name)


def results_of(run: runs.Run) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run's scores and its adapter."""
    folder = RunFolder(Path(run.folder))
    metrics = json.loads(folder.metrics.read_text(encoding="utf-8"))
    kept = {key: value for key, value in metrics.items() if key not in _TIMES}
    return kept, load_file(next(folder.adapter.glob("*.safetensors")))


def check_same_as_whole(
    program: Program, study: Path, name: str, whole: tuple[dict[str, Any], dict[str, Any], float]
) -> None:
    """The run ended as one that nobody cut off; study and shelf are whole."""
    run = run_of(study, name)
    assert run.status == "finished"
    metrics, adapter = results_of(run)
    assert metrics == whole[0]
    assert all((adapter[key] == value).all() for key, value in whole[1].items())
    with Study.open(study) as opened:
        with opened.reading() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        assert models.get(opened, name).run == run.id
    (entry,) = [model for model in Shelf().models() if model.name == name]
    assert not entry.problem
    assert not list(Path(run.folder).rglob("*.partial"))
    assert not list(program.home.rglob(".*.partial"))


@pytest.fixture
def whole(
    program: Program, study: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[dict[str, Any], dict[str, Any], float]]:
    """Return scores, adapter and seconds of the run that nobody cuts off. Made once: all studies here are alike."""
    if not _whole:
        begin = time.monotonic()
        with start(program, study, "whole") as child:
            child.communicate()
        assert child.returncode == 0
        seconds = time.monotonic() - begin
        _whole["run"] = (*results_of(run_of(study, "whole")), seconds)
    yield _whole["run"]


def test_a_paused_run_goes_on_and_ends_as_one_without_a_break(
    program: Program, study: Path, tmp_path: Path, whole: tuple[dict[str, Any], dict[str, Any], float]
) -> None:
    stop = tmp_path / "stop"
    child = start(program, study, "rested", "--stop-file", stop)
    events_until(child, lambda event: is_step(event, 4))
    stop.write_text("pause", encoding="utf-8")
    out, complaint = child.communicate(timeout=180)
    assert json.loads(out.splitlines()[-1])["event"] == "cancelled"
    assert "--resume" in complaint
    assert run_of(study, "rested").status == "paused"
    told = program.events("train", study, "--resume")
    assert any("Continuing after step" in str(event.get("message")) for event in told)
    first = next(event for event in told if event["event"] == "started")
    assert (first["again"], first["name"]) == (True, "rested")
    check_same_as_whole(program, study, "rested", whole)
    # What is at its end does not go on.
    assert "no training that could go on" in program("train", study, "--resume", status=1)
    assert "has come to its end" in program("train", study, "--resume", "rested", status=1)


def test_the_best_so_far_becomes_a_model(program: Program, study: Path, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    child = start(program, study, "kept", "--stop-file", stop)
    seen = events_until(child, lambda event: event["event"] == "evaluated")
    stop.touch()
    child.communicate(timeout=180)
    assert run_of(study, "kept").status == "cancelled"
    (result,) = program.events("train", study, "--resume=kept", "--keep-best")[-1:]
    assert (result["event"], result["model"]) == ("finished", "kept")
    assert result["training"]["best_epoch"] == 1
    assert result["training"]["epochs"][0]["macro_f1"] == seen[-1]["macro_f1"]
    assert result["training"]["steps"] < 6 * EPOCHS
    assert run_of(study, "kept").status == "finished"
    assert "single" in result["parity"]


def test_settings_do_not_go_with_a_run_that_goes_on(program: Program, study: Path) -> None:
    assert "keeps its settings" in program("train", study, "--resume", "--epochs", 2, status=2)
    assert "--keep-best goes with --resume" in program("train", study, "--keep-best", status=2)


def test_training_whose_conductor_was_killed_is_followed_to_the_shelf(
    program: Program, study: Path, whole: tuple[dict[str, Any], dict[str, Any], float]
) -> None:
    child = start(program, study, "orphan")
    events_until(child, is_step)
    (training,) = psutil.Process(child.pid).children()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    assert training.is_running()
    with Study.open(study) as opened:
        assert unfinished_runs.find(opened, "orphan").is_alone
    told = program.events("train", study, "--resume=orphan")
    assert any("followed again" in str(event.get("message")) for event in told)
    # The very process went on: nothing was done twice.
    folder = RunFolder(Path(run_of(study, "orphan").folder))
    steps = [event["step"] for event in read_events(folder.events) if is_step(event)]
    assert steps == list(range(1, max(steps) + 1))
    check_same_as_whole(program, study, "orphan", whole)


def test_a_run_that_nobody_served_comes_on_the_shelf(
    program: Program, study: Path, whole: tuple[dict[str, Any], dict[str, Any], float]
) -> None:
    child = start(program, study, "unserved")
    events_until(child, is_step)
    (training,) = psutil.Process(child.pid).children()
    child.send_signal(signal.SIGKILL)
    child.communicate()
    wait_for_end(training)
    with Study.open(study) as opened:
        state = unfinished_runs.find(opened, "")
    assert state.is_trained and state.can_continue and state.run.status == "interrupted"
    told = program.events("train", study, "--resume")
    assert not any(event["event"] == "progress" and event["stage"] == "train" for event in told)
    check_same_as_whole(program, study, "unserved", whole)


def test_runs_killed_at_random_moments_end_as_one_that_was_not(
    program: Program, study: Path, whole: tuple[dict[str, Any], dict[str, Any], float], capsys: Any
) -> None:
    """A power cut (all at once), the conductor alone, or training alone; sometimes several on one run."""
    chance = random.Random(20261124)
    left, number = KILLS, 0
    kinds: dict[str, int] = {}
    while left:
        name = f"killed{number}"
        number += 1
        settings = ("--base", small_base(study), "--epochs", EPOCHS, "--seed", SEED)
        words: tuple[object, ...] = ("--name", name, *settings)
        while True:
            child = program.start("train", study, *words, "--json")
            if not left or (words[0] != "--name" and chance.random() < 0.5):
                out, complaint = child.communicate(timeout=600)
                assert child.returncode == 0, complaint
                assert json.loads(out.splitlines()[-1])["event"] == "finished"
                break
            time.sleep(chance.uniform(0.5, whole[2]))
            kind = chance.choice(["all", "conductor", "training"])
            ended = child.poll() is not None
            family = [] if ended else psutil.Process(child.pid).children(recursive=True)
            for process in {"all": family, "training": family}.get(kind, []):
                process.kill()
            if not ended and (kind != "training" or not family):
                child.send_signal(signal.SIGKILL)
            out, _ = child.communicate(timeout=120)
            if child.returncode == 0:
                # It was quicker.
                break
            left -= 1
            kinds[kind] = kinds.get(kind, 0) + 1
            with Study.open(study) as opened:
                known = [state for state in unfinished_runs.list_states(opened) if state.run.name == name]
            if known and known[0].can_continue:
                words = ("--resume", name)
            elif known:
                assert known[0].run.status == "finished", known[0]
                break
        check_same_as_whole(program, study, name, whole)
    with capsys.disabled():
        print(f"\n{KILLS} kills ({kinds}) of {number} runs: all ended as the one that was not cut off.")


def _small_disk(megabytes: int, folder: Path, words: list[str]) -> list[str]:
    """Return a command that runs in a mount space of its own, where `folder` is a small disk with a copy of itself."""
    script = (
        f'set -e; cp -a "{folder}" "{folder}.kept"; mount -t tmpfs -o size={megabytes}m small "{folder}"; '
        f'cp -a "{folder}.kept/." "{folder}/"; "$@"; code=$?; exit $code'
    )
    return ["unshare", "-rm", "sh", "-c", script, "sh", *words]


def _has_small_disks(tmp_path: Path) -> bool:
    probe = ["unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=1m", "small", str(tmp_path)]
    return sys.platform == "linux" and subprocess.run(probe, capture_output=True, check=False).returncode == 0


def test_a_small_disk_is_told_before_training_begins(program: Program, study: Path, tmp_path: Path) -> None:
    if not _has_small_disks(tmp_path):
        pytest.skip("needs the right to mount a small disk")
    (program.home / "data" / "runs").mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "app", "train", str(study), "--epochs", "1"]
    done = subprocess.run(
        _small_disk(60, program.home / "data" / "runs", words),
        env=program.environment(),
        encoding="utf-8",
        capture_output=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert last.startswith("stancedesk: The disk of") and "training needs about" in last, last
    with Study.open(study) as opened, opened.reading() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_memory_that_is_short_is_told_or_met(program: Program, study: Path) -> None:
    """In too little address space a run ends well, on fewer tweets at once, or with a sentence; the study is whole."""
    endings = []
    for number, gigabytes in enumerate((3.0, 1.5)):
        words = [sys.executable, "-m", "app", "train", str(study), "--name", f"m{number}", "--epochs", "1"]
        limit = f'ulimit -v {round(gigabytes * 1e6)}; exec "$@"'
        done = subprocess.run(
            ["sh", "-c", limit, "sh", *words, "--json"],
            env=program.environment(),
            encoding="utf-8",
            capture_output=True,
            check=False,
            timeout=600,
        )
        last = json.loads(done.stdout.splitlines()[-1])
        endings.append((gigabytes, last["event"], last.get("message", "")))
        assert last["event"] in ("finished", "failed"), endings
        assert last["event"] == "finished" or last["kind"] == "user", (endings, done.stderr)
        assert "Traceback" not in done.stderr
    assert endings[-1][1] == "failed", endings
    with Study.open(study) as opened, opened.reading() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"


def test_a_base_that_is_damaged_meanwhile_is_told(program: Program, study: Path, tmp_path: Path) -> None:
    base = tmp_path / "base.gguf"
    write_small_base(base)
    stop = tmp_path / "stop"
    child = program.start(
        "train", study, "--base", base, "--name", "cut", "--epochs", 2, "--json", "--stop-file", stop
    )
    events_until(child, is_step)
    stop.write_text("pause", encoding="utf-8")
    child.communicate(timeout=180)
    whole_file = base.read_bytes()
    base.write_bytes(whole_file[: len(whole_file) // 2])
    told = program("train", study, "--resume", status=1)
    assert (len(told.strip().splitlines()) == 1 and "base.gguf" in told) or "another file" in told
    base.write_bytes(whole_file)
    assert program.events("train", study, "--resume=cut")[-1]["event"] == "finished"


def test_a_model_folder_that_was_deleted_meanwhile_is_told(program: Program, study: Path) -> None:
    child = start(program, study, "lost")
    events_until(child, is_step)
    folder = RunFolder(Path(run_of(study, "lost").folder))
    (training,) = psutil.Process(child.pid).children()
    child.send_signal(signal.SIGSTOP)
    wait_for_end(training)
    shutil.rmtree(folder.model)
    child.send_signal(signal.SIGCONT)
    _, complaint = child.communicate(timeout=300)
    assert child.returncode == 1 and "Traceback" not in complaint
    assert len(complaint.strip().splitlines()) == 1 and "a file was deleted" in complaint
    with Study.open(study) as opened:
        (state,) = unfinished_runs.list_states(opened)[:1]
        assert state.run.status == "failed" and not state.can_continue
        with opened.reading() as session:
            assert session.scalar(text("PRAGMA integrity_check")) == "ok"
    assert "kept nothing to go on with" in program("train", study, "--resume=lost", status=1)
