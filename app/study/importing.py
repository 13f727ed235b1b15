"""Bringing tweets into a study from a table in a text file."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import columns as guessing
from app.study.codebook import Codebook
from app.study.study import Coder, Study, now
from app.study.text_table import (
    DELIMITERS,
    NAMES_OF_ENCODINGS,
    Dialect,
    TextTable,
    first_rows,
    inspect,
    sha256_of,
)
from db import labels, locks, splits
from db import tweets as queries
from db.tables import Import

# Rows of one write transaction: short, so that a coder at work waits for none.
CHUNK = 2000
SAMPLE = 20
# What is told of a broken file is bounded; the counts are exact.
MAX_TOLD = 10_000

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


class Rejected(NamedTuple):
    """A row that was not taken in; `row` is its number in a spreadsheet, the first row being 1."""

    row: int
    reason: str


@dataclass(frozen=True)
class Preview:
    """What was found out about a file before it is imported. `columns`: {role: column's name}."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    has_header: bool
    rows: list[list[str]]
    columns: dict[str, str]


@dataclass
class ImportReport:
    """What an import did. `rows` = `accepted` + `duplicates` + `rejected_count`.

    `rejected` holds the first of the rejected rows; `unknown_labels` counts labels that the codebook does not
    know (their tweets were taken in unlabelled); `label_conflicts` are labels that were not taken because the
    coder had already given another one, `locked_labels` because the tweet is in a locked batch.
    """

    file_name: str
    encoding: str = ""
    delimiter: str = ""
    has_header: bool = True
    columns: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    accepted: int = 0
    duplicates: int = 0
    rejected_count: int = 0
    rejected: list[Rejected] = field(default_factory=list)
    labels: int = 0
    coder: str = ""
    unknown_labels: dict[str, int] = field(default_factory=dict)
    label_conflicts: int = 0
    locked_labels: int = 0
    warnings: list[str] = field(default_factory=list)
    stopped: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        values = asdict(self)
        values["rejected"] = [{"row": row, "reason": reason} for row, reason in self.rejected]
        return values

    def summary(self) -> str:
        """Return the counts in words."""
        parts = [f"{self.accepted:,} tweets accepted"]
        if self.duplicates:
            parts.append(f"{self.duplicates:,} already there")
        if self.rejected_count:
            parts.append(f"{self.rejected_count:,} rows rejected")
        if self.labels:
            parts.append(f"{self.labels:,} labels taken in as {self.coder}'s")
        told = ("Stopped: " if self.stopped else "") + ", ".join(parts) + "."
        if self.unknown_labels:
            first = ", ".join(f"“{value}”" for value in list(self.unknown_labels)[:3])
            told += f" {sum(self.unknown_labels.values()):,} labels are not in the codebook ({first})."
        if self.label_conflicts:
            told += f" {self.label_conflicts:,} labels differ from the coder's earlier ones, which were kept."
        if self.locked_labels:
            told += f" {self.locked_labels:,} labels were left out, as their tweets are in a locked batch."
        return " ".join([told, *self.warnings])


def preview(
    path: Path | str,
    codebook: Codebook | None = None,
    *,
    encoding: str = "",
    delimiter: str = "",
    has_header: bool | None = None,
) -> Preview:
    """Find out how a file is written and what its columns hold; raise `UserError` where it is no table."""
    table = _table(Path(path), encoding, delimiter, has_header)
    rows = first_rows(table, 200)
    return Preview(
        encoding=table.encoding,
        delimiter=table.delimiter,
        header=table.header,
        has_header=table.has_header,
        rows=rows[:SAMPLE],
        columns=_columns(table, rows, codebook or Codebook.default(), {}),
    )


def import_file(
    study: Study,
    path: Path | str,
    columns: Mapping[str, str] | None = None,
    coder: str = "imported",
    progress: Progress | None = None,
    stop: Stop | None = None,
    *,
    test: bool = False,
    encoding: str = "",
    delimiter: str = "",
    has_header: bool | None = None,
) -> ImportReport:
    """Take the rows of a file into a study, in short transactions; what is there already is not added again.

    `columns`: {role: column} for the roles text, id, lang, label, author, date; roles that are not named are
    guessed, a role with "" is not used. Without an id column the id is made from the text. Labels become
    those of `coder`. `test` marks the file's tweets as test rows. `progress` is told (bytes read, bytes in
    all). An import that was stopped or killed is completed by importing the file again. Raises `UserError`
    where the file is no table.
    """
    path = Path(path)
    table = _table(path, encoding, delimiter, has_header)
    used = _columns(table, first_rows(table, 200), study.codebook, dict(columns or {}))
    report = ImportReport(path.name, table.encoding, table.delimiter, table.has_header, used, coder=coder)
    run = _Run(study, table, used, study.coder(coder) if "label" in used else None, report, test)
    run.begin()
    for number, fields, mistake in table.rows(
        None if progress is None else lambda n: progress(n, table.size)
    ):
        report.rows += 1
        if mistake:
            run.reject(number, mistake)
        else:
            run.take(number, fields)
        if len(run.waiting) >= CHUNK:
            run.write()
            if stop is not None and stop():
                report.stopped = True
                break
    run.write()
    run.end()
    if progress is not None and not report.stopped:
        progress(table.size, table.size)
    return report


def _table(path: Path, encoding: str, delimiter: str, has_header: bool | None) -> TextTable:
    if encoding and encoding.lower() not in NAMES_OF_ENCODINGS:
        raise UserError(
            f"The encoding “{encoding}” is not known.", f"Use one of {', '.join(NAMES_OF_ENCODINGS)}."
        )
    if delimiter and delimiter not in DELIMITERS:
        raise UserError(f"The delimiter “{delimiter}” is not known.", "Use a comma, semicolon, tab or bar.")
    return inspect(
        path,
        guessing.is_header if has_header is None else lambda first, others: has_header,
        encoding=encoding.lower(),
        dialect=Dialect(delimiter) if delimiter else None,
    )


def _columns(
    table: TextTable, rows: list[list[str]], codebook: Codebook, wanted: dict[str, str]
) -> dict[str, str]:
    unknown_roles = sorted(set(wanted) - set(guessing.ROLES))
    if unknown_roles:
        raise UserError(
            f"“{unknown_roles[0]}” is nothing that a column can hold.", f"Use {', '.join(guessing.ROLES)}."
        )
    for name in wanted.values():
        if name and name not in table.header:
            raise UserError(
                f"“{table.path.name}” has no column “{name}”.", f"Its columns are {', '.join(table.header)}."
            )
    guessed = guessing.guess(
        table.header,
        table.has_header,
        rows,
        lambda value: codebook.find_leaf(value) is not None,
        [name for name in wanted.values() if name],
    )
    used = {role: name for role, name in (guessed | wanted).items() if name}
    if "text" not in used:
        raise UserError(f"“{table.path.name}” has no column with the text of tweets.", "Name the column.")
    return {role: used[role] for role in guessing.ROLES if role in used}


@dataclass(frozen=True)
class _Row:
    """A row that can be taken in."""

    number: int
    tweet_id: str
    text_hash: bytes
    values: dict[str, Any]
    leaf: str | None


class _Run:
    """One import under way: rows are collected and written a chunk at a time."""

    def __init__(
        self,
        study: Study,
        table: TextTable,
        used: dict[str, str],
        coder: Coder | None,
        report: ImportReport,
        test: bool,
    ) -> None:
        self.waiting: list[_Row] = []
        self._study, self._table, self._coder, self._report, self._test = study, table, coder, report, test
        self._place = {role: table.header.index(name) for role, name in used.items()}
        self._others = [(n, name) for n, name in enumerate(table.header) if name not in used.values()]
        self._unknown: Counter[str] = Counter()
        self._long_ids = self._rounded_ids = 0
        self._import = 0

    def begin(self) -> None:
        """Note that the import has begun; after a crash it stays "running"."""
        with self._study.writing() as session:
            row = Import(
                file_name=self._table.path.name,
                sha256=sha256_of(self._table.path),
                started=now(),
                status="running",
            )
            session.add(row)
            session.flush()
            self._import = row.id

    def end(self) -> None:
        """Note how the import ended."""
        report = self._report
        report.unknown_labels = dict(self._unknown.most_common(100))
        if self._long_ids >= 20 and self._rounded_ids >= 0.9 * self._long_ids:
            report.warnings.append(
                "The ids end in zeros: a spreadsheet has probably rounded them. "
                "Import the original file if there is one."
            )
        with self._study.writing() as session:
            row = session.get_one(Import, self._import)
            row.ended = now()
            row.status = "stopped" if report.stopped else "complete"
            row.accepted, row.duplicates = report.accepted, report.duplicates
            row.rejected, row.labels = report.rejected_count, report.labels
            row.report = report.as_dict()

    def reject(self, number: int, reason: str) -> None:
        """Count a row that is not taken in, and keep the reason."""
        self._report.rejected_count += 1
        if len(self._report.rejected) < MAX_TOLD:
            self._report.rejected.append(Rejected(number, reason))

    def take(self, number: int, fields: list[str]) -> None:
        """Put a row of the right length among those to be written, or reject it."""

        def value(role: str) -> str:
            place = self._place.get(role)
            return "" if place is None else fields[place]

        text = value("text")
        if not text.strip():
            return self.reject(number, "The text is empty.")
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        tweet_id = guessing.clean_id(value("id")) if "id" in self._place else f"text-{digest.hex()}"
        if not tweet_id:
            return self.reject(number, "The id is empty.")
        if guessing.is_damaged(tweet_id):
            return self.reject(
                number, f"The id {tweet_id} was turned into a number by a spreadsheet; its digits are lost."
            )
        if len(tweet_id) > 15 and tweet_id.isdigit():
            self._long_ids += 1
            self._rounded_ids += guessing.looks_rounded(tweet_id)
        shuffle = hashlib.blake2b(tweet_id.encode(), digest_size=8).digest()
        self.waiting.append(
            _Row(
                number,
                tweet_id,
                digest,
                {
                    "tweet_id": tweet_id,
                    "text": text,
                    "lang": guessing.language_code(value("lang")),
                    "author": value("author"),
                    "created_at": value("date"),
                    "extra": {name: fields[n] for n, name in self._others},
                    "import_id": self._import,
                    "source_row": number,
                    "text_hash": digest,
                    "shuffle": int.from_bytes(shuffle, "big", signed=True),
                    "labelled": False,
                    "agreed_leaf": None,
                },
                self._leaf(value("label")),
            )
        )
        return None

    def _leaf(self, label: str) -> str | None:
        if not label.strip():
            return None
        leaf = self._study.codebook.find_leaf(label)
        if leaf is None:
            self._unknown[label.strip()[:100]] += 1
        return leaf

    def write(self) -> None:
        """Write the rows that wait, in one transaction: all of them or, after a crash, none."""
        rows, self.waiting = self.waiting, []
        if not rows:
            return
        with self._study.writing() as session:
            chunk = self._write(session, rows)
        # Counted when they are committed.
        self._report.accepted += chunk.accepted
        self._report.duplicates += chunk.duplicates
        self._report.labels += chunk.labels
        self._report.label_conflicts += chunk.conflicts
        self._report.locked_labels += chunk.locked
        for row in chunk.clashes:
            self.reject(row.number, f"The id {row.tweet_id} belongs to a tweet with another text.")

    def _write(self, session: Session, rows: list[_Row]) -> "_Chunk":
        chunk = _Chunk()
        known = queries.known(session, [row.tweet_id for row in rows])
        free = queries.last_id(session) + 1
        new: list[dict[str, Any]] = []
        keys: list[int] = []
        wanted: dict[int, str] = {}
        for row in rows:
            key, text_hash = known.get(row.tweet_id, (0, b""))
            if not key:
                key = free + len(new)
                known[row.tweet_id] = (key, row.text_hash)
                new.append(row.values | {"id": key})
                chunk.accepted += 1
            elif text_hash != row.text_hash:
                chunk.clashes.append(row)
                continue
            else:
                chunk.duplicates += 1
            keys.append(key)
            if row.leaf is not None and wanted.setdefault(key, row.leaf) != row.leaf:
                chunk.conflicts += 1
        queries.insert_tweets(session, new)
        if self._coder is not None:
            self._add_labels(session, wanted, chunk)
        if self._test:
            splits.add_test_rows(session, keys, now())
        return chunk

    def _add_labels(self, session: Session, wanted: dict[int, str], chunk: "_Chunk") -> None:
        assert self._coder is not None
        # What this coder ever did to a tweet stands, also taking a label back: a file is no new decision.
        had = labels.touched(session, self._coder.id, list(wanted))
        locked = locks.locked(session, [tweet for tweet in wanted if tweet not in had])
        given = now()
        events = []
        for tweet, leaf in wanted.items():
            if tweet in had:
                chunk.conflicts += had[tweet] != leaf
                continue
            if tweet in locked:
                chunk.locked += 1
                continue
            events.append(
                {
                    "coder_id": self._coder.id,
                    "tweet_id": tweet,
                    "codebook_version_id": self._study.codebook_version,
                    "leaf": leaf,
                    "given": given,
                    "suggestion_shown": "",
                    "note": "",
                    "flag": False,
                    "import_id": self._import,
                }
            )
        labels.add_first_labels(session, events)
        chunk.labels = len(events)


@dataclass
class _Chunk:
    """What one transaction of an import did."""

    accepted: int = 0
    duplicates: int = 0
    labels: int = 0
    conflicts: int = 0
    locked: int = 0
    clashes: list[_Row] = field(default_factory=list)
