"""An Excel workbook as a table to import: the first sheet that has rows."""

import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from app.errors import UserError
from app.study.cell_text import mistake_in, spreadsheet_text
from app.study.text_table import SAMPLE_ROWS, unique_names, unreadable

if TYPE_CHECKING:
    from openpyxl import Workbook

_SEEN_EVERY = 512


@dataclass(frozen=True)
class WorkbookTable:
    """What was found out about a workbook; a `SourceTable`.

    Numbers come as text. One with more than 15 digits was rounded by the spreadsheet: it comes with an
    exponent, so that an id of that kind is told as damaged and not taken for the real one.
    """

    path: Path
    sheet: str
    header: tuple[str, ...]
    has_header: bool
    first: int
    size: int
    kind: str = "xlsx"
    encoding: str = ""
    delimiter: str = ""

    @classmethod
    def open(cls, path: Path, is_header: Callable[[list[str], list[list[str]]], bool]) -> "WorkbookTable":
        """Find out which sheet has the tweets and what its columns are; raise `UserError` where there are none."""
        if not path.exists():
            raise UserError(f"There is no file “{path}”.", "Check the name and the folder.")
        if path.is_dir():
            raise UserError(f"“{path.name}” is a folder.", "Choose a file with tweets in it.")
        with _opened(path) as workbook:
            for sheet in workbook.worksheets:
                size = sheet.max_row or 0
                rows = list(islice(_filled(workbook, sheet.title), SAMPLE_ROWS))
                if rows:
                    break
            else:
                raise UserError(f"“{path.name}” is empty.", "Choose a file with a row for each tweet.")
            title = sheet.title
        width = max(len(fields) for _, fields in rows)
        (number, first), others = rows[0], [fields for _, fields in rows[1:]]
        first = _to_width(first, width)
        has_header = is_header(first, [_to_width(fields, width) for fields in others])
        if has_header and not others:
            raise UserError(
                f"“{path.name}” has column names and no rows.", "Choose a file with tweets in it."
            )
        names = unique_names(first) if has_header else tuple(f"column {n}" for n in range(1, width + 1))
        return cls(path, title, names, has_header, number, max(size, len(rows)))

    def rows(self, seen: Callable[[int], None] | None = None) -> Iterator[tuple[int, list[str], str]]:
        """Yield (row number, fields, mistake) as `TextTable.rows` does; numbers are the sheet's own."""
        with _opened(self.path) as workbook:
            for number, fields in _filled(workbook, self.sheet):
                if number == self.first and self.has_header:
                    continue
                if seen is not None and number % _SEEN_EVERY == 0:
                    seen(min(number, self.size))
                mistake = mistake_in(fields)
                if len(fields) > len(self.header):
                    mistake = f"The row has {len(fields)} fields where the table has {len(self.header)}."
                yield number, _to_width(fields, len(self.header)), mistake


@contextmanager
def _opened(path: Path) -> "Iterator[Workbook]":
    import warnings

    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            # Of what a workbook has beside its cells, and is lost: nothing is written back.
            warnings.simplefilter("ignore")
            workbook = load_workbook(path, read_only=True, data_only=True)
    except OSError as error:
        raise unreadable(path, error) from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise UserError(
            f"“{path.name}” is not an Excel workbook that can be read.",
            "Open it in Excel, save it as CSV (UTF-8) and import that.",
        ) from error
    try:
        yield workbook
    finally:
        workbook.close()


def _filled(workbook: "Workbook", sheet: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, fields) of the rows that are not blank, without the empty cells at their ends."""
    cells = workbook[sheet]
    if hasattr(cells, "reset_dimensions"):
        # Some programs write a size that is too small.
        cells.reset_dimensions()
    for number, values in enumerate(cells.iter_rows(values_only=True), 1):
        fields = [spreadsheet_text(value) for value in values]
        while fields and not fields[-1].strip():
            fields.pop()
        if fields:
            yield number, fields


def _to_width(fields: list[str], width: int) -> list[str]:
    return fields[:width] + [""] * (width - len(fields))
