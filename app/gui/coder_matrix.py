"""Coders by languages: who takes part, what each reads, how many tweets each would get."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from app.gui import figures, theme
from app.gui.language_names import language_name
from app.study.study import Coder

_MOST_ROWS = 6
# Enough for a name beside its tick, which the measure of the contents leaves out.
_NAME_WIDTH = 168
# The column of the sums, in sight beside the name however many languages there are.
_ALL = 1
_CHECKED = Qt.CheckState.Checked


class CoderMatrix(QTableWidget):
    """A row a coder, a column a language; a tick beside a name takes part, one under a language reads it.

    `changed` tells of another tick, or another row.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: list[Coder] = []
        self._languages: list[str] = []
        self.setAccessibleName(self.tr("Coders and the languages that they read"))
        self.setToolTip(
            self.tr(
                "Space ticks: beside a name who takes part, under a language who reads it; the numbers are tweets"
            )
        )
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 2 * theme.SMALL)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().setMinimumSectionSize(72)
        self.itemChanged.connect(lambda _: self.changed.emit())

    def show_coders(self, coders: Sequence[Coder], languages: Sequence[str]) -> None:
        """Show coders with what they read, of the study's languages; all take part."""
        self._known, self._languages = list(coders), list(languages)
        self.blockSignals(True)
        self.clear()
        self.setColumnCount(len(languages) + 2)
        names = [language_name(code).removesuffix(f" ({code})") for code in languages]
        self.setHorizontalHeaderLabels([self.tr("Coder"), self.tr("All"), *names])
        head = self.horizontalHeaderItem(0)
        if head is not None:
            head.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.Fixed)
        self.setColumnWidth(0, _NAME_WIDTH)
        self.setRowCount(0)
        for coder in coders:
            self._add_row(coder)
        self.blockSignals(False)
        self._fit()
        self.changed.emit()

    def add(self, coder: Coder) -> None:
        """Add a coder at the end."""
        self._known.append(coder)
        self.blockSignals(True)
        self._add_row(coder)
        self.blockSignals(False)
        self._fit()
        self.scrollToBottom()
        self.changed.emit()

    def names(self) -> list[str]:
        """Return all names, of those who take part and of those who do not."""
        return [coder.name for coder in self._known]

    def coders(self) -> tuple[Coder, ...]:
        """Return who takes part, with the languages that are ticked; who reads none takes no part."""
        found = []
        for row, known in enumerate(self._known):
            ticked = [code for column, code in self._columns() if self._is_ticked(row, column)]
            if not self._is_ticked(row, 0) or not ticked:
                continue
            # What somebody reads beyond this study's languages is not asked here.
            others = [code for code in known.languages if code not in self._languages]
            every = len(ticked) == len(self._languages) and (not known.languages or not others)
            found.append(Coder(known.id, known.name, () if every else tuple(sorted([*ticked, *others]))))
        return tuple(found)

    def show_counts(self, counts: Mapping[str, Mapping[str, int]]) -> None:
        """Show {coder: {language: tweets}}; nothing for those who take no part."""
        self.blockSignals(True)
        for row, coder in enumerate(self._known):
            of_coder = counts.get(coder.name)
            for column, code in self._columns():
                reads = of_coder is not None and self._is_ticked(row, column)
                number = of_coder.get(code, 0) if of_coder is not None else 0
                self._cell(row, column).setText(figures.count(number) if reads else "")
            every = figures.count(sum(of_coder.values())) if of_coder is not None else ""
            self._cell(row, _ALL).setText(every)
        self.blockSignals(False)

    def _columns(self) -> list[tuple[int, str]]:
        return list(enumerate(self._languages, _ALL + 1))

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        cell = self.item(row, column)
        assert cell is not None
        return cell

    def _is_ticked(self, row: int, column: int) -> bool:
        return self._cell(row, column).checkState() == _CHECKED

    def _add_row(self, coder: Coder) -> None:
        row = self.rowCount()
        self.insertRow(row)
        for column, code in ((0, ""), *self._columns()):
            item = QTableWidgetItem(coder.name if not column else "")
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            reads = not column or not coder.languages or code in coder.languages
            item.setCheckState(_CHECKED if reads else Qt.CheckState.Unchecked)
            if column:
                name = self.tr("{coder} reads {language}").format(
                    coder=coder.name, language=language_name(code)
                )
                item.setToolTip(name)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, name)
            self.setItem(row, column, item)
        total = QTableWidgetItem()
        total.setFlags(total.flags() & ~Qt.ItemFlag.ItemIsUserCheckable)
        self.setItem(row, _ALL, total)

    def _fit(self) -> None:
        rows = min(max(self.rowCount(), 1), _MOST_ROWS)
        bar = self.horizontalScrollBar().sizeHint().height()
        height = (
            self.horizontalHeader().sizeHint().height() + rows * self.verticalHeader().defaultSectionSize()
        )
        self.setFixedHeight(height + bar + 2 * self.frameWidth())
