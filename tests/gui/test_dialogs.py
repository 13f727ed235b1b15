"""Signs of classes in the cells of tables, and dialogs that fit a low screen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QRect
from PySide6.QtGui import QScreen
from PySide6.QtWidgets import QLabel, QWidget
from pytestqt.qtbot import QtBot

from app.gui import theme
from app.gui.assignment_dialog import AssignmentDialog
from app.gui.bulk_dialog import BulkDialog
from app.gui.leaf_cells import LeafCells
from app.gui.merge_dialog import MergeDialog
from app.study.labelling import Labelling
from app.study.study import Study
from app.study.tweets import TweetFilter

Settled = Callable[[], None]


@pytest.mark.parametrize("choice", ["light", "dark"])
def test_only_the_signs_of_classes_have_their_colour(study: Study, choice: str) -> None:
    theme.apply(choice)
    pro, anti = study.codebook.leaf("pro"), study.codebook.leaf("anti")
    cells = LeafCells(study.codebook.leaves)
    pieces = cells.pieces(f"Changed from {pro.shape} {pro.name} to {anti.shape} {anti.name}")
    assert pieces == [
        ("Changed from ", None),
        (pro.shape, theme.leaf_colour(pro.colour)),
        (f" {pro.name} to ", None),
        (anti.shape, theme.leaf_colour(anti.colour)),
        (f" {anti.name}", None),
    ]
    assert cells.pieces("Left out") == [("Left out", None)]


def test_dialogs_fit_a_low_screen(
    study: Study, qtbot: QtBot, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QScreen, "availableGeometry", lambda _: QRect(0, 0, 1024, 600))
    bulk = BulkDialog(study, study.codebook, "Ana", lambda: TweetFilter())
    for dialog in (AssignmentDialog(study, TweetFilter()), bulk):
        qtbot.addWidget(dialog)
        with qtbot.waitExposed(dialog):
            dialog.show()
        settled()
        assert dialog.height() < 600
    bulk.choose("anti")
    for button in (bulk.cancel, bulk.label_button):
        assert bulk.height() < 600 and bulk.rect().contains(_place(button, bulk))


def test_what_came_with_a_copy_is_told_in_full(
    study: Study, qtbot: QtBot, settled: Settled, tmp_path: Path
) -> None:
    study.save_copy(tmp_path / "copy.stancedesk")
    with Study.open(tmp_path / "copy.stancedesk") as copy:
        work = Labelling(
            copy, "Carlotta with a name that is long enough to fill more than a line of the report"
        )
        work.label("pro")
    dialog = MergeDialog(study, tmp_path / "copy.stancedesk")
    qtbot.addWidget(dialog)
    with qtbot.waitExposed(dialog):
        dialog.show()
    settled()
    (text,) = [label for label in dialog.notice.findChildren(QLabel) if "Carlotta" in label.text()]
    qtbot.waitUntil(lambda: text.height() >= text.heightForWidth(text.width()))
    assert text.heightForWidth(text.width()) > text.fontMetrics().height()


def _place(widget: QWidget, window: QWidget) -> QRect:
    return QRect(widget.mapTo(window, widget.rect().topLeft()), widget.size())
