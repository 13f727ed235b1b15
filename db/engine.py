"""A study's SQLite file: create, open, read, write, copy, close."""

import contextlib
import os
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from db.errors import (
    NotAStudy,
    StudyBusy,
    StudyDamaged,
    StudyDiskFull,
    StudyExists,
    StudyFileError,
    StudyMissing,
    StudyReadOnly,
    StudyTooNew,
    TweetLocked,
)

# "StDk": written into the header of each study (https://www.sqlite.org/fileformat.html#application_id).
APPLICATION_ID = 0x5374446B
# Number of the newest migration; `PRAGMA user_version` of a file says which one it is at.
SCHEMA_VERSION = 3
BUSY_TIMEOUT_S = 15.0
# SQLite's own default: a writer folds the log in when it is as long as this.
_LOG_PAGES = 1000
# Of SQLite's file format; a shorter file is no database.
_HEAD_BYTES = 100
_WRITES = "stancedesk_writes"


def contains_folded(text: str | None, folded: str) -> bool:
    """Say whether `text` contains `folded`, a case-folded needle, in any case of any script."""
    return text is not None and folded in text.casefold()


def _set_up_connection(connection: Any, _record: object) -> None:
    # The driver opens no transactions of its own; the "begin" event below does, so that writers can say
    # BEGIN IMMEDIATE: they wait for the lock before they read, and never fail half-way with a stale snapshot.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    # A commit returns after the log is on the disk: a label that was acknowledged survives a power cut.
    # In WAL mode, NORMAL would lose the last commits then. The cost is one fsync a commit.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA cache_size = -65536")
    cursor.execute("PRAGMA temp_store = MEMORY")
    cursor.close()
    connection.create_function("contains_folded", 2, contains_folded, deterministic=True)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def study_engine(path: Path) -> Engine:
    """Return an engine on an existing file, set up as every connection to a study is."""

    def connect() -> sqlite3.Connection:
        return sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False
        )

    # The connection given back last is taken first: its cache of the file is the freshest.
    engine = create_engine(
        "sqlite://", creator=connect, poolclass=QueuePool, pool_size=4, max_overflow=12, pool_use_lifo=True
    )
    event.listen(engine, "connect", _set_up_connection)
    event.listen(engine, "begin", _begin)
    return engine


def study_error(error: Exception, path: Path) -> StudyFileError | None:
    """Return the study error that an error of SQLite or of the system stands for, None for a bug."""
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, sqlite3.Error):
        code = getattr(original, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOLFS):
            return StudyDiskFull(f"“{path.name}” could not be written: the disk is full or refuses to write.")
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN):
            return StudyReadOnly(f"“{path.name}” or its folder cannot be written.")
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return StudyBusy(f"“{path.name}” is being written by another program.")
        if code == sqlite3.SQLITE_NOTADB:
            return NotAStudy(f"“{path.name}” is not a StanceDesk study.")
        if code == sqlite3.SQLITE_CORRUPT:
            return StudyDamaged(f"“{path.name}” is damaged.")
        # The words of the triggers that keep locked batches as they are.
        if code == sqlite3.SQLITE_CONSTRAINT and "tweet is locked" in str(original):
            return TweetLocked("This tweet is in a locked batch, so its label stays as it is.")
    if isinstance(original, PermissionError):
        return StudyReadOnly(f"“{path.name}” or its folder cannot be written.")
    if isinstance(original, OSError):
        return StudyDiskFull(f"“{path.name}” could not be written: {original.strerror or original}.")
    return None


@contextlib.contextmanager
def study_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's and the system's errors inside the block into study errors; let bugs through."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, OSError) as error:
        known = study_error(error, path)
        if known is None:
            raise
        raise known from error


class StudyFile:
    """An open study file. Thread-safe: every block of `reading` or `writing` has its own connection."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = study_engine(path)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        # How often was written promptly since the log was last folded in.
        self.unfolded = 0

    @contextlib.contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session on one consistent state of the file; what it changes is dropped."""
        with study_errors(self.path), Session(self._engine) as session:
            yield session

    @contextlib.contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that holds the write lock; commit when the block ends, take all back on an error."""
        with study_errors(self.path), Session(self._writer) as session, session.begin():
            session.connection()
            yield session

    @contextlib.contextmanager
    def writing_promptly(self) -> Iterator[Session]:
        """As `writing`, for somebody who waits: the log is not folded in at the end, `fold_log` does it later.

        Folding in writes to thousands of places of a large file: one commit in sixty would take as long as all
        the others.
        """
        with study_errors(self.path), self._writer.connect() as connection:
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA wal_autocheckpoint = 0")
            try:
                with Session(connection) as session, session.begin():
                    session.connection()
                    yield session
                self.unfolded += 1
            finally:
                cursor.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
                cursor.close()

    def fold_log(self) -> None:
        """Fold the log into the file as far as nobody reads it; neither readers nor writers wait for it."""
        self.unfolded = 0
        with study_errors(self.path), contextlib.closing(_raw(self.path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    @contextlib.contextmanager
    def writing_beside(self, uri: str) -> Iterator[Session]:
        """As `writing`, with a file that is attached to be read: its tables are those of the schema `copy`."""
        with study_errors(self.path), self._writer.connect() as connection:
            # Outside of the transaction, and so not through SQLAlchemy, which would begin one.
            cursor = connection.connection.cursor()
            cursor.execute("ATTACH DATABASE ? AS copy", (uri,))
            try:
                with Session(connection) as session, session.begin():
                    session.connection()
                    yield session
            finally:
                cursor.execute("DETACH DATABASE copy")
                cursor.close()

    def copy_to(self, path: Path) -> None:
        """Write a consistent copy, also while others write; atomic."""
        with study_errors(self.path), self._engine.connect() as connection:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)
            connection.rollback()
            back_up(source, path)

    def close(self) -> None:
        """Fold the log into the file, so that the one file can be mailed, and let go of it."""
        try:
            with study_errors(self.path), contextlib.closing(self._engine.raw_connection()) as connection:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except StudyFileError:
            # Another program reads or the disk is full: the log stays beside the file, nothing is lost.
            pass
        finally:
            self._engine.dispose()


def back_up(source: sqlite3.Connection, path: Path) -> None:
    """Copy a database through SQLite's backup interface to a new file, atomically."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        with contextlib.closing(sqlite3.connect(temporary)) as target:
            source.backup(target)
            # The copy must stand alone, without a log beside it, before it gets its name.
            target.execute("PRAGMA journal_mode = DELETE")
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except sqlite3.Error as error:
        known = study_error(error, path)
        raise known or error from error
    except OSError as error:
        raise StudyDiskFull(f"“{path.name}” could not be written: {error.strerror or error}.") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def create_study(path: Path, fill: Callable[[Session], None]) -> StudyFile:
    """Create a study at the newest schema and fill it in one transaction.

    The file appears whole or not at all. Raises `StudyExists` where something is at `path`.
    """
    from db.migrations import upgrade

    if path.exists():
        raise StudyExists(f"“{path.name}” exists already.")
    with study_errors(path):
        temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
        try:
            with contextlib.closing(sqlite3.connect(temporary)) as connection:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            file = StudyFile(temporary)
            try:
                upgrade(file._writer)
                with file.writing() as session:
                    fill(session)
            finally:
                file.close()
            # link(), unlike replace(), refuses to overwrite a file that appeared meanwhile.
            try:
                os.link(temporary, path)
            except FileExistsError:
                raise StudyExists(f"“{path.name}” exists already.") from None
            except OSError:
                temporary.replace(path)
        except StudyFileError as error:
            raise type(error)(str(error).replace(temporary.name, path.name)) from error
        finally:
            for leftover in (temporary, *log_files(temporary)):
                with contextlib.suppress(OSError):
                    leftover.unlink()
    return open_study(path)


def open_study(path: Path) -> StudyFile:
    """Open a study; an older schema is upgraded after a backup beside the file.

    Raises `StudyMissing`, `NotAStudy`, `StudyTooNew`, `StudyReadOnly`, `StudyBusy`, `StudyDamaged`.
    """
    version = read_version(path)
    if version > SCHEMA_VERSION:
        raise StudyTooNew(f"“{path.name}” was written by a newer version of StanceDesk.")
    with study_errors(path):
        if version < SCHEMA_VERSION:
            _upgrade_after_backup(path, version)
        with contextlib.closing(_raw(path)) as connection:
            # WAL: readers and one writer do not wait for each other. Where the file system cannot (some
            # network folders), SQLite keeps its old journal and everything else holds.
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            # Nothing is changed, but a file that cannot be written is told now and not at the first label.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            connection.rollback()
    return StudyFile(path)


def read_version(path: Path) -> int:
    """Return the schema version of a study file without changing it."""
    check_is_database(path)
    with study_errors(path), contextlib.closing(_raw(path)) as connection:
        return version_of(connection, path)


def check_is_database(path: Path) -> None:
    """Raise `StudyMissing` or `NotAStudy` where the file is not there or no database."""
    if not path.exists():
        raise StudyMissing(f"There is no file “{path.name}”.")
    if path.is_dir():
        raise NotAStudy(f"“{path.name}” is a folder, not a study.")
    with study_errors(path):
        if path.stat().st_size < _HEAD_BYTES:
            raise NotAStudy(f"“{path.name}” is not a StanceDesk study.")
        # Not through Python's `open`: closing a file lets go of all locks that this process has on it, and another
        # one would then delete the log under the hands of whoever has the study open here
        # (https://www.sqlite.org/howtocorrupt.html, 2.2). SQLite takes care of that for the files that it opens.
        uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            try:
                connection.execute("PRAGMA schema_version").fetchone()
            except sqlite3.DatabaseError as error:
                # Only the head is looked at, without the log. After a kill in the middle of a checkpoint the file is
                # whole with its log alone, which whoever opens it will see.
                if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
                    raise


def version_of(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema version of an open database; raise `NotAStudy` where another program made it."""
    if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise NotAStudy(f"“{path.name}” is a database, but not a StanceDesk study.")
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def log_files(path: Path) -> tuple[Path, Path]:
    """Return the names of the log and its index, which stand beside a study while it is open."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


def _raw(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None
    )


def _upgrade_after_backup(path: Path, version: int) -> None:
    from datetime import datetime

    from db.migrations import upgrade

    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    backup = path.with_name(f"{path.stem}.schema{version}.{stamp}{path.suffix}")
    with contextlib.closing(_raw(path)) as connection:
        back_up(connection, backup)
    file = StudyFile(path)
    try:
        upgrade(file._writer)
    finally:
        file.close()
