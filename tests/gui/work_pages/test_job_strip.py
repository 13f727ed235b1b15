"""The strip of running jobs, and the small widgets that show figures."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from app.gui import figures
from app.gui.curve import LossCurve, _ticks
from app.gui.empty_state import EmptyState
from app.gui.figure_table import FigureTable
from app.gui.job_panel import JobPanel
from app.gui.job_strip import JobStrip
from app.gui.language_names import language_name
from app.gui.questions import ask_about_jobs
from app.gui.share_bars import ShareBars
from app.jobs.job import JobProgress
from app.jobs.job_list import JobList
from app.study.codebook import Leaf
from tests.gui.focus import activate

from .conftest import Replay

Settle = Callable[[Callable[[], bool]], None]


def test_each_job_has_a_row_while_it_runs(
    qtbot: QtBot, jobs: JobList, replay: Replay, settle: Settle
) -> None:
    strip = JobStrip(jobs)
    qtbot.addWidget(strip)
    assert strip.isHidden()
    progress = {"event": "progress", "time": "", "done": 5, "total": 10, "unit": "rows", "rate": 2.0}
    replay("train", [progress | {"seconds_left": 2.5}])
    replay("classify", [progress])
    assert len(strip.rows()) == 2
    assert not strip.isHidden()
    first = strip.rows()[0]
    settle(lambda: "5 of 10 rows" in first.figures.text())
    assert first.bar.value() == 500
    assert "2.0 rows a second" in first.figures.text()
    with qtbot.waitSignal(strip.job_clicked) as clicked:
        first.title.click()
    assert clicked.args == ["train"]
    first.stop.click()
    assert first.stop.text() == "Stop now"
    first.stop.click()
    settle(lambda: len(strip.rows()) == 1)
    strip.rows()[0].stop.click()
    strip.rows()[0].stop.click()
    settle(lambda: strip.isHidden())


def test_figures_in_words() -> None:
    state = JobProgress(done=5, total=10, unit="rows", rate=0.5, seconds_left=3700)
    assert figures.progress(state) == "5 of 10 rows · 30 rows a minute · 1 h 1 min left"
    assert figures.progress(JobProgress()) == ""
    assert figures.score(None) == "–"
    assert figures.share(1, 0) == "–"
    assert figures.share(1, 8) == "12.5 %"
    assert figures.size(253_113_024) == "253 MB"
    assert language_name("id") == "Indonesian (id)"
    assert language_name("") == "no language"


@pytest.mark.parametrize("top", [0.003, 0.7, 1.0, 2.2, 17.0])
def test_ticks_are_few_and_reach_the_top(top: float) -> None:
    ticks = _ticks(top)
    assert ticks[0] == 0
    assert ticks[-1] >= top * 0.999
    assert 3 <= len(ticks) <= 6


def test_the_curve_smooths_without_bias_and_paints(qtbot: QtBot) -> None:
    curve = LossCurve()
    qtbot.addWidget(curve)
    curve.resize(600, 240)
    empty = curve.grab().toImage()
    for step in range(1, 51):
        curve.take({"event": "progress", "loss": 2.0, "step": step, "steps": 100})
    curve.take({"event": "evaluated", "epoch": 1, "macro_f1": 0.5})
    assert [round(loss, 6) for _, loss in curve.smoothed()] == [2.0] * 50
    assert "epoch 1" in curve.accessibleDescription()
    assert curve.grab().toImage() != empty


def test_a_table_is_copied_with_its_header(qtbot: QtBot) -> None:
    table = FigureTable("t")
    qtbot.addWidget(table)
    table.show_rows(["language", "n"], [["English", "3"], ["Spanish", "4"]])
    # In a window that is active, as a coder's: what is not on the screen did not always get the clipboard.
    with qtbot.waitExposed(table):
        table.show()
    activate(qtbot, table)
    table.selectRow(1)
    qtbot.keyClick(table, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = "language\tn\nSpanish\t4"
    # The X server may take a moment to hand the clipboard over from whoever had it before.
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text() == copied)


def test_the_question_at_closing_names_the_jobs(
    qtbot: QtBot, jobs: JobList, replay: Replay, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    replay("train", [])

    def cancel(box: QMessageBox) -> int:
        asked.append(box.text())
        return 0

    monkeypatch.setattr(QMessageBox, "exec", cancel)
    window = QWidget()
    qtbot.addWidget(window)
    assert not ask_about_jobs(jobs, window)
    assert asked == ["Still going on:\nA train job"]


def test_a_job_is_left_out_while_its_page_is_in_sight(qtbot: QtBot, jobs: JobList, replay: Replay) -> None:
    strip = JobStrip(jobs)
    qtbot.addWidget(strip)
    strip.leave_out("train")
    replay("train", [])
    assert strip.isHidden()
    replay("classify", [])
    assert [row.isHidden() for row in strip.rows()] == [True, False]
    strip.leave_out("study")
    assert not strip.isHidden() and not strip.rows()[0].isHidden()


def test_a_job_on_its_page_is_stopped_by_key(qtbot: QtBot, replay: Replay) -> None:
    panel = JobPanel()
    qtbot.addWidget(panel)
    with qtbot.waitExposed(panel):
        panel.show()
    activate(qtbot, panel)
    job = replay("train", [])
    panel.follow(job)
    assert "Ctrl+." in panel.stop.toolTip()
    qtbot.keyClick(panel, Qt.Key.Key_Period, Qt.KeyboardModifier.ControlModifier)
    assert job.is_stopping and panel.stop.text() == "Stop now"


def test_a_curve_without_losses_has_no_axis(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    monkeypatch.setattr(LossCurve, "_draw_axis", lambda *_: drawn.append(1))
    curve = LossCurve()
    qtbot.addWidget(curve)
    curve.resize(600, 240)
    curve.grab()
    assert not drawn
    curve.take({"event": "progress", "loss": 1.0, "step": 1, "steps": 4})
    curve.grab()
    assert drawn


def test_a_long_class_name_is_cut_off_before_its_bar(qtbot: QtBot) -> None:
    leaves = [
        Leaf(code, name, "1", "#ff0000", "", {})
        for code, name in (("a", "International affairs and foreign aid " * 2), ("b", "Other"))
    ]
    bars = ShareBars(leaves)
    qtbot.addWidget(bars)
    for width in (260, 353, 500):
        bars.resize(width, 56)
        # Shape, name and figures have their room, whether or not a bar stands between them.
        assert 60 < bars.name_room() < width - 130 and bars.elided(leaves[0].name).endswith("…")
    bars.resize(900, 56)
    assert bars.name_room() >= bars.fontMetrics().horizontalAdvance("International affairs")


def test_short_class_names_are_shown_whole(qtbot: QtBot) -> None:
    bars = ShareBars([Leaf("a", "Unrelated", "1", "#ff0000", "", {})])
    qtbot.addWidget(bars)
    bars.resize(420, 28)
    assert bars.elided("Unrelated") == "Unrelated"


@pytest.mark.parametrize("width", [320, 480, 900])
def test_what_an_empty_page_says_is_shown_whole(qtbot: QtBot, width: int) -> None:
    empty = EmptyState("No model stands on the shelf yet, and much more has to be said about it. " * 3, "Go")
    qtbot.addWidget(empty)
    empty.resize(width, 500)
    with qtbot.waitExposed(empty):
        empty.show()
    assert empty.text.x() >= 0 and empty.text.geometry().right() < width
    assert empty.text.height() >= empty.text.heightForWidth(empty.text.width())
