"""What if answers that the model is unsure of stay undecided: a threshold, and what it does."""

from collections.abc import Mapping

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from app.gui import figures, form_parts, theme
from app.gui.beside import Beside
from app.gui.coverage_plot import CoveragePlot
from app.gui.figure_table import FigureTable
from app.gui.language_names import language_name
from app.gui.page import make_action
from app.study.confidence import Answers, Point, curve, decide
from app.study.confidence_report import CLASSES_TOLD, decision_told, telling_decisions

# The slider's steps: as fine as the field's, a tenth of a per cent.
_STEPS = 1000
_PAUSE = 300


class ThresholdView(QWidget):
    """A slider and a field for the threshold; the curve, and tables of the same figures, per language too.

    `class_names`: {code: name}. `threshold_chosen` gives the threshold, 0 to 1, once the user has let it rest for
    a moment.
    """

    threshold_chosen = Signal(float)

    def __init__(self, class_names: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names = class_names
        self._answers = Answers.of_rows([])
        self._shown = self._answers
        self._few: set[str] = set()
        self.heading = QLabel(self.tr("What if unsure answers stay undecided?"))
        self.heading.setProperty("role", "heading")
        self.field = form_parts.per_cent_box(self.tr("Undecided below this confidence, in per cent"))
        choose = make_action(self, self.tr("Choose the threshold for undecided"), "Ctrl+T", self.take_focus)
        self.field.setToolTip(choose.toolTip())
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setSingleStep(_STEPS // 100)
        self.slider.setPageStep(_STEPS // 20)
        self.slider.setAccessibleName(self.tr("Threshold for undecided"))
        self.slider.setToolTip(self.tr("Move the threshold (arrow keys, Page Up and Page Down)"))
        self.slider.setMinimumWidth(160)
        self.slider.setMaximumWidth(420)
        self.field.valueChanged.connect(lambda value: self._move(round(value * _STEPS / 100), self.slider))
        self.slider.valueChanged.connect(lambda value: self._move(value, self.field))
        self.language = QComboBox()
        self.language.setAccessibleName(self.tr("Whose tweets the curve is of"))
        self.language.setToolTip(self.tr("Show the curve of one language (Alt+O)"))
        self.language.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.language.currentIndexChanged.connect(self._show_curve)
        self.told = QLabel()
        self.told.setWordWrap(True)
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plot = CoveragePlot()
        self.thresholds = FigureTable(self.tr("What thresholds do"))
        self.classes = FigureTable(self.tr("What the threshold does to each class"))
        self.skewed = QLabel(CLASSES_TOLD)
        self.skewed.setWordWrap(True)
        self.skewed.setProperty("role", "muted")
        self.languages = FigureTable(self.tr("What the threshold does in each language"))
        self.careful = QLabel()
        self.careful.setWordWrap(True)
        self.careful.setProperty("role", "muted")
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_PAUSE)
        self._rest.timeout.connect(lambda: self.threshold_chosen.emit(self.threshold))
        for widget in (self.field, self.slider, self.language):
            # Whoever turns the wheel over the page scrolls it, and must not move the threshold on the way.
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self)
        self._lay_out()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the page, unless the widget under it has the focus."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(theme.SMALL)
        for text, widget in (
            (self.tr("Undecided &below"), self.field),
            (self.tr("Curve &of"), self.language),
        ):
            label = QLabel(text)
            label.setBuddy(widget)
            head.addWidget(label)
            head.addWidget(widget)
            if widget is self.field:
                head.addWidget(self.slider, 1)
                head.addSpacing(theme.LARGE)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.heading)
        layout.addLayout(head)
        layout.addWidget(self.told)
        layout.addWidget(Beside(self.plot, self.thresholds))
        layout.addWidget(self.classes)
        layout.addWidget(self.skewed)
        layout.addWidget(self.languages)
        layout.addWidget(self.careful)

    @property
    def threshold(self) -> float:
        """The threshold, 0 to 1."""
        return self.slider.value() / _STEPS

    @property
    def is_moving(self) -> bool:
        """Tell whether the user has just moved the threshold and `threshold_chosen` is still to come."""
        return self._rest.isActive()

    def settle(self) -> None:
        """Let a threshold that was just moved count now."""
        if self.is_moving:
            self._rest.stop()
            self.threshold_chosen.emit(self.threshold)

    def take_focus(self) -> None:
        """Put the cursor into the field."""
        self.field.setFocus()
        self.field.selectAll()

    def show_answers(self, answers: Answers, threshold: float, careful: str) -> None:
        """Show a model's answers; a threshold that the user is just moving stays where it is."""
        self._answers = answers
        self.careful.setText(careful)
        if not self.is_moving:
            with QSignalBlocker(self.slider), QSignalBlocker(self.field):
                self.slider.setValue(round(threshold * _STEPS))
                self.field.setValue(threshold * 100)
        before = self.language.currentData()
        with QSignalBlocker(self.language):
            self.language.clear()
            self.language.addItem(self.tr("all languages"), None)
            # One language alone is all languages.
            per_language = answers.per_language()
            self._few = {code for code, one in per_language.items() if one.is_few()}
            for code in per_language if len(per_language) > 1 else ():
                if code not in self._few:
                    self.language.addItem(language_name(code), code)
            self.language.setCurrentIndex(max(0, self.language.findData(before)))
        self._show_curve()

    def _move(self, steps: int, other: QWidget) -> None:
        with QSignalBlocker(other):
            if other is self.slider:
                self.slider.setValue(steps)
            else:
                self.field.setValue(steps * 100 / _STEPS)
        self._rest.start()
        self._show_threshold()

    def _show_curve(self) -> None:
        code = self.language.currentData()
        self._shown = self._answers if code is None else self._answers.in_language(code)
        self.plot.show_curve(curve(self._shown))
        rows = [
            [
                figures.share(one.overall.threshold, 1),
                *_cells(one.overall),
                figures.score(one.macro_f1),
            ]
            for one in telling_decisions(self._shown)
        ]
        header = [self.tr("undecided below"), *self._header(), self.tr("macro-F1")]
        self.thresholds.show_rows(header, rows)
        self._show_threshold()

    def _show_threshold(self) -> None:
        everything = decide(self._answers, self.threshold)
        decision = everything if self._shown is self._answers else decide(self._shown, self.threshold)
        told = decision_told(decision)
        self.told.setText(told)
        self.plot.show_mark(decision.overall, told)
        self.classes.show_rows(
            [self.tr("class"), self.tr("tweets"), *self._header()],
            [
                [self._names.get(code, code), figures.count(point.n), *_cells(point)]
                for code, point in decision.classes.items()
            ],
        )
        self.languages.show_rows(
            [self.tr("language"), self.tr("tweets"), *self._header()],
            [
                [
                    f"{language_name(code)}{' *' if code in self._few else ''}",
                    figures.count(point.n),
                    *_cells(point),
                ]
                for code, point in everything.languages.items()
            ],
            most_rows=20,
        )

    def _header(self) -> list[str]:
        return [self.tr("decided"), self.tr("share"), self.tr("right"), self.tr("95% interval")]


def _cells(point: Point) -> list[str]:
    return [
        figures.count(point.decided),
        figures.share(point.decided, point.n),
        figures.share(point.right, point.decided),
        figures.interval(point.accuracy_low, point.accuracy_high),
    ]
