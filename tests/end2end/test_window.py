"""The window, from welcome to exported CSV: real clicks and keys, real training, real llama.cpp."""

import csv
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from app.gui import theme
from app.gui.classify_page import ClassifyPage
from app.gui.label_page import LabelPage
from app.gui.main_window import MainWindow
from app.gui.results_page import ResultsPage
from app.gui.train_page import TrainPage
from app.jobs.worker import wait_for_workers
from app.settings import Settings
from app.study import labelling
from tests.gui.focus import activate

LEAVES = ("pro", "anti", "neutral", "unrelated")
WAIT = 60_000
LONG_WAIT = 400_000


def shows(window: MainWindow, text: str) -> bool:
    return any(text in label.text() for label in window.findChildren(QLabel) if label.isVisible())


def test_from_welcome_to_exported_csv(
    qtbot: QtBot, tmp_path: Path, sample_rows: Callable[[Path, int], Path], stancedesk_home: Path
) -> None:
    table = sample_rows(tmp_path / "tweets.csv", 20)
    unlabelled = tmp_path / "more.csv"
    unlabelled.write_text(
        "id,text,lang\n" + "".join(f"17459999999999990{n:02},A tweet to label {n},en\n" for n in range(5)),
        encoding="utf-8",
    )
    settings = Settings(theme="light", coder="Coder One")
    theme.apply("light")
    window = MainWindow(settings)
    qtbot.addWidget(window)
    window.show()
    activate(qtbot, window)

    # A new study, and two tables.
    path = tmp_path / "study.stancedesk"
    assert window.new_study(path)
    assert window.area is not None and window.study is not None
    for file, accepted in ((table, 60), (unlabelled, 5)):
        dialog = window.import_table(file)
        assert dialog is not None
        qtbot.waitUntil(dialog.import_button.isEnabled, timeout=WAIT)
        qtbot.mouseClick(dialog.import_button, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda d=dialog: d.report is not None, timeout=WAIT)
        assert dialog.report is not None and dialog.report.accepted == accepted
        qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)

    # Five labels by key, one of them taken back and given again.
    window.area.show_page("label")
    page = window.area.page("label")
    assert isinstance(page, LabelPage)
    qtbot.waitUntil(lambda: page.row is not None and "A tweet to label" in page.row.text, timeout=WAIT)
    # Under a bare X server nobody gives the focus back to the window when a dialog is closed.
    activate(qtbot, window)
    for key in "1234":
        qtbot.keyClick(page, key)
    assert len(labelling.current_labels(window.study)) == 64
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: len(labelling.current_labels(window.study)) == 63, timeout=WAIT)
    qtbot.keyClick(page, "4")
    qtbot.keyClick(page, "1")
    assert len(labelling.current_labels(window.study)) == 65

    # Train on the embedded base.
    window.area.show_page("train")
    train = window.area.page("train")
    assert isinstance(train, TrainPage)
    train.form.epochs.setValue(1)
    train.form.name.setText("through-the-window")
    qtbot.waitUntil(train.start.isEnabled, timeout=WAIT)
    index = train.form.base.findText("SmolLM2", Qt.MatchFlag.MatchContains)
    assert index >= 0
    train.form.base.setCurrentIndex(index)
    qtbot.mouseClick(train.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.jobs.running_of("train") is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: window.jobs.running_of("train") is None, timeout=LONG_WAIT)
    qtbot.waitUntil(lambda: window.study is not None and window.study.counts().models == 1, timeout=WAIT)
    assert shows(window, "through-the-window")

    # Classify everything with it.
    window.area.show_page("classify", "through-the-window")
    classify = window.area.page("classify")
    assert isinstance(classify, ClassifyPage)
    qtbot.waitUntil(classify.start.isEnabled, timeout=WAIT)
    qtbot.mouseClick(classify.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.jobs.running_of("classify") is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: window.jobs.running_of("classify") is None, timeout=LONG_WAIT)
    assert window.study.counts().predicted == 65

    # Evaluate, and export.
    window.area.show_page("results", "through-the-window")
    results = window.area.page("results")
    assert isinstance(results, ResultsPage)
    qtbot.waitUntil(lambda: results.model.name() == "through-the-window", timeout=WAIT)
    qtbot.waitUntil(results.evaluate.isEnabled, timeout=WAIT)
    qtbot.mouseClick(results.evaluate, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.jobs.running_of("evaluate") is not None, timeout=WAIT)
    qtbot.waitUntil(lambda: window.jobs.running_of("evaluate") is None, timeout=LONG_WAIT)
    qtbot.waitUntil(lambda: shows(window, "validation"), timeout=WAIT)
    out = tmp_path / "out.csv"
    export = window.export_to(out)
    assert export is not None
    qtbot.waitUntil(lambda: export.report is not None, timeout=WAIT)
    qtbot.mouseClick(export.close_button, Qt.MouseButton.LeftButton)
    with open(out, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 65
    assert all(row["label"] in LEAVES and row["predicted_label"] in LEAVES for row in rows)
    assert all(len(row["id"]) == 19 for row in rows)

    shots = os.environ.get("STANCEDESK_SHOTS")
    if shots:
        for key in window.area.keys:
            window.area.show_page(key)
            QApplication.processEvents()
            qtbot.wait(300)
            window.grab().save(str(Path(shots) / f"{key}.png"))
    assert window.close_study()
    assert wait_for_workers()


@pytest.fixture(autouse=True)
def no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing asks nothing: no job is left running by these tests."""
    monkeypatch.setattr(MainWindow, "_ask_about_jobs", lambda self: pytest.fail("a job was left running"))
