"""A stack that is as large as the page it shows."""

from PySide6.QtWidgets import QLabel
from pytestqt.qtbot import QtBot

from app.gui.page_stack import PageStack


def test_hidden_pages_ask_for_no_room(qtbot: QtBot) -> None:
    stack = PageStack()
    qtbot.addWidget(stack)
    assert stack.currentIndex() == -1 and stack.currentWidget() is None
    small, large = QLabel("A line."), QLabel("Many lines. " * 200)
    large.setWordWrap(True)
    large.setMinimumWidth(600)
    for page in (small, large):
        stack.addWidget(page)
    stack.resize(300, 100)
    stack.show()
    assert stack.currentWidget() is small and large.isHidden()
    assert stack.minimumSizeHint().width() < 300 and stack.sizeHint().height() < 60
    stack.setCurrentIndex(1)
    assert stack.currentWidget() is large and small.isHidden()
    assert stack.minimumSizeHint().width() >= 600 and stack.heightForWidth(600) > 200
    stack.setCurrentWidget(small)
    assert stack.currentIndex() == 0 and stack.sizeHint().height() < 60
