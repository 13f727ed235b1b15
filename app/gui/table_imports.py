"""Tables on their way into the study: chosen or dropped, one after the other."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QObject, Qt, Signal
from PySide6.QtWidgets import QFileDialog, QWidget

from app.gui.import_dialog import ImportDialog
from app.study.source_table import ENDINGS
from app.study.study import Study

Made = Callable[[Path], Study]


def choose_tables(folder: Path, parent: QWidget) -> list[Path]:
    """Ask for tables; return none where the user cancels."""
    names, _ = QFileDialog.getOpenFileNames(
        parent,
        QCoreApplication.translate("table_imports", "Import tweets"),
        str(folder),
        QCoreApplication.translate("table_imports", "Tables ({endings});;All files (*)").format(
            endings=" ".join(f"*{ending}" for ending in ENDINGS)
        ),
    )
    return [Path(name) for name in names]


class TableImports(QObject):
    """Shows the import dialog for each table in turn.

    Without an open study one is made beside the table, but only when the user imports: a table that is
    refused or cancelled leaves nothing behind. `finished` says that a dialog was closed.
    """

    finished = Signal()

    def __init__(self, window: QWidget, opened: Callable[[], Study | None], make: Made) -> None:
        super().__init__(window)
        self._window = window
        self._opened = opened
        self._make = make
        self._waiting: list[Path] = []
        self._shown: ImportDialog | None = None

    def begin(self, tables: Sequence[Path]) -> ImportDialog | None:
        """Import these tables after those that wait already; return the dialog that is shown."""
        self._waiting.extend(tables)
        if self._shown is None:
            self._show_next()
        return self._shown

    def _show_next(self) -> None:
        if not self._waiting:
            return
        table = self._waiting.pop(0)
        dialog = ImportDialog(self._opened(), table, self._window, lambda: self._make(table))
        dialog.tell_waiting(len(self._waiting))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.finished.connect(self._end)
        self._shown = dialog
        dialog.open()

    def _end(self) -> None:
        self._shown = None
        self.finished.emit()
        self._show_next()
