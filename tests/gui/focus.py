"""A window gets the keys: what tests of keys begin with."""

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot


def activate(qtbot: QtBot, window: QWidget) -> None:
    """Wait until the window is the active one.

    It is asked for again and again: without a window manager a screen forgets who asked before the window was there,
    which happens on a busy machine.
    """

    def is_active() -> bool:
        window.activateWindow()
        return window.isActiveWindow()

    qtbot.waitUntil(is_active, timeout=60_000)
