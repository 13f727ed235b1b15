"""The end of a training run: the model, its scores, and why this 4-bit form is served."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import figures
from app.gui.figure_table import FigureTable
from app.gui.notice import Notice, Tone
from app.gui.parity_table import ParityTable


class TrainingResult(QWidget):
    """Shows the results of a finished training job."""

    classify_clicked = Signal(str)
    model_clicked = Signal(str)
    again_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = ""
        self.notice = Notice()
        self.scores = FigureTable(self.tr("Scores on the validation tweets"))
        self.scores_note = QLabel(
            self.tr(
                "These tweets also chose the epoch, the calibration and the served form: expect less on new "
                "tweets. Results scores the model on tweets that it never saw."
            )
        )
        self.scores_note.setWordWrap(True)
        self.scores_note.setProperty("role", "muted")
        self.parity = ParityTable()
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.classify = QPushButton(self.tr("&Classify with it"))
        self.classify.setProperty("primary", True)
        self.classify.setToolTip(self.tr("Go to Classify with this model chosen"))
        self.classify.clicked.connect(lambda: self.classify_clicked.emit(self.model))
        self.show_model = QPushButton(self.tr("Show the &model"))
        self.show_model.setToolTip(self.tr("Go to Models with this model chosen"))
        self.show_model.clicked.connect(lambda: self.model_clicked.emit(self.model))
        self.again = QPushButton(self.tr("Train &another"))
        self.again.setToolTip(self.tr("Back to the settings"))
        self.again.clicked.connect(self.again_clicked)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.classify)
        buttons.addWidget(self.show_model)
        buttons.addWidget(self.again)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.notice)
        layout.addWidget(self.scores)
        layout.addWidget(self.scores_note)
        layout.addWidget(self.parity)
        layout.addWidget(self.reason)
        layout.addLayout(buttons)
        layout.addStretch(1)

    def show_results(self, results: dict[str, Any]) -> None:
        """Show the fields of the `finished` event of `stancedesk train`."""
        self.model = str(results["model"])
        rows = results["rows"]
        self.notice.tell(
            Tone.GOOD,
            self.tr("The model “{model}” is on the shelf.").format(model=self.model),
            self.tr(
                "It learned from {train} tweets; {validation} were kept apart for validation. It took {time}."
            ).format(
                train=figures.count(rows["train"]),
                validation=figures.count(rows["validation"]),
                time=figures.duration(results["minutes"] * 60),
            ),
        )
        self.scores.show_rows(*score_rows(results["metrics"].get("validation", {})))
        self.parity.show_parity(results["parity"])
        self.reason.setText(str(results["reason"]))


def score_rows(scores: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and one row of overall scores; questions of the codebook have a column each."""
    questions = [key.removesuffix("_macro_f1") for key in scores if key.endswith("_macro_f1")]
    header = [
        figures.translated("tweets"),
        figures.translated("accuracy"),
        figures.translated("macro-F1"),
        *(f"{question} F1" for question in questions),
    ]
    row = [
        figures.count(int(scores.get("n") or 0)),
        figures.score(scores.get("accuracy")),
        figures.score(scores.get("macro_f1")),
        *(figures.score(scores[f"{question}_macro_f1"]) for question in questions),
    ]
    return header, [row]
