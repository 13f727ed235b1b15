"""Writing a run folder for another machine: where to, wait, and be told what to do with it."""

from pathlib import Path

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, theme
from app.gui.notice import Tone
from app.gui.train_form import TrainingWish
from app.gui.work_dialog import Progress, Stop, WorkDialog
from app.study import run_export
from app.study.base_models import Base
from app.study.study import Study


class RunExportDialog(WorkDialog):
    """The folder and whether the base model goes along; then the writing; then the next steps.

    `exported` tells that the folder is written.
    """

    exported = Signal()

    def __init__(
        self,
        study: Study,
        wish: TrainingWish,
        model: str,
        base: Base | None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(
            self.tr("Train on another machine"),
            self.tr(
                "“{model}” is trained on a machine with a graphics card, in minutes instead of hours. "
                "Write a folder here, take it there, start it with one command, and bring it back. "
                "That machine needs Python, not StanceDesk."
            ).format(model=model),
            self.tr("Stop the writing, or close (Esc)"),
            parent,
        )
        self._study, self._wish = study, wish
        self.report: run_export.ExportedRun | None = None
        self.bar.hide()
        self.close_button.setText(self.tr("&Close"))
        self.folder = QLineEdit(str(_proposed(study, model)))
        self.folder.setAccessibleName(self.tr("Folder to write"))
        self.folder.setToolTip(self.tr("A new or an empty folder (Alt+F)"))
        self.folder.textChanged.connect(self._show_state)
        self.choose = QPushButton(self.tr("C&hoose …"))
        self.choose.setToolTip(self.tr("Choose where the folder shall be (Alt+H)"))
        self.choose.clicked.connect(self._choose)
        size = f" ({figures.size(base.size)})" if base is not None else ""
        self.with_base = QCheckBox(self.tr("Put the &base model in{size}").format(size=size))
        self.with_base.setChecked(True)
        self.with_base.setToolTip(
            self.tr("Unchecked, the other machine must have the same file: README.txt tells which (Alt+B)")
        )
        self.privacy = QLabel(
            self.tr(
                "The folder holds the labelled tweets. Take it only where these may be seen, and delete it there "
                "afterwards."
            )
        )
        self.privacy.setWordWrap(True)
        self.privacy.setProperty("role", "muted")
        self.choices = self._lay_out_choices()
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.insertWidget(1, self.choices)
        layout.insertStretch(layout.count() - 1, 1)
        self.write = QPushButton(self.tr("&Write the folder"))
        self.write.setProperty("primary", True)
        self.write.setDefault(True)
        self.write.setToolTip(self.tr("Write the run folder (Enter)"))
        self.write.clicked.connect(self.start)
        self.open_folder = QPushButton(self.tr("Open &folder"))
        self.open_folder.setToolTip(self.tr("Show what was written (Alt+F)"))
        self.open_folder.clicked.connect(
            lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(self.folder.text().strip()))
        )
        self.buttons.insertWidget(1, self.write)
        self.buttons.insertWidget(2, self.open_folder)
        self.open_folder.hide()
        self.folder.setFocus()
        self._show_state()

    def _lay_out_choices(self) -> QWidget:
        label = QLabel(self.tr("&Folder to write"))
        label.setBuddy(self.folder)
        row = QHBoxLayout()
        row.setSpacing(theme.MEDIUM)
        row.addWidget(self.folder, 1)
        row.addWidget(self.choose)
        choices = QWidget()
        layout = QVBoxLayout(choices)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(label)
        layout.addLayout(row)
        layout.addWidget(self.with_base)
        layout.addWidget(self.privacy)
        return choices

    def start(self) -> None:
        """Write the folder."""
        self.notice.clear()
        self.choices.setEnabled(False)
        self.write.hide()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.close_button.setText(self.tr("&Stop"))
        study, wish, with_base = self._study, self._wish, self.with_base.isChecked()
        target = Path(self.folder.text().strip()).expanduser()

        def work(progress: Progress, stop: Stop) -> run_export.ExportedRun | None:
            return run_export.export_run(
                study, wish.base, wish.languages, wish.name, wish.settings, target,
                with_base=with_base, progress=progress, stop=stop,
            )  # fmt: skip

        self.begin(work)

    def finish(self, report: run_export.ExportedRun | None) -> None:
        """Tell where it is and what to do with it."""
        self.report = report
        if report is None:
            self._offer_again()
            self.doing.setText(self.tr("Stopped. Nothing was written."))
            return
        self.choices.hide()
        self.doing.setText(
            self.tr("Written: {folder} ({size})").format(folder=report.folder, size=figures.size(report.size))
        )
        self.notice.tell(
            Tone.GOOD,
            self.tr("Copy the folder to the other machine and follow README.txt there."),
            self.tr(
                "When it is trained, copy it back and choose “Bring a trained run back …”. Until then it stands "
                "among the earlier runs as “elsewhere”."
            ),
        )
        self.open_folder.show()
        self.adjustSize()
        self.exported.emit()

    def nothing_done(self) -> str:
        """Return what is so after a failure."""
        self._offer_again()
        return self.tr("Nothing was written.")

    def _offer_again(self) -> None:
        self.choices.setEnabled(True)
        self.write.show()

    def _choose(self) -> None:
        place = Path(self.folder.text().strip()).expanduser()
        chosen = QFileDialog.getExistingDirectory(
            self, self.tr("Where shall the folder be?"), str(place.parent)
        )
        if chosen:
            self.folder.setText(str(_free(Path(chosen), place.name)))

    def _show_state(self) -> None:
        self.write.setEnabled(bool(self.folder.text().strip()))


def _proposed(study: Study, model: str) -> Path:
    return _free(study.path.resolve().parent, f"{model}-run")


def _free(parent: Path, name: str) -> Path:
    """Return a folder that is not there yet, with a number where the name is taken."""
    path, number = parent / name, 2
    while path.exists():
        path, number = parent / f"{name}-{number}", number + 1
    return path
