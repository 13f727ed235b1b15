"""How far a model's confidence can be believed: in words, as a diagram, and as a table."""

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.beside import Beside
from app.gui.figure_table import FigureTable
from app.gui.form_parts import readable
from app.gui.reliability_plot import ReliabilityPlot
from app.study.confidence import Reliability
from app.study.confidence_report import confidence_of_training


class ReliabilityView(QWidget):
    """Sentences, the diagram, and the same figures beside it for whoever does not see it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.heading = QLabel(self.tr("How far its confidence can be believed"))
        self.heading.setProperty("role", "heading")
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plot = ReliabilityPlot()
        self.key = QLabel(
            self.tr(
                "Dashed: where the confidence is exactly right. Dots below it: surer than right; above it: less sure. "
                "Upright lines: 95% intervals of the share that is right."
            )
        )
        self.key.setWordWrap(True)
        self.key.setProperty("role", "muted")
        self.table = FigureTable(self.tr("Confidence and share of right answers"))
        self.figures = Beside(self.plot, self.table)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.heading)
        layout.addLayout(readable(self.told))
        layout.addWidget(self.figures)
        layout.addLayout(readable(self.key))

    def show_training(self, metrics: Mapping[str, Any]) -> None:
        """Show what was measured when a model was trained: `metrics` of its card, or of the end of its training."""
        self.show_reliability(*confidence_of_training(metrics))

    def show_reliability(self, found: Reliability | None, told: str) -> None:
        """Show what was measured, or only a sentence where nothing was."""
        self.told.setText(told)
        for widget in (self.figures, self.key):
            widget.setVisible(found is not None and found.n > 0)
        self.plot.show_reliability(found)
        self.table.show_rows(
            [
                self.tr("confidence"),
                self.tr("tweets"),
                self.tr("mean"),
                self.tr("right"),
                self.tr("95% interval"),
            ],
            [
                [
                    self.tr("{low} – {high} %").format(
                        low=figures.count(round(one.low * 100)), high=figures.count(round(one.high * 100))
                    ),
                    figures.count(one.n),
                    figures.share(one.confidence or 0, 1),
                    figures.share(one.accuracy or 0, 1),
                    figures.interval(one.accuracy_low, one.accuracy_high),
                ]
                for one in (found.bins if found is not None else ())
                if one.n
            ],
        )
