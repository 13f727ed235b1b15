"""Marks and notes on the label page, what surrounds a tweet, one's own history, hasty clicks."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.gui import label_page
from app.gui.label_page import LabelPage
from app.settings import Settings
from app.study import tweets
from app.study.importing import import_file
from app.study.labelling import Labelling
from app.study.marks import MARKS
from app.study.study import Study

Settled = Callable[[], None]
KEYS = {
    "uncertain": Qt.Key.Key_U,
    "quoting": Qt.Key.Key_Q,
    "sarcasm": Qt.Key.Key_S,
    "unclear_target": Qt.Key.Key_T,
}


@pytest.fixture
def page(opened: Callable[..., LabelPage], settled: Settled) -> LabelPage:
    """Return the page with a coder at work."""
    found = opened(LabelPage())
    found.set_coder("Mia")
    settled()
    return found


def _said(study: Study, tweet: int) -> tuple[str, ...]:
    row = tweets.get(study, [tweet])[0]
    found = dict(row.remarks).get("Mia")
    return found.marks if found is not None else ()


def _shown(page: LabelPage) -> tuple[str, ...]:
    return page.desk.marks.marks()


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("by_mouse", [False, True])
def test_a_mark_goes_with_the_label_that_follows(
    page: LabelPage, study: Study, qtbot: QtBot, mark: str, by_mouse: bool
) -> None:
    first = page.row
    assert first is not None
    if by_mouse:
        qtbot.mouseClick(page.desk.marks.buttons[mark], Qt.MouseButton.LeftButton)
    else:
        qtbot.keyClick(page, KEYS[mark])
    assert page.row is first and _shown(page) == (mark,)
    assert tweets.history(study, first.id) == [], "a mark without a label is no event"
    qtbot.keyClick(page, Qt.Key.Key_2)
    assert _said(study, first.id) == (mark,) and _shown(page) == ()
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert page.row is not None and page.row.id == first.id and _shown(page) == (mark,)


def test_a_mark_on_a_labelled_tweet_is_saved_at_once_and_taken_back_alone(
    page: LabelPage, study: Study, qtbot: QtBot
) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    qtbot.keyClick(page, Qt.Key.Key_S)
    qtbot.keyClick(page, Qt.Key.Key_Q)
    assert _said(study, first.id) == ("quoting", "sarcasm")
    assert [(e.leaf, e.marks) for e in tweets.history(study, first.id)] == [
        ("pro", ()),
        ("pro", ("sarcasm",)),
        ("pro", ("quoting", "sarcasm")),
    ]
    assert "Quoting" in page.bar.last_act.text() and page.desk.leaves.buttons["pro"].isChecked()
    assert page.undo() and _said(study, first.id) == ("sarcasm",) and _shown(page) == ("sarcasm",)
    assert page.undo() and _shown(page) == () and page.desk.leaves.buttons["pro"].isChecked()
    assert page.redo() and _said(study, first.id) == ("sarcasm",)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert _shown(page) == ("sarcasm",)
    qtbot.keyClick(page, Qt.Key.Key_S)
    assert _said(study, first.id) == () and "No longer" in page.bar.last_act.text()


def test_a_note_on_a_labelled_tweet_is_saved_when_the_field_is_left(
    page: LabelPage, study: Study, qtbot: QtBot
) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    for end, text in ((Qt.Key.Key_Return, "ironie"), (Qt.Key.Key_Escape, " सच")):
        qtbot.keyClick(page, Qt.Key.Key_N)
        page.desk.note.insert(text)
        qtbot.keyClick(page.desk.note, end)
        assert not page.desk.note.hasFocus()
        assert dict(tweets.get(study, [first.id])[0].remarks)["Mia"].note == page.desk.note.text()
    assert page.desk.note.text() == "ironie सच"
    assert page.undo() and page.desk.note.text() == "ironie"
    assert page.undo() and page.desk.note.text() == ""


def test_an_undo_after_a_restart_gives_back_what_was_said(
    page: LabelPage, opened: Callable[..., LabelPage], study: Study, qtbot: QtBot, settled: Settled
) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_T)
    page.desk.note.setText("whom?")
    qtbot.keyClick(page, Qt.Key.Key_3)
    page.study_closing()
    page.hide()
    other = opened(LabelPage())
    other.set_coder("Mia")
    settled()
    assert other.undo() and other.row is not None and other.row.id == first.id
    assert _shown(other) == ("unclear_target",) and other.desk.note.text() == "whom?"
    assert other.redo()
    assert _said(study, first.id) == ("unclear_target",)


def test_a_mark_that_cannot_be_saved_is_not_shown_as_set(
    page: LabelPage, study: Study, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = page.row
    assert first is not None
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_Left)

    def full(*_: object, **__: object) -> None:
        raise UserError("The disk is full.", "Make room.")

    monkeypatch.setattr(Labelling, "remark", full)
    qtbot.keyClick(page, Qt.Key.Key_S)
    assert _shown(page) == () and "disk is full" in page.notice.text
    qtbot.keyClick(page, Qt.Key.Key_N)
    page.desk.note.insert("kept")
    qtbot.keyClick(page.desk.note, Qt.Key.Key_Escape)
    qtbot.keyClick(page, Qt.Key.Key_Space)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert page.desk.note.text() == "kept", "a note that could not be saved was lost"


def test_two_quick_clicks_label_one_tweet(
    page: LabelPage, study: Study, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is: all clicks are hasty, and later none is.
    monkeypatch.setattr(label_page, "_HASTY_CLICK", 3600.0)
    page._clicked_at = -3600.0
    before, button = study.counts().labelled, page.desk.leaves.buttons["anti"]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    second = page.row
    qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(page.desk.leaves.buttons["pro"], Qt.MouseButton.LeftButton)
    assert study.counts().labelled == before + 1 and page.row is second
    monkeypatch.setattr(label_page, "_HASTY_CLICK", 0.0)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert study.counts().labelled == before + 2
    # Keys may be as fast as fingers are.
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_2)
    assert study.counts().labelled == before + 4


def test_a_double_click_sets_a_mark_and_does_not_take_it_off(page: LabelPage, qtbot: QtBot) -> None:
    button = page.desk.marks.buttons["sarcasm"]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.mouseDClick(button, Qt.MouseButton.LeftButton)
    assert button.isChecked()


def test_whatever_is_clicked_is_large_enough(page: LabelPage) -> None:
    small = [
        (b.text(), b.height())
        for part in (page.desk, page.bar)
        for b in part.findChildren(QAbstractButton)
        if b.isVisible() and b.height() < 32
    ]
    assert small == []


def test_the_history_has_ones_own_acts_only(page: LabelPage, study: Study, qtbot: QtBot) -> None:
    labelled_by_ana = next(row for row in tweets.page(study) if row.labels)
    page.show_tweet(labelled_by_ana.id)
    assert page.desk.history.isHidden()
    qtbot.keyClick(page, Qt.Key.Key_H)
    assert page.desk.history.isVisible() and "Nothing yet" in page.desk.history.lines.text()
    qtbot.keyClick(page, Qt.Key.Key_S)
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    shown = page.desk.history.lines.text()
    assert "Pro" in shown and "Sarcasm" in shown and "Nothing yet" not in shown
    assert shown.count("2026-") + shown.count("20") > 0
    qtbot.mouseClick(page.desk.history_button, Qt.MouseButton.LeftButton)
    assert page.desk.history.isHidden()


def test_author_and_date_are_hidden_and_stay_so(
    opened: Callable[..., LabelPage], study: Study, qtbot: QtBot, settled: Settled
) -> None:
    settings = Settings()
    page = opened(LabelPage(settings))
    page.set_coder("Mia")
    settled()
    assert page.row is not None and page.row.author in page.desk.about.text()
    with qtbot.waitSignal(page.settings_changed):
        qtbot.keyClick(page, Qt.Key.Key_A)
    assert (
        page.row.author not in page.desk.about.text()
        and page.row.created_at[:4] not in page.desk.about.text()
    )
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.row is not None and page.row.author not in page.desk.about.text()
    assert settings.hide_author and page.desk.author_button.text() == "Show author"
    qtbot.mouseClick(page.desk.author_button, Qt.MouseButton.LeftButton)
    assert page.row.author in page.desk.about.text() and not settings.hide_author


def test_what_a_tweet_answers_stands_over_it(
    page: LabelPage, study: Study, qtbot: QtBot, settled: Settled, tmp_path: Path
) -> None:
    table = tmp_path / "replies.csv"
    with open(table, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "text", "lang", "author", "in_reply_to_status_id", "quoted_text"])
        writer.writerow(["900001", "أغلقوا الحدود @user_x", "ar", "@anna", "", ""])
        writer.writerow(["900002", "이민자를 환영합니다", "ko", "@kim", "900001", "वे घर जाएँ"])
    import_file(study, table)
    last = study.counts().tweets
    page.show_tweet(last, last - 1)
    reply, quote = page.desk.context.parts
    assert page.desk.context.isVisible() and reply.tweet.tweet == "أغلقوا الحدود @user_x"
    assert reply.tweet.direction() == Qt.LayoutDirection.RightToLeft
    assert "@anna" in reply.heading.text() and quote.tweet.tweet == "वे घर जाएँ"
    qtbot.keyClick(page, Qt.Key.Key_A)
    assert "@anna" not in reply.heading.text()
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.row is not None and page.row.id == last - 1 and page.desk.context.isHidden()


def test_a_long_tweet_is_scrolled_by_key(page: LabelPage, study: Study, qtbot: QtBot, tmp_path: Path) -> None:
    table = tmp_path / "long.csv"
    table.write_text(f"id,text\n1,{'a long story ' * 330}\n2,short\n", encoding="utf-8")
    import_file(study, table)
    last = study.counts().tweets
    page.show_tweet(last - 1, last)
    bar = page.desk._scroll.verticalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0)
    small = page.desk.tweet.font().pointSizeF()
    qtbot.keyClick(page, Qt.Key.Key_Down)
    assert bar.value() > 0
    qtbot.keyClick(page, Qt.Key.Key_PageUp)
    assert bar.value() == 0
    qtbot.keyClick(page, Qt.Key.Key_1)
    assert page.desk.tweet.tweet == "short" and page.desk.tweet.font().pointSizeF() > small


def test_the_pace_is_told_once_it_is_known(page: LabelPage, qtbot: QtBot) -> None:
    progress = page.side.progress
    qtbot.waitUntil(lambda: "after 10" in progress.pace.text())
    for _ in range(12):
        qtbot.keyClick(page, Qt.Key.Key_4)
    qtbot.waitUntil(lambda: "labels an hour" in progress.pace.text())
    assert progress.left.isVisible() and "left at your pace" in progress.left.text()
