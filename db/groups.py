"""Groups of near-duplicates: tweets with the same `group_id`, which is the number of the group's first tweet."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session, aliased

from db.tables import CurrentLabel, StudyInfo, Tweet
from db.tweets import batches, last_id

_TWEETS: Any = Tweet.__table__
_WRITE = update(_TWEETS).where(_TWEETS.c.id == bindparam("tweet")).values(group_id=bindparam("group"))


def texts_after(session: Session, after: int, limit: int) -> list[Any]:
    """Return the next (id, text, group_id) after a tweet, in file order."""
    statement = select(_TWEETS.c.id, _TWEETS.c.text, _TWEETS.c.group_id).where(_TWEETS.c.id > after)
    return list(session.execute(statement.order_by(_TWEETS.c.id).limit(limit)))


def write(session: Session, groups: Iterable[tuple[int, int | None]]) -> None:
    """Write (tweet, group) pairs; needs the write lock."""
    values = [{"tweet": tweet, "group": group} for tweet, group in groups]
    if values:
        session.connection().execute(_WRITE, values)


def note_grouped(session: Session, up_to: int) -> None:
    """Note up to which tweet near-duplicates were looked for, 0 while they are being written."""
    session.execute(update(StudyInfo).values(grouped_up_to=up_to))


def are_current(session: Session) -> bool:
    """Say whether near-duplicates were looked for since the last tweet came."""
    return session.scalar(select(StudyInfo.grouped_up_to)) == last_id(session)


def count(session: Session) -> tuple[int, int]:
    """Return (number of groups, number of tweets in them)."""
    grouped = _TWEETS.c.group_id.is_not(None)
    statement = select(func.count(_TWEETS.c.group_id.distinct()), func.count()).where(grouped)
    groups, tweets = session.execute(statement).one()
    return groups, tweets


def sizes(session: Session, groups: Sequence[int]) -> dict[int, int]:
    """Return {group: number of its tweets}."""
    found: dict[int, int] = {}
    for batch in batches(sorted(set(groups))):
        statement = select(_TWEETS.c.group_id, func.count()).where(_TWEETS.c.group_id.in_(batch))
        found.update(
            (group, number) for group, number in session.execute(statement.group_by(_TWEETS.c.group_id))
        )
    return found


def of(session: Session, tweets: Sequence[int]) -> dict[int, int]:
    """Return {tweet: group} of those of the tweets that are in a group."""
    found: dict[int, int] = {}
    for batch in batches(tweets):
        statement = select(_TWEETS.c.id, _TWEETS.c.group_id).where(_TWEETS.c.id.in_(batch))
        found.update((row.id, row.group_id) for row in session.execute(statement) if row.group_id is not None)
    return found


def with_members(session: Session, tweets: Iterable[int]) -> set[int]:
    """Return tweets and all that are in a group with one of them."""
    found = set(tweets)
    for batch in batches(sorted(set(of(session, sorted(found)).values()))):
        found.update(session.scalars(select(_TWEETS.c.id).where(_TWEETS.c.group_id.in_(batch))))
    return found


def one_of_each(coder_id: str | None = None) -> ColumnElement[bool]:
    """Return the condition that lets pass one tweet of each group, and those that stand alone.

    It is the group's first, as long as nobody has labelled a tweet of the group; with `coder_id`, as long as
    this coder has not.
    """
    member = aliased(Tweet)
    labelled = select(member.id).where(member.group_id == Tweet.id)
    if coder_id is None:
        labelled = labelled.where(member.labelled.is_(True))
    else:
        labelled = labelled.join(
            CurrentLabel, and_(CurrentLabel.tweet_id == member.id, CurrentLabel.coder_id == coder_id)
        )
    return or_(Tweet.group_id.is_(None), and_(Tweet.group_id == Tweet.id, ~labelled.exists()))
