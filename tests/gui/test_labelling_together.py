"""Labelling many tweets at once from the page of tweets: selected, shown, near-duplicates; undo where it was done."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sql
from PySide6.QtCore import QItemSelectionModel, QPoint, Qt
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from app.gui import step_back
from app.gui import tweet_model as columns
from app.gui.bulk_dialog import BulkDialog
from app.gui.duplicates_dialog import DuplicatesDialog
from app.gui.main_window import MainWindow
from app.gui.tweets_page import TweetsPage
from app.settings import Settings
from app.study import bulk, groups, locks, tweets
from app.study.importing import import_file
from app.study.study import Study
from app.study.tweets import TweetFilter
from db.tables import LabelEvent
from tests.gui.focus import activate

Settled = Callable[[], None]
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
WELCOME = "Refugees are welcome in our little town, whoever says otherwise does not speak for us"
HARBOUR = "وصلت السفينة التي تحمل اللاجئين إلى الميناء هذا الصباح ووزع المتطوعون الماء والبطانيات"
TEXTS = [
    (WELCOME, "en"),
    (HARBOUR, "ar"),
    (f"RT @ana: {WELCOME}", "en"),
    ("오늘 아침 항구에 배가 들어왔습니다", "ko"),
    (f"{WELCOME} https://t.co/abc 😀", "en"),
    (f"{HARBOUR} https://t.co/xyz", "ar"),
]


@pytest.fixture
def six(empty_study: Study, tmp_path: Path) -> Study:
    """Return a study of six tweets in two groups, one alone."""
    table = tmp_path / "six.csv"
    rows = [f'{n},"{text}",{lang}' for n, (text, lang) in enumerate(TEXTS, 1)]
    table.write_text("\n".join(["id,text,lang", *rows]), encoding="utf-8")
    import_file(empty_study, table)
    groups.find(empty_study)
    return empty_study


@pytest.fixture
def page(opened: Callable[..., TweetsPage], six: Study) -> TweetsPage:
    """Return the page on the six tweets, with a coder."""
    page = opened(TweetsPage(), six)
    page.study_touched.connect(page.study_changed)
    page.set_coder("Ana")
    page.table.setFocus()
    return page


def dialog_of(page: TweetsPage, settled: Settled) -> BulkDialog:
    settled()
    (dialog,) = [found for found in page.findChildren(BulkDialog) if found.isVisible()]
    return dialog


def labels_of(study: Study) -> list[str | None]:
    return [dict(row.labels).get("Ana") for row in tweets.page(study)]


def press(qtbot: QtBot, page: TweetsPage, key: Qt.Key, *, shift: bool = True) -> None:
    qtbot.keyClick(page.table, key, CONTROL | SHIFT if shift else CONTROL)


def select(page: TweetsPage, row: int) -> None:
    """Select a row, whatever modifiers the last key that was pressed here leaves behind."""
    flags = QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
    page.table.selectionModel().setCurrentIndex(page.model.index(row, 0), flags)


def test_all_shown_are_labelled_by_key_and_taken_back_by_key(
    page: TweetsPage, six: Study, qtbot: QtBot, settled: Settled
) -> None:
    page.language.setCurrentIndex(page.language.findData("en"))
    settled()
    press(qtbot, page, Qt.Key.Key_L)
    dialog = dialog_of(page, settled)
    assert "3 tweets" in dialog.heading.text() and not dialog.label_button.isEnabled()
    qtbot.keyClick(dialog, Qt.Key.Key_2)
    name = six.codebook.leaves[1].name
    assert dialog.leaf == "anti" and dialog.changes.texts() == [[f"Newly labelled ▼ {name}", "3"]]
    assert "3 tweets" in dialog.label_button.text()
    with qtbot.waitSignal(page.study_touched):
        qtbot.keyClick(dialog, Qt.Key.Key_Return)
    settled()
    assert labels_of(six) == ["anti", None, "anti", None, "anti", None]
    assert "3 tweets labelled" in page.notice.text and "Ctrl+Z" in page.notice.text
    assert page.can_undo() and page.undo()
    settled()
    assert labels_of(six) == [None] * 6 and "taken back" in page.notice.text
    assert page.can_redo() and page.redo()
    settled()
    assert labels_of(six)[0] == "anti" and not page.can_redo()


def test_the_preview_tells_what_changes_and_what_is_left_out(
    page: TweetsPage, six: Study, qtbot: QtBot, settled: Settled
) -> None:
    bulk.label(six, "Ana", [1, 2], "pro")
    bulk.label(six, "Ana", [3], "neutral")
    locks.lock(six, "pilot", "Ana", [4])
    press(qtbot, page, Qt.Key.Key_L)
    dialog = dialog_of(page, settled)
    assert [row[1] for row in dialog.changes.texts()] == ["1"], (
        "the locked one is told before a class is chosen"
    )
    assert dialog.heading.text() == "5 of 6 tweets get one label"
    qtbot.mouseClick(dialog.leaves.buttons["pro"], Qt.MouseButton.LeftButton)
    told = dict(dialog.changes.texts())
    assert list(told.values()) == ["2", "1", "2", "1"]
    assert any("Neutral" in text and "Pro" in text for text in told)
    assert "3 tweets" in dialog.label_button.text()
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    settled()
    assert labels_of(six) == ["pro", "pro", "neutral", None, None, None], "Esc labels nothing"


def test_the_selected_rows_are_labelled(page: TweetsPage, six: Study, qtbot: QtBot, settled: Settled) -> None:
    select(page, 0)
    rows = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    page.table.selectionModel().select(page.model.index(3, 0), rows)
    assert page.table.selected_ranges() == [(0, 0), (3, 3)]
    qtbot.mouseClick(page.together.button, Qt.MouseButton.LeftButton)
    dialog = dialog_of(page, settled)
    assert dialog.preview is not None and list(dialog.preview.ids) == [1, 4]
    dialog.choose("neutral")
    qtbot.mouseClick(dialog.label_button, Qt.MouseButton.LeftButton)
    settled()
    assert labels_of(six) == ["neutral", None, None, "neutral", None, None]


def test_all_rows_selected_mean_all_that_pass_the_filters(
    page: TweetsPage, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.keyClick(page.table, Qt.Key.Key_A, CONTROL)
    assert page.table.selected_ranges() == [(0, 5)]
    press(qtbot, page, Qt.Key.Key_L)
    dialog = dialog_of(page, settled)
    assert dialog.preview is not None and len(dialog.preview.ids) == 6
    dialog.reject()


def test_a_group_is_shown_and_labelled(page: TweetsPage, six: Study, qtbot: QtBot, settled: Settled) -> None:
    assert page.model.tweet(0).similar == 2  # type: ignore[union-attr]
    spoken = page.model.index(1, columns.TEXT).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken.endswith("+1 similar")
    select(page, 0)
    press(qtbot, page, Qt.Key.Key_D, shift=False)
    settled()
    assert [page.model.tweet(r).id for r in range(page.model.rowCount())] == [1, 3, 5]  # type: ignore[union-attr]
    assert "near-duplicates" in page.notice.text
    press(qtbot, page, Qt.Key.Key_G)
    dialog = dialog_of(page, settled)
    assert dialog.preview is not None and list(dialog.preview.ids) == [1, 3, 5], "as the notice says"
    dialog.reject()
    activate(qtbot, page)
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_Escape)
    settled()
    assert page.model.rowCount() == 6 and page.notice.text == ""
    select(page, 5)
    press(qtbot, page, Qt.Key.Key_G)
    dialog = dialog_of(page, settled)
    assert "2 near-duplicates" in dialog.heading.text()
    dialog.choose("pro")
    qtbot.keyClick(dialog, Qt.Key.Key_Return)
    settled()
    assert labels_of(six) == [None, "pro", None, None, None, "pro"]
    with six.reading() as session:
        assert set(session.scalars(sql.select(LabelEvent.source))) == {"group"}


def test_tweets_with_near_duplicates_are_filtered(page: TweetsPage, settled: Settled) -> None:
    page.status.setCurrentIndex(page.status.findData("grouped"))
    settled()
    assert page.model.rowCount() == 5


def test_a_tweet_that_stands_alone_says_so(page: TweetsPage, qtbot: QtBot) -> None:
    for key, shift in ((Qt.Key.Key_D, False), (Qt.Key.Key_G, True)):
        select(page, 3)
        press(qtbot, page, key, shift=shift)
        assert "no near-duplicates" in page.notice.text
        page.notice.clear()
    page.table.clearSelection()
    press(qtbot, page, Qt.Key.Key_D, shift=False)
    assert "No tweet is selected" in page.notice.text


def test_who_labels_is_asked_first(page: TweetsPage, qtbot: QtBot) -> None:
    page.set_coder("")
    press(qtbot, page, Qt.Key.Key_L)
    assert "who labels" in page.notice.text


def test_the_menu_of_a_tweet_has_these_acts(page: TweetsPage, qtbot: QtBot) -> None:
    page.table.customContextMenuRequested.emit(QPoint(20, 20))
    menu = next(found for found in page.table.findChildren(QMenu) if found.isVisible())
    names = [action.text() for action in menu.actions()]
    assert "Show near-duplicates" in names and "Label all at once …" in names
    menu.close()


def test_too_many_are_refused_in_a_sentence(
    page: TweetsPage, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MOST", 3)
    press(qtbot, page, Qt.Key.Key_L)
    dialog = dialog_of(page, settled)
    assert "one stroke" in dialog.notice.text and not dialog.label_button.isEnabled()
    assert not dialog.leaves.isEnabled()
    dialog.reject()


def test_near_duplicates_are_found_where_no_import_looked_for_them(
    opened: Callable[..., TweetsPage], empty_study: Study, qtbot: QtBot, settled: Settled, tmp_path: Path
) -> None:
    table = tmp_path / "two.csv"
    table.write_text(f"id,text\n1,{TEXTS[1][0]}\n2,{TEXTS[5][0]}\n", encoding="utf-8")
    import_file(empty_study, table)
    page = opened(TweetsPage(), empty_study)
    page.study_touched.connect(page.study_changed)
    assert "Ctrl+Alt+D" in page.notice.text
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_D, CONTROL | Qt.KeyboardModifier.AltModifier)
    settled()
    (dialog,) = page.findChildren(DuplicatesDialog)
    assert "one group" in dialog.notice.text
    dialog.reject()
    settled()
    assert page.model.tweet(0).similar == 1  # type: ignore[union-attr]


@pytest.fixture
def window(qtbot: QtBot, six: Study, settled: Settled) -> MainWindow:
    """Return the window on the six tweets, on the page of tweets."""
    path = six.path
    six.close()
    window = MainWindow(Settings(coder="Ana"))
    qtbot.addWidget(window)
    window.resize(1280, 800)
    with qtbot.waitExposed(window):
        window.show()
    activate(qtbot, window)
    assert window.open_study(path) and window.area is not None
    window.area.show_page("tweets")
    settled()
    return window


@pytest.mark.parametrize("few", [50, 1])
def test_the_window_undoes_where_it_was_done_and_later_where_labels_are_given(
    window: MainWindow, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(step_back, "FEW", few)
    area, study = window.area, window.study
    assert area is not None and study is not None
    page = area.tweets_page
    page.table.setFocus()
    qtbot.keyClick(page.table, Qt.Key.Key_L, CONTROL | SHIFT)
    dialog = dialog_of(page, settled)
    dialog.choose("pro")
    dialog.label_button.click()
    settled()
    activate(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    settled()
    assert labels_of(study) == [None] * 6 and area.current is page
    activate(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_Y, CONTROL)
    settled()
    assert labels_of(study) == ["pro"] * 6 and area.current is page
    activate(qtbot, window)
    area.show_page("label")
    settled()
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    settled()
    assert labels_of(study) == [None] * 6
    assert area.current is area.label_page and "6 labels" in area.label_page.bar.last_act.text()
    activate(qtbot, window)
    qtbot.keyClick(window, Qt.Key.Key_Y, CONTROL)
    settled()
    assert labels_of(study) == ["pro"] * 6
    assert window.close_study()


@pytest.mark.parametrize("few", [50, 1])
def test_an_undo_of_tweets_locked_meanwhile_says_why_not(
    window: MainWindow, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(step_back, "FEW", few)
    area, study = window.area, window.study
    assert area is not None and study is not None
    page = area.tweets_page
    page.together.label_shown()
    dialog = dialog_of(page, settled)
    dialog.choose("pro")
    dialog.label_button.click()
    settled()
    activate(qtbot, window)
    locks.lock(study, "finished", "Ana", TweetFilter(language="ko"))
    qtbot.keyClick(window, Qt.Key.Key_Z, CONTROL)
    settled()
    told = [page.notice.text] + [
        found.notice.text
        for found in QApplication.topLevelWidgets()
        if isinstance(found, step_back._StepDialog) and found.isVisible()
    ]
    assert any("locked batch “finished”" in text for text in told)
    assert labels_of(study) == ["pro"] * 6
    for found in QApplication.topLevelWidgets():
        if isinstance(found, step_back._StepDialog):
            found.reject()
    assert window.close_study()
