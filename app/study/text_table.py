"""A table in a text file: its encoding, delimiter and header found out, its rows read in a stream."""

import codecs
import contextlib
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.errors import UserError

DELIMITERS = (",", ";", "\t", "|")
# What can be asked for where the encoding is not found out rightly: one for each script of the 13 languages.
NAMES_OF_ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1", "cp1250",
    "iso8859-2", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "iso8859-6", "cp949", "euc-kr",
    "shift-jis", "gb18030", "big5",
)  # fmt: skip
# Stands in for the delimiter of a table with one column: no text has it.
NO_DELIMITER = "\x1f"
# Longer fields than this are a quotation mark that is never closed, not tweets.
MAX_FIELD = 1_000_000
SAMPLE_CHARACTERS = 200_000
SAMPLE_ROWS = 500
_BLOCK = 1 << 20

_SIGNATURES = (
    (b"PK\x03\x04", "a spreadsheet or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3\0", "a database"),
    (b"%PDF", "a PDF document"),
    (b"\x1f\x8b", "a compressed file"),
    (b"GGUF", "a model file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The five bytes that Windows-1252 leaves undefined.
_NOT_CP1252 = frozenset(b"\x81\x8d\x8f\x90\x9d")


@dataclass(frozen=True)
class Dialect:
    """How the rows are written."""

    delimiter: str
    quoted: bool = True


@dataclass(frozen=True)
class TextTable:
    """What was found out about a file.

    `header` has the columns' names, made unique; `has_header` says whether the first row holds them.
    """

    path: Path
    encoding: str
    dialect: Dialect
    header: tuple[str, ...]
    has_header: bool
    size: int
    kind: str = "text"
    sheet: str = ""

    @property
    def delimiter(self) -> str:
        """The character between fields; "" where each row is one field."""
        return "" if self.dialect.delimiter == NO_DELIMITER else self.dialect.delimiter

    def rows(self, seen: Callable[[int], None] | None = None) -> Iterator[tuple[int, list[str], str]]:
        """Yield (row number, fields, mistake) for each row of data that is not blank.

        Row numbers are those of a spreadsheet: the first row of the file is 1. `mistake` is "" or says why
        the fields cannot be used. `seen` is told how many bytes were read.
        """
        with open_text(self.path, self.encoding) as (raw, text):
            for number, fields, mistake in _numbered(csv_rows(text, self.dialect)):
                if number == 1 and self.has_header:
                    continue
                if seen is not None and number % 512 == 0:
                    seen(min(raw.tell(), self.size))
                if not fields and not mistake:
                    continue
                yield number, fields, mistake or _mistake(fields, len(self.header))


def _numbered(rows: Iterator[tuple[list[str], str]]) -> Iterator[tuple[int, list[str], str]]:
    for number, (fields, mistake) in enumerate(rows, 1):
        yield number, fields, mistake


def _mistake(fields: list[str], expected: int) -> str:
    if len(fields) != expected:
        hint = ""
        if any("\n" in field for field in fields):
            hint = "; perhaps a quotation mark is not closed"
        return f"The row has {len(fields)} fields where the table has {expected}{hint}."
    if any("\0" in field for field in fields):
        return "The row holds a NUL character, which no text has."
    if any("\udc80" <= c <= "\udcff" for field in fields if not field.isascii() for c in field):
        return "The row holds bytes that are no text in the file's encoding."
    return ""


@contextlib.contextmanager
def open_text(path: Path, encoding: str) -> Iterator[tuple[io.BufferedReader, io.TextIOWrapper]]:
    """Open a file as text without translating line ends; gives (raw file, text stream)."""
    try:
        raw = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError as error:
        raise unreadable(path, error) from error
    with raw, io.TextIOWrapper(raw, encoding=encoding, errors=_errors(encoding), newline="") as text:
        yield raw, text


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding in ("utf-8", "utf-8-sig") else "replace"


def unreadable(path: Path, error: OSError) -> UserError:
    """Return the error for a file that the system does not let us read."""
    return UserError(
        f"“{path.name}” cannot be read: {error.strerror or error}.", "Check the file and try again."
    )


def csv_rows(lines: Iterator[str] | io.TextIOBase, dialect: Dialect) -> Iterator[tuple[list[str], str]]:
    """Yield (fields, mistake) for each row; one that cannot be parsed has no fields and a mistake."""
    csv.field_size_limit(MAX_FIELD)
    if dialect.quoted:
        reader = csv.reader(lines, delimiter=dialect.delimiter)
    else:
        reader = csv.reader(lines, delimiter=dialect.delimiter, quoting=csv.QUOTE_NONE)
    while True:
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            reason = "a field is too long, perhaps a quotation mark is not closed"
            yield [], f"The row cannot be read: {reason if 'limit' in str(error) else error}."
            continue
        yield fields, ""


def inspect(
    path: Path,
    is_header: Callable[[list[str], list[list[str]]], bool],
    encoding: str = "",
    dialect: Dialect | None = None,
) -> TextTable:
    """Find out how a file is written; raise `UserError` where it is no table of text.

    `is_header(first, others)` judges whether the first row names the columns. `encoding` and `dialect` are
    found out where they are not given.
    """
    if not path.exists():
        raise UserError(f"There is no file “{path}”.", "Check the name and the folder.")
    if path.is_dir():
        raise UserError(f"“{path.name}” is a folder.", "Choose a file with tweets in it.")
    try:
        size = path.stat().st_size
        encoding = encoding or find_encoding(path)
    except OSError as error:
        raise unreadable(path, error) from error
    sample = _sample(path, encoding)
    if not sample.strip("\ufeff\0 \t\r\n,;|"):
        raise UserError(f"“{path.name}” is empty.", "Choose a file with a row for each tweet.")
    if _looks_binary(sample):
        raise UserError(f"“{path.name}” is not a text file.", "Save the tweets as CSV and import that.")
    complete = len(sample) < SAMPLE_CHARACTERS
    dialect = dialect or find_dialect(sample, complete)
    rows = _sample_rows(sample, dialect, complete)
    first, others = rows[0], rows[1:]
    has_header = is_header(first, others)
    if has_header and not others and complete:
        raise UserError(f"“{path.name}” has column names and no rows.", "Choose a file with tweets in it.")
    names = unique_names(first) if has_header else tuple(f"column {n}" for n in range(1, len(first) + 1))
    return TextTable(path, encoding, dialect, names, has_header, size)


def unique_names(fields: list[str]) -> tuple[str, ...]:
    """Return column names: stripped, none empty, none twice."""
    names: list[str] = []
    for number, field in enumerate(fields, 1):
        name = field.strip().strip("\ufeff").strip() or f"column {number}"
        plain, again = name, 2
        while name in names:
            name, again = f"{plain} ({again})", again + 1
        names.append(name)
    return tuple(names)


def find_encoding(path: Path) -> str:
    """Return a file's encoding: told by its mark or by zero bytes, UTF-8 where valid, else a Western one.

    A file that is UTF-8 but for a few broken bytes stays UTF-8; the rows that hold them are rejected. Raises
    `UserError` for files that are known not to be text.
    """
    with open(path, "rb") as file:
        head = file.read(_BLOCK)
        for signature, what in _SIGNATURES:
            if head.startswith(signature):
                raise UserError(f"“{path.name}” is {what}.", "Save the tweets as CSV and import that.")
        for mark, encoding in _MARKS:
            if head.startswith(mark):
                return encoding
        wide = _wide(head)
        if wide:
            return wide
        file.seek(0)
        return _narrow(file)


def _wide(head: bytes) -> str:
    """Return UTF-16 with its byte order where zero bytes stand as in ASCII written with 16 bits, else ""."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    # Delimiters, line ends and digits alone make some; a stray NUL in a narrow file does not.
    few = max(2, len(head) // 200)
    for encoding, here, there in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if here >= few and there <= here // 50:
            try:
                text = codecs.getincrementaldecoder(encoding)().decode(head)
            except UnicodeDecodeError:
                continue
            if "\n" in text or "\r" in text or len(head) < _BLOCK:
                return encoding
    return ""


def _narrow(file: io.BufferedReader) -> str:
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    wide = broken = 0
    bytes_seen: set[int] = set()
    while True:
        block = file.read(_BLOCK)
        text = decoder.decode(block, final=not block)
        if not text.isascii():
            bytes_seen.update(set(block) & _NOT_CP1252)
            bad = sum("\udc80" <= c <= "\udcff" for c in text)
            broken += bad
            wide += sum(c > "\x7f" for c in text) - bad
        if not block:
            break
    if not broken or wide > 10 * broken:
        return "utf-8"
    return "latin-1" if bytes_seen else "cp1252"


def _sample(path: Path, encoding: str) -> str:
    with open_text(path, encoding) as (_, text):
        try:
            return text.read(SAMPLE_CHARACTERS)
        except UnicodeError as error:
            raise UserError(
                f"“{path.name}” is not valid {encoding.upper()}.", "Save it as UTF-8 and try again."
            ) from error


def _looks_binary(sample: str) -> bool:
    strange = sum(c < " " and c not in "\t\r\n\f\v\x1b" for c in sample)
    # Binary files have about a tenth of such bytes; a tweet may carry a stray one.
    return strange > max(16, len(sample) // 20)


def find_dialect(sample: str, complete: bool = True) -> Dialect:
    """Return delimiter and quoting that cut a sample into rows of the most even length.

    Text is full of commas: what counts is that the rows have as many fields as the first.
    """
    best, best_score = Dialect(NO_DELIMITER), (0.5, 0.0, 0)
    for delimiter in DELIMITERS:
        for quoted in (True, False):
            dialect = Dialect(delimiter, quoted)
            rows = _sample_rows(sample, dialect, complete)
            width = len(rows[0]) if rows else 0
            if width < 2:
                continue
            even = sum(len(row) == width for row in rows) / len(rows)
            modal = Counter(len(row) for row in rows).most_common(1)[0][0]
            # A first row that is cut unlike most of the others has met a delimiter inside text.
            score = (round(even, 2) if modal == width else 0.0, _named(rows[0]), width)
            if score > best_score:
                best, best_score = dialect, score
    return best


def _named(first: list[str]) -> float:
    """Return the share of fields that look like a column's name."""
    return sum(0 < len(f.strip()) <= 30 and not f.strip().isdigit() for f in first) / len(first)


def _sample_rows(sample: str, dialect: Dialect, complete: bool) -> list[list[str]]:
    rows = []
    for fields, mistake in csv_rows(io.StringIO(sample, newline=""), dialect):
        if fields and not mistake:
            rows.append(fields)
        if len(rows) > SAMPLE_ROWS:
            return rows
    # The last row of a sample is cut off in the middle.
    return rows if complete or len(rows) < 2 else rows[:-1]


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
