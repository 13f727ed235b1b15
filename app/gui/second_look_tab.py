"""The labels that were given before the codebook's words on their class changed, to be given again."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QStackedWidget, QVBoxLayout, QWidget

from app.gui import figures, theme
from app.gui.case_list import CaseList
from app.gui.empty_state import EmptyState
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.review_tab import ReviewTab
from app.jobs.worker import run_in_worker
from app.study import second_look
from app.study.study import Study

# So many are put before the coder in one go; when they are labelled, the list has the others.
_AT_ONCE = 200


class SecondLookTab(ReviewTab):
    """The list of the coder at work. `label_wanted` gives the tweets to label again, in their order.

    `codebook_wanted` asks for the dialog that changes the codebook, `coder_wanted` who is at work.
    """

    label_wanted = Signal(list)
    codebook_wanted = Signal()
    coder_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._turn = 0
        self.counts: dict[str, int] = {}
        self.notice = Notice()
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.others = QLabel()
        self.others.setProperty("role", "muted")
        self.others.setWordWrap(True)
        self.button = QPushButton(self.tr("Label them again"))
        self.button.setProperty("primary", True)
        self.button.setToolTip(self.tr("Label them again, beginning with the one marked (Enter)"))
        self.button.clicked.connect(self.label_again)
        self.list = CaseList()
        self.list.setAccessibleName(self.tr("Labels that want a second look"))
        self.list.failed.connect(self._tell)
        self.list.doubleClicked.connect(lambda _: self.label_again())
        again = make_action(
            self, self.tr("Label again, beginning with the one marked"), "Return", self.label_again
        )
        again.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        self.end = EmptyState("", self.tr("Change the codebook …"))
        self.end.clicked.connect(self.codebook_wanted)
        self.sign_in = QPushButton(self.tr("Sign in"))
        self.sign_in.setToolTip(self.tr("Choose who is at work (Ctrl+Shift+P)"))
        self.sign_in.clicked.connect(self.coder_wanted)
        self.end.add_button(self.sign_in)
        self.content = QWidget()
        head = QHBoxLayout()
        head.setSpacing(theme.LARGE)
        head.addWidget(self.text, 1)
        head.addWidget(self.button, 0, Qt.AlignmentFlag.AlignTop)
        inside = QVBoxLayout(self.content)
        inside.setContentsMargins(0, 0, 0, 0)
        inside.setSpacing(theme.MEDIUM)
        inside.addLayout(head)
        inside.addWidget(self.others)
        inside.addWidget(self.list, 1)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.content)
        self.stack.addWidget(self.end)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.notice)
        layout.addWidget(self.stack, 1)
        self._show()

    @property
    def title(self) -> str:
        """The tab's name."""
        return self.tr("Second look")

    def study_opened(self, study: Study) -> None:
        """Show the coder's list."""
        super().study_opened(study)
        self._begin()

    def study_closing(self) -> None:
        """Show nothing."""
        super().study_closing()
        self._turn += 1
        self.list.show_study(None)

    def study_changed(self, what: set[str]) -> None:
        """Count again."""
        if what & {"labels", "codebook", "tweets"}:
            self._begin()

    def set_coder(self, name: str, blind: bool = True) -> None:
        """Show this coder's list: labels of the coder's own, to which nobody is blind."""
        super().set_coder(name, blind)
        self._begin()

    def label_again(self) -> None:
        """Ask the label page to show the tweets of the list, from the marked one on."""
        study, coder = self.study, self.coder
        if study is None or not self.counts.get(coder):
            return
        index = self.list.currentIndex()
        place = index.row() if index.isValid() else 0
        run_in_worker(
            lambda: [row.id for row in second_look.page(study, coder, place, _AT_ONCE)],
            self.label_wanted.emit,
            self._tell,
            self,
        )

    def _begin(self) -> None:
        self._turn += 1
        turn, study = self._turn, self.study
        if study is not None:
            run_in_worker(
                lambda: second_look.counts(study), lambda counts: self._take(turn, counts), self._tell, self
            )

    def _take(self, turn: int, counts: dict[str, int]) -> None:
        if turn != self._turn or self.study is None:
            return
        self.counts = counts
        self.number_changed.emit(counts.get(self.coder, 0))
        self.list.show_study(self.study, self.study.codebook.leaves)
        if counts.get(self.coder):
            self.list.ask(second_look.asked(self.coder))
        self._show()

    def _show(self) -> None:
        own = self.counts.get(self.coder, 0)
        others = self.tr(" · ").join(
            f"{name} {figures.count(number)}" for name, number in self.counts.items() if name != self.coder
        )
        told = (
            self.tr(
                "One of {coder}'s labels was given before the codebook's words on its class changed. Label the "
                "tweet again by the new words: the same label or another, both take it off this list."
            )
            if own == 1
            else self.tr(
                "{count} of {coder}'s labels were given before the codebook's words on their class changed. Label "
                "each tweet again by the new words: the same label or another, both take it off this list."
            )
        )
        self.text.setText(told.format(count=figures.count(own), coder=self.coder))
        self.others.setText(
            self.tr("Labels of other coders that want a second look: {others}").format(others=others)
        )
        self.others.setVisible(bool(others))
        self.sign_in.setVisible(bool(others))
        if others:
            self.end.say(
                self.tr(
                    "No label of yours wants a second look. Labels of others do: {others}. They are listed here "
                    "for their coder: sign in as one of them (Ctrl+Shift+P)."
                ).format(others=others)
            )
        else:
            self.end.say(
                self.tr(
                    "No label wants a second look. When the codebook's words on a class are changed, the labels "
                    "of that class that were given before are listed here."
                )
            )
        self.stack.setCurrentWidget(self.content if own else self.end)

    def _tell(self, error: Exception) -> None:
        self.notice.tell(Tone.ERROR, str(error))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.list.setFocus()
