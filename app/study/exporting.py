"""Writing a study's tweets, labels and predictions to a file for other programs."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sqlalchemy import func, select

from app.errors import UserError
from app.study import review, tweets
from app.study.codebook import Codebook
from app.study.confidence import UNDECIDED, is_undecided
from app.study.export_file import Column, ExportReport, Progress, Stop, checked_path, write_file
from app.study.label_provenance import Provenance, is_known
from app.study.marks import MARKS
from app.study.study import Study
from app.study.tweets import TweetRow
from db import label_overview, predictions
from db.tables import Model, Tweet

CHUNK = 2000


def export(
    study: Study,
    out_path: Path | str,
    progress: Progress | None = None,
    stop: Stop | None = None,
    *,
    filter: tweets.TweetFilter | None = None,
    undecided_below: float = 0.0,
) -> ExportReport:
    """Write all tweets, or those that pass a filter, to .csv .xlsx .parquet .jsonl .dta or .sav.

    Columns: id, text, lang, author, date; the file's own other columns; label, one label_<question> each,
    coders, disagreement; where coders remarked on anything: one mark_<mark> each (how many coders set it), notes;
    where it is known: label_sources (the queue that brought the tweet, "coder: queue"), suggestions_shown, repeats
    (what was said when a tweet came again, hidden); where anything was adjudicated: gold_label, gold_by,
    gold_reason; and where a model has predicted: predicted_label, one predicted_<question> each, confidence, one
    p_<leaf> each, model, prediction_status; where a cascade was used: predicted_by ("model" or "light model"). Where
    the model's confidence is below `undecided_below`, predicted_label is "undecided" and the predicted_<question> are
    empty; the probabilities stay. What a light model settled keeps its label: the confidence and probabilities there
    are the light model's, which had a threshold of its own. Predictions on sealed tweets that nobody has labelled are
    left out: who codes them must not
    have read them in a file. The file appears whole or not at all. Raises `UserError` where the format cannot hold the
    study or the disk refuses.
    """
    path = checked_path(out_path)
    if undecided_below and UNDECIDED in study.codebook.leaf_codes:
        raise UserError(
            f"The codebook has a class “{UNDECIDED}”: it could not be told from an answer that is left undecided.",
            "Export without a threshold.",
        )
    filter = filter or tweets.TweetFilter()
    model = _model(study, filter)
    provenance = Provenance() if is_known(study) else None
    columns, renamed = _columns(study, model, provenance, undecided_below)
    report = ExportReport(0, path, renamed=renamed, model=model[0] if model else "")
    chunks = _chunks(study, filter, provenance)
    return write_file(report, columns, chunks, tweets.count(study, filter), progress, stop)


def _chunks(
    study: Study, filter: tweets.TweetFilter, provenance: Provenance | None
) -> Iterator[list[TweetRow]]:
    for chunk in tweets.iterate(study, filter, CHUNK):
        if provenance is not None:
            provenance.read(study, chunk)
        yield chunk


def _model(study: Study, filter: tweets.TweetFilter) -> tuple[str, tuple[str, ...], bool] | None:
    """Return the model's name, its leaves, and whether a light model settled tweets in its place."""
    with study.reading() as session:
        if filter.model == "":
            condition = Model.id == predictions.latest_model(session)
        elif isinstance(filter.model, str):
            condition = Model.name == filter.model
        else:
            condition = Model.id == filter.model
        row = session.execute(select(Model.id, Model.name, Model.leaves).where(condition)).first()
        if row is None:
            return None
        return row.name, tuple(row.leaves), predictions.has_settled(session, row.id)


def _columns(
    study: Study,
    model: tuple[str, tuple[str, ...], bool] | None,
    provenance: Provenance | None,
    undecided_below: float,
) -> tuple[list[Column[TweetRow]], dict[str, str]]:
    before: list[Column[TweetRow]] = [
        Column("id", lambda row: row.tweet_id),
        Column("text", lambda row: row.text),
        Column("lang", lambda row: row.lang),
        Column("author", lambda row: row.author),
        Column("date", lambda row: row.created_at),
    ]
    after = _label_columns(study.codebook)
    if _has_remarks(study):
        after += _remark_columns()
    if provenance is not None:
        after += [
            Column("label_sources", provenance.sources),
            Column("suggestions_shown", provenance.suggestions),
            Column("repeats", provenance.repeats),
        ]
    if review.counts(study).adjudicated:
        after += _gold_columns()
    if model:
        name, leaves, has_settled = model
        after += _prediction_columns(study.codebook, name, leaves, undecided_below)
        if has_settled:
            after.append(Column("predicted_by", _predicted_by))
    taken = {column.name.casefold() for column in before + after}
    originals = []
    renamed = {}
    for name in _original_columns(study):
        free, number = name, 1
        while free.casefold() in taken:
            free = f"original_{name}" if number == 1 else f"original_{name}_{number}"
            number += 1
        taken.add(free.casefold())
        if free != name:
            renamed[name] = free
        originals.append(Column(free, _extra(name)))
    return [*before, *originals, *after], renamed


def _extra(name: str) -> Callable[[TweetRow], str | None]:
    return lambda row: row.extra.get(name)


def _label_columns(codebook: Codebook) -> list[Column[TweetRow]]:
    return [
        Column("label", lambda row: row.label),
        *_question_columns(codebook, "label", lambda row: row.label),
        Column("coders", lambda row: "; ".join(dict.fromkeys(coder for coder, _ in row.labels)) or None),
        Column(
            "disagreement",
            lambda row: "; ".join(f"{coder}: {leaf}" for coder, leaf in row.labels) if row.disputed else None,
        ),
    ]


def _has_remarks(study: Study) -> bool:
    with study.reading() as session:
        return label_overview.has_remarks(session)


def _remark_columns() -> list[Column[TweetRow]]:
    return [
        *(Column(f"mark_{mark}", _count_of(mark), number=True) for mark in MARKS),
        Column(
            "notes",
            lambda row: (
                "; ".join(f"{coder}: {said.note}" for coder, said in row.remarks if said.note) or None
            ),
        ),
    ]


def _count_of(mark: str) -> Callable[[TweetRow], float | None]:
    def count(row: TweetRow) -> float | None:
        return float(sum(mark in said.marks for _, said in row.remarks)) if row.labels else None

    return count


def _gold_columns() -> list[Column[TweetRow]]:
    return [
        Column("gold_label", lambda row: row.gold),
        Column("gold_by", lambda row: row.gold_by or None),
        Column("gold_reason", lambda row: row.gold_reason or None),
    ]


def _prediction_columns(
    codebook: Codebook, model: str, leaves: Sequence[str], undecided_below: float
) -> list[Column[TweetRow]]:
    def said(row: TweetRow) -> str | None:
        of_model = row.predicted is not None and not row.settled
        if of_model and is_undecided(row.confidence or 0.0, undecided_below):
            return UNDECIDED
        return row.predicted

    return [
        Column("predicted_label", said),
        *_question_columns(codebook, "predicted", said),
        Column("confidence", lambda row: row.confidence, number=True),
        *(Column(f"p_{leaf}", _probability(leaf), number=True) for leaf in leaves),
        Column("model", lambda row: model if row.prediction_status else None),
        Column("prediction_status", _status),
    ]


def _question_columns(
    codebook: Codebook, prefix: str, leaf: Callable[[TweetRow], str | None]
) -> list[Column[TweetRow]]:
    paths = {known.code: known.path for known in codebook.leaves}

    def column(question: str) -> Column[TweetRow]:
        return Column(f"{prefix}_{question}", lambda row: paths.get(leaf(row) or "", {}).get(question))

    return [column(question.code) for question in codebook.questions]


def _probability(leaf: str) -> Callable[[TweetRow], float | None]:
    return lambda row: row.probabilities.get(leaf)


def _status(row: TweetRow) -> str | None:
    if row.hidden:
        return "sealed: told once the tweet is labelled"
    if row.prediction_status == "failed":
        return f"failed: {row.prediction_reason}"
    return row.prediction_status or None


def _predicted_by(row: TweetRow) -> str | None:
    if not row.prediction_status:
        return None
    return "light model" if row.settled else "model"


def _original_columns(study: Study) -> list[str]:
    """Return the names of the columns that imports brought beside ours, in the order of the files."""
    with study.reading() as session:
        # All tweets of one import have the same ones.
        first = select(func.min(Tweet.id)).group_by(Tweet.import_id)
        extras = session.scalars(select(Tweet.extra).where(Tweet.id.in_(first)).order_by(Tweet.id))
        return list(dict.fromkeys(name for extra in extras for name in extra))
