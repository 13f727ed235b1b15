"""How much the labels so far have taught the light model, and how much more would help."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, form_parts, theme
from app.gui.codebook_view import shape_of
from app.gui.figure_table import FigureTable
from app.gui.label_order import LabelOrder
from app.gui.language_names import language_name
from app.gui.leaf_cells import LeafCells
from app.gui.learning_curve_plot import LearningCurvePlot
from app.jobs.outcome import JobOutcome
from app.study.codebook import Codebook
from app.study.learning_curve import LEAST_LABELS, LEAST_OF_CLASS, LEAST_OF_LANGUAGE, Gain, LearningCurve

_WIDTH, _HEIGHT = 680, 640
_MOST_ROWS = 6


class LearningCurveDialog(QDialog):
    """The curve, what more labels would add, and the figures of each class and language.

    As long as it is open the curve is measured anew while labels come.
    """

    def __init__(self, order: LabelOrder, codebook: Codebook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._order, self._codebook = order, codebook
        self.setWindowTitle(self.tr("Learning curve"))
        self.expected = QLabel()
        self.expected.setProperty("role", "heading")
        self.expected.setWordWrap(True)
        self.about = QLabel()
        self.about.setProperty("role", "muted")
        self.about.setWordWrap(True)
        self.plot = LearningCurvePlot()
        self.classes = FigureTable(self.tr("Figures by class"))
        self.classes.setItemDelegate(LeafCells(codebook.leaves, self.classes))
        self.languages = FigureTable(self.tr("Figures by language"))
        self.close_button = QPushButton(self.tr("Close"))
        self.close_button.setToolTip(self.tr("Go on with labelling (Esc)"))
        buttons = QDialogButtonBox()
        buttons.addButton(self.close_button, QDialogButtonBox.ButtonRole.RejectRole)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.expected)
        layout.addWidget(self.about)
        layout.addWidget(self.plot, 1)
        tables = QHBoxLayout()
        tables.setSpacing(theme.MEDIUM)
        for table in (self.classes, self.languages):
            tables.addWidget(table, 1, Qt.AlignmentFlag.AlignTop)
        layout.addLayout(tables)
        # While there is no plot, the sentences stay together at the top.
        layout.addStretch(0)
        layout.addWidget(buttons)
        form_parts.open_at(self, _WIDTH, _HEIGHT)
        order.learnt.connect(self._show)
        order.ended.connect(self._tell_end)
        self.finished.connect(lambda _: order.watch(False))
        order.watch(True)
        self._show()

    def _show(self) -> None:
        scores = self._order.scores
        curve = None if scores is None else scores.curve
        self.plot.setVisible(curve is not None and bool(curve.points))
        for table in (self.classes, self.languages):
            table.setVisible(curve is not None)
        if curve is None:
            self.expected.setText(self.tr("The light model is learning from the labels …"))
            self.about.setText(
                self.tr("The first curve takes up to a minute; you can go on labelling meanwhile.")
            )
            return
        if curve.points:
            self.plot.show_curve(curve)
            self.expected.setText(
                "\n".join(self._gain(gain, curve.left) for gain in curve.gains)
                or self.tr("Every tweet that the model may learn from is labelled.")
            )
            self.about.setText(
                self.tr(
                    "A light model of the labels, not the one that you will train, tested on tweets that it has not "
                    "seen. The bands hold 95 of 100 cases: the darker one where the score lies, the lighter one by "
                    "how much it rises from there. An expected curve cannot fall, so +0.0 is the least that it says: "
                    "more labels may then change nothing."
                )
                if curve.gains
                else self.tr(
                    "A light model of the labels, not the one that you will train, tested on tweets that it has not "
                    "seen. The band holds where the score lies, in 95 of 100 cases."
                )
            )
        else:
            self.expected.setText(self.tr("It is too early to say how much more labels would help."))
            self.about.setText(
                self.tr(
                    "That takes at least {labels} labels, and two classes with {each} or more; there are {now}."
                ).format(labels=LEAST_LABELS, each=LEAST_OF_CLASS, now=figures.count(curve.labels))
            )
        self._show_tables(curve)

    def _show_tables(self, curve: LearningCurve) -> None:
        header = [self.tr("Labels"), self.tr("F1")]
        known = {leaf.code: leaf for leaf in self._codebook.leaves}
        rows = []
        for code, leaf in known.items():
            number, score = curve.per_class.get(code, (0, None))
            rows.append([f"{shape_of(leaf)} {leaf.name}", figures.count(number), figures.score(score)])
        self.classes.show_rows([self.tr("Class"), *header], rows, most_rows=_MOST_ROWS)
        ranked = sorted(curve.per_language.items(), key=lambda one: -one[1][0])
        self.languages.show_rows(
            [self.tr("Language"), self.tr("Labels"), self.tr("Macro-F1")],
            [
                [
                    language_name(code) if code else self.tr("No language"),
                    figures.count(number),
                    figures.score(score),
                ]
                for code, (number, score) in ranked
            ],
            most_rows=_MOST_ROWS,
        )
        self.languages.setToolTip(
            self.tr("A language with fewer than {labels} labels is not scored by itself").format(
                labels=LEAST_OF_LANGUAGE
            )
        )

    def _gain(self, gain: Gain, left: int) -> str:
        if gain.more < left:
            text = self.tr("{more} more labels: about {gain} points ({low} to {high})")
        elif left == 1:
            text = self.tr("1 tweet is left: about {gain} points ({low} to {high})")
        else:
            text = self.tr("{more} tweets are left: about {gain} points ({low} to {high})")
        return text.format(
            more=figures.count(gain.more),
            gain=_points(gain.gain),
            low=_points(gain.low),
            high=_points(gain.high),
        )

    def _tell_end(self, outcome: JobOutcome) -> None:
        scores = self._order.scores
        if outcome.is_finished or (scores is not None and scores.curve is not None):
            return
        self.expected.setText(outcome.message)
        self.about.setText(outcome.next_step)


def _points(gain: float) -> str:
    """Return a difference of scores in points, with its sign."""
    return f"{100 * gain:+.1f}".replace("-", "−")
