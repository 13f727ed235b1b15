"""Faults of the program: a report that can be copied, never a silent end."""

import platform
import sys
import traceback
from types import TracebackType

from PySide6.QtCore import QCoreApplication, QObject, Signal, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QMessageBox, QWidget

from app import __version__


def report_text(error: str = "") -> str:
    """Return what someone needs to know who is to find a fault. It holds no tweet and no label."""
    return "\n".join(
        [
            f"StanceDesk {__version__}, Python {platform.python_version()}, Qt {qVersion()}",
            f"{platform.platform()}, {QGuiApplication.platformName()}",
            "",
            error or "No error is being reported.",
        ]
    )


def show_fault(error: str, parent: QWidget | None = None) -> QMessageBox:
    """Show a fault with its report and a button to copy it; return the open dialog."""

    def tr(text: str) -> str:
        return QCoreApplication.translate("error_report", text)

    box = QMessageBox(parent)
    box.setWindowTitle(tr("A fault of StanceDesk"))
    box.setIcon(QMessageBox.Icon.Warning)
    box.setText(tr("Something went wrong that should not. Your labels are saved; you can go on working."))
    box.setInformativeText(tr("Copy the report and send it to the people who look after StanceDesk."))
    box.setDetailedText(report_text(error))
    copy = box.addButton(tr("&Copy report"), QMessageBox.ButtonRole.ActionRole)
    copy.clicked.disconnect()
    copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(report_text(error)))
    box.addButton(QMessageBox.StandardButton.Close)
    box.setModal(False)
    box.show()
    return box


class FaultReporter(QObject):
    """Catches what nothing else caught, on any thread, and shows it on the window's."""

    _caught = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.shown: QMessageBox | None = None
        self._caught.connect(self._show)

    def install(self) -> None:
        """Take over from Python's own way of telling uncaught errors."""
        sys.excepthook = self._hook

    def _hook(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.__excepthook__(kind, error, trace)
        if not issubclass(kind, KeyboardInterrupt):
            self._caught.emit("".join(traceback.format_exception(kind, error, trace)))

    def _show(self, error: str) -> None:
        # One at a time: a fault in a repaint would otherwise fill the screen.
        if self.shown is None or not self.shown.isVisible():
            self.shown = show_fault(error, QApplication.activeWindow())
