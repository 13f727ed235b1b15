"""Tables of any size, read and written a chunk at a time: CSV, JSON lines and Parquet."""

import csv
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
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


class ArrowRows(list[Row]):
    """Rows of a Parquet file, and the same as an Arrow table, in which each value keeps its type to the bit."""

    def __init__(self, table: "pa.Table") -> None:
        super().__init__(table.to_pylist())
        self.table = table


class TableReader(AbstractContextManager["TableReader"]):
    """An open table, read in chunks of rows as often as wanted, in memory that does not grow with it.

    `columns` are those known so far: JSON lines may bring more while they are read. `total` is the number of rows
    where the file tells it, else None; `share_read` says how far the reading is.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total: int | None = None
        self.schema: pa.Schema | None = None
        ending = check_format(path)
        if not path.is_file():
            raise UserError(f"There is no file {path}.", "Check the name.")
        if path.stat().st_size == 0:
            raise UserError(f"{path.name} is empty.", "Choose another file.")
        self._size = path.stat().st_size
        self._raw: io.BufferedReader | None = None
        self._file: IO[str] | None = None
        self._rows_read = 0
        self.columns: list[str] = []
        openers = {".parquet": self._open_parquet, ".jsonl": self._open_jsonl}
        try:
            openers.get(ending, self._open_csv)()
        except BaseException:
            self.close()
            raise

    @property
    def share_read(self) -> float:
        """Which part of the table, 0 to 1, the chunks so far were."""
        if self._raw is not None and not self._raw.closed:
            return min(1.0, self._raw.tell() / self._size)
        return self._rows_read / self.total if self.total else 1.0

    def chunks(self, size: int = CHUNK, columns: Sequence[str] | None = None) -> Iterator[list[Row]]:
        """Yield the rows in order from the first on; raise `UserError` at the first that cannot be read.

        With `columns` the others may be left out, where that saves reading them.
        """
        if self.path.suffix.lower() == ".parquet":
            yield from self._parquet_chunks(size, columns)
            return
        rows = self._jsonl_rows() if self.path.suffix.lower() == ".jsonl" else self._csv_rows()
        chunk: list[Row] = []
        for row in rows:
            chunk.append(row)
            if len(chunk) == size:
                yield chunk
                chunk = []
        if chunk:
            yield chunk

    # The files stay open for as long as the reader, which closes them.

    def _open_csv(self) -> None:
        from app.study import importing

        preview = importing.preview(self.path)
        self._encoding, self._delimiter = preview.encoding, preview.delimiter or ","
        self.columns = next(self._csv_reader(), [])
        for column in self.columns:
            if self.columns.count(column) > 1:
                raise UserError(f"{self.path.name} has two columns named “{column}”.", "Rename one of them.")

    def _csv_reader(self) -> Any:
        csv.field_size_limit(1 << 24)
        return csv.reader(self._text(), delimiter=self._delimiter)

    def _csv_rows(self) -> Iterator[Row]:
        reader = self._csv_reader()
        try:
            next(reader)
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(self.columns):
                    raise UserError(
                        f"Line {reader.line_num} of {self.path.name} has {len(fields)} fields, the header has "
                        f"{len(self.columns)}.",
                        "Correct that line; text with the delimiter or line breaks in it must stand in quotes.",
                    )
                yield dict(zip(self.columns, fields, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise UserError(
                f"{self.path.name} cannot be read near line {reader.line_num}: {error}."
            ) from error

    def _open_jsonl(self) -> None:
        self._encoding = "utf-8-sig"
        # What a first chunk has; whoever needs all columns, or how many rows there are, reads to the end.
        next(self.chunks(), None)

    def _jsonl_rows(self) -> Iterator[Row]:
        # The columns are those of all lines, so that a field that a later line brings is not lost.
        known = set(self.columns)
        for number, line in enumerate(self._lines(), 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"Line {number} of {self.path.name} is not valid JSON: {error}.") from error
            if not isinstance(row, dict):
                raise UserError(f"Line {number} of {self.path.name} is not an object with names and values.")
            if not known.issuperset(row):
                self.columns += [name for name in row if name not in known]
                known.update(row)
            yield row

    def _lines(self) -> Iterator[str]:
        try:
            yield from self._text(newline="\n")
        except UnicodeDecodeError as error:
            raise UserError(f"{self.path.name} is not a text file in UTF-8.", "Save it as UTF-8.") from error

    def _text(self, newline: str = "") -> IO[str]:
        """Return the file as text, from its first character on."""
        if self._file is not None:
            self._file.close()
        self._raw = open(self.path, "rb")  # noqa: SIM115
        self._file = io.TextIOWrapper(self._raw, encoding=self._encoding, newline=newline)
        return self._file

    def _open_parquet(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            self._parquet = pq.ParquetFile(self.path)
        except (pa.ArrowInvalid, OSError) as error:
            raise UserError(f"{self.path.name} is not a Parquet file.", "Choose another file.") from error
        self.total = self._parquet.metadata.num_rows
        self.schema = self._parquet.schema_arrow
        self.columns = list(self.schema.names)

    def _parquet_chunks(self, size: int, columns: Sequence[str] | None) -> Iterator[list[Row]]:
        import pyarrow as pa

        self._rows_read = 0
        waiting: list[pa.RecordBatch] = []
        rows = 0
        # Batches end where row groups do: a chunk may be put together from several.
        for batch in self._parquet.iter_batches(size, columns=columns):
            waiting.append(batch)
            rows += batch.num_rows
            while rows >= size:
                table = pa.Table.from_batches(waiting)
                self._rows_read += size
                yield ArrowRows(table.slice(0, size))
                waiting = table.slice(size).to_batches()
                rows -= size
        if rows:
            self._rows_read += rows
            yield ArrowRows(pa.Table.from_batches(waiting))

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
    """Takes rows in order."""

    def write(self, rows: list[Row], added: list[Row] | None = None) -> None:
        """Append rows, each with the cells of `added` in the same place."""


@contextmanager
def writing_table(
    path: Path, columns: list[str], added: dict[str, str], schema: "pa.Schema | None"
) -> Iterator[TableWriter]:
    """Open a table for writing that appears under its name only when it is whole and on the disk.

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
        with open(partial, "rb+") as whole:
            os.fsync(whole.fileno())
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"{path.name} could not be written: {error.strerror or error}.",
            "Free some disk space or choose another folder.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _joined(rows: list[Row], added: list[Row] | None) -> Iterator[Row]:
    if added is None:
        yield from rows
    else:
        yield from (row | more for row, more in zip(rows, added, strict=True))


class _CsvWriter:
    def __init__(self, file: IO[str], columns: list[str], ending: str) -> None:
        self._writer = csv.DictWriter(file, columns, delimiter="\t" if ending == ".tsv" else ",")
        self._writer.writeheader()

    def write(self, rows: list[Row], added: list[Row] | None = None) -> None:
        self._writer.writerows(
            {name: _as_text(value) for name, value in row.items()} for row in _joined(rows, added)
        )


class _JsonlWriter:
    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, rows: list[Row], added: list[Row] | None = None) -> None:
        for row in _joined(rows, added):
            line = json.dumps(row, ensure_ascii=False, default=str)
            if not line.isascii() and _SURROGATE.search(line):
                # Half a character, which JSON can say and UTF-8 cannot.
                line = json.dumps(row, default=str)
            self._file.write(line + "\n")


class _ParquetWriter:
    def __init__(
        self, path: Path, columns: list[str], added: dict[str, str], schema: "pa.Schema | None"
    ) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"text": pa.string(), "number": pa.float32()}
        # A column of a text table has no type but text.
        self._typed = schema is not None
        self._added = pa.schema([(name, types[kind]) for name, kind in added.items()])
        known = [] if schema is None else list(schema.names)
        fields = [pa.field(name, pa.string()) for name in columns if name not in added and name not in known]
        # The source's own fields with all that is noted beside them.
        self._schema = pa.schema(
            [*(schema or []), *fields, *self._added], metadata=None if schema is None else schema.metadata
        )
        self._writer = pq.ParquetWriter(path, self._schema)

    def write(self, rows: list[Row], added: list[Row] | None = None) -> None:
        import pyarrow as pa

        if isinstance(rows, ArrowRows) and added is not None:
            table = rows.table
            for name, column in zip(
                self._added.names, pa.Table.from_pylist(added, self._added).columns, strict=True
            ):
                table = table.append_column(self._added.field(name), column)
            self._writer.write_table(table.cast(self._schema))
            return
        joined = list(_joined(rows, added))
        if not self._typed:
            joined = [
                {name: value if name in self._added.names else _as_text(value) for name, value in row.items()}
                for row in joined
            ]
        self._writer.write_table(pa.Table.from_pylist(joined, schema=self._schema))

    def __enter__(self) -> "_ParquetWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()


_SURROGATE = re.compile("[\ud800-\udfff]")


def _as_text(value: Any) -> str:
    """Return a cell of a text table: empty for nothing, JSON for what is itself a structure."""
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # Half a character, which JSON can say and UTF-8 cannot.
    return text if text.isascii() else _SURROGATE.sub("�", text)
