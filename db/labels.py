"""Label events and what is derived from them. All writes need the write lock (`StudyFile.writing`)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache, reduce
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    type_coerce,
)
from sqlalchemy.dialects.sqlite import insert as upsert
from sqlalchemy.orm import Session

from db.tables import CodebookVersion, Coder, CurrentLabel, LabelEvent, Tweet, new_uuid
from db.tweets import batches

# The mark that the first schema kept in the column `flag`; see `LabelEvent`.
UNCERTAIN = "uncertain"

_EVENTS: Any = LabelEvent.__table__
_CURRENT: Any = CurrentLabel.__table__
_TWEETS: Any = Tweet.__table__


def add_event(session: Session, values: dict[str, Any]) -> tuple[int, str]:
    """Append one event and bring what is derived from it up to date; return (seq, uuid), as `add_events`."""
    return add_events(session, [values])[0]


def add_events(
    session: Session, events: Sequence[dict[str, Any]], step: Callable[[int], None] = lambda done: None
) -> list[tuple[int, str]]:
    """Append events of one coder, each on another tweet, bring what is derived up to date; return (seq, uuid) of each.

    All are undos or redos (`undoes`), or none is; all are repeats, or none is. An event follows all heads that the
    coder has on the tweet, so that it settles what contradicted each other. An undo or redo follows what the
    coder did here alone: what came with a copy is not taken back. `flag` follows from `marks`. `step` is told how
    many are done, and may raise, to stop. A repeat follows the coder's other repeats on the tweet, and changes no
    label.
    """
    seq = session.connection().scalar(_LAST_SEQ) or 0
    given: list[tuple[int, str]] = []
    for batch in batches(events):
        tweets, coder = [event["tweet_id"] for event in batch], batch[0]["coder_id"]
        repeat, undoes = batch[0].get("repeat", False), batch[0].get("undoes") is not None
        known = {} if repeat else _of_tweets(session, tweets, coder)
        rows = []
        for event in batch:
            seq += 1
            if repeat:
                parents = _repeat_heads(session, event["tweet_id"], coder)
            else:
                parents = _parents(known.get(event["tweet_id"], []), event.get("undoes"))
            flag = {"flag": UNCERTAIN in event.get("marks", ())}
            rows.append({"seq": seq, "id": new_uuid(), "parents": parents} | event | flag)
        session.connection().execute(_INSERT, rows)
        given += [(row["seq"], row["id"]) for row in rows]
        if undoes and not repeat:
            for row in rows:
                known.setdefault(row["tweet_id"], []).append(
                    _Event(**{c: row.get(c) for c in _Event._fields})
                )
            _put_standing(session, {(tweet, coder): events for tweet, events in known.items()})
        elif not repeat:
            columns = ("tweet_id", "coder_id", "leaf", "seq")
            _put_current(session, [{c: row[c] for c in columns} | {"contested": False} for row in rows])
            refresh(session, tweets)
        step(len(given))
    return given


def _repeat_heads(session: Session, tweet: int, coder: str) -> list[str]:
    statement = select(_EVENTS.c.id, _EVENTS.c.parents).where(
        _EVENTS.c.tweet_id == tweet, _EVENTS.c.coder_id == coder, _EVENTS.c.repeat.is_(True)
    )
    return [event.id for event in _heads(list(session.execute(statement)))]


def _parents(events: Sequence[Any], undoes: str | None) -> list[str]:
    heads = _heads(events)
    if undoes is None:
        return [head.id for head in heads]
    return [head.id for head in heads if head.merge_id is None] or [undoes]


def derive(session: Session, pairs: Iterable[tuple[int, str]]) -> None:
    """Derive the current labels of (tweet, coder) pairs anew from their events, after a merge or for repair.

    The order in which events came into the file does not matter, only who follows whom: of several events
    that stand the one with a label that was given last is current, and contested where another says something
    else.
    """
    wanted = set(pairs)
    for batch in batches(sorted({tweet for tweet, _ in wanted})):
        events: dict[tuple[int, str], list[Any]] = {}
        for event in session.execute(_ON_TWEETS, {"tweets": batch}):
            events.setdefault((event.tweet_id, event.coder_id), []).append(event)
        _put_standing(session, {pair: events[pair] for pair in sorted(wanted & events.keys())})


def _put_standing(session: Session, events: Mapping[tuple[int, str], Sequence[Any]]) -> None:
    """Write what stands of the events of (tweet, coder) pairs as the current labels."""
    found = []
    for pair in sorted(events):
        last = standing(events[pair])
        labelled = [event for event in last if event.leaf is not None]
        found.append(
            {
                "tweet_id": pair[0],
                "coder_id": pair[1],
                "leaf": labelled[-1].leaf if labelled else None,
                "seq": labelled[-1].seq if labelled else 0,
                "contested": len({event.leaf for event in last}) > 1,
            }
        )
    _put_current(session, found)
    refresh(session, sorted({tweet for tweet, _ in events}))


def standing(events: Sequence[Any]) -> list[Any]:
    """Return what stands of a coder's events on a tweet, in the order in which it was given.

    One event as a rule; none where all was undone; several for labels given apart in copies of the study. A
    label stands in the place of what its coder had in sight. An undo puts back what stood before the event
    that it takes back, a redo the event again, and both leave alone what came with a copy.
    """
    known = {event.id: event for event in events}
    before: dict[str, frozenset[str]] = {}
    after: dict[str, frozenset[str]] = {}
    # An event comes into a file after those that it follows.
    for event in sorted(events, key=lambda e: e.seq):
        seen = frozenset[str]().union(*(after.get(parent, frozenset()) for parent in event.parents))
        before[event.id] = seen
        base, gives = event, True
        while base.undoes in known:
            base, gives = known[base.undoes], not gives
        if base is event:
            after[event.id] = frozenset([event.id])
        elif gives:
            after[event.id] = (seen - before[base.id]) | {base.id}
        else:
            after[event.id] = seen - {base.id} | before[base.id] if base.id in seen else seen
    stands = frozenset[str]().union(*(after[head.id] for head in _heads(events)))
    return sorted((known[id] for id in stands), key=lambda e: (e.given, e.id))


class _Event(NamedTuple):
    """What of an event decides on what stands: a row of `_select_events`."""

    seq: int
    id: str
    tweet_id: int
    coder_id: str
    leaf: str | None
    given: str
    parents: list[str]
    undoes: str | None
    merge_id: int | None


def _select_events() -> Select[Any]:
    # UUIDs become text in SQLite: a hundred thousand of them in Python would take seconds.
    columns = [
        dashed(name) if name in ("id", "coder_id", "undoes") else _EVENTS.c[name] for name in _Event._fields
    ]
    return select(*columns).where(_EVENTS.c.repeat.is_(False))


def dashed(column: str) -> ColumnElement[str]:
    """Return a column of UUIDs of label events as text with its dashes, made in SQLite."""
    digits = type_coerce(_EVENTS.c[column], Text)
    places = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    parts = [func.substr(digits, start, length, type_=Text) for start, length in places]
    joined: ColumnElement[str] = reduce(lambda one, other: one.concat("-").concat(other), parts)
    return joined.label(column)


# Made once: SQLAlchemy takes longer to put such a statement together than SQLite to answer it.
_ON_TWEETS = _select_events().where(_EVENTS.c.tweet_id.in_(bindparam("tweets", expanding=True)))
_OF_TWEETS = _ON_TWEETS.where(_EVENTS.c.coder_id == bindparam("coder"))
_LAST_SEQ = text("SELECT seq FROM sqlite_sequence WHERE name = 'label_events'")
_INSERT = insert(_EVENTS)


def _of_tweets(session: Session, tweets: Sequence[int], coder: str) -> dict[int, list[Any]]:
    """Return {tweet: the coder's events on it}."""
    found: dict[int, list[Any]] = {}
    for event in session.connection().execute(_OF_TWEETS, {"tweets": list(tweets), "coder": coder}):
        found.setdefault(event.tweet_id, []).append(event)
    return found


def _heads(events: Sequence[Any]) -> list[Any]:
    """Return the events that no other follows: one, but for labels given apart in copies of the study."""
    followed = {parent for event in events for parent in event.parents}
    return [event for event in events if event.id not in followed]


_PUT = upsert(_CURRENT)
_PUT = _PUT.on_conflict_do_update(
    index_elements=["tweet_id", "coder_id"],
    set_={name: _PUT.excluded[name] for name in ("leaf", "seq", "contested")},
)
_REMOVE = delete(_CURRENT).where(
    _CURRENT.c.tweet_id == bindparam("tweet"), _CURRENT.c.coder_id == bindparam("coder")
)


def _put_current(session: Session, found: Sequence[dict[str, Any]]) -> None:
    """Write current labels; `leaf` None removes one."""
    labelled = [one for one in found if one["leaf"] is not None]
    cleared = [{"tweet": one["tweet_id"], "coder": one["coder_id"]} for one in found if one["leaf"] is None]
    if labelled:
        session.connection().execute(_PUT, labelled)
    if cleared:
        session.connection().execute(_REMOVE, cleared)


def add_first_labels(session: Session, events: list[dict[str, Any]]) -> None:
    """Append many "label" events of one coder, for tweets on which that coder has no event yet."""
    if not events:
        return
    first = (session.connection().scalar(_LAST_SEQ) or 0) + 1
    numbered = [{"seq": first + n, "id": new_uuid(), "kind": "label"} | e for n, e in enumerate(events)]
    session.execute(_INSERT, numbered)
    current = [{k: e[k] for k in ("tweet_id", "coder_id", "leaf", "seq")} for e in numbered]
    session.execute(insert(_CURRENT), current)
    refresh(session, [e["tweet_id"] for e in events])


_REFRESH = text(
    "UPDATE tweets SET "
    "labelled = gold_leaf IS NOT NULL OR EXISTS (SELECT 1 FROM current_labels WHERE tweet_id = :tweet), "
    "agreed_leaf = coalesce(gold_leaf, (SELECT CASE WHEN min(leaf) = max(leaf) AND NOT max(contested) "
    "THEN min(leaf) END FROM current_labels WHERE tweet_id = :tweet)) "
    "WHERE id = :tweet"
)


def refresh(session: Session, tweets: Sequence[int]) -> None:
    """Derive `labelled` and `agreed_leaf` of tweets from their current labels and their gold label."""
    if tweets:
        session.connection().execute(_REFRESH, [{"tweet": tweet} for tweet in tweets])


def rebuild(session: Session) -> None:
    """Derive every current label anew from the events: for repair."""
    session.execute(delete(_CURRENT))
    session.execute(text("UPDATE tweets SET labelled = 0, agreed_leaf = gold_leaf WHERE labelled"))
    pairs = session.execute(select(_EVENTS.c.tweet_id, _EVENTS.c.coder_id).distinct())
    derive(session, [(row.tweet_id, row.coder_id) for row in pairs])


def touched(session: Session, coder_id: str, tweets: Sequence[int]) -> dict[int, str | None]:
    """Return the coder's label (None: taken back) on each of the tweets that the coder ever acted on."""
    found: dict[int, str | None] = {}
    for batch in batches(tweets):
        statement = (
            select(_EVENTS.c.tweet_id, _CURRENT.c.leaf)
            .distinct()
            .join(
                _CURRENT,
                and_(_CURRENT.c.tweet_id == _EVENTS.c.tweet_id, _CURRENT.c.coder_id == _EVENTS.c.coder_id),
                isouter=True,
            )
            .where(_EVENTS.c.tweet_id.in_(batch), _EVENTS.c.coder_id == coder_id)
        )
        found.update((tweet, leaf) for tweet, leaf in session.execute(statement))
    return found


_GIVEN = (
    select(_EVENTS.c.seconds, _EVENTS.c.suggestion_shown, _EVENTS.c.source, _EVENTS.c.codebook_version_id)
    .join(_CURRENT, _CURRENT.c.seq == _EVENTS.c.seq)
    .where(_CURRENT.c.tweet_id == bindparam("tweet"), _CURRENT.c.coder_id == bindparam("coder"))
)


def circumstances(session: Session, tweet: int, coder_id: str) -> dict[str, Any]:
    """Return how a coder's present label on a tweet was given: the columns of its event that are not its words."""
    row = session.connection().execute(_GIVEN, {"tweet": tweet, "coder": coder_id}).one()
    return dict(row._mapping)


def recent_times(session: Session, coder_id: str, limit: int) -> list[tuple[int, str]]:
    """Return (tweet, time) of the last labels that a coder gave here one by one, the oldest first."""
    statement = (
        select(_EVENTS.c.tweet_id, _EVENTS.c.given)
        .where(
            _EVENTS.c.coder_id == coder_id,
            _EVENTS.c.import_id.is_(None),
            _EVENTS.c.merge_id.is_(None),
            _EVENTS.c.leaf.is_not(None),
            _EVENTS.c.undoes.is_(None),
            _EVENTS.c.act.is_(None),
        )
        .order_by(_EVENTS.c.seq.desc())
        .limit(limit)
    )
    return [(row.tweet_id, row.given) for row in reversed(session.execute(statement).all())]


def last_seq(session: Session) -> int:
    """Return the number of the last event of the study, 0 for none."""
    return session.scalar(select(func.max(_EVENTS.c.seq))) or 0


def side_by_side(session: Session, tweet: int) -> list[Any]:
    """Return the coders' current labels on a tweet: the events that gave them, with name and `contested`.

    A coder who labelled the tweet in two copies apart, differently, has both there.
    """
    statement = (
        select(
            _EVENTS.c.id, _EVENTS.c.coder_id, _EVENTS.c.leaf, _EVENTS.c.given, _EVENTS.c.seconds,
            _EVENTS.c.suggestion_shown, _EVENTS.c.note, _EVENTS.c.marks, _EVENTS.c.import_id,
            _EVENTS.c.codebook_version_id, _EVENTS.c.parents, _EVENTS.c.seq, _EVENTS.c.undoes,
            Coder.name.label("coder"), _CURRENT.c.contested,
        )
        .join(Coder, Coder.id == _EVENTS.c.coder_id)
        .join(
            _CURRENT,
            and_(_CURRENT.c.tweet_id == _EVENTS.c.tweet_id, _CURRENT.c.coder_id == _EVENTS.c.coder_id),
        )
        .where(_EVENTS.c.tweet_id == tweet, _EVENTS.c.repeat.is_(False))
        .order_by(func.lower(Coder.name), _EVENTS.c.seq)
    )  # fmt: skip
    found: dict[str, list[Any]] = {}
    for event in session.execute(statement):
        found.setdefault(event.coder_id, []).append(event)
    return [event for events in found.values() for event in standing(events) if event.leaf is not None]


def labels_at(session: Session, tweet: int, given: str) -> list[tuple[str, str]]:
    """Return (coder's name, leaf) of the labels that a tweet had at a time, in the order of the names."""
    statement = (
        select(_EVENTS.c.coder_id, Coder.name, _EVENTS.c.leaf)
        .join(Coder, Coder.id == _EVENTS.c.coder_id)
        .where(_EVENTS.c.tweet_id == tweet, _EVENTS.c.repeat.is_(False), _EVENTS.c.given <= given)
        .order_by(_EVENTS.c.given, _EVENTS.c.seq)
    )
    last = {row.coder_id: (row.name, row.leaf) for row in session.execute(statement)}
    return sorted(pair for pair in last.values() if pair[1] is not None)


def history(session: Session, tweet_id: int) -> list[Any]:
    """Return every event on a tweet with the coder's name and the codebook version, oldest first."""
    statement = (
        select(
            _EVENTS.c.seq, _EVENTS.c.id, _EVENTS.c.kind, _EVENTS.c.leaf, _EVENTS.c.given, _EVENTS.c.seconds,
            _EVENTS.c.suggestion_shown, _EVENTS.c.note, _EVENTS.c.marks, _EVENTS.c.undoes, _EVENTS.c.import_id,
            _EVENTS.c.source, _EVENTS.c.act, Coder.name.label("coder"), CodebookVersion.id.label("codebook_version"),
        )
        .join(Coder, Coder.id == _EVENTS.c.coder_id)
        .join(CodebookVersion, CodebookVersion.id == _EVENTS.c.codebook_version_id)
        .where(_EVENTS.c.tweet_id == tweet_id)
        .order_by(_EVENTS.c.seq)
    )  # fmt: skip
    return list(session.execute(statement))


def next_unlabelled(
    session: Session, after: tuple[int, int], languages: Sequence[str] | None, without_coder: str | None
) -> tuple[int, int] | None:
    """Return (shuffle, id) of the next tweet in shuffled order; after the last comes the first again.

    Tweets that nobody labelled; with `without_coder`, those that this coder has not labelled. Never locked
    ones. `languages`: in these only, None for all. Each is looked up by itself, as an index has its tweets in order.
    """
    values = {"shuffle": after[0], "id": after[1], "coder": without_coder}
    for wrapped in (False, True):
        found = []
        for language in (None,) if languages is None else languages:
            for labelled in (False,) if without_coder is None else (False, True):
                statement = _first_of(wrapped, labelled, language is not None)
                row = session.connection().execute(statement, values | {"language": language}).first()
                if row is not None:
                    found.append((row.shuffle, row.id))
        if found:
            return min(found)
    return None


@lru_cache
def _first_of(wrapped: bool, labelled: bool, in_language: bool) -> Select[int, int]:
    statement = select(_TWEETS.c.shuffle, _TWEETS.c.id).where(
        _TWEETS.c.labelled.is_(labelled), _TWEETS.c.locked.is_(False)
    )
    if in_language:
        statement = statement.where(_TWEETS.c.lang == bindparam("language"))
    if labelled:
        own = select(_CURRENT.c.tweet_id).where(
            _CURRENT.c.tweet_id == _TWEETS.c.id, _CURRENT.c.coder_id == bindparam("coder")
        )
        statement = statement.where(~own.exists())
    if not wrapped:
        place = tuple_(_TWEETS.c.shuffle, _TWEETS.c.id)
        statement = statement.where(place > tuple_(bindparam("shuffle"), bindparam("id")))
    return statement.order_by(_TWEETS.c.shuffle, _TWEETS.c.id).limit(1)


class TweetState(NamedTuple):
    """What a label can change of a tweet, and what it depends on: `own` is one coder's present label."""

    labelled: bool
    agreed_leaf: str | None
    language: str
    locked: bool
    own: str | None


_STATE = (
    select(
        _TWEETS.c.labelled,
        _TWEETS.c.agreed_leaf,
        _TWEETS.c.lang,
        _TWEETS.c.locked,
        _CURRENT.c.leaf.label("own"),
    )
    .join(
        _CURRENT,
        and_(_CURRENT.c.tweet_id == _TWEETS.c.id, _CURRENT.c.coder_id == bindparam("coder")),
        isouter=True,
    )
    .where(_TWEETS.c.id == bindparam("tweet"))
)


def state(session: Session, tweet_id: int, coder_id: str = "") -> TweetState:
    """Return how a tweet stands, for all and for one coder."""
    row = session.connection().execute(_STATE, {"tweet": tweet_id, "coder": coder_id}).one()
    return TweetState(row.labelled, row.agreed_leaf, row.lang, row.locked, row.own)


_LAST = select(
    select(func.max(_EVENTS.c.seq)).scalar_subquery(), select(func.max(_TWEETS.c.id)).scalar_subquery()
)


def last_added(session: Session) -> tuple[int, int]:
    """Return the numbers of the last event and of the last tweet: what tells that something was added."""
    seq, tweet = session.connection().execute(_LAST).one()
    return seq or 0, tweet or 0
