"""Label events and what is derived from them. All writes need the write lock (`StudyFile.writing`)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, text, tuple_
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Session

from db.tables import CodebookVersion, Coder, CurrentLabel, LabelEvent, Tweet, new_uuid
from db.tweets import batches

_EVENTS: Any = LabelEvent.__table__
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__


def add_event(session: Session, values: dict[str, Any]) -> tuple[int, str]:
    """Append one event and bring what is derived from it up to date; return (seq, uuid)."""
    values = {"id": new_uuid()} | values
    seq = session.scalar(insert(_EVENTS).values(**values).returning(_EVENTS.c.seq))
    assert seq is not None
    if values["leaf"] is None:
        session.execute(
            delete(_CURRENT).where(
                _CURRENT.c.tweet_id == values["tweet_id"], _CURRENT.c.coder_id == values["coder_id"]
            )
        )
    else:
        statement = upsert(_CURRENT).values(
            tweet_id=values["tweet_id"], coder_id=values["coder_id"], leaf=values["leaf"], seq=seq
        )
        session.execute(
            statement.on_conflict_do_update(
                index_elements=["tweet_id", "coder_id"],
                set_={"leaf": statement.excluded.leaf, "seq": statement.excluded.seq},
            )
        )
    refresh(session, [values["tweet_id"]])
    return seq, str(values["id"])


def add_first_labels(session: Session, events: list[dict[str, Any]]) -> None:
    """Append many "label" events of one coder, for tweets on which that coder has no event yet."""
    if not events:
        return
    first = (session.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'label_events'")) or 0) + 1
    numbered = [{"seq": first + n, "id": new_uuid(), "kind": "label"} | e for n, e in enumerate(events)]
    session.execute(insert(_EVENTS), numbered)
    current = [{k: e[k] for k in ("tweet_id", "coder_id", "leaf", "seq")} for e in numbered]
    session.execute(insert(_CURRENT), current)
    refresh(session, [e["tweet_id"] for e in events])


_REFRESH = text(
    "UPDATE tweets SET labelled = EXISTS (SELECT 1 FROM current_labels WHERE tweet_id = :tweet), "
    "agreed_leaf = (SELECT CASE WHEN min(leaf) = max(leaf) THEN min(leaf) END FROM current_labels "
    "WHERE tweet_id = :tweet) "
    "WHERE id = :tweet"
)


def refresh(session: Session, tweets: Sequence[int]) -> None:
    """Derive `labelled` and `agreed_leaf` of tweets from their current labels."""
    if tweets:
        session.execute(_REFRESH, [{"tweet": tweet} for tweet in tweets])


def rebuild(session: Session) -> None:
    """Derive every current label anew from the events: for repair."""
    session.execute(delete(_CURRENT))
    session.execute(
        text(
            "INSERT INTO current_labels (tweet_id, coder_id, leaf, seq) "
            "SELECT tweet_id, coder_id, leaf, seq FROM label_events WHERE seq IN "
            "(SELECT max(seq) FROM label_events GROUP BY tweet_id, coder_id) AND leaf IS NOT NULL"
        )
    )
    session.execute(text("UPDATE tweets SET labelled = 0, agreed_leaf = NULL WHERE labelled"))
    refresh(session, list(session.scalars(select(_CURRENT.c.tweet_id).distinct())))


def touched(session: Session, coder_id: str, tweets: Sequence[int]) -> dict[int, str | None]:
    """Return the coder's last leaf (None: taken back) on each of the tweets that the coder ever acted on."""
    found: dict[int, str | None] = {}
    for batch in batches(tweets):
        statement = (
            select(_EVENTS.c.tweet_id, _EVENTS.c.leaf)
            .where(_EVENTS.c.tweet_id.in_(batch), _EVENTS.c.coder_id == coder_id)
            .order_by(_EVENTS.c.seq)
        )
        for tweet, leaf in session.execute(statement):
            found[tweet] = leaf
    return found


def own_events(session: Session, coder_id: str, after: int) -> list[Any]:
    """Return (seq, id, tweet_id, undoes) of what a coder did by hand after event `after`, in order."""
    statement = (
        select(_EVENTS.c.seq, _EVENTS.c.id, _EVENTS.c.tweet_id, _EVENTS.c.undoes)
        .where(_EVENTS.c.coder_id == coder_id, _EVENTS.c.import_id.is_(None), _EVENTS.c.seq > after)
        .order_by(_EVENTS.c.seq)
    )
    return list(session.execute(statement))


def last_seq(session: Session) -> int:
    """Return the number of the last event of the study, 0 for none."""
    return session.scalar(select(func.max(_EVENTS.c.seq))) or 0


def leaf_before(session: Session, coder_id: str, tweet_id: int, seq: int) -> str | None:
    """Return the coder's label on a tweet just before an event."""
    statement = (
        select(_EVENTS.c.leaf)
        .where(_EVENTS.c.tweet_id == tweet_id, _EVENTS.c.coder_id == coder_id, _EVENTS.c.seq < seq)
        .order_by(_EVENTS.c.seq.desc())
        .limit(1)
    )
    return session.scalar(statement)


def history(session: Session, tweet_id: int) -> list[Any]:
    """Return every event on a tweet with the coder's name and the codebook version, oldest first."""
    statement = (
        select(
            _EVENTS.c.seq, _EVENTS.c.id, _EVENTS.c.kind, _EVENTS.c.leaf, _EVENTS.c.given, _EVENTS.c.seconds,
            _EVENTS.c.suggestion_shown, _EVENTS.c.note, _EVENTS.c.flag, _EVENTS.c.undoes, _EVENTS.c.import_id,
            Coder.name.label("coder"), CodebookVersion.id.label("codebook_version"),
        )
        .join(Coder, Coder.id == _EVENTS.c.coder_id)
        .join(CodebookVersion, CodebookVersion.id == _EVENTS.c.codebook_version_id)
        .where(_EVENTS.c.tweet_id == tweet_id)
        .order_by(_EVENTS.c.seq)
    )  # fmt: skip
    return list(session.execute(statement))


def next_unlabelled(
    session: Session, after: tuple[int, int], language: str | None, without_coder: str | None
) -> tuple[int, int] | None:
    """Return (shuffle, id) of the next tweet in shuffled order; after the last comes the first again.

    Tweets that nobody labelled; with `without_coder`, those that this coder has not labelled.
    """
    for wrapped in (False, True):
        found = []
        for labelled in (False,) if without_coder is None else (False, True):
            statement = select(_TWEETS.c.shuffle, _TWEETS.c.id).where(_TWEETS.c.labelled.is_(labelled))
            if language is not None:
                statement = statement.where(_TWEETS.c.lang == language)
            if labelled:
                own = select(_CURRENT.c.tweet_id).where(
                    _CURRENT.c.tweet_id == _TWEETS.c.id, _CURRENT.c.coder_id == without_coder
                )
                statement = statement.where(~own.exists())
            if not wrapped:
                statement = statement.where(tuple_(_TWEETS.c.shuffle, _TWEETS.c.id) > after)
            row = session.execute(statement.order_by(_TWEETS.c.shuffle, _TWEETS.c.id).limit(1)).first()
            if row is not None:
                found.append((row.shuffle, row.id))
        if found:
            return min(found)
    return None


def agreed(session: Session) -> dict[int, str]:
    """Return {tweet: leaf} for tweets whose current labels agree."""
    statement = select(_TWEETS.c.id, _TWEETS.c.agreed_leaf).where(_TWEETS.c.agreed_leaf.is_not(None))
    return {row.id: row.agreed_leaf for row in session.execute(statement.order_by(_TWEETS.c.id))}


def disputed(session: Session) -> list[int]:
    """Return the tweets whose current labels differ, in file order."""
    statement = select(_TWEETS.c.id).where(_TWEETS.c.labelled.is_(True), _TWEETS.c.agreed_leaf.is_(None))
    return list(session.scalars(statement.order_by(_TWEETS.c.id)))


def used_leaves(session: Session) -> list[str]:
    """Return the leaves that any coder's current label names."""
    return list(session.scalars(select(_CURRENT.c.leaf).distinct()))


def count_of_coder(session: Session, coder_id: str, language: str | None = None) -> int:
    """Return how many tweets a coder has labelled."""
    statement = select(func.count()).select_from(_CURRENT).where(_CURRENT.c.coder_id == coder_id)
    if language is not None:
        statement = statement.join(_TWEETS, _TWEETS.c.id == _CURRENT.c.tweet_id).where(
            _TWEETS.c.lang == language
        )
    return session.scalar(statement) or 0


_STATE = select(_TWEETS.c.labelled, _TWEETS.c.agreed_leaf, _TWEETS.c.lang).where(
    _TWEETS.c.id == bindparam("tweet")
)


def state(session: Session, tweet_id: int) -> tuple[bool, str | None, str]:
    """Return whether a tweet has a label, the leaf that its labels agree on, and its language."""
    row = session.execute(_STATE, {"tweet": tweet_id}).one()
    return row.labelled, row.agreed_leaf, row.lang


_MARKS = select(
    select(func.max(_EVENTS.c.seq)).scalar_subquery(), select(func.max(_TWEETS.c.id)).scalar_subquery()
)


def marks(session: Session) -> tuple[int, int]:
    """Return the numbers of the last event and of the last tweet: what tells that something was added."""
    seq, tweet = session.execute(_MARKS).one()
    return seq or 0, tweet or 0
