"""Giving labels: the queue of a coder, undo and redo, progress."""

from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import label_acts
from app.study.label_acts import Watch
from app.study.label_history import Act, LabelHistory
from app.study.locks import refuse_locked
from app.study.queues import Queue, RandomQueue, Turn, languages_of
from app.study.repeats import AGAIN
from app.study.study import Coder, Study, now
from app.study.tweets import TweetRow, get
from db import assignments, label_steps, labels, repeats
from db import tweets as queries

# Tweets of earlier sessions that "back" leads to.
REMEMBERED = 50
# What brought a tweet that the coder, or another page, asked for.
CHOSEN = "chosen"


@dataclass(frozen=True)
class Progress:
    """How far labelling is, in the languages asked for.

    `labelled` and `per_language` count tweets with a label of any coder, `mine` those that this coder
    labelled since the study exists, `per_leaf` tweets whose labels agree. `assigned` counts the tweets assigned
    to this coder, `assigned_done` those of them that this coder labelled.
    """

    labelled: int
    total: int
    per_leaf: dict[str, int]
    per_language: dict[str, tuple[int, int]]
    mine: int = 0
    assigned: int = 0
    assigned_done: int = 0


class Labelling:
    """A coder at work, blind to others (`TweetRow.seen_by`). Each label is committed before the next tweet is returned.

    Tweets come as `queue` has them: in random order where none is given, with `double` also those that other
    coders have labelled. The languages that the coder reads narrow that queue and what is counted, `language` to one.
    A hidden repeat looks like any other tweet: the coder's label on it is not in its row, and stays what it was.
    """

    def __init__(
        self,
        study: Study,
        coder: Coder | str,
        language: str = "",
        double: bool = False,
        queue: Queue | None = None,
    ) -> None:
        self.study = study
        self.coder = study.coder(coder) if isinstance(coder, str) else coder
        self.queue = queue or RandomQueue(self.coder, language, double)
        self.language = language
        self._languages = languages_of(self.coder, language)
        self._history = LabelHistory()
        self._progress: Progress | None = None
        self._seen = (0, 0)
        with study.reading() as session:
            self._catch_up(session)
        earlier = dict.fromkeys(_again(act) for act in reversed(self._history.done[-4 * REMEMBERED :]))
        self._trail = list(earlier)[:REMEMBERED][::-1]
        # Position in the trail of the tweet that is shown; its length: the next of the queue.
        self._position = len(self._trail)

    def current(self) -> TweetRow | None:
        """Return the tweet to label now, None where there is none left."""
        turn = self.turn()
        if turn is None:
            return None
        row = get(self.study, [turn.tweet], viewer=self.coder.name)[0]
        return self._as_if_new(row) if turn.repeat else row.seen_by(self.coder.name)

    def label(
        self,
        leaf: str,
        seconds: float | None = None,
        note: str = "",
        flag: bool = False,
        suggestion_shown: str = "",
    ) -> TweetRow | None:
        """Give the current tweet a label, commit it, and return the next tweet."""
        if leaf not in self.study.codebook.leaf_codes:
            raise UserError(f"The codebook has no class “{leaf}”.", "Choose one of its classes.")
        turn = self.turn()
        if turn is None:
            raise UserError("There is no tweet left to label.", "Import more tweets.")
        with self.study.writing() as session:
            self._catch_up(session)
            given = self._add(
                session,
                turn.tweet,
                leaf,
                seconds=seconds,
                note=note,
                flag=flag,
                suggestion_shown=suggestion_shown,
                source=turn.source,
                repeat=turn.repeat,
            )
        self._committed(given)
        self._move_on()
        return self.current()

    def clear(self) -> TweetRow | None:
        """Take this coder's label off the current tweet and show it again."""
        turn = self.turn()
        if turn is None:
            return None
        with self.study.writing() as session:
            self._catch_up(session)
            if turn.repeat:
                own = repeats.second_label(session, self.coder.id, turn.tweet)
            else:
                own = labels.touched(session, self.coder.id, [turn.tweet]).get(turn.tweet)
            if own is None:
                return self.current()
            given = self._add(session, turn.tweet, None, source=turn.source, repeat=turn.repeat)
        self._committed(given)
        return self.current()

    def skip(self) -> TweetRow | None:
        """Leave the current tweet as it is and return the next."""
        if self.turn() is not None:
            self._move_on()
        return self.current()

    def back(self) -> TweetRow | None:
        """Return to the tweet before, also one of an earlier session; at the first one stay there."""
        self.turn()
        self._position = max(self._position - 1, 0)
        return self.current()

    def show(self, *tweets: int) -> TweetRow | None:
        """Make the first of the chosen tweets the current one; after them all the queue goes on."""
        self._trail[self._position : self._position] = [Turn(tweet, CHOSEN) for tweet in tweets]
        return self.current()

    def go_on_with(self, turn: Turn) -> TweetRow | None:
        """Make a turn the current one that was under way, after the queue was made anew."""
        if self.turn() != turn:
            self._trail.insert(self._position, turn)
        return self.current()

    def undo(self, watch: Watch = Watch()) -> TweetRow | None:  # noqa: B008
        """Take back this coder's last label and return its tweet, now the current one; None for nothing.

        What was labelled in one stroke is taken back in one; the first of its tweets is the current one. That
        may take seconds: the `watch` is told how far it is, and may stop it.
        """
        with self.study.writing() as session:
            self._catch_up(session)
            if not self._history.done:
                return None
            act = self._history.done[-1]
            given = self._take_back(session, act, watch)
        self._committed(given)
        self._go_to(act)
        return self.current()

    def redo(self, watch: Watch = Watch()) -> TweetRow | None:  # noqa: B008
        """Give again the label that was undone last and return its tweet; None for nothing.

        The tweet after it is the current one.
        """
        with self.study.writing() as session:
            self._catch_up(session)
            if not self._history.undone:
                return None
            undone, undo = self._history.undone[-1]
            given = self._take_back(session, undo, watch)
        self._committed(given)
        self._go_to(undone)
        row = self.current()
        self._move_on()
        return row

    @property
    def can_undo(self) -> bool:
        """Say whether there is a label to take back."""
        return bool(self._history.done)

    @property
    def can_redo(self) -> bool:
        """Say whether there is an undone label to give again."""
        return bool(self._history.undone)

    @property
    def next_undo(self) -> int:
        """Return how many labels the next undo changes."""
        return self._history.done[-1].events if self._history.done else 0

    @property
    def next_redo(self) -> int:
        """Return how many labels the next redo changes."""
        return self._history.undone[-1][1].events if self._history.undone else 0

    def progress(self) -> Progress:
        """Return how far labelling is; counted once, then kept up with each label."""
        with self.study.reading() as session:
            self._catch_up(session)
            if self._progress is None:
                self._progress = self._count(session)
        return self._progress

    def _count(self, session: Session) -> Progress:
        per_language = queries.languages(session)
        if self._languages is not None:
            per_language = {k: v for k, v in per_language.items() if k in self._languages}
        found = queries.leaves(session, self._languages)
        assigned_done, assigned = assignments.work_of(session, self.coder.id, self._languages)
        return Progress(
            labelled=sum(labelled for labelled, _ in per_language.values()),
            total=sum(total for _, total in per_language.values()),
            per_leaf={code: found.get(code, 0) for code in self.study.codebook.leaf_codes},
            per_language=per_language,
            mine=labels.count_of_coder(session, self.coder.id, self._languages),
            assigned=assigned,
            assigned_done=assigned_done,
        )

    def _catch_up(self, session: Session) -> None:
        """Take in what this coder did elsewhere, in another window or process."""
        seen = labels.marks(session)
        if seen != self._seen:
            events = label_steps.own_events(session, self.coder.id, self._history.last_seq)
            self._history.follow(
                Act(e.seq, e.id, e.tweet_id, e.undoes, e.act, e.events, e.first_seq, e.repeat) for e in events
            )
            self._progress = None
            self._seen = seen

    def _take_back(self, session: Session, act: Act, watch: Watch) -> "_Given":
        if act.act is not None:
            return _Given(label_acts.take_back(session, self.study, self.coder, act, watch))
        before = label_steps.leaf_before(session, act.id)
        return self._add(session, act.tweet, before, undoes=act.id, repeat=act.repeat)

    def _add(
        self,
        session: Session,
        tweet: int,
        leaf: str | None,
        *,
        seconds: float | None = None,
        note: str = "",
        flag: bool = False,
        suggestion_shown: str = "",
        source: str = "",
        undoes: str | None = None,
        repeat: bool = False,
    ) -> "_Given":
        if not repeat:
            refuse_locked(session, [tweet])
        if leaf is not None and leaf not in self.study.codebook.leaf_codes:
            raise UserError(
                f"The codebook no longer has the class “{leaf}”.", "Label the tweet with one that it has."
            )
        # A label that comes back with an undo was given under the codebook of its own time.
        version = label_steps.version_before(session, undoes) if undoes is not None else None
        had = labels.touched(session, self.coder.id, [tweet]).get(tweet) is not None
        old_labelled, old_leaf, language = labels.state(session, tweet)
        seq, key = labels.add_event(
            session,
            {
                "coder_id": self.coder.id,
                "tweet_id": tweet,
                "codebook_version_id": version or self.study.codebook_version,
                "kind": "clear" if leaf is None else "label",
                "leaf": leaf,
                "given": now(),
                "seconds": seconds,
                "suggestion_shown": suggestion_shown,
                "note": note,
                "flag": flag,
                "source": source,
                "undoes": undoes,
                "repeat": repeat,
                "import_id": None,
            },
        )
        labelled, new_leaf, _ = labels.state(session, tweet)
        # An undo takes back what was done here; a label that came with a copy of the study stays.
        has = (leaf is not None and not repeat) or (
            (undoes is not None or repeat)
            and labels.touched(session, self.coder.id, [tweet]).get(tweet) is not None
        )
        return _Given(
            act=Act(seq, key, tweet, undoes, repeat=repeat),
            language=language,
            old_leaf=old_leaf,
            new_leaf=new_leaf,
            labelled=int(labelled) - int(old_labelled),
            mine=int(has) - int(had),
            assigned=has != had and assignments.is_assigned(session, self.coder.id, tweet),
        )

    def _committed(self, given: "_Given") -> None:
        self._history.follow([given.act])
        self._seen = (given.act.seq, self._seen[1])
        if given.language is None:
            self._progress = None
        elif self._progress is not None:
            self._progress = _moved(self._progress, given, given.language)

    def turn(self) -> Turn | None:
        """Return what is to be labelled now and what brought it, None where nothing is left."""
        if self._position < len(self._trail):
            return self._trail[self._position]
        with self.study.reading() as session:
            found = self.queue.next(session)
        if found is not None:
            self._trail.append(found)
        return found

    def _move_on(self) -> None:
        self._position += 1
        if len(self._trail) > 20 * REMEMBERED:
            del self._trail[: 10 * REMEMBERED]
            self._position -= 10 * REMEMBERED

    def _go_to(self, act: Act) -> None:
        upto = [(turn.tweet, turn.repeat) for turn in self._trail[: self._position + 1]]
        if (act.tweet, act.repeat) in upto:
            self._position = len(upto) - 1 - upto[::-1].index((act.tweet, act.repeat))
        else:
            self._trail.insert(self._position, _again(act))

    def _as_if_new(self, row: TweetRow) -> TweetRow:
        """Return a repeated tweet without its labels, but for what the coder said of it this second time."""
        with self.study.reading() as session:
            leaf = repeats.second_label(session, self.coder.id, row.id)
        new = row.unlabelled()
        if leaf is None:
            return new
        said = ((self.coder.name, leaf),)
        return replace(new, label=leaf, label_coder=self.coder.name, labels=said)


def _again(act: Act) -> Turn:
    """Return the turn that leads back to what was done."""
    return Turn(act.tweet, AGAIN, repeat=True) if act.repeat else Turn(act.tweet, CHOSEN)


@dataclass(frozen=True)
class _Given:
    """What one event changed; the counts are differences. Of many events `language` is None: all is counted anew."""

    act: Act
    language: str | None = None
    old_leaf: str | None = None
    new_leaf: str | None = None
    labelled: int = 0
    mine: int = 0
    assigned: bool = False


def _moved(progress: Progress, given: _Given, language: str) -> Progress:
    if progress.per_language.get(language) is None:
        return progress
    per_leaf = dict(progress.per_leaf)
    if given.old_leaf in per_leaf:
        per_leaf[given.old_leaf] -= 1
    if given.new_leaf in per_leaf:
        per_leaf[given.new_leaf] += 1
    labelled, total = progress.per_language[language]
    return Progress(
        labelled=progress.labelled + given.labelled,
        total=progress.total,
        per_leaf=per_leaf,
        per_language=progress.per_language | {language: (labelled + given.labelled, total)},
        mine=progress.mine + given.mine,
        assigned=progress.assigned,
        assigned_done=progress.assigned_done + given.mine * given.assigned,
    )


def current_labels(study: Study) -> dict[int, str]:
    """Return {tweet: leaf} for tweets whose coders agree."""
    with study.reading() as session:
        return labels.agreed(session)


def disagreements(study: Study) -> list[TweetRow]:
    """Return the tweets whose coders gave different labels; `labels` of each says which."""
    with study.reading() as session:
        ids = labels.disputed(session)
    return get(study, ids)
