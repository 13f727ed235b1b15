"""A notice: a sentence that can be closed, and that opens no window of its own."""

import pytest
from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from app.gui.notice import Notice, Tone
from app.gui.study_page import StudyPage
from app.gui.tweets_page import TweetsPage
from app.gui.welcome_page import WelcomePage


class _Shown(QObject):
    """Notes what is shown as a window."""

    def __init__(self) -> None:
        super().__init__()
        self.windows: list[str] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.windows.append(repr(watched))
        return False


@pytest.mark.parametrize("made", [Notice, WelcomePage, StudyPage, TweetsPage])
def test_what_is_made_opens_no_window(qtbot: QtBot, qapp: QApplication, made: type[QWidget]) -> None:
    shown = _Shown()
    qapp.installEventFilter(shown)
    try:
        qtbot.addWidget(made())
        qapp.processEvents()
    finally:
        qapp.removeEventFilter(shown)
    assert shown.windows == []


@pytest.mark.parametrize("closable", [True, False])
def test_its_button_closes_it(qtbot: QtBot, closable: bool) -> None:
    notice = Notice(closable=closable)
    qtbot.addWidget(notice)
    notice.tell(Tone.ERROR, "It rains.", "Take an umbrella.")
    assert notice.close_button.isVisibleTo(notice) is closable
    notice.close_button.click()
    assert notice.text == "" and not notice.isVisible()
