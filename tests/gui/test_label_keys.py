"""Changing the keys of the label page: by key and menu, conflicts told, buttons and lists follow."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from app.gui.bulk_dialog import BulkDialog
from app.gui.change_keys_dialog import ChangeKeysDialog
from app.gui.label_keys import class_name
from app.gui.label_page import LabelPage
from app.gui.main_window import MainWindow
from app.settings import Settings
from app.study import tweets
from app.study.study import Study
from app.study.tweets import TweetFilter
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def window(qtbot: QtBot, study: Study, settled: Settled) -> Iterator[MainWindow]:
    """Return the window with a coder at work on the label page."""
    found = MainWindow(Settings(coder="Mia"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
    study.close()
    assert found.open_study(study.path) and found.area is not None
    settled()
    found.area.show_page("label")
    yield found
    assert found.close_study()


def _page(window: MainWindow) -> LabelPage:
    assert window.area is not None
    return window.area.label_page


def _dialog(window: MainWindow) -> ChangeKeysDialog:
    window.menus.change_keys.trigger()
    found = window.findChild(ChangeKeysDialog)
    assert found is not None
    return found


def _line(dialog: ChangeKeysDialog, text: str) -> int:
    lines = [dialog.table.item(n, 0).text() for n in range(dialog.table.rowCount())]  # type: ignore[union-attr]
    return next(n for n, line in enumerate(lines) if text in line)


def _press(qtbot: QtBot, dialog: ChangeKeysDialog, line: str, key: Qt.Key) -> None:
    dialog.table.setCurrentCell(_line(dialog, line), 1)
    qtbot.keyClick(dialog.table, key, modifier=Qt.KeyboardModifier.NoModifier)


def test_the_list_of_keys_leads_to_the_dialog_that_changes_them(window: MainWindow, qtbot: QtBot) -> None:
    keys = window.show_keys()
    assert keys.change.isVisible() and "Ctrl+Alt+K" in keys.change.toolTip()
    qtbot.mouseClick(keys.change, Qt.MouseButton.LeftButton)
    assert not keys.isVisible()
    dialog = window.findChild(ChangeKeysDialog)
    assert dialog is not None and dialog.isVisible() and dialog.table.rowCount() > 4
    dialog.cancel.click()


def test_a_changed_key_works_and_is_shown_everywhere(window: MainWindow, qtbot: QtBot) -> None:
    page = _page(window)
    study, first = page.study, page.row
    assert study is not None and first is not None
    dialog = _dialog(window)
    _press(qtbot, dialog, "Pro", Qt.Key.Key_J)
    _press(qtbot, dialog, "Sarcasm", Qt.Key.Key_F7)
    _press(qtbot, dialog, "Skip", Qt.Key.Key_Period)
    dialog.use.click()
    assert dialog.result() == QDialog.DialogCode.Accepted
    assert "(J)" in page.desk.leaves.buttons["pro"].toolTip()
    assert page.desk.marks.buttons["sarcasm"].key == "F7" and "(.)" in page.acts.skip.toolTip()
    keys = window.show_keys()
    rows = keys.tables[0].texts()
    keys.close_button.click()
    assert ["J", "Label “Pro”"] in rows and ["F7", "Mark: Sarcasm"] in rows
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_S)
    assert page.row is first and page.desk.marks.marks() == ()
    qtbot.keyClick(page, Qt.Key.Key_F7)
    qtbot.keyClick(page, Qt.Key.Key_J)
    row = tweets.get(study, [first.id])[0]
    assert dict(row.labels)["Mia"] == "pro" and dict(row.remarks)["Mia"].marks == ("sarcasm",)
    second = page.row
    qtbot.keyClick(page, Qt.Key.Key_Period)
    assert page.row is not second
    assert study.codebook.leaf("pro").key == "1", "the codebook is not changed"
    kept = Settings.load().label_keys
    assert kept == {class_name(study.codebook, "pro"): "J", "sarcasm": "F7", "skip": "."}


def test_a_key_of_another_act_is_told_and_not_given(window: MainWindow, qtbot: QtBot) -> None:
    dialog = _dialog(window)
    _press(qtbot, dialog, "Pro", Qt.Key.Key_2)
    assert "Anti" in dialog.notice.text and dialog.chosen == {}
    _press(qtbot, dialog, "Anti", Qt.Key.Key_J)
    assert dialog.notice.text == ""
    _press(qtbot, dialog, "Pro", Qt.Key.Key_2)
    assert len(dialog.chosen) == 2
    dialog.table.setCurrentCell(0, 1)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Z, modifier=Qt.KeyboardModifier.ControlModifier)
    assert "Undo" in dialog.notice.text and len(dialog.chosen) == 2
    dialog.reset.click()
    assert dialog.chosen == {} and dialog.notice.text == ""
    dialog.cancel.click()
    assert window.settings.label_keys == {}


def test_usual_keys_again(window: MainWindow, qtbot: QtBot) -> None:
    page = _page(window)
    dialog = _dialog(window)
    assert dialog.table.item(_line(dialog, "Neutral"), 2).text() == "3"  # type: ignore[union-attr]
    _press(qtbot, dialog, "Neutral", Qt.Key.Key_X)
    dialog.use.click()
    assert page.desk.leaves.buttons["neutral"].leaf.key == "X"
    qtbot.wait(1)
    dialog = _dialog(window)
    assert dialog.table.item(_line(dialog, "Neutral"), 2).text() == "3"  # type: ignore[union-attr]
    dialog.reset.click()
    dialog.use.click()
    assert page.desk.leaves.buttons["neutral"].leaf.key == "3" and window.settings.label_keys == {}


def test_the_classes_stay_in_sight_when_keys_change(window: MainWindow, qtbot: QtBot) -> None:
    leaves = _page(window).desk.leaves
    before = leaves.full_height()
    dialog = _dialog(window)
    _press(qtbot, dialog, "Pro", Qt.Key.Key_J)
    dialog.use.click()
    qtbot.waitUntil(lambda: all(button.isVisible() for button in leaves.buttons.values()))
    qtbot.wait(10)
    for button in leaves.buttons.values():
        assert button.visibleRegion().boundingRect() == button.rect()
    assert leaves.full_height() == before


def test_the_label_in_sight_stays_checked_when_keys_change(window: MainWindow, qtbot: QtBot) -> None:
    page = _page(window)
    qtbot.keyClick(page, Qt.Key.Key_1)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    dialog = _dialog(window)
    _press(qtbot, dialog, "Anti", Qt.Key.Key_X)
    dialog.use.click()
    assert page.desk.leaves.buttons["pro"].isChecked()


def test_the_dialog_is_reached_by_key(window: MainWindow, qtbot: QtBot) -> None:
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier
    qtbot.keyClick(_page(window), Qt.Key.Key_K, modifier=both)
    dialog = window.findChild(ChangeKeysDialog)
    assert dialog is not None and dialog.focusWidget() is dialog.table
    activate(qtbot, dialog)
    qtbot.keyClick(dialog.table, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_own_class_keys_decide_in_review_and_label_together(
    window: MainWindow, qtbot: QtBot, settled: Settled
) -> None:
    page, area = _page(window), window.area
    assert area is not None and page.study is not None
    study = page.study
    both = tweets.page(study, TweetFilter(status="labelled"), limit=1)[0]
    other = next(leaf for leaf in ("anti", "neutral") if leaf != both.label)
    page.show_tweet(both.id)
    page.desk.leaves.buttons[other].click()
    dialog = _dialog(window)
    _press(qtbot, dialog, "Pro", Qt.Key.Key_J)
    dialog.use.click()
    settled()
    area.set_coder("Mia", blind=False)
    area.show_page("review")
    settled()
    tab = area.review_page.disagreements
    assert tab.case is not None and tab.case.row.id == both.id
    assert "(J)" in tab.desk.leaves.buttons["pro"].toolTip()
    qtbot.keyClick(tab, Qt.Key.Key_1)
    assert tweets.get(study, [both.id])[0].gold is None
    qtbot.keyClick(tab, Qt.Key.Key_J)
    assert tweets.get(study, [both.id])[0].gold == "pro"
    area.show_page("tweets")
    settled()
    area.tweets_page.table.selectRow(0)
    together = area.tweets_page.together
    together.label_action.trigger()
    settled()
    bulk = area.tweets_page.findChild(BulkDialog)
    assert bulk is not None and bulk.leaves.buttons["pro"].leaf.key == "J"
    qtbot.keyClick(bulk, Qt.Key.Key_J)
    assert bulk.leaf == "pro"
    bulk.cancel.click()
