"""Writing every label event of a study to a file: who did what to which tweet, and when."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.study.export_file import Column, ExportReport, Progress, Stop, checked_path, write_file
from app.study.marks import in_order
from app.study.study import Study
from db import label_log
from db.label_log import TakenBack

CHUNK = 5000
WHAT = "label events"


@dataclass(frozen=True)
class LabelledEvent:
    """A label event as it is written: its row (`db.label_log.events_after`), what it is, whether it is undone now."""

    row: Any
    kind: str
    undone: bool


def export_events(
    study: Study, out_path: Path | str, progress: Progress | None = None, stop: Stop | None = None
) -> ExportReport:
    """Write all label events, a row each in the order of the file, in one of the formats of `exporting.export`.

    Columns: event (its number), event_id; id, lang (the tweet's); coder; kind (label, clear, undo, redo); label
    (the coder's label after it, empty for none); given (UTC), seconds (that the tweet was looked at); queue (what
    brought the tweet); suggestion_shown; marks, note; codebook_version; repeat ("yes" for a hidden second label);
    act (the same for what was done in one stroke); undoes (the event_id that is taken back); undone ("yes" where
    it is taken back now); current ("yes" for the coder's present label); came_with (the file, or copy of the study,
    that brought it). All coders' events are there, as in the export of tweets; what a model suggested on a
    sealed tweet that nobody has labelled is left out. The file appears whole or not at all.
    """
    report = ExportReport(0, checked_path(out_path), what=WHAT)
    with study.reading() as session:
        total, taken_back = label_log.count(session), label_log.taken_back(session)
    return write_file(report, _COLUMNS, _chunks(study, taken_back), total, progress, stop)


def _chunks(study: Study, taken_back: TakenBack) -> Iterator[list[LabelledEvent]]:
    after = 0
    while True:
        with study.reading() as session:
            rows = label_log.events_after(session, after, CHUNK)
        if not rows:
            return
        yield [LabelledEvent(row, _kind(row, taken_back), row.id in taken_back.undone) for row in rows]
        after = rows[-1].seq


def _kind(row: Any, taken_back: TakenBack) -> str:
    if row.undoes is None:
        return str(row.kind)
    return "redo" if row.id in taken_back.redos else "undo"


def _yes(said: bool) -> str | None:
    return "yes" if said else None


_COLUMNS: tuple[Column[LabelledEvent], ...] = (
    Column("event", lambda event: event.row.seq, number=True),
    Column("event_id", lambda event: event.row.id),
    Column("id", lambda event: event.row.tweet),
    Column("lang", lambda event: event.row.lang),
    Column("coder", lambda event: event.row.coder),
    Column("kind", lambda event: event.kind),
    Column("label", lambda event: event.row.leaf),
    Column("given", lambda event: event.row.given),
    Column("seconds", lambda event: event.row.seconds, number=True),
    Column("queue", lambda event: event.row.source or None),
    Column(
        "suggestion_shown",
        lambda event: None if event.row.is_sealed_unlabelled else event.row.suggestion_shown or None,
    ),
    Column("marks", lambda event: "; ".join(in_order(event.row.marks)) or None),
    Column("note", lambda event: event.row.note or None),
    Column("codebook_version", lambda event: event.row.codebook_version_id, number=True),
    Column("repeat", lambda event: _yes(event.row.repeat)),
    Column("act", lambda event: event.row.act),
    Column("undoes", lambda event: event.row.undoes),
    Column("undone", lambda event: _yes(event.undone)),
    Column("current", lambda event: _yes(event.row.is_current)),
    Column("came_with", lambda event: event.row.came_with),
)
