"""Estimates of agreement as a table: a row for each language, pair or coder, a column for each measure."""

from collections.abc import Sequence

from app.gui import agreement_figures as words
from app.gui.figure_table import FigureTable
from app.study.agreement import Estimates
from app.study.agreement_measures import EXPLANATIONS, MEASURES


class EstimateTable(FigureTable):
    """Values with their 95% intervals; a star and a tooltip tell of why a value is missing or how
    far to trust it; `agreement_figures.footnotes` are for below the table."""

    def show_estimates(self, whose: str, rows: Sequence[tuple[str, Estimates]]) -> None:
        """Show {name: measures}; `whose` is the header of the names."""
        explained = [words.translated(EXPLANATIONS[measure]) for measure in MEASURES]
        self.show_rows(
            [whose, self.tr("tweets"), *(words.measure_name(measure) for measure in MEASURES)],
            [
                [name, words.tweets_cell(found), *(words.cell(found[m]) for m in MEASURES)]
                for name, found in rows
            ],
            tips=["", "", *explained],
        )
        for row, (_, found) in enumerate(rows):
            for column, measure in enumerate(MEASURES, 2):
                item = self.item(row, column)
                if item is not None:
                    item.setToolTip(words.remark(found[measure]))
