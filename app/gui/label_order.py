"""In which order tweets come on the label page: the queue chosen, and the light model behind it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from app.jobs.light_model_job import LightModelJob
from app.jobs.outcome import JobOutcome
from app.jobs.worker import run_in_worker
from app.settings import Settings
from app.study import light_scores
from app.study.labelling import Labelling
from app.study.light_scores import LightScores
from app.study.queue_choice import OF_MODEL, QueueChoice
from app.study.queue_making import Order, give_order, has_order, make_queue, model_order
from app.study.queues import RANDOM, Queue, Turn, languages_of
from app.study.study import Coder, Study
from app.study.suggestions import Suggestion, suggest
from app.study.tweets import TweetRow

# So many labels later the light model is trained anew.
_NEW_LABELS = 25
# The learning curve takes longest: it is measured anew when there are so many times as many labels.
_MORE_FOR_CURVE = 1.1


@dataclass(frozen=True)
class ReadOrder:
    """A queue that was made, and the light model's last words as they were read with it.

    `new_labels`: how many came since the model learnt. `assigned`: the queue is that of what was assigned. `ordered`:
    a model, the light one or a fine-tuned one, has said what comes first.
    """

    queue: Queue
    scores: LightScores | None
    new_labels: int
    assigned: bool
    ordered: bool


class LabelOrder(QObject):
    """What a coder chose, kept for each study and coder, and the training of the light model while it is needed.

    `chosen` tells that the queue is to be made anew, `learnt` that the light model has new words; `ended` tells how
    its training ended.
    """

    chosen = Signal()
    learnt = Signal()
    ended = Signal(JobOutcome)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.choice = QueueChoice()
        self.scores: LightScores | None = None
        # The learning curve is in sight.
        self.is_watched = False
        # What was assigned to the coder comes, and not all tweets in random order.
        self.is_assigned = False
        self.job = LightModelJob(self)
        self.job.written.connect(self._read)
        self.job.ended.connect(self._ended)
        self._settings: Settings | None = None
        self._study: Study | None = None
        self._labelling: Labelling | None = None
        self._language = ""
        self._since = 0
        self._failed_at = -1
        self._is_ordered = self._is_reading = False

    def remember_in(self, settings: Settings) -> None:
        """Keep the choices there from now on."""
        self._settings = settings

    def begin(self, study: Study, coder: str, language: str) -> None:
        """Take up what this coder chose in this study."""
        if self._study is not study:
            self.end()
        if language != self._language:
            # The light model has looked at tweets in other languages.
            self._since = max(self._since, _NEW_LABELS)
        self._study, self._language = study, language
        kept = {} if self._settings is None else self._settings.queues
        if self._settings is not None:
            self.choice = QueueChoice.from_dict(kept.get(_key(study, coder)))

    def end(self) -> None:
        """Let go of the study."""
        self.job.close()
        self.scores = self._labelling = self._study = None
        self._language = ""
        self._since, self._failed_at = 0, -1

    def choose(self, coder: str, **changes: Any) -> None:
        """Change the choice: `kind`, `quotas`, `filter`, `leaf`, `repeats`, `suggestions`."""
        before, self.choice = self.choice, replace(self.choice, **changes)
        self.is_assigned = self.is_assigned and self.choice.kind == RANDOM
        if self._settings is not None and self._study is not None and coder:
            self._settings.queues[_key(self._study, coder)] = self.choice.as_dict()
            self._settings.save()
        if replace(before, suggestions=self.choice.suggestions) != self.choice:
            self.chosen.emit()
        self.train_where_needed()

    def reader(self) -> Callable[[Study, Coder, str, bool], ReadOrder]:
        """Return what makes the queue, on a worker; its last argument tells that the coder has assigned tweets."""
        choice, scores, needed = self.choice, self.scores, self._needs_model

        def read(study: Study, coder: Coder, language: str, assigned: bool) -> ReadOrder:
            last = scores
            if last is None and needed:
                last = light_scores.read(light_scores.file_of(study), study.codebook.leaf_codes)
            new = light_scores.labels_since(study, last) if needed else 0
            queue = make_queue(study, coder, language, choice, last, assigned)
            ordered = choice.kind in OF_MODEL and has_order(study, choice.kind, last)
            return ReadOrder(queue, last, new, assigned and choice.kind == RANDOM, ordered)

        return read

    def take(self, labelling: Labelling, read: ReadOrder | None) -> None:
        """Go on with the queue that was made."""
        self._labelling = labelling
        self.is_assigned = read is not None and read.assigned
        self._is_ordered = read is not None and read.ordered
        if read is not None and self.scores is None:
            self.scores = read.scores
        if read is not None and not self.job.is_running:
            self._since = max(self._since, read.new_labels)
        self.train_where_needed()

    def labelled(self) -> None:
        """Count a label; the light model is trained anew after some."""
        self._since += 1
        self.train_where_needed()

    @property
    def is_waiting(self) -> bool:
        """Whether the queue's order waits for a model."""
        return self.choice.kind in OF_MODEL and self.scores is None and not self._is_ordered

    @property
    def is_learning(self) -> bool:
        """Whether the light model is being trained, or what it said is being read."""
        return self.job.is_running or self._is_reading

    def suggestion(self, row: TweetRow, turn: Turn | None) -> Suggestion | None:
        """Return what is suggested for the tweet in sight, None where nothing is or shall be."""
        if not self.choice.suggestions or turn is None or self._study is None:
            return None
        return suggest(self._study, row, turn, self.scores)

    def watch(self, watched: bool) -> None:
        """Tell whether the learning curve is in sight: only then it is measured."""
        self.is_watched = watched
        if watched and self.scores is None:
            self._read()
        self.train_where_needed(at_once=True)

    def train_where_needed(self, at_once: bool = False) -> None:
        """Start a training where the queue, suggestions or the curve want one and there is something new.

        Not soon after the last one, but for `at_once`.
        """
        study, labelling = self._study, self._labelling
        if study is None or labelling is None or not self._needs_model:
            return
        if self.job.is_running or not (at_once or self.job.may_start):
            return
        scores = self.scores
        if scores is None:
            # After a failure, for too few labels as a rule, only further labels are a reason to try again.
            wanted = self._failed_at < 0 or self._since - self._failed_at >= _NEW_LABELS
            with_curve = self.is_watched
        else:
            with_curve = self.is_watched and (
                scores.curve is None or scores.labels + self._since >= _MORE_FOR_CURVE * scores.curve.labels
            )
            wanted = self._since >= _NEW_LABELS or (self.is_watched and scores.curve is None)
        if wanted:
            self._since, self._failed_at = 0, -1
            languages = languages_of(labelling.coder, self._language) or ()
            self.job.learn(study.path, labelling.coder.name, languages, with_curve)

    def _is_of(self, choice: QueueChoice) -> bool:
        return (self.choice.kind, self.choice.leaf) == (choice.kind, choice.leaf)

    @property
    def _needs_model(self) -> bool:
        return self.choice.kind in OF_MODEL or self.choice.suggestions or self.is_watched

    def _ended(self, outcome: JobOutcome) -> None:
        if not outcome.is_finished:
            self._failed_at = self._since
        self.ended.emit(outcome)
        self.train_where_needed(at_once=self.is_watched)

    def _read(self) -> None:
        """Read what was learnt, and the order that follows from it, on a worker."""
        study, labelling, choice, language = self._study, self._labelling, self.choice, self._language
        if study is None or labelling is None:
            return

        def read() -> tuple[LightScores | None, Order | None]:
            found = light_scores.read(light_scores.file_of(study), study.codebook.leaf_codes)
            of_model = choice.kind in OF_MODEL
            order = model_order(study, labelling.coder, language, choice, found) if of_model else None
            return found, order

        def take(found: tuple[LightScores | None, Order | None]) -> None:
            self._is_reading = False
            self._take_scores(labelling, choice, *found)

        self._is_reading = True
        run_in_worker(read, take, lambda _: self._could_not_read(), self)

    def _could_not_read(self) -> None:
        self._is_reading = False

    def _take_scores(
        self, labelling: Labelling, choice: QueueChoice, scores: LightScores | None, order: Order | None
    ) -> None:
        if scores is None or self._study is None:
            return
        self.scores = scores
        if order is not None and self._labelling is labelling and self._is_of(choice):
            give_order(labelling.queue, order)
            labelling.look_anew()
        self.learnt.emit()


def _key(study: Study, coder: str) -> str:
    return f"{study.uuid}/{coder}"
