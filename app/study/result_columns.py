"""The columns that a classification adds to a table."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from app.errors import UserError
from app.study.classification_report import EMPTY
from app.study.codebook import Codebook
from app.study.confidence import UNDECIDED, is_undecided
from app.study.part_file import SETTLED
from app.study.tabular_files import Row

CLASSIFIED = "classified"


class ResultColumns:
    """The cells of each row's result; `counts` tells how many rows have got which of the `labels`, "" for none.

    predicted_label, predicted_<question> for each question, predicted_status, confidence and p_<leaf> for each
    leaf, with `prefix` before each name. Where the confidence is below `undecided_below` the label is “undecided”
    and no question has an answer, but the probabilities stand. With a `cascade` there is predicted_by, as in an
    export of a study: whether the model or the light model said it.
    """

    def __init__(
        self,
        codebook: Codebook,
        leaves: Sequence[str],
        prefix: str = "",
        undecided_below: float = 0.0,
        cascade: bool = False,
    ) -> None:
        if undecided_below and UNDECIDED in leaves:
            raise UserError(
                f"The model has a class of its own named “{UNDECIDED}”.", "Leave --undecided-below out."
            )
        self._paths = {leaf.code: leaf.path for leaf in codebook.leaves}
        self._leaves = tuple(leaves)
        self._below = undecided_below
        self._questions = [question.code for question in codebook.questions]
        text = ["predicted_label", *(f"predicted_{question}" for question in self._questions)]
        self._told_by = cascade
        for name in ("predicted_by", "predicted_status") if cascade else ("predicted_status",):
            # A codebook may have a question of this name.
            text.append(name if name not in text else f"{name}_of_row")
        numbers = ["confidence", *(f"p_{leaf}" for leaf in leaves)]
        self.types = {prefix + name: "text" for name in text} | {prefix + name: "number" for name in numbers}
        self.names = list(self.types)
        self._status = prefix + text[-1]
        self.labels = [*leaves, UNDECIDED] if undecided_below else list(leaves)
        self.counts: Counter[str] = Counter()

    def check_clash(self, columns: Sequence[str]) -> None:
        """Raise `UserError` where the table already has a column of one of these names."""
        clash = [name for name in self.names if name in columns]
        if clash:
            raise UserError(
                f"The file already has the column “{clash[0]}”.",
                "Name the new columns otherwise, for example: --prefix new_",
            )

    def of(self, texts: Sequence[int], probabilities: Any) -> list[Row]:
        """Return the cells of rows: `texts` numbers their texts, `probabilities` are float32 (rows, leaves).

        The number is `SETTLED` where they are the light model's.
        """
        cells: dict[int, tuple[str, Row]] = {}
        rows = []
        for text, values in zip(texts, probabilities, strict=True):
            found = None if text == SETTLED else cells.get(text)
            if found is None:
                by = "light model" if text == SETTLED else "model"
                found = cells[text] = self._cells([float(p) for p in values], by)
            self.counts[found[0]] += 1
            rows.append(found[1])
        return rows

    def _cells(self, values: list[float], by: str) -> tuple[str, Row]:
        if math.isnan(values[0]):
            return "", dict.fromkeys(self.names) | {self._status: EMPTY}
        best = max(range(len(values)), key=values.__getitem__)
        leaf, path = self._leaves[best], self._paths[self._leaves[best]]
        if is_undecided(values[best], self._below):
            leaf, path = UNDECIDED, {}
        answers = [path.get(question) for question in self._questions]
        told_by = [by] if self._told_by else []
        cells: list[Any] = [leaf, *answers, *told_by, CLASSIFIED, values[best], *values]
        return leaf, dict(zip(self.names, cells, strict=True))
