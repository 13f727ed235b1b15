"""What is left of closed dialogs is collected on the window's thread, whatever the workers do."""

import gc
import threading
from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QDialog, QPushButton, QTableWidget, QWidget
from pytestqt.qtbot import QtBot

from app.gui import garbage
from app.gui.garbage import GarbageCollector, collect_garbage
from app.jobs.worker import run_in_worker
from tests.gui.conftest import WAIT


class _Dialog(QDialog):
    """Refers to itself, as a dialog does that keeps a function of its own; tells where it is destroyed."""

    def __init__(self, destroyed_on: list[threading.Thread]) -> None:
        super().__init__()
        self.itself = self
        self.parts = [QPushButton("OK", self), QTableWidget(5, 3, self)]
        self._destroyed_on = destroyed_on

    def __del__(self) -> None:
        self._destroyed_on.append(threading.current_thread())


@pytest.fixture
def as_python_does() -> Iterator[None]:
    """Let Python collect garbage by itself, as it does where a program begins."""
    threshold = gc.get_threshold()
    gc.enable()
    yield
    gc.disable()
    gc.set_threshold(*threshold)


def _much_is_made() -> int:
    return len([[{} for _ in range(3)] for _ in range(20_000)])


def test_a_closed_dialog_is_destroyed_on_the_thread_of_the_window(
    as_python_does: None, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(garbage, "_EVERY_MS", 20)
    parent = QWidget()
    qtbot.addWidget(parent)
    collector = GarbageCollector(parent)
    destroyed_on: list[threading.Thread] = []
    for _ in range(5):
        dialog = _Dialog(destroyed_on)
        dialog.show()
        dialog.close()
        del dialog
        made: list[int] = []
        run_in_worker(_much_is_made, made.append, pytest.fail, parent)
        qtbot.waitUntil(lambda made=made: bool(made), timeout=WAIT * 1000)
    # What is old enough is looked for less often.
    gc.collect()
    qtbot.waitUntil(lambda: len(destroyed_on) == 5)
    assert set(destroyed_on) == {threading.main_thread()}
    assert collector.parent() is parent and not gc.isenabled()


def test_only_what_is_due_is_collected(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[int] = []
    monkeypatch.setattr(gc, "collect", collected.append)
    monkeypatch.setattr(gc, "get_threshold", lambda: (700, 10, 0))
    for counts in ((700, 10, 5), (701, 10, 5), (701, 11, 5), (3, 11, 5)):
        monkeypatch.setattr(gc, "get_count", lambda counts=counts: counts)
        collect_garbage()
    assert collected == [0, 1, 1]
