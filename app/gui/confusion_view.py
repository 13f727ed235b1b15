"""Who said what: the labels of one coder by those of another."""

from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.figure_table import FigureTable
from app.study.agreement import QuestionAgreement


class ConfusionView(QWidget):
    """Two coders to choose and the tweets that both labelled, by what each said; on the diagonal they agree."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._question: QuestionAgreement | None = None
        self.first, self.second = QComboBox(), QComboBox()
        self.table = FigureTable(self.tr("Labels of one coder by labels of another"))
        head = QHBoxLayout()
        head.setSpacing(theme.SMALL)
        for choice, text, name, tip in (
            (
                self.first,
                self.tr("&Rows"),
                self.tr("Coder in the rows"),
                self.tr("Whose labels the rows are"),
            ),
            (
                self.second,
                self.tr("&Columns"),
                self.tr("Coder in the columns"),
                self.tr("Whose labels the columns are"),
            ),
        ):
            label = QLabel(text)
            label.setBuddy(choice)
            choice.setAccessibleName(name)
            choice.setToolTip(f"{tip} (Alt+{text[text.index('&') + 1].upper()})")
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            head.addWidget(label)
            head.addWidget(choice)
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addLayout(head)
        layout.addWidget(self.table)
        self.first.currentIndexChanged.connect(lambda _: self._show(self.second))
        self.second.currentIndexChanged.connect(lambda _: self._show(self.first))

    def show_question(self, question: QuestionAgreement) -> None:
        """Show a question; the coders stay chosen where they are still there."""
        self._question = None
        coders = list(dict.fromkeys(name for pair in question.pairs for name in (pair.first, pair.second)))
        for choice, otherwise in ((self.first, 0), (self.second, 1)):
            before = choice.currentText()
            choice.clear()
            choice.addItems(coders)
            choice.setCurrentIndex(
                coders.index(before) if before in coders else min(otherwise, len(coders) - 1)
            )
        self._question = question
        self._show(self.second)

    def _show(self, other: QComboBox) -> None:
        """Show the two coders; where one was chosen for both places, the `other` place makes way."""
        question = self._question
        if question is None or not question.pairs:
            return
        if self.first.currentIndex() == self.second.currentIndex():
            other.setCurrentIndex((other.currentIndex() + 1) % other.count())
            return
        first, second = self.first.currentText(), self.second.currentText()
        counts = _counts(question, first, second)
        answers = question.answers
        rows = [
            [
                answers[one],
                *map(figures.count, counts[one].values()),
                figures.count(sum(counts[one].values())),
            ]
            for one in answers
        ]
        sums = [sum(counts[one][two] for one in answers) for two in answers]
        rows.append([self.tr("together"), *map(figures.count, sums), figures.count(sum(sums))])
        header = [f"{first} ↓  {second} →", *answers.values(), self.tr("together")]
        self.table.show_rows(header, rows, most_rows=len(rows))
        for place in range(len(answers)):
            item = self.table.item(place, place + 1)
            if item is not None:
                font = item.font()
                font.setBold(True)
                item.setFont(font)


def _counts(question: QuestionAgreement, first: str, second: str) -> dict[str, dict[str, int]]:
    for pair in question.pairs:
        if (pair.first, pair.second) == (first, second):
            return pair.confusion
        if (pair.first, pair.second) == (second, first):
            return {
                one: {two: pair.confusion[two][one] for two in question.answers} for one in question.answers
            }
    raise KeyError((first, second))
