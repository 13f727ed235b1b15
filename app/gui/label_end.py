"""What the label page shows while there is no tweet to label: why, and what to do next."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QPushButton, QWidget

from app.gui import figures
from app.gui.empty_state import EmptyState
from app.study.progress import Progress

_ALL_LANGUAGES, _IMPORT, _BEYOND, _QUEUE, _CODER = "all languages", "import", "beyond", "queue", "coder"
_OTHERS = "others"


class LabelEnd(EmptyState):
    """No tweets yet, none left in the chosen queue, all labelled that were assigned, all in one language, or all.

    `others_wanted` asks for the tweets that others labelled and this coder did not.
    """

    import_wanted = Signal()
    page_wanted = Signal(str)
    all_languages_wanted = Signal()
    queue_wanted = Signal()
    beyond_assigned_wanted = Signal()
    coder_wanted = Signal()
    others_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", "", parent=parent)
        self._wanted = ""
        self.clicked.connect(self._go_on)
        self.others = QPushButton(self.tr("&Label what others labelled"))
        self.others.setToolTip(
            self.tr("Label the tweets that only others labelled, without seeing their labels (Alt+L)")
        )
        self.others.clicked.connect(self.others_wanted)
        self.others.hide()
        self.add_button(self.others)

    def show_reason(self, progress: Progress, language: str, beyond_assigned: bool = False) -> None:
        """Say why there is nothing to label, in a language ("": all that the coder reads), and what is left."""
        assigned = 0 if beyond_assigned else progress.assigned
        left = self._left(progress, language)
        self.others.hide()
        if not progress.total and not language and progress.unread_left:
            self._show(
                left,
                self.tr("Say which languages you read"),
                self.tr("Choose who is at work, and the languages (Ctrl+Shift+P)"),
                _CODER,
            )
        elif not progress.total and not language:
            self._show(
                self.tr("There are no tweets to label yet. Import tweets to begin."),
                self.tr("Import tweets"),
                self.tr("Choose a table of tweets (Ctrl+I)"),
                _IMPORT,
            )
        elif assigned:
            self._show(
                self.tr(
                    "All {count} tweets assigned to you are labelled. Well done; others are there if you want to go on."
                ).format(count=figures.count(assigned)),
                self.tr("Go on with other tweets"),
                self.tr("Label tweets that were assigned to nobody in particular, in random order"),
                _BEYOND,
            )
        elif language:
            done = (
                self.tr("All tweets in this language that can be labelled are.")
                if left
                else self.tr("All tweets in this language are labelled.")
            )
            self._show(
                _joined(done, left, self.tr("Go on with the other languages.")),
                self.tr("Show all languages"),
                self.tr("Label tweets in all languages"),
                _ALL_LANGUAGES,
            )
        elif progress.labelled and not progress.mine:
            done = self.tr("Others labelled all tweets that you can label.")
            more = self.tr(
                "Label them as well, without seeing their labels: then the study can say how far coders agree."
            )
            self._show(
                _joined(done, left, more),
                self.tr("&Label as a second coder"),
                self.tr("Bring the tweets that others labelled (Alt+L)"),
                _OTHERS,
            )
        else:
            self.others.setVisible(progress.labelled > progress.mine)
            done = (
                self.tr("All tweets that you can label are labelled.")
                if left
                else self.tr("All tweets are labelled.")
            )
            train = self.tr("Train a model on them; then it can classify what you import later.")
            self._show(
                _joined(done, left, train),
                self.tr("Train a model"),
                self.tr("Go to the page that trains models"),
                "train",
            )

    def _left(self, progress: Progress, language: str) -> str:
        """Return how many tweets are left that the coder cannot label, and why; "" for none."""
        parts = []
        if progress.locked_left:
            told = self.tr("Left, but locked in a finished batch: {count}.")
            parts.append(told.format(count=figures.count(progress.locked_left)))
        if progress.unread_left and not language:
            told = self.tr("Left in languages that you do not read: {count}.")
            parts.append(told.format(count=figures.count(progress.unread_left)))
        return " ".join(parts)

    def show_empty_queue(self, reason: str) -> None:
        """Say that the chosen queue has no tweet, while others may have some."""
        self.others.hide()
        self._show(
            reason,
            self.tr("Label in random order"),
            self.tr("Go on with all tweets that nobody has labelled"),
            _QUEUE,
        )

    def _show(self, text: str, button: str, tip: str, wanted: str) -> None:
        self.say(text)
        self.button.setText(button)
        self.button.setAccessibleName(button.replace("&", ""))
        self.button.setToolTip(tip)
        self._wanted = wanted

    def _go_on(self) -> None:
        if self._wanted == _ALL_LANGUAGES:
            self.all_languages_wanted.emit()
        elif self._wanted == _QUEUE:
            self.queue_wanted.emit()
        elif self._wanted == _OTHERS:
            self.others_wanted.emit()
        elif self._wanted == _CODER:
            self.coder_wanted.emit()
        elif self._wanted == _BEYOND:
            self.beyond_assigned_wanted.emit()
        elif self._wanted == _IMPORT:
            self.import_wanted.emit()
        else:
            self.page_wanted.emit(self._wanted)


def _joined(*sentences: str) -> str:
    return " ".join(one for one in sentences if one)
