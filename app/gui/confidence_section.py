"""What the scores say of a model's confidence, and the threshold that the user keeps with the study."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.gui import theme
from app.gui.reliability_view import ReliabilityView
from app.gui.threshold_view import ThresholdView
from app.jobs.worker import run_in_worker
from app.study import evaluations
from app.study.confidence import Answers, Reliability
from app.study.evaluations import KeptEvaluation
from app.study.study import Study


class ConfidenceSection(QWidget):
    """The diagram, then the threshold. `keeping_failed` gives the error where the threshold could not be kept."""

    keeping_failed = Signal(object)

    def __init__(self, study: Study, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._model = ""
        self.reliability = ReliabilityView()
        self.threshold = ThresholdView({leaf.code: leaf.name for leaf in study.codebook.leaves})
        self.threshold.threshold_chosen.connect(self._keep)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.reliability)
        layout.addWidget(self.threshold)
        self.hide()

    def show_scores(self, model: str, kept: KeptEvaluation | None) -> None:
        """Show what the scores of a model say of its confidence; nothing where it has no scores."""
        self.setVisible(kept is not None)
        if kept is None:
            return
        if model != self._model:
            self.threshold.settle()
            self._model = model
        found = kept.report.get("confidence")
        self.threshold.setVisible(found is not None and bool(found["answers"]))
        if found is None:
            self.reliability.show_reliability(
                None,
                self.tr("These scores are of an earlier version, which did not measure it: evaluate again."),
            )
            return
        told = found["told"]
        self.reliability.show_reliability(Reliability.from_dict(found["reliability"]), told["calibration"])
        careful = [
            self.tr(
                "The threshold is kept with the study, and Export proposes it: the predicted label of a tweet below "
                "it is then “undecided”."
            ),
            told["thresholds"],
        ]
        if any(one["few"] for one in found["languages"].values()):
            careful.insert(0, self.tr("* too few tweets for a share that means much."))
        answers = Answers.of_rows(found["answers"])
        self.threshold.show_answers(answers, kept.undecided_below, " ".join(careful))

    def _keep(self, below: float) -> None:
        study, model = self._study, self._model
        run_in_worker(
            lambda: evaluations.keep_undecided_below(study, model, below),
            lambda _: None,
            self.keeping_failed.emit,
            self,
        )
