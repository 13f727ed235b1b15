"""The base models on the page of the models: which there are, which fit, how to get the others."""

from pathlib import Path

import psutil
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, theme
from app.gui.base_details import BaseDetails
from app.gui.job_ending import tell_ending
from app.gui.job_panel import JobPanel
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.jobs.outcome import JobOutcome
from app.jobs.worker import run_in_worker
from app.study import base_models, hub_token
from app.study.base_models import Base, fit
from app.study.study import Study

KIND = "base"
LIST_WIDTH = 228


class BasesView(QWidget):
    """A list of base models, and the one that is chosen. `train_wanted` gives the base to train on.

    `changed` tells that a base came or went.
    """

    train_wanted = Signal(str)
    changed = Signal()

    def __init__(self, study: Study, jobs: JobList, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study = study
        self._jobs = jobs
        self._bases: list[Base] = []
        self._wanted = ""
        self._memory = int(psutil.virtual_memory().total)
        self.notice = Notice()
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Base models"))
        self.list.setFixedWidth(LIST_WIDTH)
        self.list.setSpacing(theme.TIGHT)
        self.list.setToolTip(self.tr("Choose a base to see what it is (arrow keys)"))
        self.list.currentRowChanged.connect(self._show_details)
        self.panel = JobPanel()
        self.details = BaseDetails()
        self.details.card.download_wanted.connect(self.start_download)
        menu = QMenu(self)
        for text, key, run, tip in (
            (self.tr("A &GGUF file …"), "Ctrl+Shift+G", self.ask_file, self.tr("Add a GGUF file as a base")),
            (
                self.tr("A &Hugging Face folder …"),
                "Ctrl+Shift+H",
                self.ask_folder,
                self.tr("Make a base of a Hugging Face folder"),
            ),
        ):
            menu.addAction(make_action(self, text, key, run, tip=tip))
        menu.setToolTipsVisible(True)
        self.add = QPushButton(self.tr("&Add a base"))
        self.add.setMenu(menu)
        self.add.setToolTip(self.tr("Add a model of the LLaMA or Gemma 3 family from this machine (Alt+A)"))
        self.train = QPushButton(self.tr("&Train on it"))
        self.train.setProperty("primary", True)
        self.train.setToolTip(self.tr("Go to Train with this base chosen (Alt+T)"))
        self.train.clicked.connect(lambda: self.train_wanted.emit(self.chosen_name()))
        self.remove = QPushButton(self.tr("&Remove …"))
        action = make_action(self, self.tr("Remove the base …"), "Ctrl+Del", self.ask_remove)
        self.remove.setToolTip(action.toolTip())
        self.remove.clicked.connect(self.ask_remove)
        self._lay_out()
        jobs.added.connect(self._follow)
        jobs.ended.connect(self._end)
        running = jobs.running_of(KIND)
        if running is not None:
            self._follow(running)
        self.refresh()

    def _lay_out(self) -> None:
        left = QVBoxLayout()
        left.addWidget(self.list, 1)
        left.addWidget(self.add)
        buttons = QHBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self.train)
        buttons.addWidget(self.remove)
        buttons.addStretch(1)
        right = QVBoxLayout()
        right.setSpacing(theme.LARGE)
        right.addLayout(buttons)
        right.addWidget(self.details, 1)
        columns = QHBoxLayout()
        columns.setSpacing(theme.WIDE)
        columns.addLayout(left)
        columns.addLayout(right, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.notice)
        layout.addWidget(self.panel)
        layout.addLayout(columns, 1)
        self.panel.hide()

    # What there is

    def refresh(self) -> None:
        """Read the base models anew."""
        run_in_worker(base_models.list_bases, self._take, self._tell_error, self)

    def chosen(self) -> Base | None:
        """Return the base that is selected."""
        row = self.list.currentRow()
        return self._bases[row] if 0 <= row < len(self._bases) else None

    def chosen_name(self) -> str:
        """Return its name, "" for none."""
        base = self.chosen()
        return base.name if base is not None else ""

    def choose(self, name: str) -> None:
        """Select a base by name, now or as soon as they were read."""
        self._wanted = name
        names = [base.name for base in self._bases]
        if name in names:
            self.list.setCurrentRow(names.index(name))
            self._wanted = ""

    def _take(self, bases: list[Base]) -> None:
        before = self._wanted or self.chosen_name()
        self._bases = bases
        self.list.blockSignals(True)
        self.list.clear()
        for base in bases:
            item = QListWidgetItem(f"{base.title}\n{self._state_of(base)}")
            item.setToolTip(base.missing or base.note)
            self.list.addItem(item)
        self.list.blockSignals(False)
        names = [base.name for base in bases]
        self._wanted = self._wanted if self._wanted not in names else ""
        self.list.setCurrentRow(names.index(before) if before in names else 0)
        self._show_details()

    def _state_of(self, base: Base) -> str:
        fits = {
            "trains": self.tr("fits"),
            "runs": self.tr("too large to train here"),
            "too large": self.tr("too large"),
        }[fit(base, self._memory)]
        if base.available:
            return f"{self.tr('ready')} · {fits}"
        if base.downloaded:
            return f"{self.tr('partly downloaded')} · {fits}"
        if base.source == "hub":
            return f"{self.tr('{size} to download').format(size=figures.size(base.download_size))} · {fits}"
        return self.tr("not installed") if base.source == "package" else self.tr("its file is gone")

    def _show_details(self) -> None:
        base = self.chosen()
        if base is None:
            return
        job = self._jobs.running_of(KIND)
        coming = job is not None and base.name in job.record.words
        self.train.setEnabled(base.available)
        removable = base.source == "own" or (base.source == "hub" and (base.available or base.downloaded > 0))
        self.remove.setEnabled(removable and not coming)
        self.details.show_base(base, self._memory, coming=coming)

    # What can be done

    def start_download(self) -> None:
        """Download the chosen base; the licence was agreed to."""
        base = self.chosen()
        if base is None or self._busy():
            return
        words = ["models", "download", base.name, "--accept-licence"]
        card = self.details.card
        handed: Path | None = None
        try:
            if card.token():
                handed = hub_token.hand_over(card.token())
                words += [f"--token-file={handed}", "--delete-token-file"]
                words += ["--keep-token"] if card.keep_token.isChecked() else []
            self._start(self.tr("Downloading {base}").format(base=base.title), words)
        except UserError as error:
            self._tell_error(error)
        except OSError as error:
            if handed is not None:
                handed.unlink(missing_ok=True)
            self.notice.tell(Tone.ERROR, str(error))
        else:
            card.token_field.clear()

    def ask_file(self) -> None:
        """Ask for a GGUF file and add it."""
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Add a GGUF file as a base"), "", self.tr("GGUF models (*.gguf)")
        )
        if chosen:
            self.add_base(Path(chosen))

    def ask_folder(self) -> None:
        """Ask for a Hugging Face folder and make a base of it."""
        chosen = QFileDialog.getExistingDirectory(
            self, self.tr("Make a base of a folder with config.json, safetensors and tokenizer")
        )
        if chosen:
            self.add_base(Path(chosen))

    def add_base(self, source: Path) -> None:
        """Add a file or a folder as a base: a job, as hashing takes seconds and converting minutes."""
        if self._busy():
            return
        try:
            title = self.tr("Adding {name}").format(name=source.name)
            self._start(title, ["models", "add", str(source.resolve())])
        except OSError as error:
            self.notice.tell(Tone.ERROR, str(error))

    def _busy(self) -> bool:
        running = self._jobs.running_of(KIND)
        if running is not None:
            self.notice.tell(
                Tone.INFO,
                self.tr("One base at a time: {title} is under way.").format(title=running.title),
                self.tr("Wait for it, or stop it."),
            )
        return running is not None

    def _start(self, title: str, words: list[str]) -> None:
        self._jobs.start(KIND, title, words, Path(self._study.path).resolve())

    def _follow(self, job: Job) -> None:
        if job.kind != KIND:
            return
        self.notice.clear()
        self.panel.follow(job)
        self.panel.show()
        coming = next((base.name for base in self._bases if base.name in job.record.words), "")
        if coming:
            self.choose(coming)
        self._show_details()

    def _end(self, job: Job, outcome: JobOutcome) -> None:
        if job.kind != KIND:
            return
        self.panel.leave()
        self.panel.hide()
        tell_ending(
            self.notice,
            job.title,
            outcome,
            self.tr("What came in is kept; the next download goes on from there.")
            if "download" in job.record.words
            else self.tr("Nothing was added."),
        )
        if outcome.is_finished:
            name = str(outcome.results.get("added") or "")
            if outcome.results.get("kind") == "model":
                told = self.tr("“{name}” was trained already: it stands among your models.")
            else:
                self._wanted = name
                told = self.tr("The base “{name}” is ready to be trained on.")
            self.notice.tell(Tone.GOOD, told.format(name=name))
        self.refresh()
        self.changed.emit()

    def ask_remove(self) -> None:
        """Ask whether the chosen base, or what came of its download, is to go."""
        base = self.chosen()
        if base is None or not self.remove.isEnabled():
            return
        box = QMessageBox(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle(self.tr("Remove a base"))
        box.setText(self.tr("Remove “{name}”?").format(name=base.title))
        box.setInformativeText(
            self.tr("It can be downloaded again. Models that were trained on it stay as they are.")
            if base.source == "hub"
            else self.tr("It leaves this list. The file or folder that it came from stays where it is.")
        )
        remove = box.addButton(self.tr("&Remove"), QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(self.tr("&Keep"), QMessageBox.ButtonRole.RejectRole))
        name = base.name
        remove.clicked.connect(lambda: self.remove_base(name))
        box.open()

    def remove_base(self, name: str) -> None:
        """Delete a base, or what came of its download."""

        def done(_: None) -> None:
            self.notice.tell(Tone.INFO, self.tr("“{name}” was removed.").format(name=name))
            self.refresh()
            self.changed.emit()

        run_in_worker(lambda: base_models.remove_base(name), done, self._tell_error, self)

    def _tell_error(self, error: Exception) -> None:
        if isinstance(error, OSError):
            error = UserError(self.tr("The system refused: {why}.").format(why=error.strerror or error))
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
