"""Which tweets are kept apart as test rows."""

from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from db.tables import Split, SplitTweet
from db.tweets import batches

TEST_SPLIT = "test rows"


def add_test_rows(session: Session, tweets: Sequence[int], when: str) -> None:
    """Mark tweets as test rows of the study; those that are stay so."""
    split = session.scalar(select(Split).where(Split.name == TEST_SPLIT))
    if split is None:
        split = Split(name=TEST_SPLIT, created=when)
        session.add(split)
        session.flush()
    known: set[int] = set()
    for batch in batches(tweets):
        statement = select(SplitTweet.tweet_id).where(
            SplitTweet.split_id == split.id, SplitTweet.tweet_id.in_(batch)
        )
        known.update(session.scalars(statement))
    new = [
        {"split_id": split.id, "tweet_id": tweet, "part": "test"}
        for tweet in dict.fromkeys(tweets)
        if tweet not in known
    ]
    if new:
        session.execute(insert(SplitTweet), new)
