"""Classifying a study with a real model through the window, then its results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest
from pytestqt.qtbot import QtBot

from app.gui.classify_page import ClassifyPage
from app.gui.notice import Tone
from app.gui.results_page import ResultsPage
from app.inference.model_file import sha256
from app.jobs.job_list import JobList
from app.settings import Settings
from app.study import evaluations, models, predictions
from app.study.labelling import Labelling
from app.study.shelf import ModelEntry
from app.study.study import Study

from .conftest import Replay

Settle = Callable[[Callable[[], bool]], None]


@pytest.fixture
def page(qtbot: QtBot, study: Study, jobs: JobList) -> ClassifyPage:
    shown = ClassifyPage(study, jobs)
    qtbot.addWidget(shown)
    shown.show()
    return shown


def test_without_a_model_it_leads_to_training(qtbot: QtBot, page: ClassifyPage, settle: Settle) -> None:
    settle(lambda: page.stack.currentIndex() == 0)
    with qtbot.waitSignal(page.page_wanted) as wanted:
        page.empty.button.click()
    assert wanted.args == ["train", ""]


def test_the_number_of_selected_tweets_follows_the_choices(
    model: ModelEntry, page: ClassifyPage, study: Study, settle: Settle
) -> None:
    settle(lambda: page.selected.text() == "42 tweets selected")
    page.which.setCurrentIndex(1)
    settle(lambda: page.selected.text() == "2 tweets selected")
    page.language.setCurrentIndex(page.language.findData("es"))
    settle(lambda: page.selected.text() == "1 tweets selected")
    page.again.setChecked(True)
    assert page.words() == [
        "classify",
        str(study.path.resolve()),
        "--model=tiny",
        "--only=unlabelled",
        "--language=es",
        "--again",
    ]


def test_a_real_model_classifies_the_study_and_its_results_are_shown(
    qtbot: QtBot, model: ModelEntry, page: ClassifyPage, study: Study, jobs: JobList, settle: Settle
) -> None:
    settle(lambda: page._selected == 42 and page.start.isEnabled())
    with qtbot.waitSignal(page.study_written, timeout=120000):
        page.start.click()
        assert not page.settings.isEnabled()
    assert page.notice.tone is Tone.GOOD, page.notice.text
    assert "42 selected = 42 classified + 0 failed" in page.sum.text()
    assert sum(page.bars.counts.values()) == 42
    assert page.device.badge.isVisible() and page.device.badge.text() in ("CPU", "GPU")
    assert Settings.load().tweets_per_second > 0
    (known,) = models.list_models(study)
    assert (known.name, known.predicted) == ("tiny", 42)
    settle(lambda: page._selected == 0)
    assert not page.start.isEnabled()

    results = ResultsPage(study, jobs)
    qtbot.addWidget(results)
    results.show()
    settle(lambda: results.shares.rowCount() == 2)
    assert results.shares.texts()[0][:2] == ["English (en)", "25"]
    assert results.bars.counts == {
        leaf: sum(one.get(leaf, 0) for one in predictions.per_language(study, "tiny").values())
        for leaf in study.codebook.leaf_codes
    }
    with qtbot.waitSignal(results.study_written, timeout=120000):
        results.evaluate.click()
    assert results.overall.texts()[0][:2] == ["all languages", "40"]
    assert [row[:2] for row in results.languages.texts()] == [
        ["English (en) *", "24"],
        ["Spanish (es) *", "16"],
    ]
    # The tiny model came without the list of what it has seen.
    assert "cannot be known" in results.note.text and results.note.tone is Tone.WARNING
    assert results.few.isVisible()

    again = ResultsPage(study, jobs)
    qtbot.addWidget(again)
    again.show()
    settle(again.overall.isVisible)
    assert again.overall.texts() == results.overall.texts()
    assert "Evaluated" in again.note.text and "evaluate again" not in again.note.text
    Labelling(study, "Mia").label("pro")
    again.study_changed({"labels"})
    settle(lambda: "evaluate again" in again.note.text)
    assert again.overall.isVisible()


def test_running_shares_and_rate_are_shown_and_stop_keeps_what_is_done(
    page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    progress: dict[str, Any] = {
        "event": "progress",
        "time": "",
        "stage": "classify",
        "done": 20,
        "total": 42,
        "unit": "tweets",
        "rate": 50.0,
        "seconds_left": 0.4,
        "per_leaf": {"pro": 15, "anti": 5},
    }
    replay("classify", [progress])
    settle(lambda: page.bars.counts == {"pro": 15, "anti": 5})
    assert "50.0 tweets a second" in page.panel.figures.text()
    page.panel.stop.click()
    page.panel.stop.click()
    settle(page.settings.isEnabled)
    assert "is kept" in page.notice.text


def report(**fields: Any) -> dict[str, Any]:
    return {
        "event": "finished",
        "time": "",
        "model": "tiny",
        "selected": 42,
        "predicted": 42,
        "failed": 0,
        "seconds": 2.0,
        "per_second": 21.0,
        "per_leaf": {"pro": 40},
        "failures": {},
    } | fields


def test_the_counts_reconcile_with_what_was_done_before_and_after_a_stop(
    model: ModelEntry, page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    went_on = report(
        before=30,
        before_settled=4,
        predicted=9,
        settled=2,
        failed=1,
        failed_before=1,
        left=0,
        failures={"x": 1},
    )
    replay("classify", [went_on], stays=False)
    settle(page.sum.isVisible)
    told = page.sum.text()
    assert "42 selected = 30 classified before (4 of them settled) + 9 classified now" in told
    assert "+ 2 settled by the light model + 1 failed\n" in told and "left" not in told
    assert page.notice.tone is Tone.WARNING, "nothing is missing, but one failed"
    assert "of what was classified now" in page.bars_heading.text()

    stopped = report(event="cancelled", before=10, predicted=12, failed=0, left=20, stopped=True)
    replay("classify", [stopped], stays=False)
    settle(lambda: "left" in page.sum.text())
    told = page.sum.text()
    assert "42 selected = 10 classified before + 12 classified now + 0 failed + 20 left" in told
    assert "stopped" in page.notice.text and page.bars.isVisible()


def test_a_model_trained_anew_has_all_tweets_before_it_and_the_old_ones_predictions_are_kept(
    qtbot: QtBot, model: ModelEntry, study: Study, jobs: JobList, settle: Settle
) -> None:
    leaves = list(study.codebook.leaf_codes)
    card = {"created": "2025-11-02T10:00:00+00:00"}
    old = models.register(study, "tiny", str(model.folder), "0" * 64, leaves, card=card)
    said = np.tile(np.asarray([1, 0, 0, 0], dtype=np.float32), (42, 1))
    predictions.save(study, old.id, leaves, range(1, 43), said, "")
    page = ClassifyPage(study, jobs)
    qtbot.addWidget(page)
    page.show()
    settle(lambda: page.selected.text() == "42 tweets selected" and page.start.isEnabled())
    settle(page.notice.isVisible)
    assert "kept as “tiny (2025-11-02)”" in page.notice.text
    results = ResultsPage(study, jobs)
    qtbot.addWidget(results)
    results.show()
    settle(results.nothing_said.isVisible)
    assert predictions.per_language(study, "tiny (2025-11-02)")["en"] == {"pro": 25}


def test_failures_are_shown_with_reasons_and_can_be_tried_again(
    model: ModelEntry, page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    replay("classify", [report(predicted=40, failed=2, failures={"no text is left": 2})], stays=False)
    settle(page.failures.isVisible)
    assert page.failures.texts() == [["no text is left", "2"]]
    assert page.notice.tone is Tone.WARNING
    assert page.retry.isVisible()


def test_counts_that_do_not_reconcile_are_an_error(
    model: ModelEntry, page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    replay("classify", [report(predicted=40)], stays=False)
    settle(lambda: page.notice.tone is Tone.ERROR)
    assert "2 tweets are missing" in page.notice.text


def test_a_killed_classification_is_told_as_interrupted(
    page: ClassifyPage, replay: Replay, settle: Settle
) -> None:
    job = replay("classify", [{"event": "stage", "time": "", "stage": "classify", "message": "x"}])
    settle(lambda: len(job.history) == 1)
    psutil.Process(job.record.pid).kill()
    settle(lambda: "interrupted" in page.notice.text)
    assert page.settings.isEnabled()


def test_scores_on_trained_tweets_are_marked(
    qtbot: QtBot, model: ModelEntry, study: Study, jobs: JobList, replay: Replay, settle: Settle
) -> None:
    scores = {"n": 60, "accuracy": 1.0, "macro_f1": 1.0, "topic_macro_f1": 1.0, "stance_macro_f1": None}
    report = {
        "model": "tiny",
        "rows": "trained",
        "warning": True,
        "note": "Scored on rows that the model was trained on: this says nothing about new tweets.",
        "overall": scores,
        "seen": scores,
        "unseen": {"n": 0},
        "languages": {"en": scores | {"seen": True, "few": False}},
        "confusion": {},
    }
    page = ResultsPage(study, jobs)
    qtbot.addWidget(page)
    page.show()
    settle(lambda: page.model.name() == "tiny")
    # The job keeps its report in the study before it tells its end.
    leaves = study.codebook.leaf_codes
    known = models.register(study, "tiny", str(model.folder), sha256(model.folder / "model.gguf"), leaves)
    evaluations.save(study, known.id, report, evaluations.last_labels(study))
    replay("evaluate", [{"event": "finished", "time": "", **report}], stays=False)
    settle(lambda: page.overall.isVisible())
    assert page.note.tone is Tone.WARNING
    assert "trained on" in page.note.text
    assert page.overall.texts() == [["all languages", "60", "1.000", "1.000", "1.000", "–"]]
    assert not page.few.isVisible()
    page.study_changed({"labels"})
    settle(lambda: page._report is not None and page._report.report == report)
    assert page.overall.isVisible()
