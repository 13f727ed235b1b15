"""Giving labels: the queue of a coder, undo and redo, progress."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import label_acts
from app.study.label_acts import Watch
from app.study.label_history import Act, LabelHistory
from app.study.locks import refuse_locked
from app.study.marks import Remark, in_order
from app.study.pace import Pace
from app.study.progress import Given, Progress, counted, moved
from app.study.queues import Queue, RandomQueue, Turn, languages_of
from app.study.repeats import AGAIN
from app.study.study import Coder, Study, now
from app.study.tweets import TweetRow, get
from db import assignments, drafts, label_overview, label_steps, labels, repeats

# Labels from which the pace is told.
_RECENT = 200
# Tweets of earlier sessions that "back" leads to.
REMEMBERED = 50
# What brought a tweet that the coder, or another page, asked for.
CHOSEN = "chosen"


@dataclass(frozen=True)
class Recount:
    """A count of the progress, and up to which event and tweet it counts."""

    progress: Progress
    seen: tuple[int, int]


@dataclass(frozen=True)
class _Ahead:
    """The tweet after the current one, read while that is looked at, and how it stood then."""

    turn: Turn
    row: TweetRow
    state: labels.TweetState


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
        self._is_stale = False
        self._seen = (0, 0)
        self._ahead: _Ahead | None = None
        with study.reading() as session:
            self._catch_up(session)
            self._pace = Pace(labels.recent_times(session, self.coder.id, _RECENT))
        earlier = dict.fromkeys(_again(act) for act in reversed(self._history.done[-4 * REMEMBERED :]))
        self._trail = list(earlier)[:REMEMBERED][::-1]
        # Position in the trail of the tweet that is shown; its length: the next of the queue.
        self._position = len(self._trail)

    def current(self) -> TweetRow | None:
        """Return the tweet to label now, None where there is none left."""
        turn = self.turn()
        if turn is None:
            return None
        if self._ahead is not None and self._ahead.turn == turn:
            return self._ahead.row
        return self._read(turn)

    def prepare(self) -> TweetRow | None:
        """Read the tweet after the current one, so that nobody waits for it after the next label, and return it.

        Costs a few milliseconds, to be spent while the current tweet is looked at. None where there is none yet.
        """
        turn = self.turn()
        if turn is None:
            return None
        with self.study.reading() as session:
            self._catch_up(session)
            if self._position + 1 == len(self._trail):
                found = self.queue.next(session)
                if found is None or found.tweet == turn.tweet:
                    return None
                self._trail.append(found)
            coming = self._trail[self._position + 1]
            if self._ahead is not None and self._ahead.turn == coming:
                return self._ahead.row
            state = labels.state(session, coming.tweet, self.coder.id)
        self._ahead = _Ahead(coming, self._read(coming), state)
        return self._ahead.row

    def label(
        self,
        leaf: str,
        seconds: float | None = None,
        note: str = "",
        marks: Collection[str] = (),
        suggestion_shown: str = "",
    ) -> TweetRow | None:
        """Give the current tweet a label, commit it, and return the next tweet."""
        if leaf not in self.study.codebook.leaf_codes:
            raise UserError(f"The codebook has no class “{leaf}”.", "Choose one of its classes.")
        turn = self.turn()
        if turn is None:
            raise UserError("There is no tweet left to label.", "Import more tweets.")
        with self.study.writing_promptly() as session:
            self._catch_up(session)
            act, given = self._add(
                session,
                turn.tweet,
                leaf,
                seconds=seconds,
                note=note,
                marks=marks,
                suggestion_shown=suggestion_shown,
                source=turn.source,
                repeat=turn.repeat,
            )
            self._look_ahead(session)
        self._committed(act, given)
        self._pace.add(turn.tweet)
        self._move_on()
        return self.current()

    def remark(self, note: str, marks: Collection[str]) -> TweetRow | None:
        """Change the note and the marks beside this coder's label of the current tweet, and show it again.

        The label stays as it was given: when it was judged, in how long, under which codebook. A tweet that the
        coder has not labelled has nothing to remark on. Of a hidden repeat it is said of the second label.
        """
        turn = self.turn()
        if turn is None:
            return None
        with self.study.writing_promptly() as session:
            self._catch_up(session)
            own = self._own(session, turn)
            if own is None:
                return self.current()
            as_given: dict[str, Any] = {"source": turn.source}
            if not turn.repeat:
                as_given = labels.circumstances(session, turn.tweet, self.coder.id)
            act, given = self._add(
                session, turn.tweet, own, note=note, marks=marks, repeat=turn.repeat, **as_given
            )
        self._committed(act, given)
        return self.current()

    def clear(self) -> TweetRow | None:
        """Take this coder's label off the current tweet and show it again."""
        turn = self.turn()
        if turn is None:
            return None
        with self.study.writing_promptly() as session:
            self._catch_up(session)
            if self._own(session, turn) is None:
                return self.current()
            act, given = self._add(session, turn.tweet, None, source=turn.source, repeat=turn.repeat)
        self._committed(act, given)
        return self.current()

    def skip(self) -> TweetRow | None:
        """Leave the current tweet as it is and return the next."""
        if self.turn() is not None:
            if self._ahead is not None:
                with self.study.reading() as session:
                    self._look_ahead(session)
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

    def chosen_ahead(self) -> list[int]:
        """Return the chosen tweets that come after the current one."""
        return [turn.tweet for turn in self._trail[self._position + 1 :] if turn.source == CHOSEN]

    def go_on_with(self, turn: Turn) -> TweetRow | None:
        """Make a turn current that was under way, after the queue was made anew; not where its tweet was locked."""
        with self.study.reading() as session:
            locked = not turn.repeat and labels.state(session, turn.tweet, self.coder.id).locked
        if not locked and self.turn() != turn:
            self._trail.insert(self._position, turn)
        return self.current()

    def undo(self, watch: Watch = Watch()) -> TweetRow | None:  # noqa: B008
        """Take back what this coder did last and return its tweet, now the current one; None for nothing.

        What was labelled in one stroke is taken back in one; the first of its tweets is the current one. That
        may take seconds: the `watch` is told how far it is, and may stop it.
        """
        with self.study.writing_promptly() as session:
            self._catch_up(session)
            if not self._history.done:
                return None
            last = self._history.done[-1]
            act, given = self._take_back(session, last, watch)
        self._committed(act, given)
        self._go_to(last)
        return self.current()

    def redo(self, watch: Watch = Watch()) -> TweetRow | None:  # noqa: B008
        """Do again what was undone last and return its tweet; None for nothing.

        The tweet after it is the current one.
        """
        with self.study.writing_promptly() as session:
            self._catch_up(session)
            if not self._history.undone:
                return None
            undone, undo = self._history.undone[-1]
            act, given = self._take_back(session, undo, watch)
        self._committed(act, given)
        self._go_to(undone)
        row = self.current()
        self._move_on()
        return row

    @property
    def can_undo(self) -> bool:
        """Say whether there is something to take back."""
        return bool(self._history.done)

    @property
    def can_redo(self) -> bool:
        """Say whether there is something to do again."""
        return bool(self._history.undone)

    @property
    def next_undo(self) -> int:
        """Return how many labels the next undo changes."""
        return self._history.done[-1].events if self._history.done else 0

    @property
    def next_redo(self) -> int:
        """Return how many labels the next redo changes."""
        return self._history.undone[-1][1].events if self._history.undone else 0

    @property
    def pace(self) -> Pace:
        """How fast this coder labels."""
        return self._pace

    def progress(self) -> Progress:
        """Return how far labelling is, what others did included."""
        with self.study.reading() as session:
            self._catch_up(session)
            if self._progress is None or self._is_stale:
                self.take(Recount(self._count(session), self._seen))
        assert self._progress is not None
        return self._progress

    @property
    def progress_so_far(self) -> Progress:
        """How far labelling is by the last count and what this coder did since: at once."""
        return self._progress or self.progress()

    @property
    def is_stale(self) -> bool:
        """Say whether `progress_so_far` lacks what others did."""
        return self._is_stale

    def recount(self) -> Recount:
        """Count the progress anew; may be called on any thread, `take` takes the result."""
        with self.study.reading() as session:
            return Recount(self._count(session), labels.last_added(session))

    def take(self, recount: Recount) -> None:
        """Take a count over, unless something was done meanwhile."""
        if recount.seen == self._seen:
            self._progress, self._is_stale = recount.progress, False

    def turn(self) -> Turn | None:
        """Return what is to be labelled now and what brought it, None where nothing is left."""
        if self._position < len(self._trail):
            return self._trail[self._position]
        with self.study.reading() as session:
            found = self.queue.next(session)
        if found is not None:
            self._trail.append(found)
        return found

    def _read(self, turn: Turn) -> TweetRow:
        row = get(self.study, [turn.tweet], viewer=self.coder.name)[0]
        return self._as_if_new(row) if turn.repeat else row.seen_by(self.coder.name)

    def _own(self, session: Session, turn: Turn) -> str | None:
        """Return this coder's label on the tweet of a turn; of a repeat, what was said this second time."""
        if turn.repeat:
            said = repeats.second_label(session, self.coder.id, turn.tweet)
            return None if said is None else said.leaf
        return labels.state(session, turn.tweet, self.coder.id).own

    def _count(self, session: Session) -> Progress:
        return counted(session, self.coder, self._languages, self.study.codebook.leaf_codes)

    def _catch_up(self, session: Session) -> None:
        """Take in what this coder did elsewhere, in another window or process."""
        seen = labels.last_added(session)
        if seen != self._seen:
            events = label_steps.own_events(session, self.coder.id, self._history.last_seq)
            self._history.follow(
                Act(e.seq, e.id, e.tweet_id, e.undoes, e.act, e.events, e.first_seq, e.repeat) for e in events
            )
            # Before the first count there is nothing to be out of date.
            self._is_stale = self._progress is not None
            self._seen = seen
            self._look_ahead(session)

    def _look_ahead(self, session: Session) -> None:
        """Let go of the tweet that was read ahead, where it no longer stands as it did then."""
        ahead = self._ahead
        if ahead is None:
            return
        state = labels.state(session, ahead.row.id, self.coder.id)
        done = state.own is not None or state.locked or (state.labelled and not ahead.state.labelled)
        # A hidden repeat comes because it is labelled, a chosen tweet because it was chosen.
        if self._is_replaceable(ahead.turn):
            wanted = not (done and state != ahead.state) and self.queue.takes(session, ahead.turn)
            if not wanted:
                self._trail.pop()
                self._ahead = None
        if state != ahead.state:
            self._ahead = None

    def look_anew(self) -> None:
        """Ask the queue again for the tweet after the current one: its order has changed."""
        if self._ahead is not None and self._is_replaceable(self._ahead.turn):
            self._trail.pop()
            self._ahead = None

    def _is_replaceable(self, coming: Turn) -> bool:
        is_last = self._position + 2 == len(self._trail) and self._trail[-1] == coming
        return is_last and not coming.repeat and coming.source != CHOSEN

    def _take_back(self, session: Session, act: Act, watch: Watch) -> tuple[Act, Given | None]:
        if act.act is not None:
            return label_acts.take_back(session, self.study, self.coder, act, watch), None
        before = label_steps.leaf_before(session, act.id)
        # Of a repeat the last event counts, of other labels the one that stands.
        said = repeats.said_before(session, act.id) if act.repeat else {}
        return self._add(session, act.tweet, before, undoes=act.id, repeat=act.repeat, **said)

    def _add(
        self,
        session: Session,
        tweet: int,
        leaf: str | None,
        *,
        seconds: float | None = None,
        note: str = "",
        marks: Collection[str] = (),
        suggestion_shown: str = "",
        source: str = "",
        codebook_version_id: int | None = None,
        undoes: str | None = None,
        repeat: bool = False,
    ) -> tuple[Act, Given]:
        old = labels.state(session, tweet, self.coder.id)
        if old.locked and not repeat:
            refuse_locked(session, [tweet])
        if leaf is not None and leaf not in self.study.codebook.leaf_codes:
            raise UserError(
                f"The codebook no longer has the class “{leaf}”.", "Label the tweet with one that it has."
            )
        # A label that comes back with an undo was given under the codebook of its own time.
        version = label_steps.version_before(session, undoes) if undoes is not None else codebook_version_id
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
                "marks": list(in_order(marks)),
                "source": source,
                "undoes": undoes,
                "repeat": repeat,
                "import_id": None,
            },
        )
        if leaf is not None:
            # What waited for a label has it now.
            drafts.remove(session, self.coder.id, tweet, repeat)
        # An undo takes back what was done here; a label that came with a copy of the study stays.
        new = labels.state(session, tweet, self.coder.id)
        mine = int(new.own is not None) - int(old.own is not None)
        return Act(seq, key, tweet, undoes, repeat=repeat), Given(
            language=old.language,
            old_leaf=old.agreed_leaf,
            new_leaf=new.agreed_leaf,
            labelled=int(new.labelled) - int(old.labelled),
            mine=mine,
            assigned=bool(mine) and assignments.is_assigned(session, self.coder.id, tweet),
        )

    def _committed(self, act: Act, given: Given | None) -> None:
        """Take note of what was done; of many labels at once all is counted anew, and read anew."""
        self._history.follow([act])
        self._seen = (act.seq, self._seen[1])
        if given is None:
            self._progress = self._ahead = None
        elif self._progress is not None:
            self._progress = moved(self._progress, given)
        if self._ahead is not None and self._ahead.row.id == act.tweet:
            self._ahead = None

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
            said = repeats.second_label(session, self.coder.id, row.id)
        new, name = row.unlabelled(), self.coder.name
        if said is None or said.leaf is None:
            return new
        remark = Remark(said.note, in_order(said.marks))
        return replace(
            new, label=said.leaf, label_coder=name, labels=((name, said.leaf),), remarks=((name, remark),)
        )


def _again(act: Act) -> Turn:
    """Return the turn that leads back to what was done."""
    return Turn(act.tweet, AGAIN, repeat=True) if act.repeat else Turn(act.tweet, CHOSEN)


def current_labels(study: Study) -> dict[int, str]:
    """Return {tweet: leaf} for tweets whose coders agree."""
    with study.reading() as session:
        return label_overview.agreed(session)


def disagreements(study: Study) -> list[TweetRow]:
    """Return the tweets whose coders gave different labels; `labels` of each says which."""
    with study.reading() as session:
        ids = label_overview.disputed(session)
    return get(study, ids)
