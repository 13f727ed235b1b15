"""Decisions on gold labels, and the gold label that follows from them. Writes need the write lock."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import labels

_DERIVE = text(
    "UPDATE tweets SET gold_leaf = (SELECT leaf FROM adjudications WHERE tweet_id = :tweet "
    "ORDER BY given DESC, id DESC LIMIT 1) WHERE id = :tweet"
)


def derive_gold(session: Session, tweets: Sequence[int]) -> None:
    """Derive the gold labels of tweets anew, and what stands on them: the leaf of the last event by (given, id)."""
    if tweets:
        session.execute(_DERIVE, [{"tweet": tweet} for tweet in tweets])
        labels.refresh(session, tweets)
