"""The tweets of a study, page by page."""

import heapq
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app.errors import UserError
from app.study.marks import Remark, in_order
from app.study.study import Study
from db import adjudications, groups, labels, predictions, sealing
from db import tweets as queries
from db.tables import Model

STATUSES = (
    "", "labelled", "unlabelled", "disputed", "adjudicated", "second_look", "sealed", "grouped",
    "predicted", "settled", "unpredicted", "failed",
)  # fmt: skip
ORDERS = queries.ORDERS


@dataclass(frozen=True)
class TweetFilter:
    """Which tweets to show; empty fields ask for nothing.

    `search` is looked for in text and author, and is compared with the id. `leaf` is compared with the
    prediction where `status` is "predicted" or "settled" (by a light model), else with the label. `language` "" is
    any; `NO_LANGUAGE` those without one. `model` is a model's name or id; the latest with predictions where empty.
    `coders` are names: tweets that each of them labelled; with "second_look", tweets on which one of them should look
    again. `between` are leaves that are each the label of some coder. `group` is that of near-duplicates; the status
    "grouped" asks for tweets of any group. `unlocked` leaves out the tweets of locked batches.

    `viewer` is the name of the coder who looks, "" for one without a name: of a sealed tweet nothing is told of
    what others and models say, nor is it found by that, before this coder has labelled it. With None, where no
    coder looks, the predictions on a sealed tweet are left out until anybody has labelled it. With `blind` the
    same holds of all tweets, for what others labelled (`TweetRow.seen_by`).
    """

    search: str = ""
    language: str = ""
    leaf: str = ""
    status: str = ""
    model: str | int = ""
    coders: tuple[str, ...] = ()
    between: tuple[str, ...] = ()
    group: int = 0
    unlocked: bool = False
    viewer: str | None = field(default=None, compare=False)
    blind: bool = field(default=False, compare=False)

    @property
    def asks_for_labels(self) -> bool:
        """Say whether which tweets pass tells what somebody labelled them."""
        of_predictions = self.status in ("predicted", "settled")
        of_labels = self.status in ("disputed", "adjudicated", "second_look")
        return bool(of_labels or self.coders or self.between or (self.leaf and not of_predictions))


NO_LANGUAGE = "none"


@dataclass(frozen=True)
class TweetRow:
    """A tweet with what is known about it.

    `label` is the gold label, else the leaf that all coders' labels agree on; where they differ it is None and
    `disputed` is true. `labels` are all of them: (coder's name, leaf), `remarks` what was said beside them, by
    coder, where something was. `gold` is what was adjudicated, `gold_by`
    by whom. The labels of a tweet that is `locked` are not changed. `prediction_status` is "", "predicted" or
    "failed"; `settled`: a light model predicted in the model's place. `similar` counts the near-duplicates beside it,
    in its `group`; 0 for none. `sealed` is "test" for a
    test tweet, "copy" for a near-duplicate of one. A tweet that is `hidden` has been left without what others and
    models say of it, because it is sealed and not labelled yet; one that is `blind` without the labels that others
    gave.
    """

    id: int
    tweet_id: str
    text: str
    lang: str
    author: str
    created_at: str
    extra: dict[str, str]
    label: str | None
    label_coder: str
    predicted: str | None = None
    confidence: float | None = None
    probabilities: dict[str, float] = field(default_factory=dict)
    disputed: bool = False
    labels: tuple[tuple[str, str], ...] = ()
    remarks: tuple[tuple[str, Remark], ...] = ()
    prediction_status: str = ""
    prediction_reason: str = ""
    settled: bool = False
    gold: str | None = None
    gold_by: str = ""
    gold_reason: str = ""
    locked: bool = False
    group: int = 0
    similar: int = 0
    sealed: str = ""
    hidden: bool = False
    blind: bool = False

    def seen_by(self, coder: str | None) -> "TweetRow":
        """Return the tweet as a coder sees it who is blind to others; nobody, None or "", sees all.

        Blind coding: what others labelled, and what was decided, is shown to a coder on those tweets alone that
        they have a label on themselves. It is on unless the person at work switched it off, and
        holds wherever one looks at single tweets. On the Review page, which is for whoever decides, it ends for
        one sign-in when the person asks there to see them; counts over all tweets are not blind. What a model
        predicts is no label of a coder.
        """
        if not coder or coder in dict(self.labels):
            return self
        return replace(self.unlabelled(), blind=bool(self.labels or self.gold))

    def unlabelled(self) -> "TweetRow":
        """Return the tweet as if nobody had labelled it, or decided."""
        return replace(
            self, label=None, label_coder="", disputed=False, labels=(), remarks=(), gold=None, gold_by="",
            gold_reason="",
        )  # fmt: skip


@dataclass(frozen=True)
class HistoryEntry:
    """One thing that a coder did to a tweet. `leaf` is the label after it, None for none.

    `decided` tells a decision on the gold label; its reason is the `note`. What was done `in_bulk` was done to other
    tweets in the same stroke; `source` is what brought the tweet.
    """

    id: str
    given: str
    coder: str
    leaf: str | None
    codebook_version: int
    seconds: float | None
    suggestion_shown: str
    note: str
    marks: tuple[str, ...]
    undoes: str | None
    imported: bool
    source: str = ""
    in_bulk: bool = False
    decided: bool = False


def count(study: Study, filter: TweetFilter | None = None, order: str = "file") -> int:
    """Return how many tweets `page` gives in all: in the orders of confidence only those with a prediction."""
    with study.reading() as session:
        query, model = _query(session, filter)
        if query is None or (model is None and order in ("uncertain", "certain")):
            return 0
        return queries.count(session, query, order)


def page(
    study: Study, filter: TweetFilter | None = None, offset: int = 0, limit: int = 100, order: str = "file"
) -> list[TweetRow]:
    """Return one page. Orders: file, -file (last first), uncertain, certain (by the model's confidence)."""
    with study.reading() as session:
        query, model = _query(session, filter)
        if query is None or (model is None and order in ("uncertain", "certain")):
            return []
        rows = _rows(session, queries.page_ids(session, query, offset, limit, order), model, query.viewer)
    return [row.seen_by(filter.viewer) for row in rows] if filter is not None and filter.blind else rows


def ids(study: Study, filter: TweetFilter, offset: int, limit: int, order: str = "file") -> list[int]:
    """Return the keys of what `page` gives."""
    with study.reading() as session:
        query, model = _query(session, filter)
        if query is None or (model is None and order in ("uncertain", "certain")):
            return []
        return queries.page_ids(session, query, offset, limit, order)


def get(study: Study, ids: Sequence[int], model: str | int = "", viewer: str | None = None) -> list[TweetRow]:
    """Return tweets by primary key, in the order asked for. `viewer` as in `TweetFilter`."""
    with study.reading() as session:
        _, found = _query(session, TweetFilter(model=model))
        return _rows(session, ids, found, viewer)


def iterate(study: Study, filter: TweetFilter | None = None, chunk: int = 2000) -> Iterator[list[TweetRow]]:
    """Yield all tweets that pass the filter, in file order, in chunks.

    Each chunk is read in a transaction of its own, so that a long walk does not hold up writers or let the
    log grow; tweets that come to pass the filter behind the walk are not seen.
    """
    after = 0
    while True:
        with study.reading() as session:
            query, model = _query(session, filter)
            ids = [] if query is None else queries.ids_after(session, query, after, chunk)
            found = _rows(session, ids, model, filter.viewer if filter else None)
        if not found:
            return
        yield found
        after = ids[-1]


def history(study: Study, tweet: int, viewer: str | None = None, blind: bool = False) -> list[HistoryEntry]:
    """Return everything that was done to a tweet's labels and gold label, oldest first.

    Of a sealed tweet that the coder `viewer` has not labelled, only what this coder labelled; with `blind` of any.
    """
    with study.reading() as session:
        given = [
            HistoryEntry(
                id=row.id,
                given=row.given,
                coder=row.coder,
                leaf=row.leaf,
                codebook_version=row.codebook_version,
                seconds=row.seconds,
                suggestion_shown=row.suggestion_shown,
                note=row.note,
                marks=in_order(row.marks),
                undoes=row.undoes,
                imported=row.import_id is not None,
                source=row.source,
                in_bulk=row.act is not None,
            )
            for row in labels.history(session, tweet)
        ]
        decided = [
            HistoryEntry(
                id=row.id,
                given=row.given,
                coder=row.coder,
                leaf=row.leaf,
                codebook_version=row.codebook_version,
                seconds=None,
                suggestion_shown="",
                note=row.reason,
                marks=(),
                undoes=row.undoes,
                imported=False,
                decided=True,
            )
            for row in adjudications.history(session, tweet)
        ]
        hidden = viewer is not None and sealing.is_hidden(session, tweet, viewer)
        if blind and viewer:
            hidden = hidden or viewer not in [
                one.coder for one in queries.labels_of(session, [tweet]).get(tweet, ())
            ]
    # Labels stay in the order in which they came into the file; decisions go where their time puts them.
    entries = heapq.merge(given, decided, key=lambda entry: entry.given)
    return [entry for entry in entries if not hidden or (entry.coder == viewer and not entry.decided)]


def languages(study: Study) -> dict[str, tuple[int, int]]:
    """Return {language: (labelled, total)}, most frequent first; "" stands for none."""
    with study.reading() as session:
        return queries.languages(session)


def query(session: Session, filter: TweetFilter) -> queries.TweetQuery:
    """Return what a filter on labels asks of the database; it may not ask for predictions."""
    found, _ = _query(session, filter)
    assert found is not None
    return found


def selection(session: Session, filter: TweetFilter) -> Select[int] | None:
    """Return the statement that selects the keys of all tweets that pass a filter; None where none can."""
    found, _ = _query(session, filter)
    return None if found is None else queries.matching(found)


@dataclass(frozen=True)
class _ModelChoice:
    id: int
    leaves: tuple[str, ...]


def _query(
    session: Session, filter: TweetFilter | None
) -> tuple[queries.TweetQuery | None, _ModelChoice | None]:
    filter = filter or TweetFilter()
    if filter.status not in STATUSES:
        raise ValueError(f"unknown status {filter.status!r}")
    model = _model(session, filter.model)
    if model is None and filter.status in ("predicted", "settled", "failed"):
        return None, None
    language: str | None = filter.language or None
    if language == NO_LANGUAGE:
        language = ""
    return (
        queries.TweetQuery(
            search=filter.search.strip(),
            language=language,
            leaf=filter.leaf,
            status=filter.status,
            model_id=model.id if model else None,
            coders=filter.coders,
            between=filter.between,
            group=filter.group,
            unlocked=filter.unlocked,
            viewer=filter.viewer,
            labelled_by=(filter.viewer or "") if filter.blind and filter.asks_for_labels else "",
        ),
        model,
    )


def _model(session: Session, wanted: str | int) -> _ModelChoice | None:
    if wanted == "":
        key = predictions.latest_model(session)
        if key is None:
            return None
        condition = Model.id == key
    else:
        condition = Model.name == wanted if isinstance(wanted, str) else Model.id == wanted
    row = session.execute(select(Model.id, Model.leaves).where(condition)).first()
    if row is None:
        raise UserError(f"This study has no model “{wanted}”.", "Choose one of the models that it has.")
    return _ModelChoice(row.id, tuple(row.leaves))


def _rows(
    session: Session, ids: Sequence[int], model: _ModelChoice | None, viewer: str | None
) -> list[TweetRow]:
    given = queries.labels_of(session, ids)
    predicted = predictions.of(session, model.id, ids) if model else {}
    found = queries.rows(session, ids)
    in_group = groups.sizes(session, [row.group_id for row in found if row.group_id is not None])
    decided = adjudications.of(session, [row.id for row in found if row.gold_leaf is not None])
    test = sealing.among_test_rows(session, [row.id for row in found if row.sealed])
    return [
        _blinded(
            _row(
                row,
                given.get(row.id, ()),
                predicted.get(row.id),
                model,
                adjudications.decision(decided.get(row.id, ())),
                row.id in test,
                in_group.get(row.group_id, 1),
            ),
            viewer,
        )
        for row in found
    ]


def _blinded(row: TweetRow, viewer: str | None) -> TweetRow:
    """Leave out what the viewer must not know yet of a sealed tweet."""
    if not row.sealed:
        return row
    if viewer is None:
        if row.labels or row.gold:
            return row
    elif any(coder == viewer for coder, _ in row.labels):
        return row
    return replace(
        row, label=None, label_coder="", labels=(), remarks=(), disputed=False, gold=None, gold_by="", gold_reason="",
        predicted=None, confidence=None, probabilities={}, prediction_status="", prediction_reason="", settled=False,
        hidden=True,
    )  # fmt: skip


def _row(
    row: Any,
    given: Sequence[Any],
    prediction: Any,
    model: _ModelChoice | None,
    decision: Any,
    test: bool,
    in_group: int,
) -> TweetRow:
    probabilities: dict[str, float] = {}
    if prediction is not None and prediction.probabilities is not None and model is not None:
        probabilities = dict(zip(model.leaves, unpack(prediction.probabilities), strict=True))
    return TweetRow(
        id=row.id,
        tweet_id=row.tweet_id,
        text=row.text,
        lang=row.lang,
        author=row.author,
        created_at=row.created_at,
        extra=row.extra,
        label=row.agreed_leaf,
        label_coder=", ".join(one.coder for one in given),
        predicted=prediction.leaf if prediction is not None else None,
        confidence=prediction.confidence if prediction is not None else None,
        probabilities=probabilities,
        disputed=bool(row.labelled) and row.agreed_leaf is None,
        labels=tuple((one.coder, one.leaf) for one in given),
        remarks=tuple(
            (one.coder, Remark(one.note, in_order(one.marks))) for one in given if one.note or one.marks
        ),
        prediction_status=prediction.status if prediction is not None else "",
        prediction_reason=prediction.reason if prediction is not None else "",
        settled=prediction is not None and bool(prediction.settled),
        gold=row.gold_leaf,
        gold_by=decision.coder if decision is not None else "",
        gold_reason=decision.reason if decision is not None else "",
        locked=row.locked,
        group=row.group_id or 0,
        similar=in_group - 1,
        sealed="" if not row.sealed else "test" if test else "copy",
    )


def unpack(blob: bytes) -> "array[float]":
    """Return the probabilities that `predictions.save` packed."""
    import sys

    found = array("f", blob)
    if sys.byteorder == "big":
        found.byteswap()
    return found
