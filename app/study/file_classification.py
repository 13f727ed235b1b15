"""Classifying a file of any size, without a study: its columns stay, the results stand beside them.

A text file is read through before anything is computed: a line that cannot be read is told then, and not after a
night's work that a corrected file could not go on with. Then two passes. The first classifies the texts, chunk by
chunk, and keeps what they came to in a part file beside the output; a job that was stopped or killed goes on there.
The second puts rows and results together in an output that appears when it is whole. So the output of a job that
was cut off, however often, is that of one that was not, to the byte.

With a cascade, one more pass before the first draws the rows of its samples (`file_cascade`).
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UserError
from app.inference.model_file import sha256
from app.inference.tuning import Tuning
from app.study import columns as guessing
from app.study import light_start
from app.study.cascade_planning import Terms
from app.study.cascade_rule import check_codebook, told_terms
from app.study.cell_text import cell_text
from app.study.chunked_classification import check_of, classify_chunks
from app.study.classification import (
    CHUNK,
    Events,
    classify_event,
    open_classifier,
    progress_event,
    tuning_event,
)
from app.study.classification_report import EMPTY, ClassificationReport
from app.study.codebook import Codebook
from app.study.file_cascade import FileCascade, TextsOfRows, seed_of
from app.study.known_tunings import tuned
from app.study.ngram_regression import NgramRegression
from app.study.part_file import PartFile, part_path
from app.study.result_columns import ResultColumns
from app.study.shelf import Shelf
from app.study.tabular_files import Row, TableReader, check_format, writing_table
from training.contract.events import make_event
from training.contract.prompt import PROMPT_VERSION

if TYPE_CHECKING:
    from app.inference.model_file import ModelCard, ModelFile

Stop = Callable[[], bool]

_CHUNK_ROWS = "chunk_rows"
# Looked at to find the column of languages, as an import does.
_FIRST_ROWS = 200


def classify_file(
    source: Path,
    target: Path,
    model: str,
    *,
    text_column: str = "text",
    prefix: str = "",
    undecided_below: float = 0.0,
    cascade: Terms | None = None,
    restart: bool = False,
    on_event: Events = lambda _: None,
    stop: Stop = lambda: False,
    shelf: Shelf | None = None,
) -> ClassificationReport:
    """Classify each row of a CSV, JSONL or Parquet file and write it with the results, in the same order.

    New columns: see `ResultColumns`. Memory does not grow with the file, nor with its distinct texts. The output
    appears when it is whole. Stopped or killed, the job goes on when it is called again, from the last whole chunk
    of 1,024 rows; prefix and threshold, which change nothing that was computed, may be others then. `restart`
    throws away what an earlier job left. With a `cascade`, a light model settles what is surely unrelated, on these
    terms. Raises `UserError` where the file or the model cannot be used, or has changed since the job began.
    """
    check_format(target)
    if target.exists() and source.exists() and target.samefile(source):
        raise UserError("The output would replace the input.", "Choose another name for the output.")
    if not target.absolute().parent.is_dir():
        raise UserError(f"There is no folder {target.absolute().parent}.", "Create it first.")
    file = (shelf or Shelf()).model(model)
    if file.card is None:
        raise UserError(
            f"{file.trained.name} was not fine-tuned by StanceDesk, so it has no classes.",
            "Fine-tune it on a study first.",
        )
    with TableReader(source) as table:
        unchanged = _watch(source)
        if text_column not in table.columns:
            raise UserError(
                f"{source.name} has no column “{text_column}”; it has {', '.join(table.columns[:20])}.",
                "Name the column with the tweets: --text-column NAME",
            )
        codebook = Codebook.from_toml(file.card.codebook)
        if cascade is not None:
            check_codebook(codebook.aside)
        results = ResultColumns(
            codebook, file.card.leaves, prefix, undecided_below, cascade=cascade is not None
        )
        on_event(make_event("stage", stage="check", message=f"Looking at {source.name} and the model."))
        job = {
            "source": sha256(source),
            "model": " ".join(sha256(path) for path in (file.gguf, file.adapter) if path is not None),
            "column": text_column,
            "prompt": PROMPT_VERSION,
        }
        if cascade is not None:
            job["cascade"] = json.dumps(told_terms(cascade, {}), sort_keys=True)
        unchanged()
        with PartFile(part_path(target), job, file.card.leaves, restart=restart) as part:
            run = _Run(table, text_column, part, results, file.card, target, unchanged, on_event, stop)
            whole = run.check()
            if whole and cascade is not None:
                run.begin_cascade(cascade, codebook, job, light_start.read(file.trained.parent))
            run.report.stopped = not (whole and run.compute(file, model) and run.write())
            if not run.report.stopped:
                part.remove()
    return run.report


def _watch(source: Path) -> Callable[[], None]:
    """Return what raises `UserError` once the file is no longer as it is now."""
    before = source.stat()

    def check() -> None:
        now = source.stat()
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise _changed(source)

    return check


def _changed(source: Path) -> UserError:
    return UserError(
        f"{source.name} was changed while it was being classified.",
        "Put back what it was and start again, which loses nothing; or classify it anew with --restart.",
    )


class _Stopped(Exception):
    """Ends the writing of an output, so that it does not appear."""


class _Run:
    """One call: what it works on and what it reports."""

    def __init__(
        self,
        table: TableReader,
        column: str,
        part: PartFile,
        results: ResultColumns,
        card: "ModelCard",
        target: Path,
        unchanged: Callable[[], None],
        on_event: Events,
        stop: Stop,
    ) -> None:
        self._table, self._column, self._part, self._results = table, column, part, results
        self._target, self._unchanged, self._on_event, self._stop = target, unchanged, on_event, stop
        self._leaves = list(card.leaves)
        self._begin, self._earlier = time.monotonic(), part.seconds
        self._rows, self._columns = part.table or (0, [])
        self._cascade: FileCascade | None = None
        self._seed, self._language = 0, ""
        self.report = ClassificationReport(card.name, output=str(target))
        self._count()

    def check(self) -> bool:
        """Read the table through, where no earlier start has; return False where it was stopped.

        Raises `UserError` at the first line that cannot be read, and where a column has the name of a new one.
        """
        self._results.check_clash(self._table.columns)
        if self._part.table is None:
            rows = self._table.total
            if rows is None:
                rows = 0
                for chunk in self._table.chunks():
                    if self._stop():
                        return False
                    rows += len(chunk)
                    share = self._table.share_read
                    self._tell("check", rows, max(rows, round(rows / share) if share else 0))
            self._results.check_clash(self._table.columns)
            self._unchanged()
            self._part.keep_table(rows, self._table.columns)
        self._rows, self._columns = self._part.table or (0, [])
        self._results.check_clash(self._columns)
        return True

    def begin_cascade(
        self, terms: Terms, codebook: Codebook, job: Mapping[str, str], start: NgramRegression | None
    ) -> None:
        """Take up the cascade that the job began with, or let it begin with the first text that is computed."""
        self._seed = seed_of(json.dumps(job, sort_keys=True)) if terms.seed is None else terms.seed
        self._language = self._language_column(codebook)
        self._cascade = FileCascade(
            self._part,
            terms,
            self._leaves,
            codebook.aside,
            self._rows,
            self._texts,
            self._on_event,
            self._stop,
            start,
        )

    def _language_column(self, codebook: Codebook) -> str:
        """Return the column that an import would take the languages from, "" where there is none."""
        rows = next(self._chunks(), [])[:_FIRST_ROWS]
        found = guessing.guess(
            self._columns,
            True,
            [[cell_text(row.get(name)) for name in self._columns] for row in rows],
            lambda value: codebook.find_leaf(value) is not None,
            [self._column],
        )
        return found.get("lang", "")

    def compute(self, file: "ModelFile", model: str) -> bool:
        """Classify the chunks that are not there yet; return False where it was stopped."""
        part, report, cascade = self._part, self.report, self._cascade
        if part.rows == self._rows:
            self._end_cascade()
            return True
        self._on_event(make_event("stage", stage="load", message=f"Loading the model “{model}”."))
        kept = part.settings
        begun = {name: value for name, value in kept.items() if name != _CHUNK_ROWS}
        with open_classifier(file, Tuning.from_dict(begun) if kept else None) as classifier:
            if not kept:
                tell = partial(self._on_event, tuning_event(classifier.device))
                tuned(classifier, file, self._rows, tell, self._stop)
                part.settings = {_CHUNK_ROWS: CHUNK, **classifier.tuning.batches()}
            report.device = classifier.device
            part.start_clock()
            self._begin = time.monotonic()
            if cascade is not None and not cascade.prepare(classifier, self._seed, self._language):
                self._count()
                report.selected, report.cascade = self._rows, cascade.facts
                return False
            where = f"Classifying {self._table.path.name} on the {classifier.device}."
            if part.chunks:
                where += f" {report.selected:,} rows are done already."
            self._on_event(classify_event(where, classifier.device))
            settle = None if cascade is None else cascade.settle
            whole = classify_chunks(self._texts(), classifier, part, self._progress, self._stop, settle)
        self._count()
        if not whole:
            report.selected = self._rows
        elif part.rows != self._rows:
            raise _changed(self._table.path)
        if whole:
            self._end_cascade()
        return whole

    def _end_cascade(self) -> None:
        if self._cascade is not None:
            self._cascade.end()
            self.report.cascade = self._cascade.facts

    def write(self) -> bool:
        """Write the rows with their results; return False where it was stopped."""
        message = f"Writing {self._target.name}."
        self._on_event(make_event("stage", stage="write", message=message))
        self._begin, self._earlier = time.monotonic(), self._part.seconds
        columns = [*self._columns, *self._results.names]
        try:
            with writing_table(self._target, columns, self._results.types, self._table.schema) as out:
                done = 0
                for number, rows in enumerate(self._chunks()):
                    if self._stop():
                        raise _Stopped
                    out.write(rows, self._results_of(number, rows))
                    done += len(rows)
                    self._tell("write", done, self._rows)
                if done != self._rows:
                    raise _changed(self._table.path)
                self._unchanged()
        except _Stopped:
            return False
        counts = self._results.counts
        self.report.per_leaf = {leaf: counts[leaf] for leaf in self._results.labels}
        self.report.seconds = self._elapsed()
        return True

    def _chunks(self, columns: list[str] | None = None) -> Iterator[list[Row]]:
        return self._table.chunks(self._part.settings.get(_CHUNK_ROWS, CHUNK), columns)

    def _texts(self) -> Iterator[TextsOfRows]:
        language = self._language
        for rows in self._chunks([self._column, *([language] if language else [])]):
            # Before each chunk that is kept: what is kept is of the file whose hash stands in the part file.
            self._unchanged()
            languages = [guessing.language_code(cell_text(row.get(language))) for row in rows]
            yield TextsOfRows(self._texts_of(rows), languages)

    def _texts_of(self, rows: list[Row]) -> list[str]:
        values = (row.get(self._column) for row in rows)
        return ["" if value is None else str(value) for value in values]

    def _results_of(self, number: int, rows: list[Row]) -> list[Row]:
        if number >= self._part.chunks:
            raise _changed(self._table.path)
        texts, probabilities, check = self._part.chunk(number)
        if check != check_of(self._texts_of(rows)):
            raise _changed(self._table.path)
        return self._results.of(texts.tolist(), probabilities)

    def _progress(self, chunk: int, done: int, _total: int) -> None:
        self._count()
        done += chunk * self._part.settings[_CHUNK_ROWS]
        self._on_event(progress_event(done, self._rows, self.report))

    def _tell(self, stage: str, done: int, total: int) -> None:
        self._on_event(make_event("progress", stage=stage, done=done, total=total, unit="tweets"))

    def _count(self) -> None:
        report, failed = self.report, self._part.failed
        report.per_leaf = dict(zip(self._leaves, self._part.per_leaf, strict=True))
        report.predicted, report.failed = sum(self._part.per_leaf), failed
        settled = self._part.settled.per_leaf.tolist()
        for leaf, number in zip(self._leaves, settled, strict=True):
            report.per_leaf[leaf] += number
        report.settled = sum(settled)
        report.failures = {EMPTY: failed} if failed else {}
        report.selected = report.done
        report.seconds = self._elapsed()

    def _elapsed(self) -> float:
        return self._earlier + time.monotonic() - self._begin
