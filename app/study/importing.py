"""Bringing tweets into a study from a table."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.errors import UserError
from app.study import columns as guessing
from app.study.codebook import Codebook
from app.study.import_report import IMPORTED, ImportReport
from app.study.source_table import SourceTable, first_rows, open_table
from app.study.study import Coder, Study, now
from app.study.text_table import sha256_of
from db import labels, locks, sealing
from db import tweets as queries
from db.tables import Import

# Rows of one write transaction: short, so that a coder at work waits for none.
CHUNK = 2000
SAMPLE = 20
LOOKED_AT = 100_000

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Preview:
    """What was found out about a file before it is imported. `columns`: {role: column's name}.

    `kind` and `sheet` as in `SourceTable`; encoding and delimiter are empty where the file is no text.
    """

    kind: str
    sheet: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    has_header: bool
    rows: list[list[str]]
    columns: dict[str, str]


def preview(
    path: Path | str,
    codebook: Codebook | None = None,
    *,
    encoding: str = "",
    delimiter: str = "",
    has_header: bool | None = None,
) -> Preview:
    """Find out how a file is written and what its columns hold; raise `UserError` where it is no table."""
    table = open_table(Path(path), encoding, delimiter, has_header)
    rows = first_rows(table, 200)
    return Preview(
        kind=table.kind,
        sheet=table.sheet,
        encoding=table.encoding,
        delimiter=table.delimiter,
        header=table.header,
        has_header=table.has_header,
        rows=rows[:SAMPLE],
        columns=_columns(table, rows, codebook or Codebook.default(), {}),
    )


def unknown_labels(
    path: Path | str, column: str, codebook: Codebook, *, encoding: str = "", delimiter: str = ""
) -> dict[str, int]:
    """Return {value: rows} of the values in a column that mean no class, the most frequent first.

    Looked at is the file's beginning, up to `LOOKED_AT` rows.
    """
    table = open_table(Path(path), encoding, delimiter)
    place = table.header.index(column)
    rows = islice(table.rows(), LOOKED_AT)
    values = Counter(fields[place].strip() for _, fields, mistake in rows if not mistake)
    return {
        value: rows for value, rows in values.most_common() if value and codebook.find_leaf(value) is None
    }


def import_file(
    study: Study,
    path: Path | str,
    columns: Mapping[str, str] | None = None,
    coder: str = IMPORTED,
    progress: Progress | None = None,
    stop: Stop | None = None,
    *,
    test: bool = False,
    classes: Mapping[str, str] | None = None,
    encoding: str = "",
    delimiter: str = "",
    has_header: bool | None = None,
) -> ImportReport:
    """Take the rows of a file into a study, in short transactions; what is there already is not added again.

    `columns`: {role: column} for the roles text, id, lang, label, author, date; roles that are not named are
    guessed, a role with "" is not used. Without an id column the id is made from the text. Labels become
    those of `coder`; `classes` has {value: leaf} for values that the codebook does not know. `test` puts the
    file's tweets into the sealed test set. `progress` is told (read, in all), of a text in bytes, else in rows.
    An import that was stopped or killed is completed by importing the file again. Raises `UserError` where the
    file is no table.
    """
    path = Path(path)
    table = open_table(path, encoding, delimiter, has_header)
    used = _columns(table, first_rows(table, 200), study.codebook, dict(columns or {}))
    classes = dict(classes or {})
    for leaf in classes.values():
        if leaf not in study.codebook.leaf_codes:
            raise UserError(f"The codebook has no class “{leaf}”.", "Choose one of its classes.")
    report = ImportReport(path.name, table.encoding, table.delimiter, table.has_header, used, coder=coder)
    report.classes = classes
    run = _Run(study, table, used, study.coder(coder) if "label" in used else None, report, test)
    run.begin()
    for number, fields, mistake in table.rows(
        None if progress is None else lambda n: progress(n, table.size)
    ):
        report.rows += 1
        if mistake:
            report.reject(number, mistake)
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


def _columns(
    table: SourceTable, rows: list[list[str]], codebook: Codebook, wanted: dict[str, str]
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
    used = {role: used[role] for role in guessing.ROLES if role in used}
    for role, name in used.items():
        twice = [other for other in used if other != role and used[other] == name]
        if twice:
            raise UserError(
                f"The column “{name}” is chosen twice, as {role} and as {twice[0]}.",
                "Choose another column for one of them, or none.",
            )
    return used


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
        table: SourceTable,
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

    def take(self, number: int, fields: list[str]) -> None:
        """Put a row of the right length among those to be written, or reject it."""

        def value(role: str) -> str:
            place = self._place.get(role)
            return "" if place is None else fields[place]

        text = value("text")
        if not text.strip():
            return self._report.reject(number, "The text is empty.")
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        tweet_id = guessing.clean_id(value("id")) if "id" in self._place else f"text-{digest.hex()}"
        if not tweet_id:
            return self._report.reject(number, "The id is empty.")
        if guessing.is_damaged(tweet_id):
            return self._report.reject(
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
        leaf = self._study.codebook.find_leaf(label) or self._report.classes.get(label.strip())
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
            self._report.reject(row.number, f"The id {row.tweet_id} belongs to a tweet with another text.")

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
            sealing.add_test_rows(session, keys, now())
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
