"""The window: from welcome to exported CSV, its menus and keys, undo from every page, errors."""

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QAction, QDragEnterEvent, QDropEvent, QGuiApplication, QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QMessageBox,
    QPlainTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.gui import error_report, sample_study
from app.gui.export_dialog import ExportChoice, ExportDialog
from app.gui.import_dialog import ImportDialog
from app.gui.main_window import MainWindow
from app.gui.merge_dialog import MergeDialog
from app.gui.notice import Tone
from app.gui.questions import ask_about_jobs
from app.gui.tweets_page import TweetsPage
from app.jobs.job_list import JobList
from app.settings import Settings
from app.study import labelling, models, predictions
from app.study.study import Study
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """Return an empty window whose user keeps studies in `tmp_path` and whose last study is gone."""
    found = MainWindow(Settings(recent_studies=[str(tmp_path / "gone.stancedesk")], coder="Mia"))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
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
    name, folder = window.welcome.recent.lines(0)
    assert name == "gone" and "not there any more" in folder
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


@pytest.mark.parametrize(("from_page", "label_events"), [("study", False), ("results", True)])
def test_what_is_exported_is_asked_first(
    at_work: MainWindow, qtbot: QtBot, settled: Settled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    from_page: str, label_events: bool,
) -> None:  # fmt: skip
    area, out, asked = at_work.area, tmp_path / "out.csv", []
    assert area is not None and at_work.study is not None

    def answer(parent: QWidget, title: str, proposed: str, filters: str) -> tuple[str, str]:
        asked.append(Path(proposed).name)
        return str(out), filters.split(";;")[0]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    model = models.register(at_work.study, "m", "/m", "0" * 64, at_work.study.codebook.leaf_codes)
    sure = [[0.4, 0.3, 0.2, 0.1], [0.5, 0.3, 0.1, 0.1]]
    predictions.save(at_work.study, model.id, model.leaves, [1, 2], sure, "")
    area.show_page(from_page)
    button = area.study_page.export_button if from_page == "study" else area.results_page.export
    button.click()
    (choice,) = at_work.findChildren(ExportChoice)
    assert choice.tweets.isChecked() and not choice.undecided.isChecked()
    qtbot.mouseClick(choice.undecided, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
    assert choice.undecided.isChecked()
    if label_events:
        qtbot.mouseClick(choice.label_events, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
        assert choice.label_events.isChecked()
    qtbot.keyClick(choice, Qt.Key.Key_Return)
    (dialog,) = at_work.findChildren(ExportDialog)
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=120_000)
    settled()
    labelled = at_work.study.counts().labelled
    told = f"{labelled} label events" if label_events else f"{at_work.study.counts().tweets} tweets"
    assert told in dialog.doing.text() and ("label events" in asked[0]) == label_events
    dialog.close()
    with out.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"label"} if label_events else "text" in rows[0]
    if not label_events:
        assert [row["predicted_label"] for row in rows[:3]] == ["undecided", model.leaves[0], ""]


def test_each_recent_study_has_two_lines_in_any_script(window: MainWindow, tmp_path: Path) -> None:
    studies = [str(tmp_path / f"{name}.stancedesk") for name in ("plain", "دراسة الهجرة")]
    window.welcome.show_recent(studies)
    recent = window.welcome.recent
    assert [recent.lines(row)[0] for row in range(2)] == ["plain", "دراسة الهجرة"]
    image = recent.viewport().grab().toImage()
    for row in range(2):
        box = recent.visualItemRect(recent.item(row))
        ink = [
            sum(image.pixelColor(x, y) != image.pixelColor(2, y) for x in range(12, box.width() - 12))
            for y in (box.top() + box.height() // 3, box.top() + 2 * box.height() // 3)
        ]
        assert min(ink) > 5, "a line is missing"


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


def test_the_rail_says_how_much_of_all_is_labelled(at_work: MainWindow, settled: Settled) -> None:
    assert at_work.area is not None and at_work.study is not None
    counts, area = at_work.study.counts(), at_work.area
    assert area.states["label"].text() == f"{counts.labelled}/{counts.tweets}"
    assert str(counts.tweets) in area.buttons["label"].toolTip()
    for done, total, shown in ((0, 0, ""), (5, 5, "✓"), (12_345, 1_000_000, "1.2 %"), (0, 9, "0/9")):
        area._show_states(replace(counts, labelled=done, tweets=total))
        assert area.states["label"].text() == shown


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


def test_the_inspector_shows_the_selected_tweet_and_no_other(at_work: MainWindow, settled: Settled) -> None:
    area, inspector = at_work.area, at_work.inspector
    assert area is not None and area.label_page.row is not None
    area.show_page("tweets")
    settled()
    assert inspector.stack.currentWidget() is inspector.codebook, "nothing is selected"
    page = area.page("tweets")
    assert isinstance(page, TweetsPage)
    page.table.selectRow(1)
    settled()
    selected = page.model.tweet(1)
    assert selected is not None and inspector.tweet.tweet == selected.text
    area.show_page("label")
    area.label_page.label("pro")
    area.show_page("tweets")
    settled()
    assert inspector.tweet.tweet == selected.text
    page.table.selectRow(2)
    page.table.clearSelection()
    settled()
    assert inspector.stack.currentWidget() is inspector.codebook, "it was read too late"


def test_from_the_sample_study_to_the_first_table_of_agreement(
    window: MainWindow, qtbot: QtBot, settled: Settled
) -> None:
    qtbot.mouseClick(window.welcome.sample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.study is not None, timeout=120_000)
    settled()
    assert window.area is not None
    qtbot.mouseClick(window.area.buttons["review"], Qt.MouseButton.LeftButton)
    settled()
    page = window.area.review_page
    qtbot.mouseClick(page.disagreements.unseen.button, Qt.MouseButton.LeftButton)
    settled()
    assert page.disagreements.case is not None, "there is something to decide"
    where = page.bar.tabRect(page.tabs.index(page.agreement)).center()
    qtbot.mouseClick(page.bar, Qt.MouseButton.LeftButton, pos=where)
    qtbot.waitUntil(lambda: page.agreement.view.report is not None, timeout=60_000)
    assert page.agreement.view.isVisible() and page.agreement.view.measures.rowCount() == 4


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


@pytest.mark.parametrize("way", ["button", "Esc", "another act"])
def test_a_notice_goes_away(at_work: MainWindow, tmp_path: Path, qtbot: QtBot, way: str) -> None:
    assert not at_work.open_study(tmp_path / "gone.stancedesk")
    assert at_work.area is not None and at_work.study is not None
    notice = at_work.area.study_page.notice
    assert notice.isVisible() and "gone" in notice.text
    if way == "button":
        assert "Esc" in notice.close_button.toolTip() and notice.close_button.accessibleName()
        qtbot.mouseClick(notice.close_button, Qt.MouseButton.LeftButton)
    elif way == "Esc":
        qtbot.keyClick(at_work.focusWidget(), Qt.Key.Key_Escape)
    else:
        at_work.open_study(at_work.study.path)
    assert not notice.isVisible() and notice.text == ""


def test_a_study_that_is_there_is_not_replaced(window: MainWindow, study: Study) -> None:
    tweets = study.counts().tweets
    assert not window.new_study(study.path)
    assert window.welcome.notice.text and study.counts().tweets == tweets


def _drop(widget: QWidget, *dropped: Path | str) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(d)) if isinstance(d, Path) else QUrl(d) for d in dropped])
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
    dialog = window.findChild(ImportDialog)
    assert dialog is not None and dialog.isVisible()
    settled()
    assert window.study is None and not (tmp_path / "tweets-2.stancedesk").exists()
    dialog.start()
    assert window.study is not None and window.study.path.name == "tweets-2.stancedesk"
    qtbot.waitUntil(lambda: dialog.report is not None, timeout=120_000)
    dialog.close()
    settled()
    assert window.study.counts().tweets == 2
    assert (tmp_path / "tweets.stancedesk").read_text(encoding="utf-8") == "something else"


@pytest.mark.parametrize("name", ["picture.png", "tweets.csv"])
def test_a_drop_that_comes_to_nothing_leaves_nothing_behind(
    window: MainWindow, tmp_path: Path, settled: Settled, name: str
) -> None:
    file = tmp_path / name
    file.write_bytes(b"\x89PNG\r\n\x1a\n" if name.endswith("png") else b"id,text\n1,one\n")
    _drop(window.welcome, file)
    settled()
    dialog = window.findChild(ImportDialog)
    assert dialog is not None and dialog.import_button.isEnabled() is name.endswith("csv")
    dialog.reject()
    settled()
    assert window.study is None and list(tmp_path.iterdir()) == [file]


def test_a_link_to_the_web_is_no_file(window: MainWindow, at_work: MainWindow) -> None:
    link = "https://example.org/tweets.csv"
    data = QMimeData()
    data.setUrls([QUrl(link)])
    for widget in (window.welcome, at_work):
        event = QDragEnterEvent(
            QPoint(5, 5),
            Qt.DropAction.CopyAction,
            data,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        event.ignore()
        widget.dragEnterEvent(event)
        assert not event.isAccepted()
        _drop(widget, link)
    assert window.findChild(ImportDialog) is None


def test_several_dropped_tables_are_imported_one_after_the_other(
    window: MainWindow, tmp_path: Path, qtbot: QtBot, settled: Settled
) -> None:
    tables = [tmp_path / f"t{n}.csv" for n in range(3)]
    for n, table in enumerate(tables):
        table.write_text(f"id,text\n{n},tweet {n}\n", encoding="utf-8")
    _drop(window.welcome, *tables)
    for n in range(3):
        settled()
        dialog = window.imports.begin([])
        assert dialog is not None and f"t{n}.csv" in dialog.windowTitle()
        assert bool(dialog.waiting.text()) is (n < 2)
        if n != 1:
            dialog.start()
            qtbot.waitUntil(lambda d=dialog: d.report is not None, timeout=60_000)
        dialog.close()
    settled()
    assert window.study is not None and window.study.path.name == "t0.stancedesk"
    assert window.study.counts().tweets == 2
    assert sorted(p.name for p in tmp_path.glob("*.stancedesk")) == ["t0.stancedesk"]


def test_opening_the_study_that_is_open_changes_nothing(at_work: MainWindow, settled: Settled) -> None:
    assert at_work.area is not None and at_work.study is not None
    area = at_work.area
    area.show_page("label")
    area.label_page.desk.note.setText("half a note")
    assert at_work.open_study(at_work.study.path)
    settled()
    assert at_work.area is area and area.current is area.label_page
    assert area.label_page.desk.note.text() == "half a note"


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


def _label_apart(path: Path, tweet: int, leaf: str, coder: str) -> None:
    with Study.open(path) as theirs:
        work = labelling.Labelling(theirs, coder)
        work.show(tweet)
        work.label(leaf)


def test_a_copy_is_taken_in(
    at_work: MainWindow, tmp_path: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert at_work.study is not None and at_work.area is not None
    copy, page = tmp_path / "copy.stancedesk", at_work.area.label_page
    at_work.area.show_page("label")
    assert page.row is not None
    tweet, labelled = page.row, at_work.study.counts().labelled
    at_work.study.save_copy(copy)
    _label_apart(copy, tweet.id, "anti", "Ben")
    page.label("pro")
    settled()
    monkeypatch.setattr("app.gui.study_copies.QFileDialog.getOpenFileName", lambda *_: (str(copy), ""))
    at_work.menus.merge.trigger()
    dialog = at_work.findChild(MergeDialog)
    assert dialog is not None
    settled()
    assert dialog.report is not None and dialog.report.labels == {"Ben": 1}
    assert dialog.notice.tone is Tone.WARNING and "disputed" in dialog.notice.text
    assert tweet.tweet_id in dialog.notice.findChild(QPlainTextEdit).toPlainText()
    assert "1 new label" in at_work.statusBar().currentMessage()
    dialog.close_button.click()
    at_work.area.show_page("study")
    settled()
    assert at_work.area.study_page.numbers["labelled"].text() == str(labelled + 1)
    assert [row.id for row in labelling.disagreements(at_work.study)] == [tweet.id]


def test_who_labels_goes_on_as_before_where_another_has_the_name(
    at_work: MainWindow, tmp_path: Path, settled: Settled
) -> None:
    assert at_work.study is not None and at_work.area is not None
    copy, tweet = tmp_path / "copy.stancedesk", at_work.area.label_page.row
    at_work.study.save_copy(copy)
    assert tweet is not None
    _label_apart(copy, tweet.id, "anti", "Mia")
    mia = at_work.study.coder("Mia").id
    dialog = at_work.copies.take_in(at_work.study, copy, "Mia")
    settled()
    names = {coder.id: coder.name for coder in at_work.study.coders()}
    assert at_work.settings.coder == names[mia]
    work = at_work.area.label_page.labelling
    assert work is not None and work.coder.id == mia
    dialog.close()


def test_what_is_no_copy_is_told_and_a_merge_can_be_stopped(
    at_work: MainWindow, tmp_path: Path, settled: Settled
) -> None:
    assert at_work.study is not None
    other, copy = tmp_path / "other.stancedesk", tmp_path / "copy.stancedesk"
    Study.create(other).close()
    dialog = at_work.copies.take_in(at_work.study, other, "Mia")
    settled()
    assert dialog.notice.tone is Tone.ERROR and "another study" in dialog.notice.text
    dialog.reject()
    at_work.study.save_copy(copy)
    dialog = at_work.copies.take_in(at_work.study, copy, "Mia")
    dialog.reject()
    settled()
    assert dialog.report is not None and dialog.report.stopped and "Stopped" in dialog.notice.text
    dialog.reject()


def test_nothing_of_a_study_works_without_one(window: MainWindow) -> None:
    menus = window.menus
    of_study = (menus.import_tweets, menus.export, menus.copy, menus.merge, menus.close_study, menus.undo)
    for action in of_study:
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
    monkeypatch.setattr(jobs, "stop_all", lambda saying="": acts.append(saying or "stop"))
    monkeypatch.setattr(jobs, "release_all", lambda: acts.append("release"))

    def choose(box: QMessageBox) -> int:
        next(b for b in box.buttons() if answer in b.text().replace("&", "")).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", choose)
    assert ask_about_jobs(jobs, window) is closes
    assert acts == {"Let it go on": ["release"], "Stop it": ["stop", "release"], "Cancel": []}[answer]
