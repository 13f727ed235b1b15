"""An open study in the window: the rail of steps, the page that is shown, the strip of running jobs."""

from collections.abc import Callable, Sequence
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QScrollArea,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from app.gui import figures, theme
from app.gui.classify_page import ClassifyPage
from app.gui.elided import ElidedButton
from app.gui.job_strip import JobStrip
from app.gui.label_page import LabelPage
from app.gui.locks_dialog import LocksDialog
from app.gui.models_page import ModelsPage
from app.gui.notice import Tone
from app.gui.page import Page, make_action
from app.gui.results_page import ResultsPage
from app.gui.review_page import ReviewPage
from app.gui.sign_in import SignIn
from app.gui.study_page import StudyPage
from app.gui.train_page import TrainPage
from app.gui.tweets_page import TweetsPage
from app.jobs.job import Job
from app.jobs.job_list import JobList
from app.jobs.outcome import JobOutcome
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study import sealing
from app.study.study import Study, StudyCounts
from app.study.tweets import TweetFilter

RAIL_WIDTH = 176
# What a job of a kind writes to the study or the shelf.
_WRITTEN = {
    "train": {"models", "runs"},
    "classify": {"predictions", "models"},
    "evaluate": {"predictions"},
    "base": {"bases"},
}
# Where a job is shown: on the page of its own name, but these.
_PAGES = {"evaluate": "results", "base": "models"}
# Test tweets that are brought to a coder in one go.
_AT_ONCE = 200
_CHECK = "✓"
_RUNNING = "●"


class StudyArea(QWidget):
    """The pages of one study, from its opening to its closing.

    `coder_chosen` gives the name of who is at work from now on, `coder_renamed` the same person's corrected name;
    `seeing_wanted` asks to end blind coding.
    """

    page_shown = Signal(object)
    import_wanted = Signal()
    tweet_selected = Signal(object)
    undo_changed = Signal()
    coder_chosen = Signal(str)
    coder_renamed = Signal(str)
    seeing_wanted = Signal()

    def __init__(
        self, study: Study, jobs: JobList, settings: Settings, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.study = study
        self.jobs = jobs
        self.coder = ""
        self.study_page = StudyPage()
        self.label_page = LabelPage(settings)
        self.label_page.settings_changed.connect(settings.save)
        self.label_page.order.remember_in(settings)
        self.label_page.coder_wanted.connect(self.ask_coder)
        self.label_page.end.others_wanted.connect(self._label_what_others_labelled)
        self.review_page = ReviewPage(settings)
        self.label_page.settings_changed.connect(self.review_page.disagreements.show_keys)
        self.review_page.coder_wanted.connect(self.ask_coder)
        self.review_page.label_wanted.connect(lambda found: self._label_again(found, self.tr("Second look")))
        # The page in which something was done last: from elsewhere, Ctrl+Z takes back what was done there.
        self.acted_last: Page = self.label_page
        # What whoever signs in next is led to.
        self._after_sign_in: Callable[[], None] | None = None
        # The pages that do not know yet that labels were changed.
        self._untold: set[str] = set()
        self.tweets_page = tweets_page = TweetsPage(settings)
        tweets_page.seeing_wanted.connect(self.seeing_wanted)
        self.study_page.label_wanted.connect(self._label_sealed)
        self.study_page.agreement_wanted.connect(self._show_agreement)
        self.review_page.agreement.view.second_coder_wanted.connect(self._label_as_second)
        tweets_page.label_wanted.connect(self.label_page.show_tweet)
        # The inspector follows the table of tweets and nothing else: it must never show another tweet.
        tweets_page.tweet_selected.connect(self.tweet_selected)
        tweets_page.review_wanted.connect(self.review_page.show_tweet)
        tweets_page.locks_wanted.connect(self.show_locks)
        tweets_page.queue_wanted.connect(self._label_search_result)
        train_page = TrainPage(study, jobs)
        train_page.label_wanted.connect(self._label_missing)
        self.results_page = ResultsPage(study, jobs)
        self.models_page = models_page = ModelsPage(study, jobs)
        self.classify_page = classify_page = ClassifyPage(study, jobs, settings=settings)
        models_page.tweets_wanted.connect(self._label_again)
        models_page.undo_changed.connect(self.undo_changed)
        self.pages: list[QWidget] = [
            self.study_page,
            tweets_page,
            self.label_page,
            self.review_page,
            train_page,
            models_page,
            classify_page,
            self.results_page,
        ]
        titles = {
            "study": self.tr("Study"),
            "tweets": self.tr("Tweets"),
            "label": self.tr("Label"),
            "review": self.tr("Review"),
            "train": self.tr("Train"),
            "models": self.tr("Models"),
            "classify": self.tr("Classify"),
            "results": self.tr("Results"),
        }
        self.keys = list(titles)
        self.stack = QStackedWidget()
        self.sign_in = SignIn()
        self.sign_in.chosen.connect(self._signed_in)
        self.sign_in.left.connect(self._show_pages)
        self.sign_in.coder_changed.connect(self._coder_changed)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.stack)
        self._middle.addWidget(self.sign_in)
        self.buttons: dict[str, QToolButton] = {}
        self.states: dict[str, QLabel] = {}
        rail = self._build_rail(titles)
        for key, page in zip(self.keys, self.pages, strict=True):
            self._add_page(key, page)
        self.strip = JobStrip(jobs)
        self.strip.job_clicked.connect(lambda kind: self._show_job(kind))
        jobs.added.connect(self._job_began)
        jobs.ended.connect(self._job_ended)
        middle = QVBoxLayout()
        middle.setContentsMargins(0, 0, 0, 0)
        middle.setSpacing(0)
        middle.addWidget(self._middle, 1)
        middle.addWidget(self.strip)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(rail)
        layout.addLayout(middle, 1)
        self._refresh_states()
        self.set_coder(settings.coder, settings.blind)
        self.show_page("study")

    @property
    def current(self) -> QWidget:
        """The page that is shown."""
        return self.pages[self.stack.currentIndex()]

    @property
    def current_title(self) -> str:
        """The title of the page that is shown."""
        return self.buttons[self.keys[self.stack.currentIndex()]].text()

    def page(self, key: str) -> QWidget:
        """Return the page of a key."""
        return self.pages[self.keys.index(key)]

    def show_page(self, key: str, model: str = "") -> None:
        """Show a page; `model` is chosen there, where the page can choose one."""
        if key not in self.keys:
            return
        index = self.keys.index(key)
        self._middle.setCurrentWidget(self.stack)
        self.stack.setCurrentIndex(index)
        self.buttons[key].setChecked(True)
        self.strip.leave_out(next((kind for kind, page in _PAGES.items() if page == key), key))
        page = self.pages[index]
        if key in self._untold:
            self._untold.discard(key)
            page.study_changed({"labels"})  # type: ignore[attr-defined]
        choose: Callable[[str], None] | None = getattr(page, "choose_model", None)
        if model and choose is not None:
            choose(model)
        page.setFocus()
        self.page_shown.emit(page)
        self.undo_changed.emit()
        if page is self.label_page and self.label_page.lacks_coder:
            self.ask_coder()

    def changed(self, what: set[str]) -> None:
        """Tell every page what was changed in the study.

        Of labels alone the pages out of sight are told when they are next shown: counting a million tweets anew in
        each of them would be felt by whoever labels.
        """
        for key, page in zip(self.keys, self.pages, strict=True):
            if what == {"labels"} and page is not self.current:
                self._untold.add(key)
            else:
                page.study_changed(what)  # type: ignore[attr-defined]
        self._refresh_states()
        self.undo_changed.emit()

    def set_coder(self, name: str, blind: bool = True) -> None:
        """Work as this coder on every page; `blind` to what others labelled, where one looks at single tweets."""
        self.coder = name
        self.person.setText(name or self.tr("Sign in"))
        self.person.setAccessibleName(
            self.tr("At work: {coder}").format(coder=name) if name else self.tr("Nobody is signed in")
        )
        self.label_page.set_coder(name)
        self.review_page.set_coder(name, blind)
        self.tweets_page.set_coder(name, blind)
        self.models_page.set_coder(name, blind)
        self.classify_page.set_coder(name, blind)

    def ask_coder(self) -> None:
        """Ask who is at work, in the place of the page that is shown."""
        self._filter_of_next = None
        self._middle.setCurrentWidget(self.sign_in)
        self.sign_in.ask(self.study, self.coder)

    def _label_missing(self, language: str, leaf: str) -> None:
        self.show_page("label")
        if self.label_page.coder:
            self.label_page.label_missing(language, leaf)
        else:
            self._after_sign_in = lambda: self._label_missing_now(language, leaf)

    def _label_missing_now(self, language: str, leaf: str) -> None:
        if self.current is self.label_page:
            self.label_page.label_missing(language, leaf)

    def _show_agreement(self) -> None:
        self.show_page("review")
        self.review_page.show_tab(self.review_page.agreement)

    def _label_as_second(self) -> None:
        """Ask who the second coder is, and bring what others labelled."""
        self.ask_coder()
        self._after_sign_in = self._label_what_others_labelled

    def _label_what_others_labelled(self) -> None:
        self._label_search_result(TweetFilter(status="labelled"))

    def _show_pages(self) -> None:
        """Go back from the question who is at work to the page."""
        self._after_sign_in = None
        self._middle.setCurrentWidget(self.stack)
        self.current.setFocus()

    def _signed_in(self, name: str) -> None:
        self._middle.setCurrentWidget(self.stack)
        self.coder_chosen.emit(name)
        follow, self._after_sign_in = self._after_sign_in, None
        if follow is not None:
            follow()
        self.current.setFocus()

    def _coder_changed(self, before: str, now: str) -> None:
        if before == self.coder and now != before:
            self.coder_renamed.emit(now)
        self.changed({"coders", "labels"})

    def show_locks(self, filter: TweetFilter) -> LocksDialog:
        """Show the locked batches, and offer to lock the tweets that pass a filter."""
        dialog = LocksDialog(self.study, filter, self.label_page.coder, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.changed.connect(lambda: self.changed({"labels"}))
        dialog.open()
        return dialog

    def _label_again(self, tweets: list[int], name: str) -> None:
        self.show_page("label")
        self.label_page.show_tweet(*tweets, name=name)

    def _label_search_result(self, filter: TweetFilter) -> None:
        self.show_page("label")
        self.label_page.order_acts.label_search_result(filter)

    def _label_sealed(self) -> None:
        """Bring the coder the test tweets that he or she has not labelled."""
        study, coder = self.study, self.label_page.coder
        if not coder:
            # There the name is asked for.
            self.show_page("label")
            return
        run_in_worker(
            lambda: sealing.tweets_to_label(study, coder, _AT_ONCE),
            self._take_sealed,
            self.study_page.tell,
            self,
        )

    def _take_sealed(self, found: list[int]) -> None:
        if found:
            self._label_again(found, self.tr("Sealed test set"))
        else:
            self.study_page.notice.tell(
                Tone.GOOD, self.tr("You have labelled all tweets of the sealed test set.")
            )

    def _page_touched(self, page: Page, what: set[str]) -> None:
        if "labels" in what:
            self.acted_last = page
        self.changed(what)

    def close_study(self) -> None:
        """Let every page go of the study."""
        self.sign_in.forget()
        for page in self.pages:
            if isinstance(page, Page):
                page.study_closing()

    def _add_page(self, key: str, page: QWidget) -> None:
        if isinstance(page, Page):
            page.page_wanted.connect(self.show_page)
            page.study_touched.connect(partial(self._page_touched, page))
            page.act_done.connect(self.undo_changed)
            page.import_wanted.connect(self.import_wanted)
            page.state_changed.connect(self._refresh_states)
            self.stack.addWidget(page)
            page.study_opened(self.study)
            return
        page.page_wanted.connect(self.show_page)  # type: ignore[attr-defined]
        page.study_written.connect(self.changed)  # type: ignore[attr-defined]
        self.stack.addWidget(self._scrolled(key, page))

    def _scrolled(self, key: str, page: QWidget) -> QScrollArea:
        inside = QWidget()
        layout = QVBoxLayout(inside)
        layout.setContentsMargins(theme.WIDE, theme.WIDE, theme.WIDE, theme.WIDE)
        layout.setSpacing(theme.LARGE)
        title = QLabel(self.buttons[key].text())
        title.setProperty("role", "title")
        layout.addWidget(title)
        layout.addWidget(page, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(inside)
        return area

    def _build_rail(self, titles: dict[str, str]) -> QFrame:
        rail = QFrame()
        rail.setObjectName("rail")
        rail.setFixedWidth(RAIL_WIDTH)
        rail.setAccessibleName(self.tr("Steps of the work"))
        layout = QVBoxLayout(rail)
        layout.setContentsMargins(theme.SMALL, theme.LARGE, theme.SMALL, theme.LARGE)
        layout.setSpacing(theme.TIGHT)
        group = QButtonGroup(self)
        for number, (key, title) in enumerate(titles.items(), 1):
            shortcut = f"Ctrl+{number}"
            button = QToolButton()
            button.setText(title)
            button.setIcon(theme.icon(key))
            button.setIconSize(QSize(20, 20))
            button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
            button.setCheckable(True)
            button.setMinimumHeight(40)
            button.setFixedWidth(RAIL_WIDTH - 2 * theme.SMALL)
            button.setToolTip(f"{title} ({shortcut})")
            button.setAccessibleName(title)
            button.clicked.connect(lambda _=False, key=key: self.show_page(key))
            group.addButton(button)
            state = QLabel(button)
            state.setProperty("role", "muted")
            state.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            state.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            state.setGeometry(RAIL_WIDTH - 84, 0, 60, 40)
            self.buttons[key] = button
            self.states[key] = state
            layout.addWidget(button)
        layout.addStretch(1)
        self.person = ElidedButton(RAIL_WIDTH - 2 * theme.SMALL)
        self.person.setIcon(theme.icon("person"))
        self.person.setIconSize(QSize(20, 20))
        self.person.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.person.setMinimumHeight(40)
        self.person.setToolTip(self.tr("Who is at work (Ctrl+Shift+P)"))
        self.person.clicked.connect(self.ask_coder)
        layout.addWidget(self.person)
        return rail

    def refresh_icons(self) -> None:
        """Draw the icons in the colours in use."""
        for key, button in self.buttons.items():
            button.setIcon(theme.icon(key))
        self.person.setIcon(theme.icon("person"))

    def _show_job(self, kind: str) -> None:
        if kind == "base":
            self.models_page.show_bases()
        self.show_page(_PAGES.get(kind, kind))

    def _job_began(self, job: Job) -> None:
        self._refresh_states()

    def _job_ended(self, job: Job, _: JobOutcome) -> None:
        self.changed(_WRITTEN.get(job.kind, set()))

    def _refresh_states(self) -> None:
        study, coder = self.study, self.coder
        run_in_worker(lambda: study.counts(coder), self._show_states, lambda _: None, self)

    def _show_states(self, counts: StudyCounts) -> None:
        done = counts.tweets > 0
        states = {
            "tweets": _short(counts.tweets) if counts.tweets else "",
            "label": _of(counts.labelled, counts.tweets),
            "review": _short(counts.disputed) if counts.disputed else "",
            "models": _short(counts.models) if counts.models else "",
            "classify": _CHECK if done and counts.predicted == counts.tweets else "",
        }
        for kind, key in (
            ("train", "train"),
            ("classify", "classify"),
            ("evaluate", "results"),
            ("base", "models"),
        ):
            if self.jobs.running_of(kind) is not None:
                states[key] = _RUNNING
        for key, label in self.states.items():
            label.setText(states.get(key, ""))
        labelled = self.tr("{done} of {total} labelled").format(
            done=figures.count(counts.labelled), total=figures.count(counts.tweets)
        )
        self.buttons["label"].setAccessibleDescription(labelled)
        self.buttons["label"].setToolTip(
            f"{self.buttons['label'].text()} (Ctrl+{self.keys.index('label') + 1})\n{labelled}"
        )

    def make_page_actions(self, owner: QWidget) -> Sequence[QAction]:
        """Return an action for each page, Ctrl+1 onward."""
        group = QActionGroup(owner)
        actions = []
        for number, key in enumerate(self.keys, 1):
            action = make_action(
                owner,
                self.buttons[key].text(),
                f"Ctrl+{number}",
                partial(self.show_page, key),
                icon=key,
            )
            group.addAction(action)
            actions.append(action)
        return actions


def _of(done: int, total: int) -> str:
    """Return how much of a whole is done: ``72/144``, where that is too long for the rail ``0.4 %``, or a tick."""
    if not total or done == total:
        return _CHECK if total else ""
    both = f"{done}/{total}"
    return both if len(both) <= 7 else figures.share(done, total)


def _short(number: int) -> str:
    """Return a count that fits into the rail: 999, 12k, 3.4M."""
    if number < 10_000:
        return str(number)
    return f"{number / 1000:.0f}k" if number < 1_000_000 else f"{number / 1_000_000:.1f}M"
