"""Dividing tweets among coders: what each would get is shown before it is kept."""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QGridLayout,
    QLabel,
    QMenu,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from app.errors import UserError
from app.gui import figures, form_parts, theme
from app.gui.assignment_list import AssignmentList
from app.gui.coder_matrix import CoderMatrix
from app.gui.language_names import language_name
from app.gui.notice import Notice, Tone
from app.gui.page import make_action
from app.jobs.worker import run_in_worker
from app.study import assigning, coders, tweets
from app.study.assigning import Assigned, Spec
from app.study.drawing import EVERYONE, Draw
from app.study.study import Coder, Study
from app.study.tweets import TweetFilter

_WIDTH, _HEIGHT = 880, 700
_PAUSE_MILLISECONDS = 200
_UNLABELLED, _SHOWN, _NONE = "unlabelled", "shown", "none"
_MOST = 100_000_000
# A usual first batch, and in a study of millions drawn in seconds.
_FIRST_TWEETS = 300


class AssignmentDialog(QDialog):
    """The form, the preview under it, and the assignments that there are.

    `filter` is what the Tweets page shows. `changed` tells of an act, `copy_wanted` gives the name of a coder who
    is to get a copy of the study.
    """

    changed = Signal()
    copy_wanted = Signal(str)

    def __init__(self, study: Study, filter: TweetFilter, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._study, self._filter = study, filter
        self._turn = 0
        self._is_drawing = False
        self._wanted = _FIRST_TWEETS
        self._shown: tuple[Spec, Draw] | None = None
        self.setWindowTitle(self.tr("Assign tweets"))
        self.notice = Notice(closable=False)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MILLISECONDS)
        self._pause.timeout.connect(self._preview)
        self._make_form()
        self._lay_out()
        make_action(self, self.tr("Assign"), "Ctrl+Return", self.assign)
        self._read(first=True)

    # The acts

    def assign(self) -> None:
        """Keep what the preview shows."""
        if self._shown is None or not self.assign_button.isEnabled():
            return
        (spec, drawn), study, name = self._shown, self._study, self.name.text()
        self._turn += 1
        self.assign_button.setEnabled(False)

        def keep() -> Assigned:
            known = {coder.name: coder.languages for coder in study.coders()}
            for coder in spec.coders:
                if known.get(coder.name, ()) != coder.languages:
                    coders.set_languages(study, coder.name, coder.languages)
            return assigning.assign(study, spec, drawn, name)

        run_in_worker(keep, self._kept, self._tell, self)

    def _kept(self, made: Assigned) -> None:
        self.name.clear()
        self.seed.setValue(assigning.new_seed())
        self._read()
        self.changed.emit()
        self.notice.tell(
            Tone.GOOD,
            self.tr("“{name}” is assigned: the coders find it on the Label page.").format(name=made.name),
        )

    def _remove(self, assignment: str) -> None:
        study = self._study

        def done(_: object) -> None:
            self._read()
            self.changed.emit()

        run_in_worker(lambda: assigning.remove(study, assignment), done, self._tell, self)

    def _add_coder(self) -> None:
        name = coders.tidied(self.new_coder.text())
        if not name:
            return
        similar = coders.similar_name(self.matrix.names(), name)
        if similar or name in self.matrix.names():
            self.notice.tell(
                Tone.WARNING,
                self.tr("“{name}” is in the table already.").format(name=similar or name),
                self.tr("Two people need names that differ by more than case, spaces or accents."),
            )
            return
        self.notice.clear()
        self.new_coder.clear()
        self.matrix.add(Coder("", name))

    # What is shown

    def _read(self, first: bool = False) -> None:
        study = self._study
        run_in_worker(
            lambda: (
                coders.people(study),
                tweets.languages(study),
                assigning.assignments(study),
            ),
            lambda found: self._show(*found, first=first),
            self._tell,
            self,
        )

    def _show(
        self,
        people: list[coders.CoderAtWork],
        languages: dict[str, tuple[int, int]],
        found: list[Assigned],
        first: bool,
    ) -> None:
        if first:
            self.matrix.show_coders([Coder(p.id, p.name, p.languages) for p in people], list(languages))
        self.assignments.show_assignments(found)
        self.none.setVisible(not found)
        self._copy_menu.clear()
        for person in people:
            action = self._copy_menu.addAction(person.name)
            action.triggered.connect(lambda _=False, name=person.name: self.copy_wanted.emit(name))
        self.copy.setEnabled(bool(found) and bool(people))
        self._preview()

    def _asked(self) -> Spec:
        which = self.which.currentData()
        number = self.number.value() or None
        return Spec(
            coders=self.matrix.coders(),
            seed=self.seed.value(),
            tweets=0 if which == _NONE else number,
            double=self.double.value() / 100,
            per_tweet=self.per_tweet.value(),
            which=self._filter if which == _SHOWN else None,
            sealed=int(self.sealed.currentData()),
        )

    def _ask_soon(self) -> None:
        self._turn += 1
        self.assign_button.setEnabled(False)
        self._pause.start()

    def _preview(self) -> None:
        self._pause.stop()
        self._turn += 1
        turn, study, spec = self._turn, self._study, self._asked()
        self.assign_button.setEnabled(False)
        self.number.setEnabled(self.which.currentData() != _NONE)
        self.per_tweet.setEnabled(self.double.value() > 0)
        if self._is_drawing:
            # One draw at a time: in a large study each takes seconds. What is asked for now comes after it.
            return
        self._is_drawing = True
        self.summary.setText(self.tr("Drawing …"))

        def draw() -> tuple[int, Draw | UserError]:
            free = assigning.count_free(study, spec)
            try:
                return free, assigning.preview(study, spec)
            except UserError as error:
                return free, error

        def show(free: int, found: Draw | UserError) -> None:
            self._is_drawing = False
            if turn != self._turn:
                if not self._pause.isActive():
                    self._preview()
                return
            self._fit_number(free)
            # What is kept says no more tweets than there were.
            asked = self._asked()
            if not spec.coders:
                self._show_draw(
                    turn, asked, None, self.tr("Tick or add the coders among whom the tweets are divided.")
                )
            elif isinstance(found, UserError):
                self._show_draw(turn, asked, None, str(found))
            else:
                self._show_draw(turn, asked, found, self._in_words(found))

        def fail(error: Exception) -> None:
            self._is_drawing = False
            self.notice.tell(Tone.ERROR, str(error))

        run_in_worker(draw, lambda found: show(*found), fail, self)

    def _fit_number(self, free: int) -> None:
        """Offer no more tweets than are free; what was asked for comes again where more are."""
        self.number.blockSignals(True)
        self.number.setMaximum(free)
        self.number.setValue(min(self._wanted, free))
        self.number.blockSignals(False)
        self.number.setEnabled(free > 0 and self.which.currentData() != _NONE)

    def _want(self, number: int) -> None:
        self._wanted = number

    def _show_draw(self, turn: int, spec: Spec, drawn: Draw | None, told: str) -> None:
        if turn != self._turn:
            return
        self._shown = None if drawn is None else (spec, drawn)
        self.matrix.show_counts(drawn.counts if drawn is not None else {})
        self.summary.setText(told)
        self.assign_button.setEnabled(drawn is not None and drawn.tweets > 0)

    def _in_words(self, drawn: Draw) -> str:
        if not drawn.tweets:
            return self.tr("There is no tweet to assign: they are labelled, locked or assigned already.")
        told = [
            self.tr("{count} tweets, {several} of them coded by several.").format(
                count=figures.count(drawn.tweets), several=figures.count(drawn.several)
            )
        ]
        if drawn.sealed:
            told.append(self.tr("{count} are the sealed test set.").format(count=figures.count(drawn.sealed)))
        if drawn.unread:
            told.append(self.tr("⚠ Nobody reads {languages}.").format(languages=_listed(drawn.unread)))
        if drawn.single:
            told.append(
                self.tr("⚠ Too few read {languages} to code them by several.").format(
                    languages=_listed(drawn.single)
                )
            )
        return " ".join(told)

    def _tell(self, error: Exception) -> None:
        self.notice.tell(Tone.ERROR, str(error))
        self._preview()

    # How it is made

    def _make_form(self) -> None:
        self.which = self._choice(
            self.tr("Which tweets"),
            (self.tr("Those that nobody has labelled"), _UNLABELLED),
            *(
                []
                if self._filter == TweetFilter()
                else [(self.tr("Those that the Tweets page shows"), _SHOWN)]
            ),
            (self.tr("Only the sealed test set"), _NONE),
        )
        self.sealed = self._choice(
            self.tr("Sealed test set"),
            (self.tr("Left out"), 0),
            (self.tr("All of it, each tweet by one coder"), 1),
            (self.tr("All of it, each tweet by two coders"), 2),
            (self.tr("All of it, each tweet by every coder"), EVERYONE),
        )
        self.which.currentIndexChanged.connect(lambda _: self._sealed_follows())
        self.number = self._number(self.tr("How many tweets"), 0, _MOST, _FIRST_TWEETS)
        self.number.valueChanged.connect(self._want)
        self.number.setSpecialValueText(self.tr("all"))
        self.number.setSingleStep(50)
        self.double = self._number(self.tr("Share coded by several"), 0, 100, 20)
        self.double.setSuffix(" %")
        self.double.setSingleStep(5)
        self.per_tweet = self._number(self.tr("Coders for each of these"), 2, 20, 2)
        self.seed = self._number(self.tr("Seed"), 0, 999_999_999, assigning.new_seed())
        self.seed.setToolTip(
            self.tr("The same seed draws the same tweets for the same coders; say it in the paper")
        )
        self.matrix = CoderMatrix()
        self.matrix.changed.connect(self._ask_soon)
        self.new_coder = form_parts.field(self.tr("Name of another coder"), self.tr("Name of another coder"))
        self.new_coder.setToolTip(self.tr("Somebody who has not signed in yet (Enter adds the name)"))
        self.new_coder.returnPressed.connect(self._add_coder)
        self.add_button = form_parts.button(
            self.tr("Add"), self.tr("Add the name to the table (Enter in the field)"), self._add_coder
        )
        self.summary = form_parts.words("")
        self.name = form_parts.field(self.tr("Name of the assignment"), self.tr("Name, such as “pilot”"))
        self.name.setToolTip(self.tr("A name to find the assignment by; without one it gets a number"))
        self.assign_button = form_parts.button(
            self.tr("Assign"),
            self.tr("Give the tweets to the coders (Ctrl+Enter)"),
            self.assign,
            primary=True,
        )
        self.assign_button.setEnabled(False)
        self.assignments = AssignmentList()
        self.assignments.remove_wanted.connect(self._remove)
        self.none = form_parts.words(self.tr("Nothing is assigned yet."))
        self.none.setProperty("role", "muted")
        self.copy = form_parts.button(
            self.tr("Save a copy for …"),
            self.tr("Save a copy of the study for a coder to work in"),
            lambda: None,
        )
        self.close_button = form_parts.button(
            self.tr("Close"), self.tr("What is assigned stays (Esc)"), self.reject
        )
        self._copy_menu = QMenu(self)
        self.copy.setMenu(self._copy_menu)

    def _sealed_follows(self) -> None:
        """Nothing but the sealed set, and without it, would be nothing."""
        if self.which.currentData() == _NONE and not self.sealed.currentData():
            self.sealed.setCurrentIndex(self.sealed.findData(EVERYONE))

    def _choice(self, name: str, *entries: tuple[str, object]) -> QComboBox:
        choice = QComboBox()
        for text, data in entries:
            choice.addItem(text, data)
        choice.setAccessibleName(name)
        choice.setToolTip(self.tr("{name} (arrow keys choose)").format(name=name))
        choice.currentIndexChanged.connect(lambda _: self._ask_soon())
        return choice

    def _number(self, name: str, least: int, most: int, value: int) -> QSpinBox:
        number = form_parts.number_box(name, least, most, value)
        number.setToolTip(self.tr("{name} (arrow keys change it)").format(name=name))
        number.valueChanged.connect(lambda _: self._ask_soon())
        return number

    def _lay_out(self) -> None:
        form = QGridLayout()
        form.setHorizontalSpacing(theme.MEDIUM)
        form.setVerticalSpacing(theme.TIGHT)
        for row, fields in enumerate(
            ((self.which, self.number, self.seed), (self.sealed, self.double, self.per_tweet))
        ):
            for column, field in enumerate(fields):
                label = QLabel(field.accessibleName())
                label.setProperty("role", "muted")
                label.setBuddy(field)
                form.addWidget(label, 2 * row, column)
                form.addWidget(field, 2 * row + 1, column)
        form.setColumnStretch(0, 2)
        form.setColumnStretch(1, 1)
        form.setColumnStretch(2, 1)
        adding = form_parts.row(self.new_coder, self.add_button)
        adding.addStretch(2)
        adding.setStretch(0, 1)
        keeping = form_parts.row(self.name, self.assign_button)
        keeping.setStretch(0, 1)
        heading = QLabel(self.tr("Assigned so far"))
        heading.setProperty("role", "heading")
        below = form_parts.row(heading)
        below.addStretch(1)
        below.addWidget(self.copy)
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(theme.WIDE, theme.LARGE, theme.WIDE, 0)
        layout.setSpacing(theme.SMALL)
        layout.addWidget(self.notice)
        layout.addLayout(form)
        layout.addSpacing(theme.TIGHT)
        layout.addWidget(self.matrix)
        layout.addLayout(adding)
        layout.addWidget(self.summary)
        layout.addLayout(keeping)
        layout.addSpacing(theme.SMALL)
        layout.addLayout(below)
        layout.addWidget(self.none)
        layout.addWidget(self.assignments, 1)
        # On a low screen the form is scrolled; its closing button stays in sight.
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setWidget(inside)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        closing = form_parts.closing(self.close_button)
        closing.setContentsMargins(theme.WIDE, theme.MEDIUM, theme.WIDE, theme.LARGE)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(scroll, 1)
        outer.addLayout(closing)
        self.setTabOrder(self.number, self.seed)
        self.which.setFocus(Qt.FocusReason.OtherFocusReason)
        form_parts.open_at(self, _WIDTH, _HEIGHT)


def _listed(languages: dict[str, int]) -> str:
    return ", ".join(f"{language_name(code)} {figures.count(count)}" for code, count in languages.items())
