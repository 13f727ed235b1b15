"""What was found in a table, to be corrected before it is imported: format, columns, labels, the first rows."""

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QGridLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from app.gui import theme
from app.gui.label_classes import LabelClasses
from app.gui.text_formats import encodings, separators
from app.gui.tweet_view import isolated, text_direction
from app.study.import_report import IMPORTED
from app.study.importing import Preview

ROLES = ("text", "id", "lang", "label", "author", "date")


class TextCells(QStyledItemDelegate):
    """Lays each cell out in the direction of its text."""

    def initStyleOption(
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().initStyleOption(option, index)
        text = str(index.data() or "")
        option.text = isolated(text)
        option.direction = text_direction(text)


class ImportPreview(QWidget):
    """`format_chosen` asks to look at the file again; `label_column_chosen` gives the column of the labels."""

    format_chosen = Signal()
    label_column_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.found = QLabel()
        self.found.setProperty("role", "muted")
        self.found.setWordWrap(True)
        self.encoding = self._choice(self.tr("Encoding"), self.tr("How the file writes its letters"))
        self.delimiter = self._choice(self.tr("Columns end at"), self.tr("The character between columns"))
        self.encoding.currentIndexChanged.connect(lambda _: self.format_chosen.emit())
        self.delimiter.currentIndexChanged.connect(lambda _: self.format_chosen.emit())
        names = {
            "text": self.tr("Text"),
            "id": self.tr("Id"),
            "lang": self.tr("Language"),
            "label": self.tr("Label"),
            "author": self.tr("Author"),
            "date": self.tr("Date"),
        }
        self.columns = {
            role: self._choice(names[role], self.tr("The column that holds this")) for role in ROLES
        }
        self.columns["label"].currentIndexChanged.connect(
            lambda _: self.label_column_chosen.emit(self.columns["label"].currentData() or "")
        )
        self.coder = QLineEdit(IMPORTED)
        self.coder.setAccessibleName(self.tr("Whose labels these are"))
        self.coder.setToolTip(self.tr("Labels in the file are taken in as this coder's"))
        self.test = QCheckBox(self.tr("Put these into the sealed &test set"))
        self.test.setToolTip(self.tr("Models are scored on these tweets and never trained on them (Alt+T)"))
        self.classes = LabelClasses()
        self.sample = self._make_table()
        self.form = QWidget()
        self._grid = QGridLayout(self.form)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(theme.MEDIUM)
        self._grid.setVerticalSpacing(theme.SMALL)
        self._of_text: list[QWidget] = [self.encoding, self.delimiter]
        self._of_text.append(self._place(0, 0, self.tr("Encoding"), self.encoding))
        self._of_text.append(self._place(0, 1, self.tr("Columns end at"), self.delimiter))
        for place, role in enumerate(ROLES):
            self._place(1 + place // 2, place % 2, names[role], self.columns[role])
        self._place(4, 0, self.tr("Labels are by"), self.coder)
        self._grid.addWidget(self.test, 4, 2, 1, 2)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(3, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.found)
        layout.addWidget(self.form)
        layout.addWidget(self.classes)
        layout.addWidget(self.sample, 1)
        layout.addStretch()
        self.show_looking()

    def show_looking(self) -> None:
        """Say that the file is being looked at; there is nothing to correct yet."""
        self.found.setText(self.tr("Looking at the file …"))
        for part in (self.form, self.classes, self.sample):
            part.hide()

    def show_preview(self, preview: Preview) -> None:
        """Show what was found."""
        is_text = preview.kind == "text"
        self.found.setText(
            {
                "text": self.tr("Correct what was guessed wrong."),
                "xlsx": self.tr("Excel workbook, sheet “{sheet}”. Correct what was guessed wrong."),
                "parquet": self.tr("Parquet file. Correct what was guessed wrong."),
                "jsonl": self.tr("JSON lines file. Correct what was guessed wrong."),
            }[preview.kind].format(sheet=preview.sheet)
        )
        for part in self._of_text:
            part.setVisible(is_text)
        _fill(self.encoding, encodings(), preview.encoding)
        one = not preview.delimiter or self.delimiter.findData("") >= 0
        of_one = {"": self.tr("There is one column only")} if one else {}
        _fill(self.delimiter, of_one | separators(), preview.delimiter)
        for role, box in self.columns.items():
            entries = {"": self.tr("(none)")} | {name: name for name in preview.header}
            _fill(box, entries, preview.columns.get(role, ""))
        self._show_rows(preview)
        self.form.show()
        self.sample.show()
        self.label_column_chosen.emit(preview.columns.get("label", ""))

    def chosen_columns(self) -> dict[str, str]:
        """Return {role: column}, "" for none."""
        return {role: box.currentData() or "" for role, box in self.columns.items()}

    def _show_rows(self, preview: Preview) -> None:
        self.sample.setColumnCount(len(preview.header))
        self.sample.setHorizontalHeaderLabels(list(preview.header))
        self.sample.setRowCount(len(preview.rows))
        for row, cells in enumerate(preview.rows):
            for column, cell in enumerate(cells[: len(preview.header)]):
                self.sample.setItem(row, column, QTableWidgetItem(cell.replace("\n", " ")))
        self.sample.resizeColumnsToContents()
        for column in range(len(preview.header)):
            self.sample.setColumnWidth(column, min(self.sample.columnWidth(column), 360))

    def _choice(self, name: str, tip: str) -> QComboBox:
        box = QComboBox()
        box.setMinimumWidth(180)
        box.setAccessibleName(name)
        box.setToolTip(self.tr("{what} (arrow keys choose)").format(what=tip))
        return box

    def _place(self, row: int, column: int, name: str, field: QWidget) -> QLabel:
        label = QLabel(name)
        label.setBuddy(field)
        self._grid.addWidget(label, row, 2 * column)
        self._grid.addWidget(field, row, 2 * column + 1)
        return label

    def _make_table(self) -> QTableWidget:
        table = QTableWidget()
        table.setAccessibleName(self.tr("The first rows"))
        table.setToolTip(self.tr("The first rows of the file, as they would be imported"))
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        table.setItemDelegate(TextCells(table))
        head = table.horizontalHeader()
        head.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        head.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        return table


def _fill(box: QComboBox, entries: dict[str, str], chosen: str) -> None:
    """Offer {data: name} without telling of a choice."""
    box.blockSignals(True)
    box.clear()
    for data, name in entries.items():
        box.addItem(name, data)
    box.setCurrentIndex(max(0, box.findData(chosen)))
    box.blockSignals(False)
