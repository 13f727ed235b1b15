"""Trying a model that nobody trained: which one, with which examples, what it is asked, and what it says."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.figure_table import RoomyTable
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.tweet_view import one_line
from app.inference.model_file import ModelCard
from app.jobs.outcome import JobOutcome
from app.jobs.side_job import SideJob
from app.jobs.worker import run_in_worker
from app.study import prompting, untrained_trial
from app.study.base_models import Base, BaseFile, list_bases
from app.study.prompt_examples import MOST_EXAMPLES
from app.study.prompting import Placed, Untrained
from app.study.shelf import Shelf
from app.study.study import Study

_WIDTH, _HEIGHT = 1160, 720
_FIELD, _NUMBER = 360, 140
_PAUSE_MILLISECONDS = 200
_SEED = 1
_MOST_SEED = 999_999
_COLUMNS = 5
_TWEET = 0


class UntrainedDialog(QDialog):
    """Shows the prompt as the model sees it, and what it says of a few tweets. `chosen` gives the name on the shelf."""

    chosen = Signal(str)

    def __init__(
        self, study: Study, coder: str = "", blind: bool = True, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._study = study
        # Whom labels of others are hidden from; nobody sees all.
        self._viewer = coder if blind else ""
        self._asked = 0
        self._bases: dict[str, BaseFile] = {}
        self._untrained: Untrained | None = None
        self._card: ModelCard | None = None
        self._leaves = {leaf.code: leaf.name for leaf in study.codebook.leaves}
        self.setWindowTitle(self.tr("Try an untrained model"))
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._make_parts()
        self._lay_out()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._ask_prompt)
        self.trial = SideJob("untrained-trial", self.tr("Trying an untrained model"), self)
        self.trial.told.connect(self.doing.setText)
        self.trial.ended.connect(self._take_trial)
        self.model.currentIndexChanged.connect(lambda _: self._changed())
        self.examples.valueChanged.connect(lambda _: self._changed())
        self.seed.valueChanged.connect(lambda _: self._changed())
        self._changed()
        run_in_worker(list_bases, self._take_bases, self._tell, self)

    def choose_file(self, path: Path) -> None:
        """Offer a GGUF file of this machine, and choose it."""
        place = self.model.findData(str(path))
        if place < 0:
            self.model.addItem(path.name, str(path))
            place = self.model.count() - 1
        self.model.setCurrentIndex(place)

    def done(self, result: int) -> None:
        """Close; a trial that is under way ends unheard."""
        self.trial.close()
        super().done(result)

    # Which model, which prompt

    def _take_bases(self, bases: list[Base]) -> None:
        for base in bases:
            if base.available:
                self.model.addItem(f"{base.title}  ({figures.size(base.size)})", base.name)
        if not self.model.count():
            self.preview.setPlaceholderText(
                self.tr("No base model is here yet. Choose a GGUF file, or get a base on the page Models.")
            )

    def _ask_file(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self, self.tr("Choose a chat model"), "", self.tr("GGUF models (*.gguf)")
        )
        if chosen:
            self.choose_file(Path(chosen))

    def _changed(self) -> None:
        """Forget the prompt and the trial of other settings."""
        self._untrained = self._card = None
        self.preview.setPlainText("")
        self.seed.setEnabled(self.examples.value() > 0)
        self.trial.close()
        self.notice.clear()
        self.doing.clear()
        self.said.setText("")
        self.table.hide()
        self.nothing.show()
        self._show_buttons()
        self._pause.start()

    def _ask_prompt(self) -> None:
        self._asked += 1
        asked, study, name = self._asked, self._study, str(self.model.currentData() or "")
        examples, seed, viewer, known = self.examples.value(), self.seed.value(), self._viewer, self._bases
        if not name:
            return
        self.preview.setPlaceholderText(self.tr("Reading the model …"))

        def make() -> tuple[BaseFile, Untrained, str]:
            # Its hash takes a second a gigabyte: once is enough while the dialog is open.
            base = known.get(name) or prompting.find_base(name)
            untrained = prompting.compose(study, base, examples, seed)
            hidden = prompting.hidden_labels(study, untrained, viewer) if viewer else set()
            return base, untrained, untrained.preview(hidden)

        def take(found: tuple[BaseFile, Untrained, str]) -> None:
            self._bases[name] = found[0]
            if asked == self._asked:
                self._show_prompt(*found[1:])

        def tell(error: Exception) -> None:
            if asked == self._asked:
                self.preview.setPlaceholderText("")
                self._tell(error)

        run_in_worker(make, take, tell, self)

    def _show_prompt(self, untrained: Untrained, text: str) -> None:
        self._untrained = untrained
        self.preview.setPlainText(text)
        if len(untrained.examples) < untrained.asked:
            self.notice.tell(
                Tone.INFO,
                self.tr("Only {found} labelled tweets can be examples.").format(
                    found=len(untrained.examples)
                ),
            )
        self._show_buttons()

    # The trial

    def words(self) -> list[str]:
        """Return the command of the trial."""
        return [
            "classify",
            str(Path(self._study.path).resolve()),
            f"--untrained={self.model.currentData()}",
            f"--examples={self.examples.value()}",
            f"--seed={self.seed.value()}",
            f"--trial={untrained_trial.TWEETS}",
            *([f"--coder={self._viewer}"] if self._viewer else []),
        ]

    def try_out(self) -> None:
        """Let the model classify a few tweets, or stop that."""
        if self.trial.is_running:
            self.trial.stop()
            self.doing.setText(self.tr("Stopping …"))
            return
        self.notice.clear()
        try:
            self.trial.start(self.words())
        except OSError as error:
            self.notice.tell(Tone.ERROR, str(error))
        self.doing.setText(self.tr("Starting …"))
        self._show_buttons()

    def _take_trial(self, outcome: JobOutcome) -> None:
        self.doing.clear()
        if outcome.is_finished:
            self._show_trial(outcome.results)
        elif outcome.ending != "cancelled":
            self.notice.tell(Tone.ERROR, outcome.message, outcome.next_step, outcome.detail)
        self._show_buttons()

    def _show_trial(self, found: dict[str, Any]) -> None:
        self._card = ModelCard.from_dict(found["card"])
        tried = found["tried"]
        header = [
            self.tr("tweet"),
            self.tr("language"),
            self.tr("model says"),
            self.tr("coders say"),
            self.tr("sure"),
        ]
        self.table.show_rows(
            header,
            [
                [
                    one_line(one["text"]),
                    language_name(one["lang"]),
                    self._leaves.get(one["predicted"], one["predicted"]),
                    self._leaves.get(one["label"], one["label"]) or "–",
                    figures.share(one["confidence"], 1),
                ]
                for one in tried
            ],
        )
        self.table.horizontalHeader().setSectionResizeMode(_TWEET, QHeaderView.ResizeMode.Stretch)
        for row, one in enumerate(tried):
            item = self.table.item(row, _TWEET)
            if item is not None:
                item.setToolTip(one["text"])
        self.nothing.hide()
        self.table.show()
        labelled = [one for one in tried if one["label"]]
        right = sum(one["predicted"] == one["label"] for one in labelled)
        told = [
            self.tr("It says what the coders say on {right} of {labelled} labelled tweets.").format(
                right=right, labelled=len(labelled)
            )
            if labelled
            else self.tr("None of these tweets has a label to compare with."),
            self.tr("{rate}, on the {device}; its prompt has {tokens} tokens.").format(
                rate=figures.rate(float(found["per_second"]), self.tr("tweets")),
                device=found["device"],
                tokens=figures.count(int(self._card.data["prompt_tokens"])),
            ),
        ]
        self.said.setText(" ".join(told))

    def use(self) -> None:
        """Put the model that was tried on the shelf, and choose it."""
        untrained, card = self._untrained, self._card
        if untrained is None or card is None:
            return
        if untrained.prompt.as_dict() != card.prompt:
            self._changed()
            self.notice.tell(Tone.WARNING, self.tr("The labels changed since the trial. Try it again."))
            return
        self._card = None
        self._show_buttons()

        def place() -> Placed:
            return prompting.place(Shelf(), untrained, card)

        run_in_worker(place, self._placed, self._tell, self)

    def _placed(self, placed: Placed) -> None:
        self.chosen.emit(placed.name)
        self.accept()

    def _tell(self, error: Exception) -> None:
        if not isinstance(error, UserError):
            raise error
        self.notice.tell(Tone.ERROR, error.message, error.next_step)
        self._show_buttons()

    def _show_buttons(self) -> None:
        running = self.trial.is_running
        self.start.setText(self.tr("S&top") if running else self.start_text)
        self.start.setEnabled(running or self._untrained is not None)
        for box in (self.model, self.file, self.examples):
            box.setEnabled(not running)
        self.seed.setEnabled(not running and self.examples.value() > 0)
        self.use_button.setEnabled(self._card is not None and self._untrained is not None and not running)

    # How it is made

    def _make_parts(self) -> None:
        self.notice = Notice(closable=False)
        self.model = QComboBox()
        self.model.setAccessibleName(self.tr("Model"))
        self.model.setToolTip(self.tr("A base model that is on this machine (Alt+M)"))
        self.model.setFixedWidth(_FIELD)
        self.file = form_parts.button(
            self.tr("&Choose a GGUF …"), self.tr("Any chat model as a GGUF file (Alt+C)"), self._ask_file
        )
        self.examples = form_parts.number_box(self.tr("Examples"), 0, MOST_EXAMPLES, 0)
        self.examples.setSpecialValueText(self.tr("none"))
        self.examples.setToolTip(
            self.tr("So many labelled tweets are shown to it; none is zero-shot (Alt+E)")
        )
        self.seed = form_parts.number_box(self.tr("Seed"), 1, _MOST_SEED, _SEED)
        self.seed.setToolTip(self.tr("The same number picks the same examples (Alt+D)"))
        for box in (self.examples, self.seed):
            box.setFixedWidth(_NUMBER)
        self.preview = QPlainTextEdit()
        self.preview.setReadOnly(True)
        self.preview.setTabChangesFocus(True)
        self.preview.setAccessibleName(self.tr("The prompt as the model sees it"))
        self.preview.setToolTip(self.tr("What the model reads before each tweet, and after it (Alt+P)"))
        self.table = RoomyTable(self.tr("What the model says of a few tweets"), left=_COLUMNS)
        self.table.setToolTip(self.tr("Select rows and press Ctrl+C to copy them (Alt+W)"))
        self.nothing = form_parts.words(
            self.tr(
                "The trial shows {tweets} random tweets, up to half of them labelled, beside what the coders say. "
                "Nothing is written to the study, and sealed tweets are left out."
            ).format(tweets=untrained_trial.TWEETS)
        )
        self.nothing.setProperty("role", "muted")
        self.said = form_parts.words("")
        self.doing = QLabel()
        self.doing.setProperty("role", "muted")
        self.start_text = self.tr("&Try it on {tweets} tweets").format(tweets=untrained_trial.TWEETS)
        self.start = form_parts.button(
            self.start_text, self.tr("Classify a few random tweets, or stop that (Alt+T)"), self.try_out
        )
        self.cancel = form_parts.button(
            self.tr("Cancel"), self.tr("Use no untrained model (Esc)"), self.reject
        )
        self.use_button = form_parts.button(
            self.tr("&Use in classification"),
            self.tr("Put it on the shelf with this prompt and choose it; first try it (Alt+U)"),
            self.use,
            primary=True,
        )

    def _lay_out(self) -> None:
        about = form_parts.words(
            self.tr(
                "A model that nobody trained is asked with this study's codebook, so that you can see how far that "
                "goes before you label much. Small models are often poor at it: the same model, fine-tuned, is usually "
                "far better."
            )
        )
        form = QFormLayout()
        form.setHorizontalSpacing(theme.LARGE)
        form.setVerticalSpacing(theme.SMALL)
        for name, boxes in (
            (self.tr("&Model"), (self.model, self.file)),
            (self.tr("&Examples"), (self.examples, *self._labelled(self.tr("See&d"), self.seed))),
        ):
            label = QLabel(name)
            label.setBuddy(boxes[0])
            line = form_parts.row(*boxes)
            line.addStretch(1)
            form.addRow(label, line)
        middle = QGridLayout()
        middle.setHorizontalSpacing(theme.WIDE)
        middle.setVerticalSpacing(theme.SMALL)
        middle.addWidget(self._heading(self.tr("The &prompt as the model sees it"), self.preview), 0, 0)
        middle.addWidget(self._heading(self.tr("&What it says"), self.table), 0, 1)
        middle.addWidget(self.preview, 1, 0)
        start = form_parts.row(self.start)
        start.addWidget(self.doing, 1)
        right = form_parts.group(start, self.nothing, self.table, self.said)
        column = right.layout()
        assert isinstance(column, QVBoxLayout)
        # The table takes what room there is; before the trial there is none of it.
        column.setStretchFactor(self.table, 1)
        column.addStretch()
        middle.addWidget(right, 1, 1)
        middle.setColumnStretch(0, 2)
        middle.setColumnStretch(1, 3)
        middle.setRowStretch(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.LARGE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(about)
        layout.addLayout(form)
        layout.addWidget(self.notice)
        layout.addLayout(middle, 1)
        layout.addLayout(form_parts.closing(self.cancel, self.use_button))
        form_parts.open_at(self, _WIDTH, _HEIGHT)

    def _labelled(self, text: str, box: QWidget) -> tuple[QWidget, QWidget]:
        label = QLabel(text)
        label.setBuddy(box)
        label.setContentsMargins(theme.LARGE, 0, 0, 0)
        return label, box

    def _heading(self, text: str, of: QWidget) -> QLabel:
        label = QLabel(text)
        label.setProperty("role", "heading")
        label.setBuddy(of)
        return label
