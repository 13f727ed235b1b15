"""Dividing tweets among coders in the window: the preview, what is kept, removing, copies."""

from collections.abc import Callable, Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.gui.assignment_dialog import AssignmentDialog
from app.gui.main_window import MainWindow
from app.settings import Settings
from app.study import assigning, coders
from app.study.drawing import EVERYONE
from app.study.study import Study
from app.study.tweets import TweetFilter
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def dialog(study: Study, qtbot: QtBot, settled: Settled) -> Iterator[AssignmentDialog]:
    """Return the dialog on the sample study, in which Ana labelled half of the tweets, with Ben."""
    coders.set_languages(study, "Ben", ["en"])
    found = AssignmentDialog(study, TweetFilter())
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
    _wait(found, settled, qtbot)
    yield found
    found.close()


def _wait(dialog: AssignmentDialog, settled: Settled, qtbot: QtBot) -> None:
    """Wait for the preview of what is asked for now."""
    qtbot.waitUntil(lambda: not dialog._pause.isActive(), timeout=5000)
    settled()


def _row(dialog: AssignmentDialog, row: int) -> list[str]:
    matrix = dialog.matrix
    return [matrix._cell(row, column).text() for column in range(matrix.columnCount())]


def _column(dialog: AssignmentDialog, language: str) -> int:
    return dialog.matrix._languages.index(language) + 2


def test_the_preview_is_what_is_kept(
    dialog: AssignmentDialog, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    assert dialog.matrix.names() == ["Ana", "Ben"]
    english = _column(dialog, "en")
    assert _row(dialog, 1)[_column(dialog, "ko")] == "", "Ben does not read Korean"
    dialog.number.setValue(60)
    dialog.seed.setValue(7)
    dialog.double.setValue(50)
    _wait(dialog, settled, qtbot)
    told = {_row(dialog, row)[0]: _row(dialog, row)[english] for row in (0, 1)}
    assert "60 tweets" in dialog.summary.text() and "Too few read" in dialog.summary.text()
    dialog.name.setFocus()
    qtbot.keyClicks(dialog.name, "pilot")
    with qtbot.waitSignal(dialog.changed):
        qtbot.keyClick(dialog.name, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settled()
    (made,) = assigning.assignments(study)
    assert (made.name, made.seed, made.tweets) == ("pilot", 7, 60)
    assert "“pilot” is assigned" in dialog.notice.text and dialog.seed.value() != 7
    assert told["Ben"] == str(next(share.assigned for share in made.shares if share.coder == "Ben"))
    assert len(dialog.assignments.remove_buttons) == 1
    # The next one draws from what is left.
    again = assigning.preview(study, assigning.Spec(dialog.matrix.coders(), seed=1))
    assert again.tweets == study.counts().tweets - study.counts().labelled - 60


def test_ticks_say_who_takes_part_and_who_reads_what(
    dialog: AssignmentDialog, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    korean = _column(dialog, "ko")
    dialog.matrix.setFocus()
    dialog.matrix.setCurrentCell(1, korean)
    qtbot.keyClick(dialog.matrix, Qt.Key.Key_Space)
    _wait(dialog, settled, qtbot)
    assert int(_row(dialog, 1)[korean]) > 0 and study.coder("Ben").languages == ("en",), (
        "kept only when assigned"
    )
    dialog.matrix.setCurrentCell(0, 0)
    qtbot.keyClick(dialog.matrix, Qt.Key.Key_Space)
    _wait(dialog, settled, qtbot)
    assert _row(dialog, 0)[1:] == [""] * (dialog.matrix.columnCount() - 1)
    assert "one was named" in dialog.summary.text() and not dialog.assign_button.isEnabled()
    dialog.double.setValue(0)
    _wait(dialog, settled, qtbot)
    assert "Nobody reads" in dialog.summary.text()
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.assign_button, Qt.MouseButton.LeftButton)
    settled()
    assert study.coder("Ben").languages == ("en", "ko")
    assert [share.coder for share in assigning.assignments(study)[0].shares] == ["Ben"]


def test_somebody_who_has_not_signed_in_is_added(
    dialog: AssignmentDialog, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    dialog.new_coder.setFocus()
    qtbot.keyClicks(dialog.new_coder, "ana")
    qtbot.keyClick(dialog.new_coder, Qt.Key.Key_Return)
    assert "“Ana” is in the table already" in dialog.notice.text and dialog.matrix.names() == ["Ana", "Ben"]
    dialog.new_coder.clear()
    qtbot.keyClicks(dialog.new_coder, "Clara")
    qtbot.mouseClick(dialog.add_button, Qt.MouseButton.LeftButton)
    _wait(dialog, settled, qtbot)
    assert dialog.matrix.names() == ["Ana", "Ben", "Clara"] and dialog.notice.text == ""
    assert int(_row(dialog, 2)[1]) > 0
    assert "Clara" not in [coder.name for coder in study.coders()]
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.assign_button, Qt.MouseButton.LeftButton)
    settled()
    assert next(person for person in coders.people(study) if person.name == "Clara").left > 0


def test_removing_frees_the_tweets(
    dialog: AssignmentDialog, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.assign_button, Qt.MouseButton.LeftButton)
    _wait(dialog, settled, qtbot)
    assert "no tweet to assign" in dialog.summary.text() and not dialog.assign_button.isEnabled()
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.assignments.remove_buttons[0], Qt.MouseButton.LeftButton)
    _wait(dialog, settled, qtbot)
    assert not assigning.assignments(study) and dialog.none.isVisible()
    assert dialog.assign_button.isEnabled()


def test_no_more_tweets_are_offered_than_are_free(
    dialog: AssignmentDialog, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    counts = study.counts()
    free = counts.tweets - counts.labelled
    assert dialog.number.value() == dialog.number.maximum() == free < 300
    assert not dialog.copy.isEnabled(), "nobody has work yet"
    dialog.number.setValue(20)
    _wait(dialog, settled, qtbot)
    with qtbot.waitSignal(dialog.changed):
        qtbot.mouseClick(dialog.assign_button, Qt.MouseButton.LeftButton)
    _wait(dialog, settled, qtbot)
    assert (dialog.number.value(), dialog.number.maximum()) == (20, free - 20)
    assert dialog.copy.isEnabled()
    qtbot.mouseClick(dialog.close_button, Qt.MouseButton.LeftButton)
    assert not dialog.isVisible() and len(assigning.assignments(study)) == 1


def test_only_the_sealed_set_is_coded_by_somebody(
    dialog: AssignmentDialog, qtbot: QtBot, settled: Settled
) -> None:
    dialog.which.setCurrentIndex(dialog.which.findText("Only the sealed test set"))
    _wait(dialog, settled, qtbot)
    assert dialog.sealed.currentData() == EVERYONE and not dialog.number.isEnabled()
    assert "no tweet to assign" in dialog.summary.text()


def test_the_window_opens_it_and_saves_a_copy_for_a_coder(
    study: Study, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "save", lambda self: None)
    window = MainWindow(Settings(coder="Ana"))
    qtbot.addWidget(window)
    with qtbot.waitExposed(window):
        window.show()
    activate(qtbot, window)
    assert window.open_study(study.path)
    settled()
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(window, Qt.Key.Key_A, both)
    settled()
    (dialog,) = window.findChildren(AssignmentDialog)
    asked: list[str] = []

    def name_of_file(_: object, __: str, proposed: str, ___: str) -> tuple[str, str]:
        asked.append(proposed)
        return proposed, ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", name_of_file)
    (action,) = dialog._copy_menu.actions()
    action.trigger()
    settled()
    assert asked == [str(study.path.with_name("sample Ana.stancedesk"))]
    with Study.open(asked[0]) as copy:
        assert [person.name for person in coders.people(copy)] == ["Ana"]
    dialog.close()
    window.close()
