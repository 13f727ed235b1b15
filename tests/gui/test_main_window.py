"""The window: from welcome to exported CSV, its menus and keys, undo from every page, errors."""

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDropEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QHeaderView,
    QLineEdit,
    QMessageBox,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.gui import error_report, sample_study
from app.gui.main_window import MainWindow
from app.gui.questions import ask_about_jobs
from app.jobs.job_list import JobList
from app.settings import Settings
from app.study import labelling
from app.study.study import Study

Settled = Callable[[], None]


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """Return an empty window whose user keeps studies in `tmp_path` and whose last study is gone."""
    found = MainWindow(Settings(recent_studies=[str(tmp_path / "gone.stancedesk")], coder="Mia"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    found.activateWindow()
    yield found
    assert found.close_study()


@pytest.fixture
def at_work(window: MainWindow, study: Study, settled: Settled) -> MainWindow:
    """Return the window with a study of sample tweets, half of them labelled."""
    path = study.path
    study.close()
    assert window.open_study(path)
    settled()
    return window


def test_from_welcome_to_exported_csv(
    window: MainWindow, qtbot: QtBot, settled: Settled, tmp_path: Path
) -> None:
    assert "gone" in window.welcome.recent.item(0).text()
    assert "not there any more" in window.welcome.recent.item(0).text()
    qtbot.mouseClick(window.welcome.sample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.study is not None, timeout=120_000)
    settled()
    assert window.study is not None and window.area is not None
    counts = window.study.counts()
    left = counts.tweets - counts.labelled
    assert counts.tweets == 432 and left == 432 // sample_study.LEFT_TO_LABEL
    assert window.area.study_page.numbers["tweets"].text() == "432"

    qtbot.keyClick(window, Qt.Key.Key_3, Qt.KeyboardModifier.ControlModifier)
    page = window.area.label_page
    assert window.area.current is page and page.row is not None
    given = {}
    for key in (Qt.Key.Key_1, Qt.Key.Key_2, Qt.Key.Key_4):
        given[page.row.tweet_id] = {Qt.Key.Key_1: "pro", Qt.Key.Key_2: "anti", Qt.Key.Key_4: "unrelated"}[key]
        qtbot.keyClick(page, key)
        assert page.row is not None
    assert len(given) == 3
    settled()

    out = tmp_path / "labelled.csv"
    dialog = window.export_to(out)
    assert dialog is not None
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=120_000)
    assert "432" in dialog.doing.text() and str(out) in dialog.doing.text()
    dialog.close()
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    assert len(rows) == 432
    assert {tweet: rows[tweet]["label"] for tweet in given} == given
    assert {rows[tweet]["coders"] for tweet in given} == {"Mia"}
    assert all(len(tweet) == 19 for tweet in rows)

    path = window.study.path
    assert window.close_study()
    assert window.welcome.recent.item(0).text().startswith(path.stem)
    window.open_sample()
    qtbot.waitUntil(lambda: window.study is not None, timeout=120_000)
    settled()
    assert window.study is not None and window.study.path == path
    assert set(given) <= {row["id"] for row in rows.values()}
    assert window.study.counts().labelled == counts.labelled + 3


def test_every_action_has_a_key_and_says_so(at_work: MainWindow) -> None:
    actions = [
        a for a in at_work.findChildren(QAction) if a.text() and a.associatedObjects() and not a.menu()
    ]
    assert len(actions) > 30
    for action in actions:
        shown = action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        assert shown, f"“{action.text()}” has no key"
        assert shown in action.toolTip(), f"the tooltip of “{action.text()}” does not show {shown}"


def test_no_two_actions_of_the_window_have_the_same_key(at_work: MainWindow) -> None:
    assert at_work.area is not None
    keys = [
        key.toString()
        for action in [*at_work.actions(), *at_work.menus.pages.actions()]
        for key in action.shortcuts()
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    "key", ["study", "tweets", "label", "review", "train", "models", "classify", "results"]
)
def test_everything_that_can_be_used_has_a_name(at_work: MainWindow, settled: Settled, key: str) -> None:
    assert at_work.area is not None
    at_work.area.show_page(key)
    settled()
    used = (QAbstractButton, QComboBox, QLineEdit, QAbstractItemView, QAbstractSpinBox)
    found = [w for w in at_work.findChildren(QWidget) if isinstance(w, used) and w.isVisible()]
    assert found
    for widget in found:
        inner = widget.objectName().startswith("qt_") or isinstance(widget, QHeaderView)
        if inner or isinstance(widget.parent(), QComboBox | QLineEdit):
            continue
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        assert widget.accessibleName() or text, f"{widget} on {key} has no name"
        if isinstance(widget, QAbstractButton):
            assert widget.toolTip(), f"“{text or widget.accessibleName()}” on {key} has no tooltip"


def test_pages_by_key_menu_and_mouse(at_work: MainWindow, qtbot: QtBot) -> None:
    area = at_work.area
    assert area is not None
    qtbot.keyClick(at_work, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    assert area.current is area.page("tweets") and area.buttons["tweets"].isChecked()
    at_work.menus.pages.actions()[4].trigger()
    assert area.current is area.page("train")
    qtbot.keyClick(at_work, Qt.Key.Key_4, Qt.KeyboardModifier.ControlModifier)
    assert area.current is area.page("review")
    qtbot.mouseClick(area.buttons["label"], Qt.MouseButton.LeftButton)
    assert area.current is area.label_page


@pytest.mark.parametrize("way", ["key", "menu"])
def test_a_label_is_undone_from_every_page(
    at_work: MainWindow, qtbot: QtBot, settled: Settled, way: str
) -> None:
    assert at_work.area is not None and at_work.study is not None
    area, page = at_work.area, at_work.area.label_page
    area.show_page("label")
    before = len(labelling.current_labels(at_work.study))
    assert page.row is not None
    tweet = page.row.id
    qtbot.keyClick(page, Qt.Key.Key_2)
    assert labelling.current_labels(at_work.study)[tweet] == "anti"
    area.show_page("tweets")
    settled()
    if way == "key":
        qtbot.keyClick(area.page("tweets"), Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    else:
        at_work.menus.undo.trigger()
    assert len(labelling.current_labels(at_work.study)) == before
    assert area.current is page and page.row is not None and page.row.id == tweet
    if way == "key":
        qtbot.keyClick(page, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    else:
        at_work.menus.redo.trigger()
    assert labelling.current_labels(at_work.study)[tweet] == "anti"


def test_keys_of_the_page(at_work: MainWindow) -> None:
    assert at_work.area is not None
    at_work.area.show_page("label")
    dialog = at_work.show_keys()
    of_page, everywhere = (table.texts() for table in dialog.tables)
    assert ["2", "Label “Anti”"] in of_page
    assert ["Ctrl+Shift+Z, Ctrl+Y", "Redo"] in everywhere
    assert len({tuple(row) for row in of_page}) == len(of_page)
    dialog.close()


def test_inspector_by_key(at_work: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    assert at_work.area is not None
    at_work.area.show_page("tweets")
    assert at_work.dock.isVisible()
    qtbot.keyClick(at_work, Qt.Key.Key_F9)
    assert not at_work.dock.isVisible() and not at_work.settings.inspector
    at_work.area.show_page("label")
    at_work.area.show_page("tweets")
    assert not at_work.dock.isVisible()
    qtbot.keyClick(at_work, Qt.Key.Key_F9)
    assert at_work.dock.isVisible()
    settled()


def test_light_and_dark_are_remembered(at_work: MainWindow) -> None:
    light = at_work.grab().toImage().pixelColor(4, 300).lightnessF()
    at_work.menus.themes["dark"].trigger()
    assert at_work.grab().toImage().pixelColor(4, 300).lightnessF() < 0.3 < light
    assert Settings.load().theme == "dark"
    at_work.menus.themes["light"].trigger()
    assert Settings.load().theme == "light"


def test_a_file_that_is_no_study_is_told(window: MainWindow, tmp_path: Path, settled: Settled) -> None:
    wrong = tmp_path / "letter.stancedesk"
    wrong.write_text("Dear all,\n" * 100, encoding="utf-8")
    assert not window.open_study(wrong)
    assert "letter" in window.welcome.notice.text and window.study is None
    assert window.new_study(tmp_path / "mine")
    settled()
    assert window.study is not None and window.study.path.name == "mine.stancedesk"
    assert not window.open_study(wrong)
    assert window.area is not None and "letter" in window.area.study_page.notice.text
    assert window.study.path.name == "mine.stancedesk"


def test_a_study_that_is_there_is_not_replaced(window: MainWindow, study: Study) -> None:
    tweets = study.counts().tweets
    assert not window.new_study(study.path)
    assert window.welcome.notice.text and study.counts().tweets == tweets


def _drop(widget: QWidget, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    widget.dropEvent(event)


def test_a_dropped_table_becomes_a_study(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, settled: Settled
) -> None:
    table = tmp_path / "tweets.csv"
    table.write_text("id,text\n1,one\n2,two\n", encoding="utf-8")
    (tmp_path / "tweets.stancedesk").write_text("something else", encoding="utf-8")
    _drop(window.welcome, table)
    assert window.study is not None and window.study.path.name == "tweets-2.stancedesk"
    dialog = window.findChild(QDialog)
    assert dialog is not None and dialog.isVisible()
    settled()
    dialog.start()
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=120_000)
    dialog.close()
    settled()
    assert window.study.counts().tweets == 2
    assert (tmp_path / "tweets.stancedesk").read_text(encoding="utf-8") == "something else"


def test_a_copy_is_saved(
    at_work: MainWindow, tmp_path: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.stancedesk"
    monkeypatch.setattr("app.gui.main_window.QFileDialog.getSaveFileName", lambda *_: (str(copy), ""))
    at_work.menus.copy.trigger()
    settled()
    assert at_work.study is not None
    with Study.open(copy) as opened:
        assert opened.counts() == at_work.study.counts()


def test_nothing_of_a_study_works_without_one(window: MainWindow) -> None:
    menus = window.menus
    for action in (menus.import_tweets, menus.export, menus.copy, menus.close_study, menus.undo):
        assert not action.isEnabled()
    assert menus.new.isEnabled() and menus.open.isEnabled() and menus.sample.isEnabled()
    window.undo()
    window.redo()


def test_a_fault_is_shown_and_can_be_copied(
    window: MainWindow, qapp: QApplication, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(sys, "__excepthook__", lambda *_: None)
    reporter = error_report.FaultReporter(window)
    reporter.install()
    try:
        raise RuntimeError("a wheel came off")
    except RuntimeError as error:
        sys.excepthook(RuntimeError, error, error.__traceback__)
    box = reporter.shown
    assert isinstance(box, QMessageBox) and box.isVisible()
    copy = next(button for button in box.buttons() if "Copy" in button.text())
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    report = QGuiApplication.clipboard().text()
    assert "a wheel came off" in report and "test_main_window.py" in report and "StanceDesk" in report
    assert box.isVisible()
    box.close()


@pytest.mark.parametrize(("answer", "closes"), [("Let it go on", True), ("Stop it", True), ("Cancel", False)])
def test_running_jobs_are_asked_about(
    window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, answer: str, closes: bool
) -> None:
    acts: list[str] = []
    jobs = JobList(window)
    monkeypatch.setattr(jobs, "stop_all", lambda: acts.append("stop"))
    monkeypatch.setattr(jobs, "release_all", lambda: acts.append("release"))

    def choose(box: QMessageBox) -> int:
        next(b for b in box.buttons() if answer in b.text().replace("&", "")).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", choose)
    assert ask_about_jobs(jobs, window) is closes
    assert acts == {"Let it go on": ["release"], "Stop it": ["stop", "release"], "Cancel": []}[answer]
