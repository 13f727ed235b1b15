"""Runs that are not at their end: what their folders and locks tell, and which can go on."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from app.errors import UserError
from app.study import conductor, runs, splits, unfinished_runs
from app.study.base_models import BaseFile
from app.study.shelf import Shelf
from app.study.study import Study
from app.study.training_process import follow_training, run_training
from training.contract.events import EventLog
from training.contract.run_folder import RunFolder

MakeRun = Callable[..., runs.Run]


@pytest.fixture
def make_run(study: Study, tmp_path: Path) -> MakeRun:
    """Return a function that notes a run whose folder says that it is at step 3 of 7."""

    def make(name: str, status: str, *, checkpoint: bool = True) -> runs.Run:
        folder = RunFolder(tmp_path / "runs" / name)
        folder.path.mkdir(parents=True)
        folder.spec.write_text("{}", encoding="utf-8")
        log = EventLog(folder.events)
        log.write("progress", stage="train", step=3, steps=7, loss=1.0)
        log.write("evaluated", epoch=1, macro_f1=0.5, accuracy=0.5, loss=1.0)
        log.write("evaluated", epoch=2, macro_f1=0.4, accuracy=0.5, loss=1.0)
        log.write("evaluated", epoch=2, macro_f1=0.45, accuracy=0.5, loss=1.0)
        if checkpoint:
            folder.checkpoints.mkdir()
            (folder.checkpoints / "last.safetensors").write_bytes(b"x")
        split = splits.save(study, name, {}, 1)
        run = runs.create(study, name, str(folder.path), "smollm2-135m", ["en"], {}, split)
        return runs.update(study, run.id, status=status)

    return make


@pytest.fixture
def sleeper() -> Any:
    """Return a process that lives."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"]) as child:
        yield child
        child.kill()


def hold(lock: Path, process: "subprocess.Popen[bytes]") -> None:
    started = psutil.Process(process.pid).create_time()
    lock.write_text(json.dumps({"pid": process.pid, "started": started}), encoding="utf-8")


def test_how_far_a_run_is_follows_from_its_events(study: Study, make_run: MakeRun) -> None:
    state = unfinished_runs.state_of(make_run("a", "paused"))
    assert (state.step, state.steps, [e["epoch"] for e in state.epochs]) == (3, 7, [1, 2])
    # The second epoch was scored twice: what it scored last counts.
    assert state.epochs[1]["macro_f1"] == 0.45
    assert state.best is not None and state.best["epoch"] == 1


@pytest.mark.parametrize(
    ("status", "checkpoint", "can_continue", "can_finish"),
    [
        ("paused", True, True, True),
        ("waiting", True, True, True),
        ("cancelled", True, True, True),
        ("failed", True, True, True),
        ("running", True, True, True),  # nobody lives: it was interrupted
        ("running", False, True, False),
        ("paused", False, True, False),
        ("cancelled", False, False, False),
        ("failed", False, False, False),
        ("finished", True, False, False),
        ("discarded", False, False, False),
    ],
)
def test_which_runs_can_go_on(
    study: Study, make_run: MakeRun, status: str, checkpoint: bool, can_continue: bool, can_finish: bool
) -> None:
    make_run("a", status, checkpoint=checkpoint)
    (state,) = unfinished_runs.list_states(study)
    assert (state.can_continue, state.can_finish) == (can_continue, can_finish)
    assert state.run.status == ("interrupted" if status == "running" else status)


def test_who_works_on_a_run_is_told_by_its_locks(
    study: Study, make_run: MakeRun, sleeper: "subprocess.Popen[bytes]"
) -> None:
    run = make_run("a", "running")
    folder = RunFolder(Path(run.folder))
    hold(folder.lock, sleeper)
    state = unfinished_runs.find(study, "")
    assert state.is_alone and not state.is_conducted and state.can_continue and not state.can_finish
    with pytest.raises(UserError, match="is under way"):
        unfinished_runs.discard(study, run)
    hold(folder.conductor_lock, sleeper)
    state = unfinished_runs.state_of(run)
    assert state.is_conducted and not state.is_alone and not state.can_continue
    with pytest.raises(UserError, match="under way in another window or command"):
        unfinished_runs.find(study, "a")
    with pytest.raises(UserError, match="no training that could go on"):
        unfinished_runs.find(study, "")


def test_training_that_ends_while_one_looks_is_not_left_running(
    study: Study, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run("a", "running")
    looks = iter([True, False])
    monkeypatch.setattr(unfinished_runs, "training_lives", lambda _: next(looks, False))
    (state,) = unfinished_runs.list_states(study)
    assert state.run.status == "interrupted" and state.can_continue


def test_an_end_that_is_noted_while_one_looks_stays(
    study: Study, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("a", "running")

    def ends(_: RunFolder) -> bool:
        runs.update(study, run.id, status="finished")
        return False

    monkeypatch.setattr(unfinished_runs, "training_lives", ends)
    assert [found.status for found in unfinished_runs.list_runs(study)] == ["finished"]


def test_a_run_is_found_by_name_folder_or_as_the_newest(study: Study, make_run: MakeRun) -> None:
    old, new, done = make_run("old", "paused"), make_run("new", "cancelled"), make_run("done", "finished")
    assert unfinished_runs.find(study, "").run.id in (old.id, new.id)
    assert unfinished_runs.find(study, "old").run == old
    assert unfinished_runs.find(study, new.folder).run == new
    assert unfinished_runs.find(study, new.id).run == new
    with pytest.raises(UserError) as told:
        unfinished_runs.find(study, "nowhere")
    assert "no training “nowhere”" in told.value.message and "old" in told.value.next_step
    with pytest.raises(UserError, match="has come to its end"):
        unfinished_runs.find(study, done.name)


def test_what_was_discarded_is_gone_but_for_its_record(study: Study, make_run: MakeRun) -> None:
    run = make_run("a", "cancelled")
    folder = RunFolder(Path(run.folder))
    unfinished_runs.discard(study, run)
    assert not folder.checkpoints.exists() and folder.spec.is_file() and folder.events.is_file()
    assert [r.status for r in unfinished_runs.list_runs(study)] == ["discarded"]
    with pytest.raises(UserError, match="kept nothing to go on with"):
        unfinished_runs.find(study, "a")


def test_a_base_that_is_another_file_now_is_told(
    study: Study, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run("a", "paused")
    folder = RunFolder(Path(run.folder))
    with pytest.raises(UserError, match="cannot go on"):
        unfinished_runs.go_on(study, "a", print, lambda: False)
    from training.contract.prompt import fine_tuned_prompt
    from training.contract.spec import TrainingSpec

    leaves = [leaf.code for leaf in study.codebook.leaves]
    TrainingSpec("smollm2-135m", "x", "0" * 64, leaves, fine_tuned_prompt(4).as_dict()).write(folder.spec)
    with pytest.raises(UserError, match="is another file now"):
        unfinished_runs.go_on(study, "a", print, lambda: False)
    # It stays what it was and can go on another time.
    assert unfinished_runs.find(study, "a").run.status == "paused"


@pytest.mark.parametrize(
    ("said", "status"), [("", "cancelled"), ("pause", "paused"), ("wait", "waiting"), ("x", "cancelled")]
)
def test_the_stop_file_says_whether_a_run_rests(tmp_path: Path, said: str, status: str) -> None:
    file = tmp_path / "stop"
    assert unfinished_runs.halted_as(file) == unfinished_runs.halted_as(None) == "cancelled"
    file.write_text(said, encoding="utf-8")
    assert unfinished_runs.halted_as(file) == status


_STRANGER = """
import json, os, sys, time
from pathlib import Path
from training.contract.events import EventLog
from training.contract.run_folder import RunFolder
from app.study.training_process import began
from training.contract.run_lock import take_lock
folder, ends = RunFolder(Path(sys.argv[1])), sys.argv[2]
take_lock(folder.lock, began)
log = EventLog(folder.events)
for step in range(200):
    log.write("progress", step=step)
    time.sleep(0.05)
    if folder.stop.exists():
        log.write("cancelled")
        break
    if step == 30 and ends:
        if ends != "dies":
            log.write(ends, message="It is full.", kind="user")
        break
"""


@pytest.mark.parametrize(
    ("ends", "stops", "outcome"),
    [("finished", False, "finished"), ("dies", False, "interrupted"), ("", True, "cancelled")],
)
def test_training_that_another_program_began_is_followed(
    tmp_path: Path, ends: str, stops: bool, outcome: str
) -> None:
    folder = RunFolder(tmp_path)
    EventLog(folder.events).write("failed", message="an earlier end", kind="user")
    root = Path(__file__).parents[4]
    with subprocess.Popen([sys.executable, "-c", _STRANGER, str(tmp_path), ends], cwd=root) as child:
        deadline = time.monotonic() + 60
        while not folder.lock.exists() or "step" not in folder.events.read_text(encoding="utf-8"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        heard: list[dict[str, Any]] = []
        assert follow_training(folder, heard.append, lambda: stops and len(heard) > 3) == outcome
        assert heard and all(event["event"] == "progress" for event in heard)
        child.wait(10)
    assert folder.lock.exists()


def test_training_that_a_killed_conductor_had_only_just_begun_is_followed(
    study: Study, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes its lock after the look whether it lives: the training started beside it finds the lock held."""
    run = make_run("late", "interrupted")
    folder = RunFolder(Path(run.folder))
    begun: list[subprocess.Popen[bytes]] = []

    def run_late(*args: Any, **settings: Any) -> str:
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", _STRANGER, run.folder, "finished"], cwd=Path(__file__).parents[4]
            )
        )
        deadline = time.monotonic() + 60
        while not folder.lock.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        return run_training(*args, **settings)

    monkeypatch.setattr(conductor, "run_training", run_late)
    heard: list[dict[str, Any]] = []
    base = BaseFile("base", folder.path / "base.gguf", "", "", "", "")
    conducts = conductor.Conductor(study, run, base, Shelf(), heard.append, lambda: False)
    assert conducts._train(again=True, finish=False) == "finished"
    assert any("followed again" in str(event.get("message")) for event in heard)
    assert len(begun) == 1 and begun[0].wait(10) == 0


def test_of_two_conductors_the_second_is_refused_and_changes_nothing(
    study: Study, make_run: MakeRun, sleeper: "subprocess.Popen[bytes]"
) -> None:
    run = make_run("busy", "running")
    folder = RunFolder(Path(run.folder))
    hold(folder.conductor_lock, sleeper)
    base = BaseFile("base", folder.path / "base.gguf", "", "", "", "")
    with pytest.raises(UserError, match="under way in another window"):
        conductor.Conductor(study, run, base, Shelf(), print, lambda: False).conduct(again=True)
    assert folder.conductor_lock.exists()
    assert runs.list_runs(study)[0].status == "running"


def test_how_followed_training_failed_is_told(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    root = Path(__file__).parents[4]
    with subprocess.Popen([sys.executable, "-c", _STRANGER, str(tmp_path), "failed"], cwd=root):
        deadline = time.monotonic() + 60
        while not folder.lock.exists() or not folder.events.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(UserError, match="It is full"):
            follow_training(folder, print, lambda: False)
