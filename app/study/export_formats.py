"""The file formats of an export: each function writes rows to a file and returns the columns it renamed."""

import contextlib
import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

Row = list[str | float | None]
Rows = Iterator[Row]

XLSX_ROWS, XLSX_COLUMNS, XLSX_CHARACTERS = 1_048_576, 16_384, 32_767
# Stata keeps up to 2,045 bytes inside the row; what may be longer goes to its long-string area.
STATA_INLINE_BYTES = 2045
SPSS_STRING_BYTES = 32_767
NAME_LENGTH = 32
_PARQUET_ROWS = 20_000

# What XML cannot hold, the carriage return that its readers turn into a line feed, and what already looks
# like the escape that is written for them (ECMA-376 part 1, 22.9.2.19 ST_Xstring).
_XLSX_ESCAPED = re.compile("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff]|_(?=x[0-9A-Fa-f]{4}_)")

# Stata's and SPSS's own words.
_RESERVED = frozenset([
    "all", "and", "by", "eq", "ge", "gt", "le", "lt", "ne", "not", "or", "to", "with", "byte", "double",
    "float", "if", "in", "int", "long", "using", "strl", "_all", "_b", "_coef", "_cons", "_n", "_pi", "_pred",
    "_rc", "_skip",
])  # fmt: skip


class FormatLimit(Exception):
    """The format cannot hold what is to be written; `str()` is a sentence for the user."""


@dataclass(frozen=True)
class Values:
    """The columns of a table, which of them are numbers, how many rows are expected, and of what."""

    names: list[str]
    numbers: list[bool]
    rows: int
    what: str = "tweets"


def write_csv(path: Path, values: Values, rows: Rows) -> dict[str, str]:
    """Write CSV: UTF-8 with byte order mark, as spreadsheets need it to tell the encoding."""
    with open(path, "w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(values.names)
        for row in rows:
            writer.writerow(["" if value is None else value for value in row])
    return {}


def write_jsonl(path: Path, values: Values, rows: Rows) -> dict[str, str]:
    """Write one JSON object a line, UTF-8."""
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            file.write(json.dumps(dict(zip(values.names, row, strict=True)), ensure_ascii=False) + "\n")
    return {}


def write_parquet(path: Path, values: Values, rows: Rows) -> dict[str, str]:
    """Write Parquet: strings and doubles, nulls where there is nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            (name, pa.float64() if number else pa.string())
            for name, number in zip(values.names, values.numbers, strict=True)
        ]
    )
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        group: list[Row] = []

        def flush() -> None:
            columns = list(zip(*group, strict=True)) or [()] * len(values.names)
            arrays = [pa.array(list(c), type=t.type) for c, t in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            group.clear()

        for row in rows:
            group.append(row)
            if len(group) >= _PARQUET_ROWS:
                flush()
        flush()
    return {}


def write_xlsx(path: Path, values: Values, rows: Rows) -> dict[str, str]:
    """Write a workbook: ids and all other text as text cells, never as numbers or formulas."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    if values.rows + 1 > XLSX_ROWS:
        held = f"{XLSX_ROWS - 1:,} {values.what}"
        raise FormatLimit(f"An .xlsx sheet holds {held}, the study has {values.rows:,}.")
    if len(values.names) > XLSX_COLUMNS:
        raise FormatLimit(f"An .xlsx sheet holds {XLSX_COLUMNS:,} columns, there are {len(values.names):,}.")
    book = Workbook(write_only=True)
    sheet: Any = book.create_sheet(values.what)
    sheet.freeze_panes = "A2"

    def text_cell(value: str) -> Any:
        cell: Any = WriteOnlyCell(sheet)
        # Set past the guessing of types, by which “=1+1” would become a formula.
        cell._value = escape_xlsx(value)
        cell.data_type = "s"
        cell.number_format = "@"
        return cell

    identity = values.names.index("id") if "id" in values.names else 0

    def cells(row: Row) -> Iterator[Any]:
        for value in row:
            if not isinstance(value, str):
                yield value
            elif len(value) > XLSX_CHARACTERS // 2 and _utf16_units(value) > XLSX_CHARACTERS:
                raise FormatLimit(
                    f"An .xlsx cell holds {XLSX_CHARACTERS:,} characters, tweet {row[identity]} has more."
                )
            else:
                yield text_cell(value) if value else None

    try:
        sheet.append([text_cell(name) for name in values.names])
        for row in rows:
            sheet.append(list(cells(row)))
        book.save(path)
    except BaseException:
        # The rows wait in a temporary file, which openpyxl would keep open and then complain about.
        with contextlib.suppress(Exception):
            sheet.close()
        with contextlib.suppress(Exception):
            sheet._writer.cleanup()
        raise
    return {}


def _utf16_units(text: str) -> int:
    return len(text) + sum(c > "\uffff" for c in text)


def escape_xlsx(text: str) -> str:
    """Return text as a workbook keeps it: characters that XML cannot hold become _xHHHH_."""
    return _XLSX_ESCAPED.sub(lambda m: f"_x{ord(m.group()):04X}_", text)


def write_stata(path: Path, values: Values, rows: Rows) -> dict[str, str]:
    """Write Stata 14 or newer: UTF-8, long text as strL; names are made valid, the old one is the label."""
    frame, renamed = _frame(values, rows)
    longest = {name: _longest(frame[name]) for name in frame.columns if frame[name].dtype == object}
    frame.to_stata(
        path,
        write_index=False,
        version=118,
        convert_strl=[name for name, size in longest.items() if size > STATA_INLINE_BYTES],
        variable_labels={new: old[:80] for old, new in _valid_names(values.names).items()},
    )
    return renamed


def write_spss(path: Path, values: Values, rows: Rows) -> dict[str, str]:
    """Write SPSS (UTF-8); column names are made valid, the old one is the label."""
    import pyreadstat

    frame, renamed = _frame(values, rows)
    for name in frame.columns:
        if frame[name].dtype == object and _longest(frame[name]) > SPSS_STRING_BYTES:
            raise FormatLimit(
                f"A .sav text holds {SPSS_STRING_BYTES:,} bytes, column “{name}” has longer ones."
            )
    labels = {new: old[:250] for old, new in _valid_names(values.names).items()}
    try:
        pyreadstat.write_sav(frame, path, column_labels=labels, row_compress=True)
    except pyreadstat.ReadstatError as error:
        raise OSError(str(error)) from error
    return renamed


def _frame(values: Values, rows: Rows) -> "tuple[pd.DataFrame, dict[str, str]]":
    import pandas as pd

    valid = _valid_names(values.names)
    columns: list[list[Any]] = [[] for _ in values.names]
    for row in rows:
        for column, value, number in zip(columns, row, values.numbers, strict=True):
            column.append(value if number else value or "")
    series = {
        valid[name]: pd.Series(column, dtype="float64" if number else object)
        for name, column, number in zip(values.names, columns, values.numbers, strict=True)
    }
    return pd.DataFrame(series), {old: new for old, new in valid.items() if old != new}


def _longest(series: "pd.Series[Any]") -> int:
    return max((len(text.encode("utf-8")) for text in series), default=0)


def _valid_names(names: list[str]) -> dict[str, str]:
    """Return {name: name for Stata and SPSS}: ASCII letters, digits and _, 32 at most, no reserved word."""
    valid: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]+", "_", name).strip("_") or "column"
        if not plain[0].isalpha() or plain.lower() in _RESERVED or re.fullmatch(r"str\d+", plain):
            plain = f"v_{plain}"
        plain = plain[:NAME_LENGTH]
        free, number = plain, 2
        while free.lower() in taken:
            ending = f"_{number}"
            free, number = plain[: NAME_LENGTH - len(ending)] + ending, number + 1
        taken.add(free.lower())
        valid[name] = free
    return valid


FORMATS: dict[str, Callable[[Path, Values, Rows], dict[str, str]]] = {
    ".csv": write_csv,
    ".xlsx": write_xlsx,
    ".parquet": write_parquet,
    ".jsonl": write_jsonl,
    ".dta": write_stata,
    ".sav": write_spss,
}
