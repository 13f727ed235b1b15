"""Where the person at work is chosen, for the whole window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, form_parts, theme
from app.gui.language_checklist import LanguageChecklist
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.gui.tweet_view import isolated_name
from app.jobs.worker import run_in_worker
from app.study import coders, tweets
from app.study.coders import CoderAtWork
from app.study.study import Coder, Study

_WIDTH = 560
# More coders, or languages, than these are scrolled to.
_MOST_ROWS = 7


@dataclass(frozen=True)
class _Read:
    people: list[CoderAtWork]
    languages: Mapping[str, tuple[int, int]]


class SignIn(QWidget):
    """Asks who is at work: somebody of the study, or a new name; which languages they read; how they are written.

    `chosen` gives the name, `left` says that it is as before. `coder_changed` gives the name before and the name
    now of somebody whose name or languages were changed.
    """

    chosen = Signal(str)
    left = Signal()
    coder_changed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study: Study | None = None
        self._coder = ""
        self._about = ""
        self._starts = False
        self._turn = 0
        self.people: list[CoderAtWork] = []
        self._languages: Mapping[str, tuple[int, int]] = {}
        self.notice = Notice(closable=False)
        self._make_choice()
        self._make_question()
        self._make_languages()
        self._make_correction()
        self._lay_out()
        for text, key, run in (
            (self.tr("Change the languages that the coder reads"), "Alt+L", self.ask_languages),
            (self.tr("Correct the coder's name"), "Alt+N", self.ask_correction),
        ):
            action = make_action(self, text, key, run)
            action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def ask(self, study: Study, coder: str) -> None:
        """Ask who is at work; `coder` is who it was."""
        self._study, self._coder = study, coder
        self.name.clear()
        self._show_step(self.choice)
        self._read(coder)
        self.go_to_answer()

    def forget(self) -> None:
        """Let go of the study."""
        self._study = None
        self._turn += 1

    # The acts

    def start(self) -> None:
        """Go to work as who was typed or else is selected; a new name that is like another's is asked about."""
        name = coders.tidied(self.name.text())
        if self._study is None or not (name or self._selected()):
            return
        if not name:
            self.chosen.emit(self._selected())
            return
        known = [coder.name for coder in self._study.coders()]
        similar = coders.similar_name([p.name for p in self.people], name)
        if name in known:
            self.chosen.emit(name)
        elif similar:
            self._about = name
            self.same.setText(self.tr("Yes, I am {name}").format(name=similar))
            self.other.setText(self.tr("No, {name} is somebody else").format(name=name))
            self.asked.setText(
                self.tr("“{name}” is here already. Are you the same person?").format(name=similar)
            )
            self._similar = similar
            self._show_step(self.question)
        else:
            self._begin_new(name)

    def ask_languages(self) -> None:
        """Ask which languages the selected coder reads."""
        if not self.choice.isHidden() and self._selected():
            self._show_languages(self._selected(), starts=False)

    def ask_correction(self) -> None:
        """Ask how the selected coder's name is written."""
        if not self.choice.isHidden() and self._selected():
            self._about = self._selected()
            self.corrected.setText(self._about)
            self.corrected.selectAll()
            self._show_step(self.correction)

    def _begin_new(self, name: str) -> None:
        if len(self._languages) > 1:
            self._show_languages(name, starts=True)
        else:
            self.chosen.emit(name)

    def _show_languages(self, name: str, starts: bool) -> None:
        self._about, self._starts = name, starts
        reads = next((p.languages for p in self.people if p.name == name), ())
        self.languages.show_languages({code: total for code, (_, total) in self._languages.items()}, reads)
        _fit(self.languages)
        self.reads.setText(
            self.tr("Which languages do you read? You get tweets in these only. Tick none to get all.")
            if starts
            else self.tr(
                "Which languages does {name} read? They get tweets in these only. Tick none for all."
            ).format(name=name)
        )
        self.keep_languages.setText(self.tr("Start") if starts else self.tr("Keep"))
        self._show_step(self.reading)

    def _keep_languages(self) -> None:
        study, name, ticked = self._study, self._about, self.languages.ticked()
        if study is None:
            return
        if self._starts and not ticked:
            self.chosen.emit(name)
            return

        def kept(coder: Coder) -> None:
            if self._starts:
                self.chosen.emit(coder.name)
            else:
                self._changed(name, coder.name)

        self._write(lambda: coders.set_languages(study, name, ticked), kept)

    def _keep_name(self) -> None:
        study, before, name = self._study, self._about, self.corrected.text()
        if study is not None:
            self._write(
                lambda: coders.rename(study, study.coder(before), name),
                lambda coder: self._changed(before, coder.name),
            )

    def _changed(self, before: str, now: str) -> None:
        if self._coder == before:
            self._coder = now
        self._back()
        self._read(now)
        self.coder_changed.emit(before, now)

    def _write(self, write: Callable[[], Coder], then: Callable[[Coder], None]) -> None:
        self.notice.clear()
        run_in_worker(write, then, self._tell, self)

    def _back(self) -> None:
        """Go back to the choice; from there to what was shown before."""
        if self.choice.isHidden():
            self._show_step(self.choice)
            self.go_to_answer()
        else:
            self.left.emit()

    # What is shown

    def _read(self, selected: str) -> None:
        self._turn += 1
        turn, study = self._turn, self._study
        if study is not None:
            run_in_worker(
                lambda: _Read(coders.people(study), tweets.languages(study)),
                lambda found: self._show(turn, found, selected),
                self._tell,
                self,
            )

    def _show(self, turn: int, found: _Read, selected: str) -> None:
        if turn != self._turn:
            return
        self.people, self._languages = found.people, found.languages
        self.list.clear()
        for person in found.people:
            item = QListWidgetItem(self._told(person))
            item.setData(Qt.ItemDataRole.UserRole, person.name)
            item.setToolTip(item.text())
            self.list.addItem(item)
        names = [person.name for person in found.people]
        # Where nobody was at work, Enter signs nobody in. Told to be on no row, the list takes none with the focus.
        self.list.setCurrentIndex(
            self.list.model().index(names.index(selected), 0) if selected in names else QModelIndex()
        )
        _fit(self.list)
        for widget in (self.list, self.list_row):
            widget.setVisible(bool(names))
        self.new.setText(self.tr("Somebody else:") if names else self.tr("Your name:"))
        self._show_what_works()
        if self.isVisible() and not self.choice.isHidden():
            self.go_to_answer()

    def _told(self, person: CoderAtWork) -> str:
        """Return a person's name, what waits for them, and what they read."""
        if person.left:
            work = self.tr("{left} of {all} assigned left").format(
                left=figures.count(person.left), all=figures.count(person.assigned)
            )
        elif person.assigned:
            work = self.tr("all {all} assigned done").format(all=figures.count(person.assigned))
        else:
            work = self.tr("{count} labelled").format(count=figures.count(person.labels))
        reads = ", ".join(language_name(code).removesuffix(f" ({code})") for code in person.languages)
        return " · ".join(
            [
                isolated_name(person.name),
                work,
                *([self.tr("reads {languages}").format(languages=reads)] if reads else []),
            ]
        )

    def _show_step(self, step: QWidget) -> None:
        self.notice.clear()
        for one in (self.choice, self.question, self.reading, self.correction):
            one.setVisible(one is step)
        self.heading.setText(
            {
                self.choice: self.tr("Who is at work?"),
                self.question: self.tr("One person or two?"),
                self.reading: self.tr("Languages"),
                self.correction: self.tr("Correct the name"),
            }[step]
        )
        self.setFocusProxy(
            {self.choice: self.name, self.question: self.same, self.reading: self.languages,
             self.correction: self.corrected}[step]
        )  # fmt: skip
        if self.isVisible():
            self.go_to_answer()

    def go_to_answer(self) -> None:
        """Go to where one answers: the list of coders where there are some."""
        answer: QWidget | None = self.focusProxy()
        if not self.choice.isHidden() and self.list.count() and not self.name.text():
            answer = self.list
        if answer is not None:
            answer.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_what_works(self) -> None:
        typed, selected = bool(self.name.text().strip()), bool(self._selected())
        self.button.setEnabled(typed or selected)
        for button in (self.languages_button, self.correct_button):
            button.setEnabled(selected and not typed)

    def _selected(self) -> str:
        item = self.list.currentItem()
        return str(item.data(Qt.ItemDataRole.UserRole)) if item is not None else ""

    def _tell(self, error: Exception) -> None:
        self.notice.tell(Tone.ERROR, str(error))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the keys that fields and lists let pass."""
        focus = self.focusWidget()
        if event.key() == Qt.Key.Key_Escape:
            self._back()
        elif event.key() not in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            super().keyPressEvent(event)
        elif isinstance(focus, QPushButton):
            focus.click()
        elif not self.choice.isHidden():
            self.start()
        elif not self.reading.isHidden():
            self._keep_languages()
        elif not self.correction.isHidden():
            self._keep_name()

    # How it is made

    def _make_choice(self) -> None:
        text = form_parts.words(
            self.tr(
                "Your name stands beside your labels and decisions. There is no password: whoever has the "
                "study's file can read all of it, and sign in under any name."
            )
        )
        text.setProperty("role", "muted")
        self.list = QListWidget()
        self.list.setAccessibleName(self.tr("Coders of this study"))
        self.list.setToolTip(
            self.tr("Enter or double-click starts; Alt+L languages, Alt+N corrects the name")
        )
        self.list.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.currentRowChanged.connect(lambda _: self._show_what_works())
        self.list.itemDoubleClicked.connect(lambda _: self.start())
        self.new = QLabel()
        self.name = form_parts.field(self.tr("Your name"), self.tr("Name or initials"))
        self.name.setToolTip(self.tr("A name that is not in the list yet (Enter starts, Esc goes back)"))
        self.name.textChanged.connect(lambda _: self._show_what_works())
        self.button = form_parts.button(
            self.tr("Start"), self.tr("Go to work (Enter)"), self.start, primary=True
        )
        self.languages_button = form_parts.button(
            self.tr("Languages …"), self.tr("Which languages this coder reads (Alt+L)"), self.ask_languages
        )
        self.correct_button = form_parts.button(
            self.tr("Correct the name …"),
            self.tr("How this coder's name is written (Alt+N)"),
            self.ask_correction,
        )
        self.list_row = QWidget()
        of_list = form_parts.row(self.languages_button, self.correct_button)
        of_list.addStretch(1)
        of_list.setContentsMargins(0, 0, 0, 0)
        self.list_row.setLayout(of_list)
        new = form_parts.row(self.new, self.name, self.button)
        new.setStretch(1, 1)
        self.choice = form_parts.group(text, self.list, self.list_row, new)

    def _make_question(self) -> None:
        self._similar = ""
        self.asked: QLabel = form_parts.words("")
        self.same: QPushButton = form_parts.button(
            "", self.tr("Labels go on under the name that is here (Enter)"), lambda: self.chosen.emit(self._similar),
            primary=True,
        )  # fmt: skip
        self.other: QPushButton = form_parts.button(
            "", self.tr("Labels of two people are kept apart"), lambda: self._begin_new(self._about)
        )
        buttons = QVBoxLayout()
        buttons.setSpacing(theme.SMALL)
        buttons.addWidget(self.same)
        buttons.addWidget(self.other)
        self.question: QWidget = form_parts.group(self.asked, buttons)

    def _make_languages(self) -> None:
        self.reads = form_parts.words("")
        self.languages = LanguageChecklist()
        self.keep_languages = form_parts.button(
            self.tr("Keep"), self.tr("Keep the languages ticked (Enter)"), self._keep_languages, primary=True
        )
        row = form_parts.row(
            form_parts.button(self.tr("Back"), self.tr("Back to the names (Esc)"), self._back)
        )
        row.addStretch(1)
        row.addWidget(self.keep_languages)
        self.reading = form_parts.group(self.reads, self.languages, row)

    def _make_correction(self) -> None:
        text = form_parts.words(
            self.tr(
                "All labels stay this person's. Where copies of the study come together, the name corrected last is "
                "used everywhere."
            )
        )
        text.setProperty("role", "muted")
        self.corrected = form_parts.field(self.tr("The name as it should be"), "")
        self.corrected.setToolTip(self.tr("The name as it should be (Enter keeps it, Esc goes back)"))
        row = form_parts.row(
            form_parts.button(self.tr("Back"), self.tr("Back to the names (Esc)"), self._back)
        )
        row.addStretch(1)
        row.addWidget(
            form_parts.button(
                self.tr("Keep"), self.tr("Keep the name (Enter)"), self._keep_name, primary=True
            )
        )
        self.correction = form_parts.group(text, self.corrected, row)

    def _lay_out(self) -> None:
        card = QFrame()
        card.setProperty("role", "card")
        card.setMaximumWidth(_WIDTH)
        self.heading = QLabel()
        self.heading.setProperty("role", "heading")
        layout = QVBoxLayout(card)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.MEDIUM)
        layout.addWidget(self.heading)
        layout.addWidget(self.notice)
        for step in (self.choice, self.question, self.reading, self.correction):
            layout.addWidget(step)
        middle = QHBoxLayout()
        middle.addStretch(1)
        middle.addWidget(card, 100)
        middle.addStretch(1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        outer.addStretch(2)
        outer.addLayout(middle)
        outer.addStretch(3)
        self._show_step(self.choice)


def _fit(rows: QListWidget) -> None:
    height = sum(rows.sizeHintForRow(row) for row in range(min(rows.count(), _MOST_ROWS)))
    rows.setFixedHeight(height + 2 * rows.frameWidth() + theme.TIGHT)
