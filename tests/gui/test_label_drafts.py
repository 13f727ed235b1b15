"""Notes and marks that no label has yet: kept over a restart and a kill, and gone with the label."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.errors import UserError
from app.gui.label_page import LabelPage
from app.study import drafts, tweets
from app.study.labelling import Labelling
from app.study.marks import Remark
from app.study.study import Study
from tests.conftest import ROOT

Settled = Callable[[], None]
SAID = Remark("ask Maria, सच", ("uncertain",))
# Marks and skips, tells which tweet that was, and waits to be killed.
CODER_TO_KILL = """
import sys, time
from pathlib import Path
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from app.gui.label_page import LabelPage
from app.jobs.worker import wait_for_workers
from app.study.study import Study
app = QApplication([])
study = Study.open(Path(sys.argv[1]))
page = LabelPage()
page.study_opened(study)
page.show()
page.set_coder("Mia")
while page.row is None:
    app.processEvents()
first = page.row.id
page.desk.note.setText("ask Maria, सच")
QTest.keyClick(page, Qt.Key.Key_U)
QTest.keyClick(page, Qt.Key.Key_Space)
assert page.row.id != first
print(first, flush=True)
time.sleep(60)
"""


@pytest.fixture
def at_work(opened: Callable[..., LabelPage], settled: Settled) -> Callable[[], LabelPage]:
    """Return a function that opens the page anew with a coder at work."""

    def work() -> LabelPage:
        page = opened(LabelPage())
        page.set_coder("Mia")
        settled()
        return page

    return work


def _shown(page: LabelPage) -> Remark:
    return page.desk.remark()


def _say(page: LabelPage, qtbot: QtBot) -> int:
    assert page.row is not None
    qtbot.keyClick(page, Qt.Key.Key_N)
    page.desk.note.setText(SAID.note)
    qtbot.keyClick(page.desk.note, Qt.Key.Key_Escape)
    qtbot.keyClick(page, Qt.Key.Key_U)
    return page.row.id


def _end(page: LabelPage) -> None:
    page.study_closing()
    page.hide()


@pytest.mark.parametrize("leave", ["skip", "close"])
def test_a_restart_keeps_what_no_label_has_saved(
    at_work: Callable[[], LabelPage], study: Study, qtbot: QtBot, leave: str
) -> None:
    page = at_work()
    first = _say(page, qtbot)
    if leave == "skip":
        qtbot.keyClick(page, Qt.Key.Key_Space)
    _end(page)
    assert tweets.history(study, first) == [], "what waits for a label is no event"
    again = at_work()
    again.show_tweet(first)
    assert _shown(again) == SAID
    qtbot.keyClick(again, Qt.Key.Key_1)
    assert dict(tweets.get(study, [first])[0].remarks)["Mia"] == SAID
    assert drafts.read(study, study.coder("Mia")) == {}
    # Taking the label back, or off, leaves what was said, also over the next restart.
    assert again.undo() and _shown(again) == SAID
    qtbot.keyClick(again, Qt.Key.Key_Space)
    assert drafts.read(study, study.coder("Mia")) == {(first, False): SAID}
    assert again.redo() and drafts.read(study, study.coder("Mia")) == {}
    again.show_tweet(first)
    qtbot.keyClick(again, Qt.Key.Key_Delete)
    assert drafts.read(study, study.coder("Mia")) == {(first, False): SAID}


def test_what_is_taken_back_is_not_kept(at_work: Callable[[], LabelPage], study: Study, qtbot: QtBot) -> None:
    page = at_work()
    first = _say(page, qtbot)
    qtbot.keyClick(page, Qt.Key.Key_Space)
    qtbot.keyClick(page, Qt.Key.Key_Left)
    qtbot.keyClick(page, Qt.Key.Key_U)
    page.desk.note.clear()
    qtbot.keyClick(page, Qt.Key.Key_Space)
    _end(page)
    again = at_work()
    again.show_tweet(first)
    assert _shown(again) == Remark() and drafts.read(study, study.coder("Mia")) == {}


def test_a_kill_after_skip_loses_nothing(
    at_work: Callable[[], LabelPage], study: Study, tmp_path: object
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", CODER_TO_KILL, str(study.path)],
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    first = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    page = at_work()
    page.show_tweet(first)
    assert _shown(page) == SAID


def test_what_cannot_be_written_is_told_and_stays_in_sight(
    at_work: Callable[[], LabelPage], study: Study, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = at_work()

    def full(*_: object) -> None:
        raise UserError("The disk is full.", "Make room.")

    monkeypatch.setattr(drafts, "keep", full)
    first = _say(page, qtbot)
    assert "disk is full" in page.notice.text
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert "disk is full" in page.notice.text
    monkeypatch.undo()
    qtbot.keyClick(page, Qt.Key.Key_Left)
    assert _shown(page) == SAID
    qtbot.keyClick(page, Qt.Key.Key_Space)
    assert drafts.read(study, study.coder("Mia")) == {(first, False): SAID}


def test_a_label_given_elsewhere_takes_the_draft_with_it(study: Study) -> None:
    work = Labelling(study, "Mia")
    row = work.current()
    assert row is not None
    for coder in ("Mia", "Ana"):
        drafts.keep(study, study.coder(coder), row.id, False, SAID)
    drafts.keep(study, study.coder("Mia"), row.id, True, SAID)
    work.label("pro")
    assert drafts.read(study, study.coder("Mia")) == {(row.id, True): SAID}
    assert drafts.read(study, study.coder("Ana")) == {(row.id, False): SAID}
