"""What the label page says of locked tweets, of what is left, of chosen tweets, and of a model that is not ready."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from pytestqt.qtbot import QtBot

from app.gui.elided import ElidedButton
from app.gui.label_page import LabelPage
from app.gui.main_window import MainWindow
from app.gui.step_back import redo_key
from app.settings import Settings
from app.study import coders, locks, models, predictions, queues, sealing, tweets
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def page(opened: Callable[..., LabelPage], settled: Settled) -> LabelPage:
    """Return the page with a coder at work."""
    found = opened(LabelPage())
    found.set_coder("Mia")
    settled()
    return found


def _unlabelled(study: Study) -> list[int]:
    return [row.id for row in tweets.page(study, TweetFilter(status="unlabelled"), limit=10_000)]


def test_a_locked_tweet_gives_way_and_its_note_is_kept(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    first = page.row
    assert first is not None
    page.desk.note.setText("kept")
    batch = locks.lock(study, "one", "Mia", [first.id])
    page.study_changed({"labels"})
    settled()
    assert page.row is not None and page.row.id != first.id and page.desk.note.text() == ""
    page.show_tweet(first.id)
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert page.bar.last_act.text() == "Skipped", "a locked tweet does not come again"
    locks.release(study, batch.id)
    page.show_tweet(first.id)
    assert page.desk.note.text() == "kept"


def test_nothing_is_said_of_a_locked_tweet_that_one_goes_back_to(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_1)
    batch = locks.lock(study, "one", "Mia", [first.id])
    page.study_changed({"labels"})
    settled()
    page.desk.note.setFocus()
    page.acts.back.trigger()
    assert page.row is not None and page.row.id == first.id
    assert page.desk.locked.isVisible() and "locked batch" in page.desk.locked.text()
    assert page.hasFocus(), "the keys that still work are the page's"
    buttons = [*page.desk.leaves.buttons.values(), *page.desk.marks.buttons.values(), page.desk.note]
    assert not any(button.isEnabled() for button in buttons)
    before = tweets.history(study, first.id)
    for key in (Qt.Key.Key_2, Qt.Key.Key_U, Qt.Key.Key_Delete, Qt.Key.Key_N):
        qtbot.keyClick(page, key)
    qtbot.mouseClick(page.desk.leaves.buttons["anti"], Qt.MouseButton.LeftButton)
    assert page.row.id == first.id and page.hasFocus() and page.notice.isHidden()
    assert tweets.history(study, first.id) == before
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert page.row.id != first.id and page.desk.locked.isHidden()
    assert all(button.isEnabled() for button in buttons)
    locks.release(study, batch.id)
    page.study_changed({"labels"})
    settled()
    page.acts.back.trigger()
    assert page.row.id == first.id and page.desk.locked.isHidden() and page.desk.leaves.isEnabled()


def test_the_end_tells_what_is_locked_and_what_is_not_read(
    page: LabelPage, study: Study, settled: Settled
) -> None:
    left = _unlabelled(study)
    korean = [row.id for row in tweets.get(study, left) if row.lang == "ko"]
    locks.lock(study, "all", "Mia", left)
    page.study_changed({"labels"})
    settled()
    said = page.end.text.text()
    assert page.stack.currentWidget() is page.end
    assert f"locked in a finished batch: {len(left)}." in said and "All tweets are labelled" not in said
    page.bar.language.setCurrentIndex(page.bar.language.findData("ko"))
    settled()
    assert f"locked in a finished batch: {len(korean)}." in page.end.text.text()
    page.bar.language.setCurrentIndex(0)
    coders.set_languages(study, "Mia", ["ko"])
    page.study_changed({"coders"})
    settled()
    said = page.end.text.text()
    assert f"locked in a finished batch: {len(korean)}." in said
    assert f"that you do not read: {len(left) - len(korean)}." in said


def test_a_coder_who_reads_no_language_of_the_study_is_told_so(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    coders.set_languages(study, "Mia", ["zz"])
    page.study_changed({"coders"})
    settled()
    page.set_coder("")
    page.set_coder("Mia")
    settled()
    assert f"that you do not read: {len(_unlabelled(study))}." in page.end.text.text()
    with qtbot.waitSignal(page.coder_wanted):
        page.end.button.click()


def test_a_coder_without_labels_is_led_to_what_others_labelled(
    qtbot: QtBot, study: Study, settled: Settled
) -> None:
    for tweet in _unlabelled(study):
        with_first_coder = Labelling(study, "Ana")
        with_first_coder.show(tweet)
        with_first_coder.label("pro", seconds=1.0)
    path = study.path
    study.close()
    window = MainWindow(Settings(coder="Mia"))
    qtbot.addWidget(window)
    assert window.open_study(path) and window.area is not None
    with qtbot.waitExposed(window):
        window.show()
    activate(qtbot, window)
    window.area.show_page("label")
    settled()
    page = window.area.label_page
    assert page.stack.currentWidget() is page.end
    assert "Others labelled all tweets" in page.end.text.text() and page.end.others.isHidden()
    qtbot.mouseClick(page.end.button, Qt.MouseButton.LeftButton)
    settled()
    assert page.row is not None and page.stack.currentWidget() is page.desk
    qtbot.keyClick(page, Qt.Key.Key_1)
    page.order_acts.choose_random()
    settled()
    assert page.stack.currentWidget() is page.end
    assert page.end.button.text() == "Train a model" and page.end.others.isVisible()
    before = page.progress
    qtbot.mouseClick(page.end.others, Qt.MouseButton.LeftButton)
    settled()
    assert page.row is not None and before is not None and before.mine == 1
    assert window.close_study()


def test_chosen_tweets_are_counted_until_the_last(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    chosen = _unlabelled(study)[-3:]
    page.show_tweet(*chosen, name="Sealed test set")
    assert page.bar.last_act.text() == "Sealed test set: 1 of 3"
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.bar.last_act.text().startswith("Sealed test set: 2 of 3 · Labelled")
    # What others do does not end the list.
    page.study_changed({"labels"})
    settled()
    assert page.row is not None and page.row.id == chosen[1]
    assert page.bar.last_act.text().startswith("Sealed test set: 2 of 3")
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert page.row is not None and page.row.id == chosen[2]
    assert page.bar.last_act.text() == "Sealed test set: 3 of 3 · Skipped · comes again later"
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert "Sealed" not in page.bar.last_act.text()


def test_the_window_names_what_was_chosen(qtbot: QtBot, study: Study, settled: Settled) -> None:
    sealing.draw(study, 1, seed=1)
    path = study.path
    study.close()
    window = MainWindow(Settings(coder="Mia"))
    qtbot.addWidget(window)
    assert window.open_study(path) and window.area is not None
    window.show()
    settled()
    area = window.area
    area.study_page.label_wanted.emit()
    settled()
    assert area.label_page.bar.last_act.text().startswith("Sealed test set: 1 of 13")
    area.review_page.label_wanted.emit(_unlabelled(area.study)[:2])
    settled()
    assert area.label_page.bar.last_act.text().startswith("Second look: 1 of 2")
    # The key that is told is the one in the menu.
    assert window.menus.redo.shortcut() == QKeySequence(redo_key())
    area.label_page.label("pro")
    assert area.label_page.undo() and f"{redo_key()} gives it again" in area.label_page.bar.last_act.text()
    # In the smallest window who labels and from which queue can be read.
    window.resize(window.minimumSize())
    qtbot.wait(50)
    bar = area.label_page.bar
    assert (window.width(), window.height()) == (960, 600)
    assert bar.coder.shown_text() == "Mia" and area.label_page.order_acts.button.shown_text() == "Random ▾"
    assert bar.last_act.y() > bar.coder.y() and bar.last_act.width() > 200
    for mark in area.label_page.desk.marks.buttons.values():
        assert mark.width() >= mark.sizeHint().width() and mark.visibleRegion().boundingRect() == mark.rect()
    window.close()


def test_a_button_keeps_its_sign_where_its_name_is_cut(qtbot: QtBot) -> None:
    button = ElidedButton(100, ending=" ▾")
    qtbot.addWidget(button)
    button.setText("Near-duplicates together ▾")
    button.resize(button.sizeHint())
    assert button.shown_text().endswith("… ▾")
    button.resize(600, 30)
    assert button.shown_text() == button.text()


def test_no_model_and_none_left_are_told_apart(
    page: LabelPage, study: Study, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []
    job = page.order.job
    monkeypatch.setattr(type(job), "is_running", property(lambda _: bool(started)))
    monkeypatch.setattr(job, "start", lambda *words: started.append(words))
    page.order.choose("Mia", kind=queues.MODEL_DISAGREES)
    settled()
    assert started and "still learning" in page.end.text.text()
    started.clear()
    page.order._failed_at = 0
    page.order.ended.emit(None)
    assert "No model has said anything" in page.end.text.text()
    # A fine-tuned model has spoken, and says of every tweet what the coders said.
    model = models.register(study, "m", "/m", "0" * 64, study.codebook.leaf_codes)
    row = tweets.page(study, TweetFilter(leaf="pro"), limit=1)[0]
    said = np.array([[1.0 if leaf == "pro" else 0.0 for leaf in study.codebook.leaf_codes]], np.float32)
    predictions.save(study, model.id, study.codebook.leaf_codes, [row.id], said, "")
    page.study_changed({"labels"})
    settled()
    started.clear()
    page.order.learnt.emit()
    assert "no label left that a model contradicts" in page.end.text.text()
