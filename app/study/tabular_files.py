"""Tables of any size, read and written a chunk at a time: CSV, JSON lines and Parquet."""

import csv
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol

from app.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = (".csv", ".tsv", ".jsonl", ".parquet")
CHUNK = 2048

Row = dict[str, Any]


def check_format(path: Path) -> str:
    """Return the file's ending; raise `UserError` where it is none that is known."""
    ending = path.suffix.lower()
    if ending not in FORMATS:
        raise UserError(f"The format of {path.name} is not known.", f"Use one of {', '.join(FORMATS)}.")
    return ending


class TableReader(AbstractContextManager["TableReader"]):
    """An open table: its columns, its number of rows where that is known at once, and its rows in chunks."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total: int | None = None
        self.schema: pa.Schema | None = None
        ending = check_format(path)
        if not path.is_file():
            raise UserError(f"There is no file {path}.", "Check the name.")
        if path.stat().st_size == 0:
            raise UserError(f"{path.name} is empty.", "Choose another file.")
        self._file: IO[str] | None = None
        openers = {".parquet": self._open_parquet, ".jsonl": self._open_jsonl}
        try:
            self.columns = openers.get(ending, self._open_csv)()
        except BaseException:
            self.close()
            raise

    def chunks(self) -> Iterator[list[Row]]:
        """Yield the rows in order; raise `UserError` at the first that cannot be read."""
        ending = self.path.suffix.lower()
        rows = {".parquet": self._parquet_rows, ".jsonl": self._jsonl_rows}.get(ending, self._csv_rows)()
        chunk: list[Row] = []
        for row in rows:
            chunk.append(row)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    # The files stay open for as long as the reader, which closes them.

    def _open_csv(self) -> list[str]:
        from app.study import importing

        preview = importing.preview(self.path)
        self._file = open(self.path, encoding=preview.encoding, newline="")  # noqa: SIM115
        self._csv = csv.reader(self._file, delimiter=preview.delimiter or ",")
        csv.field_size_limit(1 << 24)
        columns = next(self._csv, [])
        for column in columns:
            if columns.count(column) > 1:
                raise UserError(f"{self.path.name} has two columns named “{column}”.", "Rename one of them.")
        # A first pass, a few seconds a million rows, so that the long second one can tell how far it is.
        self.columns = columns
        self.total = sum(1 for _ in self._csv_rows())
        self._file.seek(0)
        self._csv = csv.reader(self._file, delimiter=preview.delimiter or ",")
        next(self._csv)
        return columns

    def _csv_rows(self) -> Iterator[Row]:
        try:
            for fields in self._csv:
                if not fields:
                    continue
                if len(fields) != len(self.columns):
                    raise UserError(
                        f"Line {self._csv.line_num} of {self.path.name} has {len(fields)} fields, the header has "
                        f"{len(self.columns)}.",
                        "Correct that line; text with the delimiter or line breaks in it must stand in quotes.",
                    )
                yield dict(zip(self.columns, fields, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(
                f"{self.path.name} cannot be read near line {self._csv.line_num}: {error}."
            ) from error

    def _open_jsonl(self) -> list[str]:
        self._file = open(self.path, encoding="utf-8-sig", newline="\n")  # noqa: SIM115
        # The columns are those of all lines, so that a field that a later line brings is not lost.
        columns: dict[str, None] = {}
        self.total = 0
        for row in self._jsonl_rows():
            columns |= dict.fromkeys(row)
            self.total += 1
        return list(columns)

    def _jsonl_rows(self) -> Iterator[Row]:
        assert self._file is not None
        self._file.seek(0)
        for number, line in enumerate(self._lines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"Line {number} of {self.path.name} is not valid JSON: {error}.") from error
            if not isinstance(row, dict):
                raise UserError(f"Line {number} of {self.path.name} is not an object with names and values.")
            yield row

    def _lines(self) -> Iterator[str]:
        assert self._file is not None
        try:
            yield from self._file
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path.name} is not a text file in UTF-8.", "Save it as UTF-8.") from error

    def _open_parquet(self) -> list[str]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._parquet = pq.ParquetFile(self.path)
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{self.path.name} is not a Parquet file.", "Choose another file.") from error
        self.total = self._parquet.metadata.num_rows
        self.schema = self._parquet.schema_arrow
        return list(self.schema.names)

    def _parquet_rows(self) -> Iterator[Row]:
        for batch in self._parquet.iter_batches(CHUNK):
            yield from batch.to_pylist()

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        if self._file is not None:
            self._file.close()
        if hasattr(self, "_parquet"):
            self._parquet.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class TableWriter(Protocol):
    """Takes rows that have all columns."""

    def write(self, rows: list[Row]) -> None:
        """Append rows."""


@contextmanager
def writing_table(
    path: Path, columns: list[str], added: dict[str, str], schema: "pa.Schema | None"
) -> Iterator[TableWriter]:
    """Open a table for writing that appears under its name only when it is whole.

    `added` gives the type (text or number) of the columns that the source did not have; `schema` is the
    source's where it has one.
    """
    ending = check_format(path)
    partial = path.with_name(f".{path.name}.partial")
    try:
        if ending == ".parquet":
            with _ParquetWriter(partial, columns, added, schema) as writer:
                yield writer
        else:
            # With a byte-order mark, without which spreadsheets take UTF-8 for something else.
            encoding = "utf-8" if ending == ".jsonl" else "utf-8-sig"
            with open(partial, "w", encoding=encoding, newline="") as file:
                yield _JsonlWriter(file) if ending == ".jsonl" else _CsvWriter(file, columns, ending)
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"{path.name} could not be written: {error.strerror or error}.",
            "Free some disk space or choose another folder.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


class _CsvWriter:
    def __init__(self, file: IO[str], columns: list[str], ending: str) -> None:
        self._writer = csv.DictWriter(file, columns, delimiter="\t" if ending == ".tsv" else ",")
        self._writer.writeheader()

    def write(self, rows: list[Row]) -> None:
        self._writer.writerows({name: _as_text(value) for name, value in row.items()} for row in rows)


class _JsonlWriter:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, rows: list[Row]) -> None:
        for row in rows:
            self._file.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


class _ParquetWriter:
    def __init__(
        self, path: Path, columns: list[str], added: dict[str, str], schema: "pa.Schema | None"
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"text": pa.string(), "number": pa.float32()}
        known = {} if schema is None else {field.name: field.type for field in schema}
        # A column of a text table has no type but text.
        self._typed = schema is not None
        self._added = added
        self._schema = pa.schema(
            [(name, known.get(name) or types[added.get(name, "text")]) for name in columns]
        )
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: list[Row]) -> None:
        import pyarrow as pa

        if not self._typed:
            rows = [
                {name: value if name in self._added else _as_text(value) for name, value in row.items()}
                for row in rows
            ]
        self._writer.write_table(pa.Table.from_pylist(rows, schema=self._schema))

    def __enter__(self) -> "_ParquetWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


def _as_text(value: Any) -> str:
    """Return a cell of a text table: empty for nothing, JSON for what is itself a structure."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return json.dumps(value, ensure_ascii=False, default=str)
