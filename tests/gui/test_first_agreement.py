"""The ways to a first table of agreement: from the sample study, and from a study that one coder has labelled."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.gui.main_window import MainWindow
from app.settings import Settings
from app.study import agreement
from app.study.queues import SEARCH
from app.study.study import Study
from tests.gui.focus import activate

Settled = Callable[[], None]


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[MainWindow]:
    """Return an empty window of somebody who has never signed in."""
    found = MainWindow(Settings(recent_studies=[str(tmp_path / "gone.stancedesk")]))
    qtbot.addWidget(found)
    with qtbot.waitExposed(found):
        found.show()
    activate(qtbot, found)
    yield found
    assert found.close_study()


def test_from_the_sample_study_it_is_one_click(window: MainWindow, qtbot: QtBot, settled: Settled) -> None:
    qtbot.mouseClick(window.welcome.sample, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.area is not None, timeout=120_000)
    settled()
    assert window.area is not None and window.study is not None
    page, view = window.area.study_page, window.area.review_page.agreement.view
    doubled = agreement.count_doubled(window.study)
    assert page.doubled.text() == f"{doubled} tweets have labels of at least two coders."
    qtbot.mouseClick(page.agreement, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(view.measures.isVisible, timeout=120_000)
    assert view.report is not None and view.report.tweets == doubled
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(window, Qt.Key.Key_G, Qt.KeyboardModifier.ControlModifier)
    assert view.isVisible()


def test_a_second_coder_gets_what_the_first_labelled(
    window: MainWindow, study: Study, qtbot: QtBot, settled: Settled
) -> None:
    path = study.path
    study.close()
    assert window.open_study(path)
    settled()
    assert window.area is not None
    area, view = window.area, window.area.review_page.agreement.view
    assert area.study_page.doubled.text() == "No tweet has labels of two coders yet."
    qtbot.mouseClick(area.study_page.agreement, Qt.MouseButton.LeftButton)
    settled()
    assert view.empty.isVisible()
    # Whoever goes back labels what they would have labelled without it.
    qtbot.mouseClick(view.empty.button, Qt.MouseButton.LeftButton)
    settled()
    qtbot.keyClick(area.sign_in, Qt.Key.Key_Escape)
    assert view.empty.isVisible()

    qtbot.keyClick(view, Qt.Key.Key_L, Qt.KeyboardModifier.AltModifier)
    qtbot.waitUntil(area.sign_in.isVisible)
    settled()
    area.sign_in.name.setText("Bea")
    qtbot.keyClick(area.sign_in.name, Qt.Key.Key_Return)
    qtbot.mouseClick(area.sign_in.keep_languages, Qt.MouseButton.LeftButton)
    settled()
    page = area.label_page
    assert area.current is page and page.order.choice.kind == SEARCH and page.coder == "Bea"
    for key in (Qt.Key.Key_1, Qt.Key.Key_2):
        assert page.row is not None and page.row.labels == ()
        qtbot.keyClick(page, key)
    settled()
    qtbot.keyClick(window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    settled()
    assert area.study_page.doubled.text() == "2 tweets have labels of at least two coders."
    qtbot.mouseClick(area.study_page.agreement, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: view.report is not None and not view.report.is_empty, timeout=120_000)
    assert view.report is not None and view.report.tweets == 2 and view.report.coders == ("Ana", "Bea")
