"""What a file's classification has reached, in one SQLite file beside its output, `OUT.part`.

It holds which job it is of, the settings of the engine that the job began with, the probabilities of every text
that was met (as a digest: no text is in it), and for each chunk of rows which texts those were. A chunk is one
transaction: a process that is killed loses at most the chunk that it was at. The file takes 8 bytes a row and
about 100 a distinct text; in memory there is a small page cache and one chunk.

With a cascade it holds its rule as well (what was found, the light model, the digests of its samples' texts), and of
each chunk what the light model settled: 4 bytes a settled row and leaf.

A rollback journal and no write-ahead log: outputs lie on network disks, where SQLite cannot share memory.
"""

import contextlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from app.errors import UserError
from app.study.chunked_classification import ClassifiedChunk, SettledRows
from app.study.kept_cascade import LAYOUT, KeptCascade, SettledCounts

if TYPE_CHECKING:
    import numpy as np

    Floats = np.ndarray[Any, np.dtype[np.float32]]
    Ids = np.ndarray[Any, np.dtype[np.int64]]

SUFFIX = ".part"
# In the header of the SQLite file: ours and nobody else's, so that no other file is ever deleted.
_APPLICATION = 0x53444B50
_LAYOUT = """
CREATE TABLE job (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE seen (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, best INTEGER NOT NULL, probabilities BLOB NOT NULL
);
CREATE TABLE chunk (
    number INTEGER PRIMARY KEY, texts BLOB NOT NULL, outcomes BLOB NOT NULL, check_sum INTEGER NOT NULL,
    seconds REAL NOT NULL
);
"""
# Stands in a chunk for the text of a row that the light model settled; the table's ids begin with 1.
SETTLED = 0
_CACHE_KIB = 4_096
_AT_ONCE = 900
_AGAIN = "Begin anew with --restart, or choose another name for the output."
_OTHER = {
    "source": "from another file, or from this one before it was changed",
    "model": "with another model",
    "column": "with another text column",
    "prompt": "by a version of StanceDesk that asks models otherwise",
    "cascade": "with another choice of --cascade, or by a version with another light model",
}


class PartFile(AbstractContextManager["PartFile"]):
    """An open part file, which no other process can open meanwhile; a `ChunkStore`.

    `job` says what the results depend on: its source, model, column and prompt, and the cascade's terms where there
    is one. Where the file is there already and is of another job, `UserError` names a difference, and nothing is lost;
    `restart` begins it anew.
    """

    def __init__(
        self, path: Path, job: Mapping[str, str], leaves: Sequence[str], *, restart: bool = False
    ) -> None:
        self.path = path
        self._leaves = len(leaves)
        _check_ours(path)
        if restart:
            self._discard()
        self._connect()
        try:
            with self._telling():
                self._begin(dict(job))
                self._sum_up()
                self._settings: dict[str, Any] = self._get("settings") or {}
        except BaseException:
            self._database.close()
            raise
        self._since = time.monotonic()

    def _connect(self) -> None:
        with self._telling():
            self._database = sqlite3.connect(self.path, timeout=0, isolation_level=None)

    def _discard(self) -> None:
        """Delete the file, also where it is damaged, but not under another process."""
        self._connect()
        try:
            self._database.execute("BEGIN EXCLUSIVE")
        except sqlite3.DatabaseError as error:
            if "locked" in str(error):
                with self._telling():
                    raise
        finally:
            self._database.close()
        _delete(self.path)

    def _begin(self, job: dict[str, str]) -> None:
        run = self._database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        run("PRAGMA synchronous = FULL")
        run(f"PRAGMA cache_size = -{_CACHE_KIB}")
        run("BEGIN EXCLUSIVE")
        if run("SELECT COUNT(*) FROM sqlite_master").fetchone() == (0,):
            run(f"PRAGMA application_id = {_APPLICATION}")
            for statement in (_LAYOUT + LAYOUT).split(";")[:-1]:
                run(statement)
            self._set("job", job)
        run("COMMIT")
        begun = self._get("job")
        for what in begun | job:
            if begun.get(what) != job.get(what):
                raise UserError(
                    f"{self.path.name} holds a classification that was begun {_OTHER[what]}.",
                    f"Go on with that one as it was begun. {_AGAIN}",
                )

    def _sum_up(self) -> None:
        import numpy as np

        self.chunks, self.seconds = 0, self._get("sampling") or 0.0
        outcomes = np.zeros(self._leaves + 1, dtype=np.int64)
        for blob, took in self._database.execute("SELECT outcomes, seconds FROM chunk"):
            outcomes += np.frombuffer(blob, dtype=np.int64)
            self.chunks += 1
            self.seconds += took
        self._outcomes = outcomes
        self.settled = SettledCounts.none(self._leaves)
        if "cascade" in self._get("job"):
            columns = "outcomes, audited, languages, seconds"
            for row in self._database.execute(f"SELECT {columns} FROM settled"):
                self.settled.add(*row)

    @property
    def rows(self) -> int:
        """How many rows all chunks have."""
        return int(self._outcomes.sum()) + int(self.settled.per_leaf.sum())

    @property
    def failed(self) -> int:
        """How many rows of all chunks have no result."""
        return int(self._outcomes[0])

    @property
    def per_leaf(self) -> list[int]:
        """How many rows of all chunks each leaf is most probable for, by the model itself."""
        counts: list[int] = self._outcomes[1:].tolist()
        return counts

    @property
    def settings(self) -> dict[str, Any]:
        """What the job began with: rows a chunk, settings of the engine; empty where none were kept yet."""
        return dict(self._settings)

    @settings.setter
    def settings(self, settings: dict[str, Any]) -> None:
        with self._writing():
            self._set("settings", settings)
        self._settings = settings

    @property
    def table(self) -> tuple[int, list[str]] | None:
        """How many rows the table has, and its columns; None while that was not kept."""
        found = self._get("table")
        return None if found is None else (found["rows"], found["columns"])

    def keep_table(self, rows: int, columns: Sequence[str]) -> None:
        """Keep what was found when the table was read through."""
        with self._writing():
            self._set("table", {"rows": rows, "columns": list(columns)})

    @property
    def cascade(self) -> KeptCascade | None:
        """What was kept of the job's cascade last; None where nothing was."""
        with self._telling():
            row = self._database.execute("SELECT stage, facts, arrays FROM cascade").fetchone()
        return None if row is None else KeptCascade.unpacked(*row)

    def keep_cascade(self, kept: KeptCascade) -> None:
        """Keep how far the cascade is, and let the time since what was kept last be the sampling's."""
        with self._sampling():
            self._database.execute("INSERT OR REPLACE INTO cascade VALUES (1, ?, ?, ?)", kept.packed())

    def keep_texts(self, computed: "Mapping[bytes, Floats]") -> None:
        """Keep the probabilities of texts that no chunk has had so far: the samples'."""
        with self._sampling():
            self._insert(computed)

    def probabilities(self, digests: Sequence[bytes]) -> "Floats":
        """Return the probabilities of texts that are known, float32 (digests, leaves)."""
        import numpy as np

        with self._telling():
            found = dict(self._where("digest, probabilities", "digest", list(dict.fromkeys(digests))))
        values = b"".join(found[one] for one in digests)
        return np.frombuffer(values, dtype=np.float32).reshape(-1, self._leaves)

    def start_clock(self) -> None:
        """Let the time that the next chunk took begin now."""
        self._since = time.monotonic()

    def known(self, digests: Collection[bytes]) -> set[bytes]:
        """Return which of these digests have probabilities."""
        return set(self._found(digests))

    def add(self, chunk: ClassifiedChunk) -> None:
        """Keep the next chunk, in one transaction."""
        import numpy as np

        now = time.monotonic()
        places = set() if chunk.settled is None else set(chunk.settled.rows)
        with self._writing():
            self._insert(chunk.computed)
            asked = [one for place, one in enumerate(chunk.digests) if place not in places]
            found = self._found(set(asked))
            texts = [
                (SETTLED, -1) if place in places else found[one] for place, one in enumerate(chunk.digests)
            ]
            ids, best = np.array(texts, dtype=np.int64).reshape(-1, 2).T
            outcomes = self._tally(best[ids != SETTLED])
            self._database.execute(
                "INSERT INTO chunk VALUES (?, ?, ?, ?, ?)",
                (chunk.number, ids.tobytes(), outcomes.tobytes(), chunk.check, now - self._since),
            )
            settled = None if chunk.settled is None else self._add_settled(chunk.number, chunk.settled, best)
        self.chunks += 1
        self.seconds += now - self._since
        self._outcomes = self._outcomes + outcomes
        if settled is not None:
            self.settled.add(*settled)
        self._since = now

    def _add_settled(self, number: int, settled: SettledRows, best: "Ids") -> tuple[bytes, bytes, str, float]:
        """Write what a light model settled of a chunk; `best` has of its rows what the model said, -1 for nothing."""
        import numpy as np

        probabilities = np.asarray(settled.probabilities, dtype=np.float32).reshape(-1, self._leaves)
        row = (
            self._tally(probabilities.argmax(axis=1))[1:].tobytes(),
            self._tally(best[np.asarray(settled.audited, dtype=np.int64)]).tobytes(),
            json.dumps(dict(settled.languages), ensure_ascii=False),
            settled.seconds,
        )
        self._database.execute(
            "INSERT INTO settled VALUES (?, ?, ?, ?, ?, ?)", (number, probabilities.tobytes(), *row)
        )
        return row

    def _insert(self, computed: "Mapping[bytes, Floats]") -> None:
        import numpy as np

        self._database.executemany(
            "INSERT INTO seen (digest, best, probabilities) VALUES (?, ?, ?)",
            (
                (one, -1 if np.isnan(row[0]) else int(row.argmax()), row.astype(np.float32).tobytes())
                for one, row in computed.items()
            ),
        )

    def _tally(self, best: "Ids") -> "Ids":
        """Return how many rows have got which leaf, int64 (1 + leaves); nothing (-1) comes first."""
        import numpy as np

        return np.bincount(best + 1, minlength=self._leaves + 1).astype(np.int64)

    def chunk(self, number: int) -> "tuple[Ids, Floats, int]":
        """Return of a chunk its texts as numbers, their probabilities, float32 (texts, leaves), and its checksum.

        The number is `SETTLED` for a row that has the light model's probabilities.
        """
        import numpy as np

        with self._telling():
            blob, check = self._database.execute(
                "SELECT texts, check_sum FROM chunk WHERE number = ?", (number,)
            ).fetchone()
            ids = np.frombuffer(blob, dtype=np.int64)
            by_model = ids != SETTLED
            distinct, places = np.unique(ids[by_model], return_inverse=True)
            rows = dict(self._where("id, probabilities", "id", distinct.tolist()))
            found = np.empty((len(ids), self._leaves), dtype=np.float32)
            values = b"".join(rows[one] for one in distinct.tolist())
            found[by_model] = np.frombuffer(values, dtype=np.float32).reshape(-1, self._leaves)[places]
            if not by_model.all():
                (settled,) = self._database.execute(
                    "SELECT probabilities FROM settled WHERE number = ?", (number,)
                ).fetchone()
                found[~by_model] = np.frombuffer(settled, dtype=np.float32).reshape(-1, self._leaves)
        return ids, found, int(check)

    def remove(self) -> None:
        """Close the file and delete it."""
        self.close()
        _delete(self.path)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._database.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _found(self, digests: Collection[bytes]) -> dict[bytes, tuple[int, int]]:
        with self._telling():
            rows = self._where("digest, id, best", "digest", list(digests))
            return {one: (number, best) for one, number, best in rows}

    def _where(self, columns: str, key: str, values: Sequence[Any]) -> Iterator[Any]:
        for start in range(0, len(values), _AT_ONCE):
            part = values[start : start + _AT_ONCE]
            marks = ",".join("?" * len(part))
            yield from self._database.execute(f"SELECT {columns} FROM seen WHERE {key} IN ({marks})", part)

    def _get(self, key: str) -> Any:
        with self._telling():
            row = self._database.execute("SELECT value FROM job WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def _set(self, key: str, value: Any) -> None:
        told = json.dumps(value, ensure_ascii=False)
        self._database.execute("INSERT OR REPLACE INTO job VALUES (?, ?)", (key, told))

    @contextlib.contextmanager
    def _sampling(self) -> Iterator[None]:
        """Write in one transaction, and count the time since what was kept last to that of the samples."""
        now = time.monotonic()
        with self._writing():
            yield
            sampling = (self._get("sampling") or 0.0) + now - self._since
            self._set("sampling", sampling)
        self.seconds += now - self._since
        self._since = now

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        with self._telling():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                # After some errors, a full disk among them, SQLite has rolled back by itself.
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what SQLite says into what the user can do."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise UserError(
                    f"{self.path.name} is in use: another process classifies into the same output.",
                    "Wait for it to end, or choose another name for the output.",
                ) from error
            raise UserError(
                f"{self.path.name} could not be written: {error}.",
                "Free some disk space or look at the folder's permissions, and start again: what is done is kept.",
            ) from error
        except sqlite3.DatabaseError as error:
            raise UserError(f"{self.path.name} is damaged: {error}.", _AGAIN) from error


def part_path(target: Path) -> Path:
    """Return where the part file of an output lies."""
    return target.with_name(target.name + SUFFIX)


def _check_ours(path: Path) -> None:
    """Raise `UserError` where there is a file of this name that is not such a one."""
    try:
        with open(path, "rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return
    # Empty: killed before the first transaction. SQLite's application id stands at offset 68.
    if head and (
        not head.startswith(b"SQLite format 3\0") or int.from_bytes(head[68:72], "big") != _APPLICATION
    ):
        raise UserError(
            f"{path.name} is in the way: it is not the beginning of a classification.",
            "Move it elsewhere, or choose another name for the output.",
        )


def _delete(path: Path) -> None:
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
