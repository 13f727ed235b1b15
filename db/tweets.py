"""Queries on tweets: pages, counts, what an import needs to know."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    bindparam,
    false,
    func,
    insert,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.orm import Session, aliased

from db import sealing
from db.tables import CodebookVersion, Coder, CurrentLabel, LabelEvent, Prediction, Tweet

# SQLite takes 32,766 values in one statement; small batches keep each statement's plan in its cache.
BATCH = 500
ORDERS = ("file", "-file", "uncertain", "certain")
# What tells something about labels of others or predictions.
_TELLING = ("disputed", "adjudicated", "predicted", "settled", "failed")
# Statuses of tweets that have a prediction: they are looked for among the predictions.
_PREDICTED = ("predicted", "settled")


@dataclass(frozen=True)
class TweetQuery:
    """Which tweets. Empty fields ask for nothing.

    `status`: labelled, unlabelled, disputed, adjudicated, second_look, sealed, grouped, predicted, settled (predicted
    by the light model of a cascade), unpredicted, failed. `group` is that of near-duplicates. `leaf` is compared with
    the prediction where the status is "predicted" or "settled", with the agreed label otherwise. Tweets have a label
    of each of the `coders` (names), and each of the leaves `between` as a label of someone. "second_look" are those
    with a label, of any of the coders or of anyone, that was given before a codebook version touched its leaf;
    "sealed" are the test tweets. `labelled_by` is one more coder whose label all of them have, whatever else is
    asked; `unlocked` leaves out locked tweets.
    What asks about labels of others or about predictions finds no sealed tweet of which the `viewer` must know
    nothing yet (`sealing.hidden_from`).
    """

    search: str = ""
    language: str | None = None
    leaf: str = ""
    status: str = ""
    model_id: int | None = None
    coders: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    labelled_by: str = ""
    group: int = 0
    unlocked: bool = False
    # Not what is asked, but who asks.
    viewer: str | None = field(default=None, compare=False)


def count(session: Session, query: TweetQuery, order: str = "file") -> int:
    """Return how many tweets `page_ids` gives in all: in the orders of confidence only those with one."""
    with_prediction = order in ("uncertain", "certain")
    if query == TweetQuery(model_id=query.model_id) and not with_prediction:
        # No tweet is ever removed and ids are given without a gap (`insert_tweets`).
        return last_id(session)
    matching = _matching(query, with_prediction).subquery()
    return session.scalar(select(func.count()).select_from(matching)) or 0


def page_ids(session: Session, query: TweetQuery, offset: int, limit: int, order: str = "file") -> list[int]:
    """Return the ids of one page, in order: file, -file (newest first), uncertain, certain."""
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r}")
    if query == TweetQuery(model_id=query.model_id) and order in ("file", "-file"):
        last = last_id(session)
        if order == "file":
            return list(range(offset + 1, min(offset + limit, last) + 1))
        return list(range(last - offset, max(last - offset - limit, 0), -1))
    statement = _matching(query, with_prediction=order in ("uncertain", "certain"))
    by_prediction = query.status in _PREDICTED or order in ("uncertain", "certain")
    key: Any = Prediction.tweet_id if by_prediction else Tweet.id
    if order == "file":
        statement = statement.order_by(key)
    elif order == "-file":
        statement = statement.order_by(key.desc())
    elif order == "uncertain":
        statement = statement.order_by(Prediction.confidence, Prediction.tweet_id)
    else:
        statement = statement.order_by(Prediction.confidence.desc(), Prediction.tweet_id.desc())
    return list(session.scalars(statement.offset(offset).limit(limit)))


def ids_after(session: Session, query: TweetQuery, after: int, limit: int) -> list[int]:
    """Return the next ids greater than `after`, in file order: to walk through all without an offset."""
    key: Any = Prediction.tweet_id if query.status in _PREDICTED else Tweet.id
    statement = _matching(query).where(key > after).order_by(key).limit(limit)
    return list(session.scalars(statement))


def id_before(session: Session, query: TweetQuery, before: int | None) -> int | None:
    """Return the greatest id below `before`, of all where it is None; None where there is none."""
    key: Any = Prediction.tweet_id if query.status in _PREDICTED else Tweet.id
    statement = _matching(query).order_by(key.desc()).limit(1)
    return session.scalar(statement if before is None else statement.where(key < before))


def place_of(session: Session, query: TweetQuery, tweet: int) -> int:
    """Return how many tweets come before one, in file order."""
    key: Any = Prediction.tweet_id if query.status in _PREDICTED else Tweet.id
    before = _matching(query).where(key < tweet).subquery()
    return session.scalar(select(func.count()).select_from(before)) or 0


def matching(query: TweetQuery) -> Select[int]:
    """Return the statement that selects the ids of all tweets that pass."""
    return _matching(query)


def _matching(query: TweetQuery, with_prediction: bool = False) -> Select[int]:
    conditions: list[ColumnElement[bool]] = []
    on_tweets = True
    if query.status in _PREDICTED or with_prediction:
        statement = select(Prediction.tweet_id)
        conditions += [Prediction.model_id == query.model_id, Prediction.status == "predicted"]
        if query.status == "settled":
            conditions.append(Prediction.settled.is_(True))
        on_tweets = bool(
            query.search or query.group or query.language is not None or query.status not in _PREDICTED
        )
        if query.leaf and query.status in _PREDICTED:
            conditions.append(Prediction.leaf == query.leaf)
        if on_tweets:
            statement = statement.join(Tweet, Tweet.id == Prediction.tweet_id)
    else:
        statement = select(Tweet.id)
    if query.status in ("unpredicted", "failed") and with_prediction:
        # No such tweet has a confidence to be ordered by.
        conditions.append(false())
    elif query.status in ("unpredicted", "failed"):
        found = select(Prediction.tweet_id).where(
            Prediction.model_id == query.model_id, Prediction.tweet_id == Tweet.id
        )
        if query.status == "failed":
            conditions.append(found.where(Prediction.status == "failed").exists())
        else:
            conditions.append(~found.exists())
    if on_tweets:
        conditions += _on_tweets(query)
    if query.leaf or query.between or with_prediction or query.status in _TELLING:
        key: Any = Prediction.tweet_id if with_prediction or query.status in _PREDICTED else Tweet.id
        conditions.append(key.not_in(sealing.hidden_from(query.viewer)))
    return statement.where(*conditions)


def _on_tweets(query: TweetQuery) -> Iterable[ColumnElement[bool]]:
    if query.language is not None:
        yield Tweet.lang == query.language
    if query.status in ("labelled", "disputed"):
        yield Tweet.labelled.is_(True)
    if query.unlocked:
        yield Tweet.locked.is_(False)
    if query.group:
        yield Tweet.group_id == query.group
    if query.status == "grouped":
        yield Tweet.group_id.is_not(None)
    if query.status == "sealed":
        yield Tweet.id.in_(sealing.test_rows())
    if query.status == "adjudicated":
        yield Tweet.gold_leaf.is_not(None)
    if query.status == "second_look":
        yield _touched_since(query.coders)
    else:
        for coder in query.coders:
            yield _has_label(_of_coder(coder))
    if query.labelled_by:
        yield _has_label(_of_coder(query.labelled_by))
    for leaf in query.between:
        yield _has_label(CurrentLabel.leaf == leaf)
    if query.status == "unlabelled":
        yield Tweet.labelled.is_(False)
    if query.status == "disputed":
        yield Tweet.agreed_leaf.is_(None)
    if query.leaf and query.status not in _PREDICTED:
        yield Tweet.agreed_leaf == query.leaf
    if query.search:
        yield or_(
            Tweet.tweet_id == query.search,
            _contains(Tweet.text, query.search),
            _contains(Tweet.author, query.search),
        )


def _has_label(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(CurrentLabel.tweet_id).where(CurrentLabel.tweet_id == Tweet.id, condition).exists()


def _of_coder(name: str) -> ColumnElement[bool]:
    return CurrentLabel.coder_id == select(Coder.id).where(Coder.name == name).scalar_subquery()


def outdated_labels() -> Select[int, str]:
    """Return the statement that selects (tweet_id, coder_id) of labels given before their leaf was touched."""
    touched = func.json_each(CodebookVersion.touched).table_valued("value", name="touched")
    given_under = aliased(CodebookVersion)
    # By time, not by number: a version that came with another copy of the study may be older than those here.
    later = (
        select(CodebookVersion.id)
        .join(touched, true())
        .where(CodebookVersion.created > given_under.created, touched.c.value == CurrentLabel.leaf)
        .correlate(CurrentLabel, given_under)
    )
    return (
        select(CurrentLabel.tweet_id, CurrentLabel.coder_id)
        .join(LabelEvent, LabelEvent.seq == CurrentLabel.seq)
        .join(given_under, given_under.id == LabelEvent.codebook_version_id)
        .where(later.exists())
    )


def _touched_since(coders: Sequence[str]) -> ColumnElement[bool]:
    found = outdated_labels()
    if coders:
        found = found.where(CurrentLabel.coder_id.in_(select(Coder.id).where(Coder.name.in_(coders))))
    return Tweet.id.in_(found.with_only_columns(CurrentLabel.tweet_id))


def _contains(column: Any, needle: str) -> ColumnElement[bool]:
    # SQLite's LIKE folds the case of ASCII letters only; a needle with other cased letters takes the slower
    # function, one in Arabic or Korean needs no folding at all.
    if needle.isascii() or needle.casefold() == needle.upper():
        escaped = needle.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
        contains: ColumnElement[bool] = column.like(f"%{escaped}%", escape="\\")
    else:
        contains = func.contains_folded(column, needle.casefold()) == 1
    return contains


_COLUMNS: Any = Tweet.__table__.c
# Made once, as is `_LABELS`: both are asked for each tweet that is labelled.
_ROWS = select(
    _COLUMNS.id, _COLUMNS.tweet_id, _COLUMNS.text, _COLUMNS.lang, _COLUMNS.author, _COLUMNS.created_at,
    _COLUMNS.extra, _COLUMNS.agreed_leaf, _COLUMNS.labelled, _COLUMNS.source_row, _COLUMNS.import_id,
    _COLUMNS.gold_leaf, _COLUMNS.locked, _COLUMNS.sealed, _COLUMNS.group_id,
).where(_COLUMNS.id.in_(bindparam("ids", expanding=True)))  # fmt: skip


def rows(session: Session, ids: Sequence[int]) -> list[Any]:
    """Return the tweets' columns, in the order of `ids`; unknown ids are left out."""
    found = {}
    for batch in batches(ids):
        for row in session.connection().execute(_ROWS, {"ids": list(batch)}):
            found[row.id] = row
    return [found[i] for i in ids if i in found]


_LABELS = (
    select(
        CurrentLabel.tweet_id,
        Coder.name.label("coder"),
        CurrentLabel.leaf,
        LabelEvent.note,
        LabelEvent.marks,
    )
    .join(Coder, Coder.id == CurrentLabel.coder_id)
    .join(LabelEvent, LabelEvent.seq == CurrentLabel.seq)
    .where(CurrentLabel.tweet_id.in_(bindparam("ids", expanding=True)))
    .order_by(CurrentLabel.tweet_id, CurrentLabel.seq)
)


def labels_of(session: Session, ids: Sequence[int]) -> dict[int, list[Any]]:
    """Return the current labels (coder's name, leaf, note, marks) of each tweet that has any."""
    found: dict[int, list[Any]] = {}
    for batch in batches(ids):
        for row in session.connection().execute(_LABELS, {"ids": list(batch)}):
            found.setdefault(row.tweet_id, []).append(row)
    return found


def known(session: Session, tweet_ids: Sequence[str]) -> dict[str, tuple[int, bytes]]:
    """Return primary key and text hash of each tweet id that the study has."""
    found = {}
    for batch in batches(tweet_ids):
        statement = select(Tweet.tweet_id, Tweet.id, Tweet.text_hash).where(Tweet.tweet_id.in_(batch))
        for tweet_id, key, text_hash in session.execute(statement):
            found[tweet_id] = (key, text_hash)
    return found


def by_tweet_id(session: Session, tweet_ids: Sequence[str]) -> dict[str, Any]:
    """Return {tweet id: row of id, text, author, created_at} of those tweets that the study has."""
    columns = Tweet.__table__.c
    wanted = (columns.id, columns.tweet_id, columns.text, columns.author, columns.created_at)
    found = {}
    for batch in batches(tweet_ids):
        for row in session.execute(select(*wanted).where(columns.tweet_id.in_(batch))):
            found[row.tweet_id] = row
    return found


def last_id(session: Session) -> int:
    """Return the highest primary key, which is also the number of tweets."""
    return session.scalar(select(func.max(Tweet.id))) or 0


def insert_tweets(session: Session, values: list[dict[str, Any]]) -> None:
    """Insert tweets whose `id` continue those that are there, without a gap; needs the write lock."""
    if values:
        assert values[0]["id"] == last_id(session) + 1
        session.execute(insert(Tweet.__table__), values)  # type: ignore[arg-type]


def languages(session: Session) -> dict[str, tuple[int, int]]:
    """Return {language: (labelled, total)}, most frequent first."""
    statement = select(Tweet.lang, func.sum(type_coerce(Tweet.labelled, Integer)), func.count()).group_by(
        Tweet.lang
    )
    found = [(lang, int(labelled), total) for lang, labelled, total in session.execute(statement)]
    return {lang: (labelled, total) for lang, labelled, total in sorted(found, key=lambda r: (-r[2], r[0]))}


def leaves(session: Session, languages: Sequence[str] | None = None) -> dict[str, int]:
    """Return {leaf: number of tweets whose labels agree on it}, in all languages where none are asked for."""
    statement = (
        select(Tweet.agreed_leaf, func.count())
        .where(Tweet.agreed_leaf.is_not(None))
        .group_by(Tweet.agreed_leaf)
    )
    if languages is not None:
        statement = statement.where(Tweet.lang.in_(languages))
    return {leaf: number for leaf, number in session.execute(statement) if leaf is not None}


def batches(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """Yield slices small enough for one statement."""
    for start in range(0, len(values), BATCH):
        yield values[start : start + BATCH]
