"""Reviewing labels: where coders disagree, what each of them gave, and the decision on the gold label."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import tweets
from app.study.codebook import Codebook
from app.study.label_history import Act, LabelHistory
from app.study.locks import refuse_locked
from app.study.marks import in_order
from app.study.study import Coder, Study, now
from app.study.tweets import HistoryEntry, TweetFilter, TweetRow
from db import adjudications, label_overview, labels, locks, sealing
from db import tweets as queries

_DAY_AND_MINUTE = 16


@dataclass(frozen=True)
class ReviewCounts:
    """Disagreements that are left to decide, tweets with a gold label, and who has labelled at all.

    Of disagreements are left out those that are `sealed` from the person at work, until that person has labelled
    them, and those that are `locked`. `unseen` are the tweets, disputed or decided, that this person has no label
    on: what blind coding hides. Counted for who is blind alone.
    """

    disputed: int
    adjudicated: int
    coders: tuple[str, ...]
    sealed: int = 0
    locked: int = 0
    unseen: int = 0


@dataclass(frozen=True)
class GivenLabel:
    """A coder's label with all that belongs to it. `contested`: the coder gave another one in another copy."""

    coder: str
    leaf: str
    given: str
    codebook_version: int
    seconds: float | None
    suggestion_shown: str
    note: str
    marks: tuple[str, ...]
    imported: bool
    contested: bool


@dataclass(frozen=True)
class Decision:
    """Where a gold label comes from. `between`: the labels (coder's name, leaf) that it was decided between."""

    leaf: str
    coder: str
    given: str
    reason: str
    codebook_version: int
    between: tuple[tuple[str, str], ...]

    def words(self, codebook: Codebook) -> str:
        """Tell in a sentence who decided what, when, between which labels, and why."""
        names = {leaf.code: leaf.name for leaf in codebook.leaves}
        when = self.given[:_DAY_AND_MINUTE].replace("T", " ")
        told = f"{self.coder} decided “{names.get(self.leaf, self.leaf)}” on {when} UTC"
        given: dict[str, list[str]] = {}
        for coder, leaf in self.between:
            given.setdefault(names.get(leaf, leaf), []).append(coder)
        choices = [f"“{name}” ({', '.join(coders)})" for name, coders in given.items()]
        if len(choices) > 1:
            told += f" between {', '.join(choices[:-1])} and {choices[-1]}"
        elif choices:
            told += f"; the label was {choices[0]}"
        return f"{told}: {self.reason}" if self.reason else f"{told}."


@dataclass(frozen=True)
class Case:
    """A tweet under review: its labels side by side, the decision on it, and all that was done, oldest first.

    `locked_in` is the name of the batch that locks it, "" for none.
    """

    row: TweetRow
    labels: tuple[GivenLabel, ...]
    decision: Decision | None
    history: tuple[HistoryEntry, ...]
    locked_in: str


def counts(study: Study, viewer: str | None = None, blind: bool = False) -> ReviewCounts:
    """Count what is left to decide and what was decided, as the person `viewer` sees it (`TweetFilter`).

    What blind coding hides is counted where the person is `blind`.
    """
    with study.reading() as session:
        sealed, locked = label_overview.count_left_out(session, viewer)
        return ReviewCounts(
            disputed=label_overview.count_disputed(session, viewer),
            adjudicated=adjudications.count(session),
            coders=tuple(label_overview.coders(session)),
            sealed=sealed,
            locked=locked,
            unseen=label_overview.count_unseen(session, viewer) if viewer and blind else 0,
        )


def asked(
    language: str = "",
    coders: tuple[str, ...] = (),
    between: tuple[str, ...] = (),
    decided: bool = False,
    viewer: str | None = None,
    blind: bool = False,
) -> TweetFilter:
    """Return the filter for the disagreements that are open, or for the tweets that were decided.

    Open are those that can be decided: no locked ones. `coders`: all of them labelled the tweet; `between`: each of
    these leaves was given by someone. `viewer` and `blind` as in `TweetFilter`.
    """
    return TweetFilter(
        language=language,
        status="adjudicated" if decided else "disputed",
        coders=coders,
        between=between,
        unlocked=not decided,
        viewer=viewer,
        blind=blind,
    )


def disagreements(
    study: Study, filter: TweetFilter | None = None, offset: int = 0, limit: int = 100
) -> list[TweetRow]:
    """Return one page of the disagreements, in the order of the file."""
    return tweets.page(study, filter or asked(), offset, limit)


def count(study: Study, filter: TweetFilter | None = None) -> int:
    """Return how many tweets `disagreements` gives in all."""
    return tweets.count(study, filter or asked())


def neighbour(study: Study, filter: TweetFilter, tweet: int, back: bool = False) -> int | None:
    """Return the tweet after another on the list, or the one before; beyond the end the list begins again."""
    with study.reading() as session:
        query = tweets.query(session, filter)
        if back:
            found = queries.id_before(session, query, tweet)
            return found if found is not None else queries.id_before(session, query, None)
        after = queries.ids_after(session, query, tweet, 1) or queries.ids_after(session, query, 0, 1)
        return after[0] if after else None


def place_of(study: Study, filter: TweetFilter, tweet: int) -> int:
    """Return how many tweets stand before one on the list."""
    with study.reading() as session:
        return queries.place_of(session, tweets.query(session, filter), tweet)


def case(study: Study, tweet: int, viewer: str | None = None) -> Case:
    """Return all that is needed to decide on a tweet.

    Raises `UserError` for a sealed tweet of which the person `viewer` must know nothing yet.
    """
    with study.reading() as session:
        if viewer is not None:
            _refuse_sealed(session, tweet, viewer)
        given = tuple(
            GivenLabel(
                coder=row.coder,
                leaf=row.leaf,
                given=row.given,
                codebook_version=row.codebook_version_id,
                seconds=row.seconds,
                suggestion_shown=row.suggestion_shown,
                note=row.note,
                marks=in_order(row.marks),
                imported=row.import_id is not None,
                contested=row.contested,
            )
            for row in labels.side_by_side(session, tweet)
        )
        locked_in = locks.lock_of(session, [tweet]) or ""
        return Case(
            tweets.get(study, [tweet])[0],
            given,
            _decision(session, tweet),
            tuple(tweets.history(study, tweet)),
            locked_in,
        )


def decision(study: Study, tweet: int) -> Decision | None:
    """Return where a tweet's gold label comes from, None where it has none."""
    with study.reading() as session:
        return _decision(session, tweet)


def provenance(study: Study, tweet: int) -> str:
    """Tell in a sentence where a tweet's gold label comes from, "" where it has none."""
    found = decision(study, tweet)
    return found.words(study.codebook) if found is not None else ""


def _decision(session: Session, tweet: int) -> Decision | None:
    found = adjudications.decision(adjudications.history(session, tweet))
    if found is None:
        return None
    return Decision(
        leaf=found.leaf,
        coder=found.coder,
        given=found.given,
        reason=found.reason,
        codebook_version=found.codebook_version,
        between=tuple(labels.labels_at(session, tweet, found.given)),
    )


def is_blind(study: Study, tweet: int, coder: str) -> bool:
    """Say whether blind coding hides something of a tweet from a coder."""
    found = tweets.get(study, [tweet])
    return bool(found) and found[0].seen_by(coder).blind


def _refuse_sealed(session: Session, tweet: int, viewer: str) -> None:
    if sealing.is_hidden(session, tweet, viewer):
        raise UserError(
            "This tweet is in the sealed test set, and you have not labelled it yet.",
            "Label it first: until then, what others labelled stays hidden from you.",
        )


class Review:
    """A person who decides. Each decision is committed when its call returns."""

    def __init__(self, study: Study, coder: Coder | str) -> None:
        self.study = study
        self.coder = study.coder(coder) if isinstance(coder, str) else coder
        self._history = LabelHistory()
        with study.reading() as session:
            self._catch_up(session)

    def adjudicate(self, tweet: int, leaf: str | None, reason: str = "") -> None:
        """Decide on the gold label of a tweet, disputed or not; None takes the gold label off again.

        Raises `UserError` for a locked tweet, and for a sealed one that this person has not labelled.
        """
        with self.study.writing() as session:
            self._catch_up(session)
            _refuse_sealed(session, tweet, self.coder.name)
            events = adjudications.history(session, tweet)
            if leaf is None and (not events or events[-1].leaf is None):
                return
            act = self._add(session, tweet, leaf, reason=reason.strip())
        self._history.follow([act])

    def undo(self) -> int | None:
        """Take back this person's last decision and return its tweet; None for nothing.

        What stood before it stands again; what somebody else decided later goes on to stand.
        """
        with self.study.writing() as session:
            self._catch_up(session)
            if not self._history.done:
                return None
            act = self._take_back(session, self._history.done[-1].tweet, self._history.done[-1].id)
        self._history.follow([act])
        return act.tweet

    def redo(self) -> int | None:
        """Decide again what was taken back last and return its tweet; None for nothing."""
        with self.study.writing() as session:
            self._catch_up(session)
            if not self._history.undone:
                return None
            undone, undo = self._history.undone[-1]
            act = self._take_back(session, undone.tweet, undo.id)
        self._history.follow([act])
        return act.tweet

    @property
    def can_undo(self) -> bool:
        """Say whether there is a decision to take back."""
        return bool(self._history.done)

    @property
    def can_redo(self) -> bool:
        """Say whether there is a decision to give again."""
        return bool(self._history.undone)

    def _catch_up(self, session: Session) -> None:
        """Take in what this person decided elsewhere, in another window or process."""
        events = adjudications.own_events(session, self.coder.id, self._history.last_seq)
        self._history.follow(Act(e.seq, e.id, e.tweet_id, e.undoes) for e in events)

    def _take_back(self, session: Session, tweet: int, event: str) -> Act:
        """Take an event back: a decision, so that it no longer stands, or an undo, so that it stands again."""
        return self._add(session, tweet, adjudications.leaf_without(session, tweet, event), undoes=event)

    def _add(
        self, session: Session, tweet: int, leaf: str | None, *, reason: str = "", undoes: str | None = None
    ) -> Act:
        refuse_locked(session, [tweet])
        if leaf is not None and leaf not in self.study.codebook.leaf_codes:
            raise UserError(f"The codebook has no class “{leaf}”.", "Choose one of its classes.")
        seq, key = adjudications.add_event(
            session,
            {
                "coder_id": self.coder.id,
                "tweet_id": tweet,
                "codebook_version_id": self.study.codebook_version,
                "leaf": leaf,
                "reason": reason,
                "given": now(),
                "undoes": undoes,
            },
        )
        return Act(seq, key, tweet, undoes)
