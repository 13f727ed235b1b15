"""Who codes what: drawn tweets, and how far each coder is with them. Writes need the write lock."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, insert, or_, select, tuple_
from sqlalchemy.orm import Session

from db.sealing import test_rows
from db.tables import AssignedTweet, Assignment, Coder, CurrentLabel, Split, SplitTweet, Tweet
from db.tweets import batches

_ASSIGNED: Any = AssignedTweet.__table__
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__


def _stands(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Say of an assignment's id that it was not removed."""
    return select(Assignment.id).where(Assignment.id == column, Assignment.removed.is_(None)).exists()


def _is_done() -> ColumnElement[bool]:
    """Say of an assigned tweet that its coder has labelled it."""
    own = select(_CURRENT.c.tweet_id).where(
        _CURRENT.c.tweet_id == _ASSIGNED.c.tweet_id, _CURRENT.c.coder_id == _ASSIGNED.c.coder_id
    )
    return own.exists()


def _in_work(coder_id: str, languages: Sequence[str] | None) -> list[ColumnElement[bool]]:
    conditions = [
        _ASSIGNED.c.coder_id == coder_id,
        _TWEETS.c.id == _ASSIGNED.c.tweet_id,
        _stands(_ASSIGNED.c.assignment_id),
    ]
    if languages is not None:
        conditions.append(_TWEETS.c.lang.in_(languages))
    return conditions


def next_assigned(
    session: Session, coder_id: str, after: tuple[int, int], languages: Sequence[str] | None = None
) -> tuple[int, int] | None:
    """Return (place, tweet) of the coder's next assigned tweet without their label; after the last the first again."""
    place = tuple_(_ASSIGNED.c.place, _ASSIGNED.c.tweet_id)
    statement = (
        select(_ASSIGNED.c.place, _ASSIGNED.c.tweet_id)
        .where(*_in_work(coder_id, languages), _TWEETS.c.locked.is_(False), ~_is_done())
        .order_by(_ASSIGNED.c.place, _ASSIGNED.c.tweet_id)
        .limit(1)
    )
    row = session.execute(statement.where(place > after)).first() or session.execute(statement).first()
    return None if row is None else (row.place, row.tweet_id)


def work_of(session: Session, coder_id: str, languages: Sequence[str] | None = None) -> tuple[int, int]:
    """Return (done, all) of the tweets assigned to a coder; a locked tweet that they never labelled is none."""
    done = _is_done()
    statement = (
        select(
            func.count(_ASSIGNED.c.tweet_id.distinct()).filter(done),
            func.count(_ASSIGNED.c.tweet_id.distinct()),
        )
        .select_from(_ASSIGNED)
        .join(_TWEETS, _TWEETS.c.id == _ASSIGNED.c.tweet_id)
        .where(*_in_work(coder_id, languages), or_(_TWEETS.c.locked.is_(False), done))
    )
    row = session.execute(statement).one()
    return row[0], row[1]


# Made once: each label asks it, and putting it together takes longer than the answer.
_IS_ASSIGNED = (
    select(_ASSIGNED.c.tweet_id)
    .where(
        _ASSIGNED.c.tweet_id == bindparam("tweet"),
        _ASSIGNED.c.coder_id == bindparam("coder"),
        _stands(_ASSIGNED.c.assignment_id),
    )
    .limit(1)
)


def is_assigned(session: Session, coder_id: str, tweet: int) -> bool:
    """Say whether a tweet is among those assigned to a coder."""
    return session.connection().scalar(_IS_ASSIGNED, {"tweet": tweet, "coder": coder_id}) is not None


def free_tweets(
    session: Session, *, sealed: bool, which: Select[int] | None, not_by: Sequence[str], only_unlabelled: bool
) -> list[Any]:
    """Return (id, lang, shuffle, group_id) of the tweets that can be assigned.

    Neither locked nor assigned; the test rows, or what is not sealed; among those that `which` selects;
    labelled by nobody, or by none of the coders `not_by` (ids).
    """
    free = _is_free(sealed, which, not_by, only_unlabelled)
    columns = (_TWEETS.c.id, _TWEETS.c.lang, _TWEETS.c.shuffle, _TWEETS.c.group_id)
    return list(session.execute(select(*columns).where(*free)))


def count_free(
    session: Session, *, which: Select[int] | None, not_by: Sequence[str], only_unlabelled: bool
) -> int:
    """Return how many tweets that are not sealed can be assigned, as `free_tweets` finds them."""
    free = _is_free(False, which, not_by, only_unlabelled)
    return session.scalar(select(func.count()).select_from(_TWEETS).where(*free)) or 0


def _is_free(
    sealed: bool, which: Select[int] | None, not_by: Sequence[str], only_unlabelled: bool
) -> list[ColumnElement[bool]]:
    assigned = select(_ASSIGNED.c.tweet_id).where(
        _ASSIGNED.c.tweet_id == _TWEETS.c.id, _stands(_ASSIGNED.c.assignment_id)
    )
    conditions = [
        _TWEETS.c.locked.is_(False),
        _TWEETS.c.id.in_(test_rows()) if sealed else _TWEETS.c.sealed.is_(False),
        ~assigned.exists(),
    ]
    if which is not None:
        conditions.append(_TWEETS.c.id.in_(which))
    if only_unlabelled:
        conditions.append(_TWEETS.c.labelled.is_(False))
    elif not_by:
        own = select(_CURRENT.c.tweet_id).where(
            _CURRENT.c.tweet_id == _TWEETS.c.id, _CURRENT.c.coder_id.in_(not_by)
        )
        conditions.append(~own.exists())
    return conditions


def assigned_groups(session: Session) -> set[int]:
    """Return the groups of near-duplicates of which a tweet is assigned."""
    statement = (
        select(_TWEETS.c.group_id)
        .distinct()
        .join(_ASSIGNED, _ASSIGNED.c.tweet_id == _TWEETS.c.id)
        .where(_TWEETS.c.group_id.is_not(None), _stands(_ASSIGNED.c.assignment_id))
    )
    return set(session.scalars(statement))


def assignment_of_split(session: Session, split: str) -> str | None:
    """Return the name of an assignment that stands and was drawn from the tweets that a split had sealed."""
    statement = (
        select(Assignment.name)
        .join(_ASSIGNED, _ASSIGNED.c.assignment_id == Assignment.id)
        .join(SplitTweet, SplitTweet.tweet_id == _ASSIGNED.c.tweet_id)
        .join(Split, Split.id == SplitTweet.split_id)
        .where(Split.id == split, Assignment.removed.is_(None), Assignment.created >= Split.created)
        .order_by(Assignment.created)
        .limit(1)
    )
    return session.scalar(statement)


def any_taken(session: Session, tweets: Sequence[int]) -> bool:
    """Say whether one of the tweets is assigned already, or locked."""
    for batch in batches(tweets):
        assigned = select(_ASSIGNED.c.tweet_id).where(
            _ASSIGNED.c.tweet_id.in_(batch), _stands(_ASSIGNED.c.assignment_id)
        )
        locked = select(_TWEETS.c.id).where(_TWEETS.c.id.in_(batch), _TWEETS.c.locked.is_(True))
        for found in (assigned, locked):
            if session.scalar(found.limit(1)) is not None:
                return True
    return False


def last_place(session: Session, coder_id: str) -> int:
    """Return the last place in a coder's order of work, 0 where there is none."""
    return session.scalar(select(func.max(_ASSIGNED.c.place)).where(_ASSIGNED.c.coder_id == coder_id)) or 0


def add_tweets(session: Session, assignment: str, coder_id: str, tweets: Iterable[int]) -> None:
    """Append tweets to a coder's work, in the order given."""
    first = last_place(session, coder_id) + 1
    rows = [
        {"assignment_id": assignment, "coder_id": coder_id, "tweet_id": tweet, "place": place}
        for place, tweet in enumerate(tweets, first)
    ]
    if rows:
        session.execute(insert(_ASSIGNED), rows)


def shares(session: Session) -> list[Any]:
    """Return (assignment_id, coder's name, assigned, done) of each coder in each assignment that stands."""
    statement = (
        select(
            _ASSIGNED.c.assignment_id,
            Coder.name.label("coder"),
            func.count().label("assigned"),
            func.count(_CURRENT.c.tweet_id).label("done"),
        )
        .join(Coder, Coder.id == _ASSIGNED.c.coder_id)
        .join(
            _CURRENT,
            and_(_CURRENT.c.tweet_id == _ASSIGNED.c.tweet_id, _CURRENT.c.coder_id == _ASSIGNED.c.coder_id),
            isouter=True,
        )
        .where(_stands(_ASSIGNED.c.assignment_id))
        .group_by(_ASSIGNED.c.assignment_id, Coder.id)
        .order_by(func.lower(Coder.name))
    )
    return list(session.execute(statement))


def tweets_in(session: Session) -> dict[str, int]:
    """Return {assignment: number of different tweets} of the assignments that stand."""
    statement = (
        select(_ASSIGNED.c.assignment_id, func.count(_ASSIGNED.c.tweet_id.distinct()))
        .where(_stands(_ASSIGNED.c.assignment_id))
        .group_by(_ASSIGNED.c.assignment_id)
    )
    return {row[0]: row[1] for row in session.execute(statement)}
