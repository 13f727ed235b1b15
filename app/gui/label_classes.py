"""What the labels of a file stand for that the codebook does not know."""

from collections.abc import Mapping, Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QFrame, QGridLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.codebook_view import shape_of
from app.study.codebook import Leaf

# More different values than this are no labels, but some other column.
_MOST = 40
_MOST_HEIGHT = 132


class LabelClasses(QFrame):
    """A line for each such label, with a choice of the classes. Hidden where the codebook knows all."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("notice")
        self.setProperty("tone", "warning")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.choices: dict[str, QComboBox] = {}
        self._lines = QWidget()
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.MEDIUM, theme.SMALL, theme.MEDIUM, theme.SMALL)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.text)
        layout.addWidget(self._scroll)
        self.hide()

    def show_values(self, column: str, values: Mapping[str, int], leaves: Sequence[Leaf]) -> None:
        """Show {value: rows} of a column's values that mean no class; {} hides this."""
        many = len(values) > _MOST
        if many:
            self.text.setText(
                self.tr(
                    "⚠ The column “{column}” has {count} different values that the codebook does not know. "
                    "Is it the column of the labels? If not, choose another one, or none."
                ).format(column=column, count=figures.count(len(values)))
            )
        else:
            self.text.setText(
                self.tr(
                    "⚠ The codebook does not know these labels. Say which class each stands for; "
                    "tweets with the others come in without a label."
                )
            )
        self._show_lines({} if many else values, leaves)
        self._scroll.setVisible(not many)
        self.setVisible(bool(values))

    def classes(self) -> dict[str, str]:
        """Return {value: leaf} as it was chosen."""
        return {value: box.currentData() for value, box in self.choices.items() if box.currentData()}

    def _show_lines(self, values: Mapping[str, int], leaves: Sequence[Leaf]) -> None:
        chosen = self.classes()
        self.choices = {}
        self._lines = QWidget()
        grid = QGridLayout(self._lines)
        grid.setContentsMargins(0, 0, theme.SMALL, 0)
        grid.setSpacing(theme.TIGHT)
        grid.setColumnStretch(0, 1)
        for row, (value, rows) in enumerate(values.items()):
            about = (
                self.tr("“{value}” in %n row(s)", "", rows)
                if rows == 1
                else self.tr("“{value}” in {rows} rows")
            )
            name = QLabel(about.format(value=value[:80], rows=figures.count(rows)))
            name.setTextFormat(Qt.TextFormat.PlainText)
            box = QComboBox()
            box.addItem(self.tr("No label"), "")
            for leaf in leaves:
                box.addItem(f"{shape_of(leaf)} {leaf.name}", leaf.code)
            box.setCurrentIndex(max(0, box.findData(chosen.get(value, ""))))
            box.setMinimumWidth(220)
            box.setAccessibleName(self.tr("Class for “{value}”").format(value=value[:80]))
            box.setToolTip(
                self.tr("The class that “{value}” stands for (arrow keys choose)").format(value=value[:80])
            )
            name.setBuddy(box)
            grid.addWidget(name, row, 0)
            grid.addWidget(box, row, 1)
            self.choices[value] = box
        self._scroll.setWidget(self._lines)
        self._scroll.setFixedHeight(min(self._lines.sizeHint().height(), _MOST_HEIGHT))
