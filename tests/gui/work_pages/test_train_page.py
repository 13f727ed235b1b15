"""The training page: what can be trained, why not, the run under way, and how it ended."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.model_details import ModelDetails
from app.gui.notice import Tone
from app.gui.train_page import TrainPage
from app.gui.training_result import TrainingResult
from app.jobs.job_list import JobList
from app.jobs.worker import wait_for_workers
from app.study import runs, splits
from app.study.codebook import Codebook
from app.study.confidence import Answers
from app.study.confidence_report import training_confidence
from app.study.preflight import Check, State
from app.study.shelf import ModelEntry
from app.study.study import Study
from tests.gui.focus import activate
from training.contract.events import EventLog
from training.contract.run_folder import RunFolder

from .conftest import FINISHED_TRAINING, Replay

Settle = Callable[[Callable[[], bool]], None]

STEPS = [
    {"event": "stage", "time": "", "stage": "train", "message": "Training on 36 labelled tweets"},
    {
        "event": "progress",
        "time": "",
        "stage": "train",
        "done": 16,
        "total": 108,
        "unit": "tweets",
        "rate": 8.0,
        "seconds_left": 11.5,
        "loss": 1.25,
        "step": 1,
        "steps": 7,
    },
    {"event": "evaluated", "time": "", "epoch": 1, "macro_f1": 0.5, "accuracy": 0.6, "loss": 1.1},
]


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList, settle: Settle) -> TrainPage:
    shown = TrainPage(study, jobs)
    qtbot.addWidget(shown)
    shown.show()
    settle(lambda: shown._machine is not None and shown.form.languages.rowCount() > 0 and bool(shown._bases))
    return shown


def test_languages_show_their_labels_by_class(page: TrainPage) -> None:
    rows = page.form.languages.texts()
    assert rows == [["English (en)", "24", "6", "6", "6", "6"], ["Spanish (es)", "16", "4", "4", "4", "4"]]
    assert page.start.isEnabled()
    assert page.obstacles() == []
    # What it means for the user; the words of the field are in the tooltip.
    assert "This machine trains on" in page.machine.text() and "LoRA" not in page.machine.text()
    assert "LoRA" in page.machine.toolTip()
    page.form.kind.setCurrentIndex(page.form.kind.findData(True))
    assert "scales" in page.machine.toolTip() and "LoRA" not in page.machine.toolTip()


def test_the_licence_of_the_base_is_named(page: TrainPage) -> None:
    page.form.base.setCurrentIndex(page.form.base.findData("smollm2-135m"))
    assert "Apache-2.0" in page.form.licence.text()
    page.form.base.setCurrentIndex(page.form.base.findData("gemma-3-270m"))
    assert "Gemma" in page.form.licence.text()


def test_the_words_of_the_command_say_what_is_checked(page: TrainPage, study: Study, settle: Settle) -> None:
    page.form.base.setCurrentIndex(page.form.base.findData("smollm2-135m"))
    path = study.path.resolve()
    common = ["train", str(path), "--base=smollm2-135m", "--epochs=3", "--seed=1"]
    assert page.form.wish().words(path) == common
    spanish = page.form.languages.item(1, 0)
    assert spanish is not None
    spanish.setCheckState(Qt.CheckState.Unchecked)
    page.form.name.setText("mine")
    assert page.form.wish().words(path) == [*common, "--languages=en", "--name=mine"]


def test_one_file_is_chosen_by_key_and_asked_for(page: TrainPage, study: Study, qtbot: QtBot) -> None:
    activate(qtbot, page.window())
    page.form.advanced.button.setChecked(True)
    assert page.form.wish().settings == {"epochs": 3, "seed": 1}
    qtbot.keyClick(page.window(), Qt.Key.Key_M, Qt.KeyboardModifier.AltModifier)
    assert page.form.kind.hasFocus()
    qtbot.keyClick(page.form.kind, Qt.Key.Key_Down)
    wish = page.form.wish()
    assert wish.settings == {"epochs": 3, "seed": 1, "method": "scales"}
    assert wish.words(study.path)[-1] == "--one-file"
    qtbot.keyClick(page.form.kind, Qt.Key.Key_Up)
    assert not page.form.wish().one_file


def test_the_name_that_comes_of_a_typed_one_is_shown(page: TrainPage, stancedesk_home: Path) -> None:
    assert page.form.name.placeholderText().startswith("s-") and not page.form.name_note.isVisible()
    page.form.name.setText("my first model")
    assert "“my-first-model”" in page.form.name_note.text() and page.form.name_note.isVisible()
    page.form.name.setText("mine")
    assert not page.form.name_note.isVisible()
    page.form.set_taken_names({"mine"})
    assert "“mine-2”" in page.form.name_note.text() and page.form.name_note.isVisible()


def test_too_few_labels_of_the_checked_languages_are_told_and_block(page: TrainPage, settle: Settle) -> None:
    english = page.form.languages.item(0, 0)
    assert english is not None
    english.setCheckState(Qt.CheckState.Unchecked)
    settle(lambda: not page.start.isEnabled())
    assert "at least two classes" in problems(page)
    page.form.all_languages.click()
    settle(page.start.isEnabled)
    assert "at least two classes" not in problems(page)


def test_no_language_checked_is_told(page: TrainPage) -> None:
    page.form.no_languages.click()
    assert not page.start.isEnabled()
    assert "No language is checked" in page.reasons.text
    page.form.all_languages.click()
    assert page.form.has_all_languages()


def test_a_machine_without_the_packages_is_told_what_to_do(page: TrainPage) -> None:
    page._take_machine({"torch": None, "missing": ["torch", "transformers"]})
    assert not page.start.isEnabled()
    assert "torch, transformers" in page.reasons.text
    assert "pip install" in page.reasons.text


def test_a_study_without_labels_says_what_to_do(
    qtbot: QtBot, tmp_path: Path, jobs: JobList, settle: Settle
) -> None:
    with Study.create(tmp_path / "empty.stancedesk") as empty:
        page = TrainPage(empty, jobs)
        qtbot.addWidget(page)
        page.show()
        settle(lambda: page._flight is not None and page._machine is not None and bool(page._bases))
        assert "No tweet is labelled yet" in problems(page) and "Import more tweets" in problems(page)
        assert not page.start.isEnabled() and not page.card.try_button.isEnabled()
        assert page.card.buttons == []


def problems(page: TrainPage) -> str:
    """Return what the card says that is not in order."""
    return "\n".join(str(check) for check in page.card.checks if check.state is not State.OK)


def test_each_missing_label_has_a_button_to_its_queue_by_mouse_and_key(
    qtbot: QtBot, page: TrainPage, settle: Settle
) -> None:
    texts = [button.text() for button in page.card.buttons]
    assert texts == ["Label “Pro”", "Label “Anti”", "Label “Neutral”"]
    with qtbot.waitSignal(page.label_wanted) as wanted:
        qtbot.mouseClick(page.card.buttons[0], Qt.MouseButton.LeftButton)
    assert wanted.args == ["", "pro"]
    activate(qtbot, page)
    with qtbot.waitSignal(page.label_wanted) as wanted:
        qtbot.keyClick(page, Qt.Key.Key_2, Qt.KeyboardModifier.AltModifier)
    assert wanted.args == ["", "anti"]
    assert all("Alt+" in button.toolTip() and button.accessibleName() for button in page.card.buttons)


def test_what_is_in_order_is_folded_and_time_is_told_once_it_was_measured(
    page: TrainPage, settle: Settle
) -> None:
    assert "in order" in page.card.fold.button.text() and not page.card._fine.isVisible()
    page.card.fold.button.click()
    assert page.card._fine.isVisible()
    assert "measured when it starts" in page.card.time.text()
    told = Check("time", State.OK, "It will take about 12 minutes and about 0.01 kWh.")
    page.card.show_checks([*page.card.checks, told])
    assert page.card.time.text() == told.sentence


def test_a_stop_keeps_training_from_starting(page: TrainPage) -> None:
    assert page.start.isEnabled() and page._flight is not None
    full = Check("disk", State.STOP, "The disk of the run folders has 0.1 GB left.", "Free some space.")
    page._take_flight(page._flight.readiness, replace(page._flight, checks=(full,)))
    assert not page.start.isEnabled() and "0.1 GB" in problems(page)


def test_a_check_is_followed_on_the_card_and_can_be_stopped(
    page: TrainPage, settle: Settle, jobs: JobList
) -> None:
    page.card.try_button.click()
    assert page.check.is_running and "Looking" in page.card.time.text()
    assert jobs.running() == [] and "Stop" in page.card.try_button.text()
    page.card.try_button.click()
    page.card.try_button.click()
    settle(lambda: not page.check.is_running)
    assert "Check this machine" in page.card.try_button.text().replace("&", "")


def test_a_run_shows_its_step_its_curve_and_its_epochs(
    page: TrainPage, replay: Replay, settle: Settle
) -> None:
    replay("train", STEPS)
    settle(lambda: page.view.epochs.rowCount() == 1)
    assert page.stack.currentWidget() is page.view
    assert page.view.curve.losses == [(1, 1.25)]
    assert page.view.curve.epochs[0].macro_f1 == 0.5
    assert "Step 1 of 7" in page.view.step.text()
    assert "left" in page.view.panel.figures.text()
    page.view.panel.stop.click()
    page.view.panel.stop.click()
    settle(lambda: page.stack.currentWidget() is page.settings)
    assert "stopped" in page.notice.text


def test_a_page_opened_during_a_run_shows_all_of_it(
    qtbot: QtBot, study: Study, jobs: JobList, replay: Replay, settle: Settle
) -> None:
    job = replay("train", STEPS)
    settle(lambda: len(job.history) == 3)
    page = TrainPage(study, jobs)
    qtbot.addWidget(page)
    assert page.stack.currentWidget() is page.view
    assert page.view.curve.losses == [(1, 1.25)]
    assert page.view.epochs.rowCount() == 1


def test_the_result_names_the_served_form_and_both_parities(
    qtbot: QtBot, page: TrainPage, replay: Replay, settle: Settle
) -> None:
    with qtbot.waitSignal(page.study_written, timeout=20000) as written:
        replay("train", [*STEPS, FINISHED_TRAINING], stays=False)
    assert "models" in written.args[0]
    assert page.stack.currentWidget() is page.result
    assert "mine" in page.result.notice.text
    assert not page.result.reason.isVisible() and not page.result.parity.isVisible()
    page.result.details.button.click()
    assert page.result.reason.isVisible() and page.result.parity.isVisible()
    rows = {name: figures for name, *figures in page.result.parity.texts()}
    assert rows["labels changed"] == ["1 of 4", "0 of 4"]
    # What is lost stands with a minus; a model that was checked before this figure existed has none.
    assert rows["cost (95 %)"] == ["–", "−0.001 (−0.003 … +0.000)"]
    assert rows["check"] == ["not passed", "passed"]
    assert rows["used"] == ["–", "served"]
    assert "because" in page.result.reason.text()
    with qtbot.waitSignal(page.page_wanted) as wanted:
        page.result.classify.click()
    assert wanted.args == ["classify", "mine"]


def test_the_result_tells_how_far_the_confidence_can_be_believed(
    qtbot: QtBot, study: Study, model: ModelEntry
) -> None:
    rows = [("en", "pro", "pro" if n % 10 else "anti", 0.5 + n % 50 / 100) for n in range(100)]
    measured = training_confidence(Answers.of_rows(rows))
    shown, details = TrainingResult(study.codebook), ModelDetails()
    for widget in (shown, details):
        qtbot.addWidget(widget)
    shown.show()
    metrics = FINISHED_TRAINING["metrics"] | {"confidence": measured}
    shown.show_results(FINISHED_TRAINING | {"metrics": metrics})
    assert "Expected calibration error" in shown.confidence.told.text()
    assert shown.confidence.plot.isVisible()
    # The same in the model's details.
    details.show_model(replace(model, metrics=metrics))
    assert shown.confidence.told.text() == details.confidence.told.text()
    assert shown.confidence.table.texts() == details.confidence.table.texts() != []
    # A run that an older version trained, and this one only put on the shelf.
    shown.show_results(FINISHED_TRAINING)
    assert "was not measured" in shown.confidence.told.text()
    assert not shown.confidence.plot.isVisible()


def results(n: int, accuracy: float, most: int) -> dict[str, Any]:
    """Return the end of a training whose validation tweets are mostly unrelated: `most` of `n`."""
    per_class = {"unrelated": {"n": most, "f1": 0.9}, "pro": {"n": n - most, "f1": 0.5}}
    scores = {"n": n, "accuracy": accuracy, "macro_f1": 0.6, "per_class": per_class}
    return FINISHED_TRAINING | {"metrics": {"validation": scores}}


def test_a_model_with_nothing_against_it_is_to_go_on_with(qtbot: QtBot) -> None:
    shown = TrainingResult(Codebook.default())
    qtbot.addWidget(shown)
    shown.show_results(results(60, 0.7, 40))
    assert shown.notice.tone is Tone.GOOD and shown.classify.property("primary")


@pytest.mark.parametrize(
    ("n", "accuracy", "most", "said"),
    [
        (7, 0.0, 4, ["Only 7 tweets", "no better than always answering “Unrelated”", "57.1 %"]),
        (7, 1.0, 4, ["Only 7 tweets"]),
        (60, 40 / 60, 40, ["no better than always answering “Unrelated”", "66.7 %"]),
    ],
)
def test_a_model_in_doubt_is_not_praised(
    qtbot: QtBot, n: int, accuracy: float, most: int, said: list[str]
) -> None:
    shown = TrainingResult(Codebook.default())
    qtbot.addWidget(shown)
    shown.show_results(results(n, accuracy, most))
    assert shown.notice.tone is Tone.WARNING
    assert all(part in shown.notice.text for part in said)
    assert "Label more tweets" in shown.notice.text
    assert not shown.classify.property("primary")


def with_parity(n: int, *forms: str) -> dict[str, Any]:
    """Return the end of a training whose 4-bit forms changed more labels than the check allows."""
    failed = FINISHED_TRAINING["parity"]["single"] | {"n": n, "flips": 31, "passed": False}
    parity = {"served": forms[-1], "reason": "", "rows": n} | dict.fromkeys(forms, failed)
    return results(60, 0.7, 40) | {"parity": parity}


def test_a_form_that_failed_the_check_is_told_without_opening_the_details(qtbot: QtBot) -> None:
    shown = TrainingResult(Codebook.default())
    qtbot.addWidget(shown)
    shown.show()
    shown.show_results(with_parity(259, "single"))
    assert shown.notice.tone is Tone.WARNING and not shown.classify.property("primary")
    assert "31 of the 259 validation tweets" in shown.notice.text
    assert "Label more" not in shown.notice.text and "base and adapter" in shown.notice.text
    assert shown.as_adapter.isVisible()
    shown.show_results(with_parity(259, "single", "adapter"))
    assert shown.notice.tone is Tone.WARNING and not shown.as_adapter.isVisible()
    # Few tweets tell nothing, and what is within the bound is nothing to be warned of.
    shown.show_results(with_parity(60, "single"))
    assert shown.notice.tone is Tone.GOOD and not shown.as_adapter.isVisible()


def test_one_file_that_lost_too_much_leads_to_the_settings_of_an_adapter(
    qtbot: QtBot, page: TrainPage, replay: Replay, settle: Settle
) -> None:
    page.form.kind.setCurrentIndex(page.form.kind.findData(True))
    replay("train", [*STEPS, FINISHED_TRAINING | with_parity(259, "single")], stays=False)
    settle(lambda: page.stack.currentWidget() is page.result)
    qtbot.mouseClick(page.result.as_adapter, Qt.MouseButton.LeftButton)
    assert page.stack.currentWidget() is page.settings
    assert page.form.kind.currentData() is False and not page.form.wish().one_file


def test_a_killed_run_is_told_as_interrupted(page: TrainPage, replay: Replay, settle: Settle) -> None:
    job = replay("train", STEPS)
    settle(lambda: len(job.history) == 3)
    psutil.Process(job.record.pid).kill()
    settle(lambda: page.stack.currentWidget() is page.settings)
    assert "interrupted" in page.notice.text


def test_a_failure_is_told_in_its_own_sentence(page: TrainPage, replay: Replay, settle: Settle) -> None:
    failed = {
        "event": "failed",
        "time": "",
        "message": "The disk is full.",
        "next_step": "Free some space.",
        "kind": "user",
    }
    replay("train", [failed], stays=False)
    settle(lambda: page.notice.text == "The disk is full. Free some space.")
    assert page.stack.currentWidget() is page.settings


def test_a_run_that_died_without_a_window_is_told_with_its_step(
    qtbot: QtBot, study: Study, jobs: JobList, settle: Settle, tmp_path: Path
) -> None:
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.spec.write_text("{}", encoding="utf-8")
    log = EventLog(folder.events)
    log.write("progress", stage="train", done=16, total=108, loss=1.0, step=3, steps=7)
    split = splits.save(study, "lost", {"train": [1]}, 1)
    settings = {"epochs": 5, "seed": 4, "method": "scales"}
    runs.create(study, "lost", str(folder.path), "smollm2-135m", ["es"], settings, split)
    page = TrainPage(study, jobs)
    qtbot.addWidget(page)
    # What a run needs is looked at once the page is seen: out of sight it would slow down whoever labels.
    settle(lambda: not page.unfinished.isHidden())
    wait_for_workers()
    QApplication.processEvents()
    assert page.form.languages.rowCount() == 0
    page.show()
    settle(lambda: page.form.languages.rowCount() > 0)
    assert page.unfinished.title.text() == "The training of “lost” was interrupted at step 3 of 7"
    assert page.runs.text(0, 4) == "interrupted at step 3 of 7"
    settle(lambda: bool(page._bases))
    page.use_settings.click()
    wish = page.form.wish()
    assert (wish.base, wish.languages) == ("smollm2-135m", ("es",))
    assert wish.settings == settings


def test_a_job_of_another_study_is_not_shown(
    page: TrainPage, replay: Replay, jobs: JobList, tmp_path: Path, settle: Settle
) -> None:
    other = replay("train", STEPS)
    jobs.running()  # the job is this study's: shown
    assert page.stack.currentWidget() is page.view
    assert not other.is_on(tmp_path / "other.stancedesk")
    assert jobs.running_of("train", tmp_path / "other.stancedesk") is None
