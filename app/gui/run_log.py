"""What a training run has said, with times, and the end of its log."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, QUrl
from PySide6.QtGui import QDesktopServices, QHideEvent, QShowEvent
from PySide6.QtWidgets import QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.jobs.log_tail import tail
from training.contract.run_folder import RunFolder

_LOOK_MILLISECONDS = 2000
_MOST = 16_000


class RunLog(QWidget):
    """Lines of events, then the end of the process's own log, read anew while it is looked at."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[str] = []
        self._folder: RunFolder | None = None
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setMinimumHeight(180)
        self.text.setAccessibleName(self.tr("Log of the training"))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.open_folder = QPushButton(self.tr("Open the &folder of the run"))
        self.open_folder.setToolTip(
            self.tr("Show the run's files: settings, events, log, checkpoints (Alt+F)")
        )
        self.open_folder.clicked.connect(self._open_folder)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.text)
        layout.addWidget(self.open_folder, 0, Qt.AlignmentFlag.AlignLeft)
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MILLISECONDS)
        self._timer.timeout.connect(self.refresh)
        self.clear()

    def clear(self) -> None:
        """Forget the run."""
        self._lines, self._folder = [], None
        self.open_folder.setEnabled(False)
        self.refresh()

    def take(self, event: dict[str, Any]) -> None:
        """Take in one event; how far a run is, step by step, is not told here."""
        if event["event"] == "started" and event.get("folder"):
            self._folder = RunFolder(Path(str(event["folder"])))
            self.open_folder.setEnabled(True)
        told = self._in_words(event)
        if told:
            self._lines.append(f"{figures.time_of_day(str(event.get('time', '')))}  {told}".strip())
            if self.isVisible():
                self.refresh()

    def _in_words(self, event: dict[str, Any]) -> str:
        if event["event"] == "evaluated":
            return self.tr("Epoch {number}: macro-F1 {f1}, accuracy {accuracy}").format(
                number=event["epoch"],
                f1=figures.score(event["macro_f1"]),
                accuracy=figures.score(event["accuracy"]),
            )
        if event["event"] == "warning":
            return self.tr("Warning: {text}").format(text=event["message"])
        return str(event.get("message") or "") if event["event"] != "progress" else ""

    def refresh(self) -> None:
        """Show what there is now; the reader's place is kept."""
        log = tail(self._folder.log, _MOST) if self._folder is not None else ""
        text = "\n".join(self._lines)
        if log:
            text += (
                "\n\n" + self.tr("Messages of the libraries ({file}):").format(file="log.txt") + "\n" + log
            )
        if text == self.text.toPlainText():
            return
        bar = self.text.verticalScrollBar()
        place, at_end = bar.value(), bar.value() >= bar.maximum()
        self.text.setPlainText(text)
        bar.setValue(bar.maximum() if at_end else place)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _open_folder(self) -> None:
        if self._folder is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._folder.path)))
