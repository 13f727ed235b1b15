"""The sealed test set: which tweets are in it, which may be drawn for it, and what keeps it apart.

There is one notion of a test row: a tweet that a split named `TEST_SPLIT` has as "test". Each drawing is such a
split, with its seed; those that came with a file share one without a seed. Sealed is a test row, and what is a
near-duplicate of one (`tweets.group_id`): `tweets.sealed` is derived from both by `seal`, which only ever adds.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, func, insert, select, text, type_coerce, update
from sqlalchemy.orm import Session

from db.tables import Adjudication, Coder, CurrentLabel, LabelEvent, Split, SplitTweet, Tweet

TEST_SPLIT = "test rows"

_TWEETS: Any = Tweet.__table__


def not_sealed() -> ColumnElement[bool]:
    """Return the condition on `Tweet` for all that looks at models, or from which a model learns."""
    return Tweet.sealed.is_(False)


def test_rows() -> Select[int]:
    """Return the statement that selects the ids of the test rows."""
    return (
        select(SplitTweet.tweet_id)
        .join(Split, Split.id == SplitTweet.split_id)
        .where(Split.name == TEST_SPLIT, SplitTweet.part == "test")
    )


def open_to_models(session: Session) -> tuple[list[int], list[int]]:
    """Return (labelled tweets, other tweets) outside the sealed set, in file order."""
    statement = select(_TWEETS.c.id, _TWEETS.c.labelled).where(_TWEETS.c.sealed.is_(False))
    found: tuple[list[int], list[int]] = ([], [])
    for row in session.execute(statement.order_by(_TWEETS.c.id)):
        found[0 if row.labelled else 1].append(row.id)
    return found


def hidden_from(viewer: str | None) -> Select[int]:
    """Return the statement that selects the sealed tweets on which a coder, by name, must see nothing yet.

    Those are the tweets that this coder has no label on; with None, those that nobody has labelled.
    """
    statement = select(Tweet.id).where(Tweet.sealed.is_(True))
    if viewer is None:
        return statement.where(Tweet.labelled.is_(False))
    own = (
        select(CurrentLabel.tweet_id)
        .join(Coder, Coder.id == CurrentLabel.coder_id)
        .where(CurrentLabel.tweet_id == Tweet.id, Coder.name == viewer)
    )
    return statement.where(~own.exists())


def is_hidden(session: Session, tweet: int, viewer: str | None) -> bool:
    """Say whether a coder must see nothing yet of what others and models say of a tweet."""
    return session.scalar(hidden_from(viewer).where(Tweet.id == tweet)) is not None


def among_test_rows(session: Session, tweets: Sequence[int]) -> set[int]:
    """Return those of these tweets that are test rows."""
    if not tweets:
        return set()
    return set(session.scalars(test_rows().where(SplitTweet.tweet_id.in_(_among(tweets)))))


def add_test_rows(
    session: Session,
    tweets: Sequence[int],
    when: str,
    seed: int | None = None,
    spec: dict[str, object] | None = None,
) -> tuple[Split, int]:
    """Make tweets test rows and seal them and their near-duplicates; return how many tweets that sealed.

    With a seed it is a drawing of its own; without, they join those that came with files. Test rows stay so.
    """
    split = None
    if seed is None:
        given = select(Split).where(Split.name == TEST_SPLIT, Split.seed.is_(None))
        split = session.scalar(given.order_by(Split.created, Split.id).limit(1))
    if split is None:
        split = Split(name=TEST_SPLIT, created=when, seed=seed, spec=spec or {})
        session.add(split)
        session.flush()
    known = set(session.scalars(test_rows()))
    new = [tweet for tweet in dict.fromkeys(tweets) if tweet not in known]
    if new:
        rows = [{"split_id": split.id, "tweet_id": tweet, "part": "test"} for tweet in new]
        session.execute(insert(SplitTweet), rows)
    return split, seal(session)


def seal(session: Session) -> int:
    """Seal the test rows and the near-duplicates of what is sealed; return how many tweets were not before.

    To be called after tweets were grouped, too: a copy that came later is kept apart as well. Needs the write
    lock.
    """
    # The plus keeps SQLite from walking through all that is not sealed.
    rows: Any = session.execute(
        text(
            "UPDATE tweets SET sealed = 1 WHERE NOT +sealed AND id IN (SELECT t.tweet_id FROM split_tweets t "
            "JOIN splits s ON s.id = t.split_id WHERE s.name = :name AND t.part = 'test')"
        ),
        {"name": TEST_SPLIT},
    )
    copies: Any = session.execute(
        text(
            "UPDATE tweets SET sealed = 1 WHERE NOT +sealed AND group_id IN "
            "(SELECT group_id FROM tweets WHERE sealed IS 1 AND group_id IS NOT NULL)"
        )
    )
    return int(rows.rowcount) + int(copies.rowcount)


def take_back(session: Session, split: str) -> int:
    """Remove a drawing and return how many tweets are no longer sealed."""
    before = count_sealed(session)
    drawn = select(SplitTweet.tweet_id).where(SplitTweet.split_id == split)
    groups = select(_TWEETS.c.group_id).where(_TWEETS.c.id.in_(drawn), _TWEETS.c.group_id.is_not(None))
    freed = list(session.scalars(select(_TWEETS.c.id).where(_TWEETS.c.group_id.in_(groups)).union(drawn)))
    session.delete(session.get_one(Split, split))
    session.flush()
    session.execute(update(_TWEETS).where(_TWEETS.c.id.in_(_among(freed))).values(sealed=False))
    seal(session)
    return before - count_sealed(session)


def drawings(session: Session) -> list[Split]:
    """Return the splits that make up the test set, the oldest first."""
    statement = select(Split).where(Split.name == TEST_SPLIT).order_by(Split.created, Split.id)
    return list(session.scalars(statement))


def was_touched(session: Session, split: str) -> bool:
    """Say whether a tweet of a drawing ever had a label of anyone."""
    drawn = select(SplitTweet.tweet_id).where(SplitTweet.split_id == split)
    return session.scalar(drawn.where(SplitTweet.tweet_id.in_(_touched())).limit(1)) is not None


def count_sealed(session: Session) -> int:
    """Return how many tweets are sealed: test rows and their near-duplicates."""
    return session.scalar(select(func.count()).where(_TWEETS.c.sealed.is_(True))) or 0


def count_test_rows(session: Session) -> dict[str, tuple[int, int]]:
    """Return {language: (test rows that have a label, test rows)}."""
    statement = (
        select(_TWEETS.c.lang, func.sum(type_coerce(_TWEETS.c.labelled, Integer)), func.count())
        .where(_TWEETS.c.id.in_(test_rows()))
        .group_by(_TWEETS.c.lang)
    )
    return {lang: (int(labelled), number) for lang, labelled, number in session.execute(statement)}


def count_labelled(session: Session) -> int:
    """Return how many tweets outside the test set ever had a label of anyone."""
    statement = select(func.count()).where(_TWEETS.c.id.in_(_touched()), _TWEETS.c.sealed.is_(False))
    return session.scalar(statement) or 0


def count_drawable(session: Session) -> dict[str, int]:
    """Return {language: number of tweets, each of another group, that may be drawn}."""
    one_a_group = func.coalesce(_TWEETS.c.group_id, -_TWEETS.c.id)
    statement = select(_TWEETS.c.lang, func.count(one_a_group.distinct())).where(*_may_be_drawn())
    return {row[0]: row[1] for row in session.execute(statement.group_by(_TWEETS.c.lang))}


def drawable(session: Session, languages: Sequence[str]) -> list[Any]:
    """Return (id, lang, group_id, shuffle) of the tweets of these languages that may be drawn."""
    statement = select(_TWEETS.c.id, _TWEETS.c.lang, _TWEETS.c.group_id, _TWEETS.c.shuffle)
    return list(session.execute(statement.where(_TWEETS.c.lang.in_(languages), *_may_be_drawn())))


def may_all_be_drawn(session: Session, tweets: Sequence[int]) -> bool:
    """Say whether all of these tweets may be drawn."""
    statement = select(func.count()).where(_TWEETS.c.id.in_(_among(tweets)), *_may_be_drawn())
    return session.scalar(statement) == len(tweets)


def to_label(session: Session, coder: str, limit: int) -> list[int]:
    """Return test rows that a coder, by id, may label and has not labelled, in the random order of labelling."""
    own = select(CurrentLabel.tweet_id).where(
        CurrentLabel.tweet_id == _TWEETS.c.id, CurrentLabel.coder_id == coder
    )
    statement = select(_TWEETS.c.id).where(
        _TWEETS.c.id.in_(test_rows()), ~own.exists(), _TWEETS.c.locked.is_(False)
    )
    return list(session.scalars(statement.order_by(_TWEETS.c.shuffle, _TWEETS.c.id).limit(limit)))


def kept_apart(session: Session) -> set[int]:
    """Return the sealed tweets and their near-duplicates, also those that are not sealed yet."""
    sealed = _TWEETS.alias("sealed_tweets")
    groups = select(sealed.c.group_id).where(sealed.c.sealed.is_(True), sealed.c.group_id.is_not(None))
    found = select(_TWEETS.c.id).where(_TWEETS.c.sealed.is_(True))
    return set(session.scalars(found.union(select(_TWEETS.c.id).where(_TWEETS.c.group_id.in_(groups)))))


def _among(tweets: Sequence[int]) -> Select[Any]:
    return select(func.json_each(json.dumps(list(tweets))).table_valued("value").c.value)


def _touched() -> Any:
    return select(LabelEvent.tweet_id).union(select(Adjudication.tweet_id))


def _may_be_drawn() -> tuple[ColumnElement[bool], ...]:
    busy = _TWEETS.alias("busy")
    groups = (
        select(busy.c.group_id)
        .where(busy.c.group_id.is_not(None), busy.c.sealed.is_(True))
        .union(select(busy.c.group_id).where(busy.c.group_id.is_not(None), busy.c.id.in_(_touched())))
    )
    return (
        _TWEETS.c.sealed.is_(False),
        _TWEETS.c.locked.is_(False),
        _TWEETS.c.id.not_in(_touched()),
        _TWEETS.c.group_id.is_(None) | _TWEETS.c.group_id.not_in(groups),
    )
