"""Writing the study to a file: choose, wait, and be told where it is."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QFileDialog,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, form_parts, theme
from app.gui.work_dialog import WorkDialog
from app.study import evaluations, event_export, exporting, predictions
from app.study.export_file import ExportReport
from app.study.study import Study

_WIDTH = 520
# Where no threshold was chosen: more likely right than not, if the confidence can be believed.
_PROPOSED = 0.5


class ExportChoice(QDialog):
    """What the rows of the file are: tweets, or label events; and which predictions stay undecided.

    The threshold that was kept on the Results page is proposed.
    """

    def __init__(self, study: Study, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        model = predictions.latest_model(study)
        kept = evaluations.undecided_below(study, model) if model else 0.0
        self.setWindowTitle(self.tr("Export"))
        self.tweets = QRadioButton(self.tr("&Tweets"))
        self.tweets.setToolTip(self.tr("A row for each tweet (Alt+T)"))
        self.tweets.setChecked(True)
        self.label_events = QRadioButton(self.tr("&Label events"))
        self.label_events.setToolTip(self.tr("A row for each thing that a coder did (Alt+L)"))
        self.undecided = QCheckBox(self.tr("Leave unsure predictions &undecided, below"))
        self.undecided.setToolTip(
            self.tr("Write “undecided” where the model's confidence is lower than this (Alt+U)")
        )
        self.undecided.setChecked(kept > 0)
        self.below = form_parts.per_cent_box(self.tr("Undecided below this confidence, in per cent"))
        self.below.setToolTip(self.tr("Below this confidence a prediction is written as “undecided”"))
        self.below.setValue(100 * (kept or _PROPOSED))
        self.unsure = QWidget()
        self._lay_out_unsure(model, bool(model) and predictions.has_settled(study, model))
        self.unsure.setVisible(bool(model))
        for choice in (self.undecided, self.label_events):
            choice.toggled.connect(self._enable)
        self._enable()
        self.choose = form_parts.button(
            self.tr("Choose a &file …"), self.tr("Choose the file and its format (Enter)"), self.accept, True
        )
        self.choose.setDefault(True)
        self.cancel = form_parts.button(self.tr("Cancel"), self.tr("Export nothing (Esc)"), self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.SMALL)
        for choice, meaning in (
            (self.tweets, self.tr("A row for each tweet: its text, labels, gold label and predictions.")),
            (
                self.label_events,
                self.tr(
                    "A row for each time that somebody gave, changed or took back a label: who, which tweet, when, "
                    "after how many seconds, from which queue, with which note."
                ),
            ),
        ):
            choice.setAccessibleDescription(meaning)
            layout.addWidget(choice)
            layout.addWidget(_meaning(meaning))
            if choice is self.tweets:
                layout.addWidget(self.unsure)
            layout.addSpacing(theme.SMALL)
        layout.addStretch(1)
        layout.addLayout(form_parts.closing(self.cancel, self.choose))
        self.setMinimumWidth(_WIDTH)
        self.tweets.setFocus()

    def _lay_out_unsure(self, model: str, has_settled: bool) -> None:
        row = form_parts.row(self.undecided, self.below)
        row.addStretch(1)
        told = self.tr(
            "Answers of “{model}”. Its probabilities are written anyway; Results shows what a threshold costs."
        ).format(model=model)
        if has_settled:
            settled = self.tr("What a light model settled keeps its label: the column predicted_by says so.")
            told = f"{told} {settled}"
        self.said = said = form_parts.words(told)
        said.setProperty("role", "muted")
        said.setContentsMargins(theme.WIDE, 0, 0, 0)
        layout = QVBoxLayout(self.unsure)
        layout.setContentsMargins(theme.WIDE, 0, 0, 0)
        layout.setSpacing(theme.TIGHT)
        layout.addLayout(row)
        layout.addWidget(said)

    def _enable(self) -> None:
        self.unsure.setEnabled(not self.label_events.isChecked())
        self.below.setEnabled(self.undecided.isChecked() and not self.label_events.isChecked())

    def undecided_below(self) -> float:
        """Return below which confidence, 0 to 1, predictions are written as undecided; 0 for none."""
        return self.below.value() / 100 if self.below.isEnabled() and not self.unsure.isHidden() else 0.0


def _meaning(text: str) -> QLabel:
    made = form_parts.words(text)
    made.setProperty("role", "muted")
    # Under the words of the choice, not under its dot.
    made.setContentsMargins(theme.WIDE, 0, 0, 0)
    return made


def ask_for_file(study: Study, label_events: bool, parent: QWidget) -> Path | None:
    """Ask where to and in which format; None where the question was cancelled."""

    def tr(text: str) -> str:
        return parent.tr(text)

    filters = {
        tr("CSV for spreadsheets and R (*.csv)"): ".csv",
        tr("Excel (*.xlsx)"): ".xlsx",
        tr("Parquet (*.parquet)"): ".parquet",
        tr("JSON lines (*.jsonl)"): ".jsonl",
        tr("Stata (*.dta)"): ".dta",
        tr("SPSS (*.sav)"): ".sav",
    }
    proposed = f"{study.path.stem} {tr('label events')}.csv" if label_events else f"{study.path.stem}.csv"
    name, chosen = QFileDialog.getSaveFileName(
        parent, tr("Export"), str(study.path.with_name(proposed)), ";;".join(filters)
    )
    if not name:
        return None
    path = Path(name)
    if path.suffix.lower() not in filters.values():
        path = path.with_name(path.name + filters.get(chosen, ".csv"))
    return path


class ExportDialog(WorkDialog):
    """An export under way, then where it is."""

    def __init__(
        self,
        study: Study,
        target: Path,
        label_events: bool = False,
        undecided_below: float = 0.0,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            self.tr("Export"),
            self.tr("Writing {name} …").format(name=target.name),
            self.tr("Stop the export, or close when it is done (Esc)"),
            parent,
        )
        self.target = target
        self.report: ExportReport | None = None
        self.folder_button = QPushButton(self.tr("Open &folder"))
        self.folder_button.setToolTip(self.tr("Show the file's folder (Alt+F)"))
        self.folder_button.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(target.parent)))
        )
        self.buttons.insertWidget(1, self.folder_button)
        self.folder_button.hide()
        tweets = partial(exporting.export, undecided_below=undecided_below)
        write = event_export.export_events if label_events else tweets
        self.begin(lambda progress, stop: write(study, target, progress, stop))

    def finish(self, report: ExportReport) -> None:
        """Tell how many rows were written, and where."""
        self.report = report
        if report.stopped:
            self.doing.setText(self.tr("Stopped. Nothing was written."))
            return
        told = (
            self.tr("Wrote {n} label events to {path}")
            if report.what == event_export.WHAT
            else self.tr("Wrote {n} tweets to {path}")
        )
        self.doing.setText(told.format(n=figures.count(report.rows), path=report.path))
        self.folder_button.show()

    def nothing_done(self) -> str:
        """Return what is so after a failure."""
        return self.tr("Nothing was written.")
