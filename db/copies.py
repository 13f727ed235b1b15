"""Another copy of a study, opened to be read. The file is never changed, and nothing is left beside it."""

import contextlib
import os
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from db.engine import (
    BUSY_TIMEOUT_S,
    SCHEMA_VERSION,
    StudyFile,
    back_up,
    check_is_database,
    log_files,
    study_error,
    study_errors,
    version_of,
)
from db.errors import StudyBusy, StudyDamaged, StudyFileError, StudyTooNew, StudyUnreadable
from db.tables import Base

# What is taken in from a copy, and what that refers to; the rest of the file is not read.
READ_TABLES = (
    "study", "codebook_versions", "imports", "tweets", "coders", "label_events", "adjudications",
    "assignments", "assigned_tweets", "locks", "locked_tweets", "score_looks", "splits", "split_tweets",
)  # fmt: skip


@dataclass(frozen=True)
class StudyCopy:
    """A copy that was looked at and can be attached under `uri`. `uuid` says which study it is a copy of."""

    path: Path
    uri: str
    uuid: str
    # Time and size of a file that is read in place; None for a snapshot.
    stamp: tuple[int, int] | None

    def check_unchanged(self) -> None:
        """Raise `StudyBusy` where another program wrote the file while it was read."""
        if self.stamp is not None and (_is_in_use(self.path) or _stamp(self.path) != self.stamp):
            raise StudyBusy(f"“{self.path.name}” is being written by another program.")


@contextlib.contextmanager
def reading_copy(path: Path) -> Iterator[StudyCopy]:
    """Give a copy at the newest schema whose pages are whole.

    A closed file of this schema is read in place. One that is open elsewhere, or was left with a log, is read
    from a snapshot, and one of an older schema is upgraded on one. Raises `StudyMissing`, `StudyUnreadable`,
    `NotAStudy`, `StudyTooNew`, `StudyBusy`, `StudyDamaged`.
    """
    if path.is_file() and not os.access(path, os.R_OK):
        raise StudyUnreadable(f"“{path.name}” may not be read.")
    check_is_database(path)
    with tempfile.TemporaryDirectory(prefix="stancedesk-", ignore_cleanup_errors=True) as folder:
        with study_errors(path):
            copy = _prepare(path, Path(folder) / path.name)
        yield copy


def _prepare(path: Path, snapshot: Path) -> StudyCopy:
    source, stamp = path, None
    if _is_in_use(path):
        _take_snapshot(path, snapshot)
        source = snapshot
    else:
        stamp = _stamp(path)
    with contextlib.closing(_connect(source)) as connection:
        version = version_of(connection, path)
    if version > SCHEMA_VERSION:
        raise StudyTooNew(f"“{path.name}” was written by a newer version of StanceDesk.")
    if version < SCHEMA_VERSION:
        if source is path:
            shutil.copyfile(path, snapshot)
            source, stamp = snapshot, None
        _upgrade(source, path)
    with contextlib.closing(_connect(source)) as connection:
        return StudyCopy(path, _uri(source), _checked_uuid(connection, path), stamp)


def _is_in_use(path: Path) -> bool:
    """Say whether a log or journal stands beside the file: it is open, or was not closed."""
    beside = (log_files(path)[0], path.with_name(path.name + "-journal"))
    return any(log.exists() and log.stat().st_size for log in beside)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def _uri(path: Path) -> str:
    # Immutable: SQLite makes no log and no index of one beside the file.
    return f"{path.resolve().as_uri()}?mode=ro&immutable=1"


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(_uri(path), uri=True, isolation_level=None)


def _take_snapshot(path: Path, snapshot: Path) -> None:
    if log_files(path)[1].exists():
        # A program has the file open: SQLite's own copy waits for it where it must.
        with contextlib.suppress(sqlite3.Error, StudyFileError):
            uri = f"{path.resolve().as_uri()}?mode=ro"
            with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S)) as connection:
                back_up(connection, snapshot)
            return
    # What a crash or a mailed pair of files left: SQLite takes the log in, here on the snapshot.
    shutil.copyfile(path, snapshot)
    for suffix in ("-wal", "-journal"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            shutil.copyfile(beside, snapshot.with_name(snapshot.name + suffix))
    with contextlib.closing(sqlite3.connect(snapshot)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()


def _upgrade(snapshot: Path, path: Path) -> None:
    from db.migrations import upgrade

    with contextlib.closing(sqlite3.connect(snapshot)) as connection:
        _check_pages(connection, path, ())
        connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    file = StudyFile(snapshot)
    try:
        upgrade(file._writer)
    except DBAPIError as error:
        # Only a table that is not as the older schema had it stops a migration.
        raise study_error(error, path) or StudyDamaged(f"“{path.name}” is damaged.") from error
    finally:
        file.close()


def _checked_uuid(connection: sqlite3.Connection, path: Path) -> str:
    for name in READ_TABLES:
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({name})")}
        if columns != {column.name for column in Base.metadata.tables[name].columns}:
            raise StudyDamaged(f"“{path.name}” is damaged.")
    _check_pages(connection, path, READ_TABLES)
    try:
        return str(uuid.UUID(connection.execute("SELECT uuid FROM study").fetchone()[0]))
    except (TypeError, ValueError, AttributeError) as error:
        raise StudyDamaged(f"“{path.name}” is damaged.") from error


def _check_pages(connection: sqlite3.Connection, path: Path, tables: tuple[str, ...]) -> None:
    """Raise `StudyDamaged` where pages of the tables (none: of all) are not whole or a row refers to nothing."""
    checks = [f"PRAGMA quick_check({name})" for name in tables] or ["PRAGMA quick_check"]
    for check in checks:
        if connection.execute(check).fetchone()[0] != "ok":
            raise StudyDamaged(f"“{path.name}” is damaged.")
    for name in tables:
        if connection.execute(f"PRAGMA foreign_key_check({name})").fetchone() is not None:
            raise StudyDamaged(f"“{path.name}” is damaged.")
