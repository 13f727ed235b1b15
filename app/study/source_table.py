"""A file with tweets as a table, whatever its format: text, Excel workbook, Parquet or JSON lines."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from app.errors import UserError
from app.study import columns as guessing
from app.study import text_table
from app.study.study import SUFFIX
from app.study.text_table import DELIMITERS, NAMES_OF_ENCODINGS, Dialect
from app.study.typed_table import TypedTable
from app.study.workbook_table import WorkbookTable

ENDINGS = (".csv", ".tsv", ".txt", ".xlsx", ".parquet", ".jsonl")
"""The endings of files that can be imported; any other is looked at as text."""


class SourceTable(Protocol):
    """What importing asks of a table.

    `kind` is "text", "xlsx", "parquet" or "jsonl", `sheet` the name of a workbook's sheet. `encoding` and
    `delimiter` are empty but for text. `size` is what `rows` tells `seen` at the end: bytes of a text, else rows.
    """

    @property
    def path(self) -> Path: ...
    @property
    def kind(self) -> str: ...
    @property
    def sheet(self) -> str: ...
    @property
    def encoding(self) -> str: ...
    @property
    def delimiter(self) -> str: ...
    @property
    def header(self) -> tuple[str, ...]: ...
    @property
    def has_header(self) -> bool: ...
    @property
    def size(self) -> int: ...

    def rows(self, seen: Callable[[int], None] | None = None) -> Iterator[tuple[int, list[str], str]]:
        """Yield (row number, fields, mistake) for each row that is not blank; see `TextTable.rows`."""
        ...


def open_table(
    path: Path, encoding: str = "", delimiter: str = "", has_header: bool | None = None
) -> SourceTable:
    """Find out how a file is written; raise `UserError` where it is no table.

    What is not given is found out; encoding and delimiter concern text alone.
    """
    if encoding and encoding.lower() not in NAMES_OF_ENCODINGS:
        raise UserError(
            f"The encoding “{encoding}” is not known.", f"Use one of {', '.join(NAMES_OF_ENCODINGS)}."
        )
    if delimiter and delimiter not in DELIMITERS:
        raise UserError(f"The delimiter “{delimiter}” is not known.", "Use a comma, semicolon, tab or bar.")
    if path.suffix.lower() == SUFFIX:
        # Not looked into: it may be the study that is open, which SQLite alone may open and close.
        raise UserError(
            f"“{path.name}” is a study, not a table.",
            "Open it, or take it in as a copy of the study that is open.",
        )
    names_columns = guessing.is_header if has_header is None else lambda first, others: has_header
    ending = path.suffix.lower()
    if ending == ".xlsx":
        return WorkbookTable.open(path, names_columns)
    if ending in (".parquet", ".jsonl"):
        return TypedTable.open(path)
    return text_table.inspect(
        path,
        names_columns,
        encoding=encoding.lower(),
        dialect=Dialect(delimiter) if delimiter else None,
    )


def first_rows(table: SourceTable, count: int) -> list[list[str]]:
    """Return the first rows of data that have as many fields as the table."""
    found = []
    for _, fields, mistake in table.rows():
        if not mistake:
            found.append(fields)
        if len(found) >= count:
            break
    return found
