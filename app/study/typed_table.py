"""A Parquet or JSON lines file as a table to import: its values as text, whole numbers exact."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import UserError
from app.study.cell_text import cell_text, mistake_in
from app.study.tabular_files import TableReader
from app.study.text_table import unique_names


@dataclass(frozen=True)
class TypedTable:
    """What was found out about a file; a `SourceTable`. Its columns have names always."""

    path: Path
    kind: str
    header: tuple[str, ...]
    size: int
    _names: tuple[str, ...]
    has_header: bool = True
    sheet: str = ""
    encoding: str = ""
    delimiter: str = ""

    @classmethod
    def open(cls, path: Path) -> "TypedTable":
        """Find out a file's columns; raise `UserError` where it cannot be read or has no rows."""
        if path.is_dir():
            raise UserError(f"“{path.name}” is a folder.", "Choose a file with tweets in it.")
        with TableReader(path) as reader:
            # JSON lines tell their columns and their number at the end alone.
            total = sum(map(len, reader.chunks())) if reader.total is None else reader.total
            names = tuple(reader.columns)
        if not names or not total:
            raise UserError(f"“{path.name}” has no rows.", "Choose a file with tweets in it.")
        return cls(path, path.suffix.lower()[1:], unique_names(list(names)), total, names)

    def rows(self, seen: Callable[[int], None] | None = None) -> Iterator[tuple[int, list[str], str]]:
        """Yield (row number, fields, mistake) as `TextTable.rows` does; the first row of data is 1."""
        number = 0
        with TableReader(self.path) as reader:
            for chunk in reader.chunks():
                for row in chunk:
                    number += 1
                    fields = [cell_text(row.get(name)) for name in self._names]
                    yield number, fields, mistake_in(fields)
                if seen is not None:
                    seen(number)
