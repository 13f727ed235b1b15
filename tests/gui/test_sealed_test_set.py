"""The sealed test set in the window: drawn, labelled blind, and scored after a question."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.gui import form_parts
from app.gui import tweet_model as columns
from app.gui.main_window import MainWindow
from app.gui.results_page import ResultsPage
from app.gui.seal_dialog import SealDialog
from app.gui.study_page import StudyPage
from app.gui.tweets_page import TweetsPage
from app.settings import Settings
from app.study import evaluations, models, predictions, score_looks, sealing, tweets
from app.study.study import Study
from app.study.tweets import TweetFilter
from tests.gui.focus import activate

Settled = Callable[[], None]
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(opened: Callable[..., StudyPage]) -> StudyPage:
    """Return the page of the study on the sample study."""
    return opened(StudyPage())


def _dialog(page: StudyPage, settled: Settled) -> SealDialog:
    (dialog,) = page.findChildren(SealDialog)
    settled()
    return dialog


def _answer(box: QMessageBox, text: str) -> None:
    next(one for one in box.findChildren(QAbstractButton) if one.text() == text).click()


def test_a_test_set_is_drawn_by_key(page: StudyPage, study: Study, qtbot: QtBot, settled: Settled) -> None:
    assert "None yet" in page.sealed.state.text() and not page.sealed.label.isEnabled()
    qtbot.keyClick(page, Qt.Key.Key_D, Qt.KeyboardModifier.ControlModifier)
    dialog = _dialog(page, settled)
    plans = {one.language: one for one in sealing.plan(study, 4)}
    dialog.number.selectAll()
    qtbot.keyClicks(dialog.number, "4")
    dialog.seed.selectAll()
    qtbot.keyClicks(dialog.seed, "77")
    english = next(row for row in dialog.languages.texts() if row[0].startswith("English"))
    plan = plans["en"]
    assert english[1:] == ["0", str(plan.available), "4", str(plan.left)]
    assert f"{sum(one.drawn for one in plans.values())} tweets in 13 languages" in dialog.summary.text()
    # Half of the sample is labelled, which is said.
    assert str(study.counts().labelled) in dialog.labelled.text() and dialog.labelled.isVisible()
    with qtbot.waitSignal(page.study_touched) as touched:
        qtbot.keyClick(dialog.seed, Qt.Key.Key_Return)
    assert touched.args == [{"tweets"}] and "seed 77" in page.notice.text
    (drawing,) = sealing.sealed_set(study).drawings
    assert (drawing.seed, drawing.per_language, set(drawing.languages.values())) == (77, 4, {4})
    page.study_changed({"tweets"})
    settled()
    assert "52 tweets in 13 languages are sealed, 0 of them are labelled" in page.sealed.state.text()
    assert "looked at yet" in page.sealed.looks.text()
    activate(qtbot, page)
    with qtbot.waitSignal(page.label_wanted):
        qtbot.keyClick(page, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)


def test_languages_are_chosen_and_a_drawing_is_taken_back_by_mouse(
    page: StudyPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.mouseClick(page.sealed.draw, LEFT)
    dialog = _dialog(page, settled)
    assert not dialog.take_back.isEnabled()
    for row in range(1, dialog.languages.rowCount()):
        item = dialog.languages.item(row, 0)
        assert item is not None
        item.setCheckState(Qt.CheckState.Unchecked)
    assert len(dialog.chosen_languages()) == 1 and "in one language" in dialog.summary.text()
    qtbot.mouseClick(dialog.draw, LEFT)
    settled()
    assert set(sealing.sealed_set(study).languages) == {"en"}
    qtbot.mouseClick(page.sealed.draw, LEFT)
    dialog = _dialog(page, settled)
    qtbot.mouseClick(dialog.take_back, LEFT)
    (box,) = dialog.findChildren(QMessageBox)
    _answer(box, "Cancel")
    settled()
    assert sealing.test_tweets(study)
    qtbot.mouseClick(dialog.take_back, LEFT)
    _answer(dialog.findChildren(QMessageBox)[-1], "&Take the seal off")
    settled()
    assert not sealing.test_tweets(study) and "no longer sealed" in page.notice.text


def test_the_table_lies_over_nothing(page: StudyPage, qtbot: QtBot, settled: Settled) -> None:
    qtbot.mouseClick(page.sealed.draw, LEFT)
    dialog = _dialog(page, settled)
    qtbot.wait(10)
    shown = [w for w in (dialog.languages, dialog.summary, dialog.labelled, dialog.draw) if w.isVisible()]
    for above, below in pairwise(shown):
        assert above.geometry().bottom() < below.geometry().top()
    assert dialog.draw.geometry().bottom() <= dialog.height()
    dialog.close()


def test_on_a_low_screen_the_table_shows_fewer_rows(
    page: StudyPage, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_low(dialog: QWidget, width: int, height: int) -> None:
        dialog.resize(width, min(height, 552))

    monkeypatch.setattr(form_parts, "open_at", open_low)
    qtbot.mouseClick(page.sealed.draw, LEFT)
    dialog = _dialog(page, settled)
    for told in ("", "The study cannot be written. Close the other program that holds it, and try again."):
        if told:
            dialog._tell(UserError(told, "Then draw again."))
        qtbot.wait(10)
        assert dialog.height() <= 552
        above, below = dialog.languages.geometry(), dialog.summary.geometry()
        assert above.bottom() < below.top() and below.bottom() < dialog.draw.geometry().top()
    dialog.close()


def test_where_nothing_can_be_drawn_there_is_nothing_to_press(
    page: StudyPage, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.mouseClick(page.sealed.draw, LEFT)
    dialog = _dialog(page, settled)
    for row in range(dialog.languages.rowCount()):
        item = dialog.languages.item(row, 0)
        assert item is not None
        item.setCheckState(Qt.CheckState.Unchecked)
    assert not dialog.draw.isEnabled() and "Nothing would be drawn" in dialog.summary.text()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)


# In the window


@pytest.fixture
def window(qtbot: QtBot, study: Study, settled: Settled) -> Iterator[MainWindow]:
    """Return the window in which Mia is at work on a study with a test set, which a model has predicted."""
    sealing.draw(study, 4, seed=5)
    model = models.register(study, "m", "/m", "0" * 64, study.codebook.leaf_codes)
    total = study.counts().tweets
    sure = np.tile(np.array([0.7, 0.1, 0.1, 0.1], np.float32), (total, 1))
    predictions.save(study, model.id, study.codebook.leaf_codes, range(1, total + 1), sure, "")
    path = study.path
    study.close()
    found = MainWindow(Settings(coder="Mia"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
    assert found.open_study(path)
    settled()
    yield found
    assert found.close_study()


def _tweets_page(window: MainWindow) -> TweetsPage:
    assert window.area is not None
    page = window.area.page("tweets")
    assert isinstance(page, TweetsPage)
    return page


def test_predictions_on_test_tweets_are_shown_once_they_are_labelled(
    window: MainWindow, qtbot: QtBot, settled: Settled
) -> None:
    assert window.study is not None and window.area is not None
    page = _tweets_page(window)
    window.area.show_page("tweets")
    page.status.setCurrentIndex(page.status.findData("sealed"))
    settled()
    assert page.model.rowCount() == 52
    for column in (columns.LABEL, columns.PREDICTION):
        assert {page.model.index(row, column).data() for row in range(52)} == {"sealed"}
    assert page.model.index(0, columns.CONFIDENCE).data() == ""
    page.table.selectRow(0)
    settled()
    assert "Sealed" in window.inspector.labels.text() and not window.inspector.prediction.isVisible()
    key = page.model.tweet(0).id  # type: ignore[union-attr]
    qtbot.keyClick(page.table, Qt.Key.Key_Return)
    settled()
    assert window.area.label_page.row is not None and window.area.label_page.row.id == key
    qtbot.keyClick(window.area.label_page, Qt.Key.Key_2)
    qtbot.wait(300)
    settled()
    window.area.show_page("tweets")
    settled()
    assert page.model.index(0, columns.PREDICTION).data() == window.study.codebook.leaf("pro").name
    assert page.model.index(1, columns.PREDICTION).data() == "sealed"
    # Another coder has not labelled it.
    window.area.set_coder("Ben")
    settled()
    assert page.model.index(0, columns.PREDICTION).data() == "sealed"


def test_no_filter_by_prediction_finds_a_test_tweet(window: MainWindow, settled: Settled) -> None:
    assert window.study is not None
    page = _tweets_page(window)
    page.status.setCurrentIndex(page.status.findData("predicted"))
    settled()
    assert page.model.rowCount() == tweets.count(window.study) - 52
    page.clear_filters()
    page.order.setCurrentIndex(page.order.findData("uncertain"))
    settled()
    assert page.model.rowCount() == tweets.count(window.study) - 52
    page.order.setCurrentIndex(0)
    settled()
    assert page.model.rowCount() == tweets.count(window.study)


def test_the_sealed_tweets_come_to_the_coder(window: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert window.study is not None and window.area is not None
    area = window.area
    area.show_page("study")
    qtbot.mouseClick(area.study_page.sealed.label, LEFT)
    settled()
    assert area.current is area.label_page
    labelled = []
    for _ in range(3):
        assert area.label_page.row is not None
        labelled.append(area.label_page.row.id)
        qtbot.keyClick(area.label_page, Qt.Key.Key_1)
    assert set(labelled) <= sealing.test_tweets(window.study) and len(set(labelled)) == 3
    area.show_page("study")
    qtbot.mouseClick(area.study_page.sealed.label, LEFT)
    settled()
    assert area.label_page.row is not None and area.label_page.row.id not in labelled
    assert tweets.count(window.study, TweetFilter(status="sealed")) == 52


def _report(study: Study, look: str) -> dict[str, Any]:
    empty = {"n": 0, "accuracy": None, "macro_f1": None, "topic_macro_f1": None, "stance_macro_f1": None}
    scores = {"n": 3, "accuracy": 0.6, "macro_f1": 0.5, "topic_macro_f1": 0.7, "stance_macro_f1": 0.4}
    classes = {leaf: {"n": 1, "f1": 0.5} for leaf in study.codebook.leaf_codes}
    return {
        "model": "m", "rows": "test", "note": "Scored on the sealed test set.", "warning": False,
        "overall": scores | {"per_class": classes}, "seen": empty, "unseen": empty, "languages": {},
        "confusion": {}, "look": {"id": look},
    }  # fmt: skip


def test_the_first_look_is_asked_about_and_looks_are_told(
    window: MainWindow, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert window.study is not None and window.area is not None
    study, area = window.study, window.area
    page = area.page("results")
    assert isinstance(page, ResultsPage)
    started: list[list[str]] = []
    monkeypatch.setattr(area.jobs, "start", lambda kind, title, words, path: started.append(words))
    monkeypatch.setattr(page.model, "name", lambda: "m")
    page.stack.setCurrentIndex(1)
    area.show_page("results")
    page._show_model()
    # Nothing to score: no label yet, so no question.
    settled()
    assert page.start_evaluation() is None and len(started) == 1
    area.label_page.show_tweet(min(sealing.test_tweets(study)))
    area.label_page.labelling.label("pro")  # type: ignore[union-attr]
    page.study_changed({"labels"})
    settled()
    assert "No score on the sealed test set was looked at yet" in page.looks.text()
    assert "1 of its 52 tweets are labelled" in page.looks.text() and not page.copy_sentence.isVisible()
    qtbot.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    (box,) = page.findChildren(QMessageBox)
    assert "first look" in box.text()
    _answer(box, "Cancel")
    assert len(started) == 1
    box = page.start_evaluation()  # type: ignore[assignment]
    _answer(box, "&Look at the score")
    assert len(started) == 2 and started[1][0] == "evaluate"
    for name in ("a", "b", "m"):
        look, _ = score_looks.record(study, name, name * 64, [("1", "pro", "pro")], {"languages": 13})
    evaluations.save(study, models.get(study, "m").id, _report(study, look), evaluations.last_labels(study))
    page._ask_report()
    settled()
    assert "looked at 3 times, with 3 models" in page.looks.text() and "“m”" in page.looks.text()
    qtbot.mouseClick(page.copy_sentence, LEFT)
    copied = QGuiApplication.clipboard().text()
    assert "(seed 5)" in copied and "scored twice, with 2 models, before the scores reported" in copied
    # From now on the score is looked at without a question.
    assert page.start_evaluation() is None and len(started) == 3
