"""The end of a training run: the model, its scores, what its confidence is worth, why this 4-bit form is served."""

from typing import Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.figure_table import FigureTable
from app.gui.fold import Fold
from app.gui.form_parts import readable
from app.gui.notice import Notice, Tone
from app.gui.parity_table import ParityTable
from app.gui.reliability_view import ReliabilityView
from app.gui.score_columns import question_names, score_rows
from app.inference.parity import ENOUGH_ROWS
from app.study.codebook import Codebook
from app.study.evaluation import FEW_ROWS, beats_most_frequent, most_frequent


class TrainingResult(QWidget):
    """Shows the results of a finished training job."""

    classify_clicked = Signal(str)
    model_clicked = Signal(str)
    again_clicked = Signal()
    adapter_wanted = Signal()

    def __init__(self, codebook: Codebook, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._codebook = codebook
        self.model = ""
        self.notice = Notice()
        self.scores = FigureTable(self.tr("Scores on the validation tweets"), left=0)
        self.scores_note = QLabel(
            self.tr(
                "These tweets also chose the epoch, the calibration and the served form: expect less on new "
                "tweets. Results scores the model on tweets that it never saw, once there is a "
                "labelled test set, or more tweets are labelled."
            )
        )
        self.scores_note.setWordWrap(True)
        self.scores_note.setProperty("role", "muted")
        self.confidence = ReliabilityView()
        self.parity = ParityTable()
        self.reason = QLabel()
        self.reason.setWordWrap(True)
        self.details = Fold(
            self.tr("Details"), self.tr("Show how the model was written to 4 bits"), self._detail_widget()
        )
        self.classify = QPushButton(self.tr("&Classify with it"))
        self.classify.setToolTip(self.tr("Go to Classify with this model chosen (Alt+C)"))
        self.classify.clicked.connect(lambda: self.classify_clicked.emit(self.model))
        self.show_model = QPushButton(self.tr("Show the &model"))
        self.show_model.setToolTip(self.tr("Go to Models with this model chosen (Alt+M)"))
        self.show_model.clicked.connect(lambda: self.model_clicked.emit(self.model))
        self.again = QPushButton(self.tr("Train &another"))
        self.again.setToolTip(self.tr("Back to the settings (Alt+A)"))
        self.again.clicked.connect(self.again_clicked)
        self.as_adapter = QPushButton(self.tr("&Train as base and adapter"))
        self.as_adapter.setToolTip(
            self.tr("Back to the settings, with the kind of model that nothing is lost of (Alt+T)")
        )
        self.as_adapter.clicked.connect(self.adapter_wanted)
        self.as_adapter.hide()
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self.classify)
        buttons.addWidget(self.show_model)
        buttons.addWidget(self.again)
        buttons.addWidget(self.as_adapter)
        buttons.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addWidget(self.scores)
        layout.addLayout(readable(self.scores_note))
        layout.addLayout(buttons)
        layout.addWidget(self.confidence)
        layout.addWidget(self.details)
        layout.addStretch(1)

    def _detail_widget(self) -> QWidget:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.reason)
        layout.addWidget(self.parity)
        return inside

    def show_results(self, results: dict[str, Any]) -> None:
        """Show the fields of the `finished` event of `stancedesk train`."""
        self.model = str(results["model"])
        rows = results["rows"]
        scores = results["metrics"].get("validation", {})
        learned = self.tr(
            "It learned from {train} tweets; {validation} were kept apart for validation. It took {time}."
        ).format(
            train=figures.count(rows["train"]),
            validation=figures.count(rows["validation"]),
            time=figures.duration(results["minutes"] * 60),
        )
        parity = results["parity"]
        doubts = self.doubts(scores)
        if doubts:
            doubts.append(self.tr("Label more tweets, then train again."))
        loss = self.loss(parity)
        if loss:
            doubts.append(loss)
        self.as_adapter.setVisible(bool(loss) and "adapter" not in parity)
        on_shelf = self.tr("The model “{model}” is on the shelf.").format(model=self.model)
        self.notice.tell(Tone.WARNING if doubts else Tone.GOOD, on_shelf, " ".join([*doubts, learned]))
        # A model in doubt is not what to go on with first.
        self.classify.setProperty("primary", not doubts)
        self.classify.style().unpolish(self.classify)
        self.classify.style().polish(self.classify)
        self.scores.show_rows(*score_rows(scores, question_names(self._codebook)))
        self.confidence.show_training(results["metrics"])
        self.parity.show_parity(parity)
        self.reason.setText(str(results["reason"]))
        self.details.fold()

    def loss(self, parity: dict[str, Any]) -> str:
        """Return what the served 4-bit form loses against the trained model; empty: no more than the bound allows.

        Of few tweets nothing can be told, and that they are few is said anyway.
        """
        served = parity[parity["served"]]
        if served["passed"] or served["n"] < ENOUGH_ROWS:
            return ""
        told = self.tr(
            "Its 4-bit form gives {flips} of the {n} validation tweets another label than the trained model, more than "
            "the check allows: Details has the figures."
        ).format(flips=figures.count(served["flips"]), n=figures.count(served["n"]))
        if "adapter" in parity:
            return told
        return f"{told} {self.tr('Trained as base and adapter, less is lost.')}"

    def doubts(self, scores: dict[str, Any]) -> list[str]:
        """Return why the model should not be relied on, one sentence each; empty: nothing speaks against it."""
        found = []
        n = int(scores.get("n") or 0)
        if n and not beats_most_frequent(scores):
            code, share = most_frequent(scores)
            names = {leaf.code: leaf.name for leaf in self._codebook.leaves}
            found.append(
                self.tr(
                    "It is no better than always answering “{name}”, which would be right for {share} of the "
                    "validation tweets; the model is right for {accuracy}."
                ).format(
                    name=names.get(code, code),
                    share=figures.share(share, 1),
                    accuracy=figures.share(float(scores["accuracy"]), 1),
                )
            )
        if n < FEW_ROWS:
            found.append(
                self.tr(
                    "Only {n} tweets checked it: with fewer than {few}, its scores say little about new tweets."
                ).format(n=figures.count(n), few=figures.count(FEW_ROWS))
            )
        return found
