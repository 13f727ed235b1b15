"""The Train page of a run that is paused, stopped, cut off or goes on; and what is shown while one runs."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.gui.questions import ask_about_jobs
from app.gui.train_page import TrainPage
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.study import runs, splits, unfinished_runs
from app.study.study import Study
from tests.gui.focus import activate
from training.contract.events import EventLog
from training.contract.run_folder import RunFolder

from .conftest import Replay

Settle = Callable[[Callable[[], bool]], None]
Start = Callable[..., Job]


def step(number: int, loss: float = 1.0, **more: Any) -> dict[str, Any]:
    return {
        "event": "progress",
        "time": "2026-11-24T10:00:02",
        "stage": "train",
        "message": "Epoch 1 of 3",
        "done": 16 * number,
        "total": 336,
        "unit": "tweets",
        "rate": 8.0,
        "seconds_left": 100.0,
        "loss": loss,
        "step": number,
        "steps": 21,
    } | more


def scored(epoch: int, macro_f1: float, languages: dict[str, int], together: Any = None) -> dict[str, Any]:
    return {
        "event": "evaluated",
        "time": "2026-11-24T10:00:03",
        "epoch": epoch,
        "macro_f1": macro_f1,
        "accuracy": 0.6,
        "loss": 1.1,
        "languages": {
            code: {"n": n, "macro_f1": macro_f1 - n / 1000, "accuracy": 0.5} for code, n in languages.items()
        },
        "together": together,
    }


@pytest.fixture
def make_run(study: Study, tmp_path: Path) -> Callable[..., runs.Run]:
    """Return a function that leaves a run with a checkpoint at step 3 of 21."""

    def make(name: str, status: str) -> runs.Run:
        folder = RunFolder(tmp_path / "runs" / name)
        folder.checkpoints.mkdir(parents=True)
        (folder.checkpoints / "last.safetensors").write_bytes(b"x")
        folder.spec.write_text("{}", encoding="utf-8")
        log = EventLog(folder.events)
        for event in (step(1), step(2), scored(1, 0.612, {"en": 40}), step(3)):
            log.append(event)
        split = splits.save(study, name, {"train": [1]}, 1)
        run = runs.create(study, name, str(folder.path), "smollm2-135m", ["en"], {}, split)
        return runs.update(study, run.id, status=status)

    return make


@pytest.fixture
def show(qtbot: QtBot, study: Study, jobs: JobList, settle: Settle) -> Callable[[], TrainPage]:
    def make() -> TrainPage:
        page = TrainPage(study, jobs)
        qtbot.addWidget(page)
        page.resize(1100, 760)
        with qtbot.waitExposed(page):
            page.show()
        activate(qtbot, page)
        settle(lambda: page._machine is not None and bool(page._bases))
        return page

    return make


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, jobs: JobList) -> list[list[str]]:
    """Note the commands that are asked for, without starting them."""
    found: list[list[str]] = []
    monkeypatch.setattr(jobs, "start", lambda kind, title, words, study: found.append([title, *words]))
    return found


def test_a_paused_run_is_shown_and_goes_on_by_key(
    qtbot: QtBot, study: Study, make_run: Any, show: Any, settle: Settle, begun: list[list[str]]
) -> None:
    run = make_run("mine", "paused")
    page = show()
    settle(page.unfinished.isVisible)
    assert page.unfinished.title.text() == "The training of “mine” is paused at step 3 of 21"
    assert "epoch 1 with macro-F1 0.612" in page.unfinished.told.text()
    assert not begun
    qtbot.keyClick(page, Qt.Key.Key_T, Qt.KeyboardModifier.AltModifier)
    assert begun == [["Training mine", "train", str(study.path.resolve()), f"--resume={run.id}"]]


def test_the_best_of_a_stopped_run_is_kept_by_mouse(
    qtbot: QtBot, make_run: Any, show: Any, settle: Settle, begun: list[list[str]]
) -> None:
    run = make_run("mine", "cancelled")
    page = show()
    settle(page.unfinished.isVisible)
    assert "was stopped at step 3 of 21" in page.unfinished.title.text()
    qtbot.mouseClick(page.unfinished.keep, Qt.MouseButton.LeftButton)
    assert begun[0][-2:] == [f"--resume={run.id}", "--keep-best"]


def test_a_run_is_discarded_after_a_question(
    qtbot: QtBot, study: Study, make_run: Any, show: Any, settle: Settle
) -> None:
    run = make_run("mine", "cancelled")
    page = show()
    page.study_written.connect(page.study_changed)
    settle(page.unfinished.isVisible)
    for button, left in (("Cancel", True), ("Discard it", False)):
        qtbot.mouseClick(page.unfinished.discard, Qt.MouseButton.LeftButton)
        box = next(box for box in page.findChildren(QMessageBox) if box.isVisible())
        qtbot.mouseClick(
            next(b for b in box.buttons() if button in b.text().replace("&", "")), Qt.MouseButton.LeftButton
        )
        settle(lambda left=left: page.unfinished.isVisible() is left)
    assert unfinished_runs.list_runs(study)[0].status == "discarded"
    assert not RunFolder(Path(run.folder)).checkpoints.exists()
    settle(lambda: page.runs.text(0, 4) == "discarded at step 3 of 21")


def test_a_run_that_waited_for_the_study_goes_on_by_itself_once(
    make_run: Any, show: Any, settle: Settle, begun: list[list[str]]
) -> None:
    run = make_run("mine", "waiting")
    page = show()
    settle(lambda: len(begun) == 1)
    assert begun[0][-1] == f"--resume={run.id}"
    page.refresh()
    settle(lambda: page.runs.rowCount() == 1)
    assert len(begun) == 1


def test_training_that_nobody_conducts_is_taken_up(
    make_run: Any, show: Any, settle: Settle, begun: list[list[str]]
) -> None:
    run = make_run("mine", "running")
    folder = RunFolder(Path(run.folder))
    own = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    folder.lock.write_text(json.dumps(own), encoding="utf-8")
    show()
    settle(lambda: len(begun) == 1)
    assert begun[0][-1] == f"--resume={run.id}"


def test_a_run_in_another_window_is_told_until_it_ends(
    make_run: Any, show: Any, settle: Settle, begun: list[list[str]], study: Study
) -> None:
    run = make_run("mine", "running")
    folder = RunFolder(Path(run.folder))
    own = {"pid": os.getpid(), "started": psutil.Process().create_time()}
    folder.conductor_lock.write_text(json.dumps(own), encoding="utf-8")
    page = show()
    settle(page.unfinished.isVisible)
    assert "is being trained in another window" in page.unfinished.title.text()
    assert not page.unfinished.buttons.isVisible() and not begun
    folder.conductor_lock.unlink()
    runs.update(study, run.id, status="finished")
    settle(lambda: not page.unfinished.isVisible())


def test_what_a_run_does_is_shown(qtbot: QtBot, show: Any, replay: Replay, settle: Settle) -> None:
    page = show()
    together = {"n": 9, "macro_f1": 0.33, "accuracy": 0.4, "of": ["hi", "ko"]}
    some = {"en": 40, "es": 25, "hi": 4, "ko": 5}
    started = {"event": "started", "time": "2026-11-24T10:00:00", "what": "train", "folder": "/nowhere"}
    more = {"tokens_per_second": 1234.4, "memory": 2_100_000_000, "at_once": 8}
    replay(
        "train",
        [
            started,
            step(1, **more),
            scored(1, 0.7, some, together),
            step(2, 0.9, **more),
            scored(2, 0.6, some, together),
            {"event": "warning", "time": "", "message": "The disk has 90 MB left."},
        ],
    )
    view = page.view
    settle(lambda: view.epochs.rowCount() == 2 and view.warning.isVisible())
    assert (
        view.speed.text().replace(",", "")
        == "1234 tokens a second padding not counted · 2.1 GB of memory · up to 8 tweets at once"
    )
    assert view.warning.text() == "The disk has 90 MB left."
    assert view.panel.message.text() == "Epoch 1 of 3"
    header = [view.epochs.table.horizontalHeaderItem(c).text() for c in range(7)]
    assert header == ["epoch", "macro-F1", "accuracy", "loss", "en (40)", "es (25)", "2 others (9)"]
    assert "Hindi (hi), Korean (ko)" in view.epochs.table.horizontalHeaderItem(6).toolTip()
    assert view.epochs.texts()[0] == ["1, the best", "0.700", "0.600", "1.100", "0.660", "0.675", "0.330"]
    assert view.epochs.texts()[1][0] == "2"
    assert "fewer than 50" in view.epochs.note.text() and view.epochs.note.isVisible()
    # The log only when it is asked for.
    assert not view.log.isVisible()
    qtbot.mouseClick(view.log_fold.button, Qt.MouseButton.LeftButton)
    assert view.log.isVisible()
    assert "Epoch 1: macro-F1 0.700" in view.log.text.toPlainText()
    assert "Warning: The disk has 90 MB left." in view.log.text.toPlainText()


def test_one_language_is_not_shown_twice(show: Any, replay: Replay, settle: Settle) -> None:
    page = show()
    replay("train", [step(1), scored(1, 0.7, {"en": 40})])
    settle(lambda: page.view.epochs.rowCount() == 1)
    assert page.view.epochs.table.columnCount() == 4 and not page.view.epochs.note.isVisible()


def test_a_run_that_goes_on_is_shown_from_its_beginning(
    make_run: Any, show: Any, replay: Replay, settle: Settle
) -> None:
    run = make_run("mine", "paused")
    page = show()
    again = {
        "event": "started",
        "time": "2026-11-24T11:00:00",
        "what": "train",
        "folder": run.folder,
        "again": True,
    }
    later = {"time": "2026-11-24T11:00:05"}
    # From its checkpoint it does the third step again.
    replay(
        "train", [again, step(3, 0.8, **later), step(4, 0.7, **later), scored(2, 0.65, {"en": 40}) | later]
    )
    settle(lambda: page.view.epochs.rowCount() == 2)
    assert page.view.curve.losses == [(1, 1.0), (2, 1.0), (3, 0.8), (4, 0.7)]
    assert [(e.number, e.step) for e in page.view.curve.epochs] == [(1, 2), (2, 4)]
    assert page.view.epochs.texts()[1][0] == "2, the best"


@pytest.mark.parametrize("by", ["key", "mouse"])
def test_pause_tells_the_command_to_rest(
    qtbot: QtBot, show: Any, replay: Replay, settle: Settle, by: str
) -> None:
    page = show()
    job = replay("train", [step(1)])
    settle(lambda: page.view.panel.pause.isVisible())
    assert "Ctrl+P" in page.view.panel.pause.toolTip()
    if by == "key":
        qtbot.keyClick(page, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    else:
        qtbot.mouseClick(page.view.panel.pause, Qt.MouseButton.LeftButton)
    assert (job.folder / "stop").read_text(encoding="utf-8") == "pause"
    assert "Pausing" in page.view.panel.figures.text() and not page.view.panel.pause.isVisible()
    # A window that follows it from now on knows, too.
    later = Job.attach(job.folder)
    assert later is not None and later.is_stopping and later.rests
    later.release()


def test_no_other_job_can_be_paused(qtbot: QtBot, replay: Replay) -> None:
    from app.gui.job_panel import JobPanel

    panel = JobPanel()
    qtbot.addWidget(panel)
    panel.follow(replay("classify", []))
    panel.show()
    assert not panel.pause.isVisible()


def test_closing_can_let_training_wait_for_the_study(
    qtbot: QtBot, jobs: JobList, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, classify = replay("train", []), replay("classify", [])

    def choose(box: QMessageBox) -> int:
        assert "gives its memory back" in box.informativeText()
        next(b for b in box.buttons() if "Pause until" in b.text()).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", choose)
    window = QWidget()
    qtbot.addWidget(window)
    assert ask_about_jobs(jobs, window)
    assert (train.folder / "stop").read_text(encoding="utf-8") == "wait"
    assert (classify.folder / "stop").read_text(encoding="utf-8") == ""
    assert not jobs.running()
    for job in (train, classify):
        psutil.Process(job.record.pid).kill()
