"""Classifying a file of any size, without a study: its columns stay, the results stand beside them."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from app.errors import UserError
from app.study.classification import (
    ClassificationReport,
    DistinctTexts,
    Events,
    count_predictions,
    open_classifier,
    progress_event,
)
from app.study.codebook import Codebook
from app.study.shelf import Shelf
from app.study.tabular_files import Row, TableReader, check_format, writing_table
from training.contract.events import make_event


def classify_file(
    source: Path,
    target: Path,
    model: str,
    *,
    text_column: str = "text",
    prefix: str = "",
    on_event: Events = lambda _: None,
    stop: Callable[[], bool] = lambda: False,
    shelf: Shelf | None = None,
) -> ClassificationReport:
    """Classify each row of a CSV, JSONL or Parquet file and write it with the results, in the same order.

    New columns: predicted_label, predicted_<question> for each question, confidence, p_<leaf> for each leaf
    (they sum to 1); empty where a row has no text. Memory does not grow with the file but for the texts
    already seen. The output appears when it is whole; nothing is left where the job was stopped.
    """
    from app.inference.classifier import ClassificationStopped

    check_format(target)
    if target.exists() and target.samefile(source):
        raise UserError("The output would replace the input.", "Choose another name for the output.")
    if not target.absolute().parent.is_dir():
        raise UserError(f"There is no folder {target.absolute().parent}.", "Create it first.")
    file = (shelf or Shelf()).model(model)
    with TableReader(source) as table:
        if text_column not in table.columns:
            raise UserError(
                f"{source.name} has no column “{text_column}”; it has {', '.join(table.columns[:20])}.",
                "Name the column with the tweets: --text-column NAME",
            )
        on_event(make_event("stage", stage="load", message=f"Loading the model “{model}”."))
        with open_classifier(file) as classifier:
            results = ResultColumns(Codebook.from_toml(classifier.card.codebook), classifier.leaves, prefix)
            results.check_clash(table.columns)
            report = ClassificationReport(classifier.card.name, device=classifier.device, output=str(target))
            report.per_leaf = dict.fromkeys(classifier.leaves, 0)
            where = f"Classifying {source.name} on the {classifier.device}."
            on_event(make_event("stage", stage="classify", message=where))
            seen = DistinctTexts(classifier)
            begin = time.monotonic()
            try:
                with writing_table(
                    target, [*table.columns, *results.names], results.types, table.schema
                ) as out:
                    for rows in table.chunks():

                        def progress(done: int, _total: int, before: int = report.selected) -> None:
                            report.seconds = time.monotonic() - begin
                            on_event(progress_event(before + done, table.total or 0, report))

                        texts = [
                            "" if row.get(text_column) is None else str(row[text_column]) for row in rows
                        ]
                        probabilities = seen.classify(texts, progress, stop)
                        out.write([row | results.of(p) for row, p in zip(rows, probabilities, strict=True)])
                        report.selected += len(rows)
                        count_predictions(report, classifier.leaves, probabilities)
                        report.seconds = time.monotonic() - begin
                        on_event(progress_event(report.selected, table.total or 0, report))
            except ClassificationStopped:
                report.stopped = True
    return report


class ResultColumns:
    """The columns that a classification adds to a table."""

    def __init__(self, codebook: Codebook, leaves: Sequence[str], prefix: str = "") -> None:
        self._paths = {leaf.code: leaf.path for leaf in codebook.leaves}
        self._leaves = tuple(leaves)
        self._prefix = prefix
        self._questions = [question.code for question in codebook.questions]
        text = ["predicted_label", *(f"predicted_{question}" for question in self._questions)]
        numbers = ["confidence", *(f"p_{leaf}" for leaf in leaves)]
        self.types = {prefix + name: "text" for name in text} | {prefix + name: "number" for name in numbers}
        self.names = list(self.types)

    def check_clash(self, columns: Sequence[str]) -> None:
        """Raise `UserError` where the table already has a column of one of these names."""
        clash = [name for name in self.names if name in columns]
        if clash:
            raise UserError(
                f"The file already has the column “{clash[0]}”.",
                "Name the new columns otherwise, for example: --prefix new_",
            )

    def of(self, probabilities: Any) -> Row:
        """Return the cells for one row's probabilities; all empty where they are NaN."""
        import math

        values = [float(p) for p in probabilities]
        if math.isnan(values[0]):
            return dict.fromkeys(self.names)
        best = max(range(len(values)), key=values.__getitem__)
        leaf = self._leaves[best]
        cells: list[Any] = [leaf, *(self._paths[leaf].get(q) for q in self._questions), values[best], *values]
        return dict(zip(self.names, cells, strict=True))
