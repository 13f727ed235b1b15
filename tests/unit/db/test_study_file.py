"""The study file: created whole, recognised, safe against readers, writers and full disks."""

import multiprocessing
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from db import errors, label_overview, labels
from db.engine import APPLICATION_ID, SCHEMA_VERSION, StudyFile, create_study, log_files, open_study
from db.tables import Coder, StudyInfo, Tweet
from tests.conftest import ROOT
from tests.unit.db.conftest import WHEN, event, fill

MakeStudy = Callable[[int], StudyFile]


def test_created_file_says_what_it_is_and_closes_into_one_piece(tmp_path: Path) -> None:
    path = tmp_path / "söme study.stancedesk"
    file = create_study(path, fill)
    with file.writing() as session:
        session.add(Coder(name="Eva", created=WHEN))
    assert log_files(path)[0].exists()
    file.close()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


def test_connections_keep_what_was_committed(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.reading() as session:
        assert session.scalar(text("PRAGMA journal_mode")) == "wal"
        assert session.scalar(text("PRAGMA synchronous")) == 2
        assert session.scalar(text("PRAGMA foreign_keys")) == 1


def test_creating_over_a_file_is_refused_and_leaves_it(tmp_path: Path) -> None:
    path = tmp_path / "a.stancedesk"
    path.write_text("mine")
    with pytest.raises(errors.StudyExists, match=r"a\.stancedesk"):
        create_study(path, fill)
    assert path.read_text() == "mine"


def test_failed_creation_leaves_nothing(tmp_path: Path) -> None:
    def broken(session: object) -> None:
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        create_study(tmp_path / "a.stancedesk", broken)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"id,text\n1,hello\n", b"SQLite format 3\0", b"SQLite format 3\0" + bytes(range(256)) * 20],
)
def test_other_files_are_no_study_and_stay_as_they_are(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.stancedesk"
    path.write_bytes(content)
    with pytest.raises((errors.NotAStudy, errors.StudyDamaged)):
        open_study(path)
    assert path.read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["x.stancedesk"]


def test_a_database_of_another_program_is_no_study(tmp_path: Path) -> None:
    path = tmp_path / "x.stancedesk"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE study (id)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(errors.NotAStudy, match="database"):
        open_study(path)
    assert path.read_bytes() == before


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(errors.StudyMissing):
        open_study(tmp_path / "none.stancedesk")
    with pytest.raises(errors.NotAStudy, match="folder"):
        open_study(tmp_path)


def test_a_file_of_a_newer_version_is_left_alone(make_study: MakeStudy) -> None:
    file = make_study(1)
    file.close()
    connection = sqlite3.connect(file.path)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    with pytest.raises(errors.StudyTooNew):
        open_study(file.path)


def test_errors_inside_a_write_take_everything_back(make_study: MakeStudy) -> None:
    file = make_study(3)
    with pytest.raises(KeyError), file.writing() as session:
        labels.add_event(session, event(1, "pro"))
        raise KeyError("a bug")
    with file.reading() as session:
        assert labels.last_seq(session) == 0
        assert session.scalar(select(Tweet.labelled).where(Tweet.id == 1)) is False


def test_what_a_reader_changes_is_dropped(make_study: MakeStudy) -> None:
    file = make_study(1)
    with file.reading() as session:
        session.get_one(StudyInfo, 1).name = "changed"
        session.flush()
    with file.reading() as session:
        assert session.get_one(StudyInfo, 1).name == "trial"


def test_a_reader_sees_one_state_while_another_writes(make_study: MakeStudy) -> None:
    file = make_study(2)
    with file.reading() as reader:
        assert labels.last_seq(reader) == 0
        with file.writing() as writer:
            labels.add_event(writer, event(1, "pro"))
        assert labels.last_seq(reader) == 0
    with file.reading() as reader:
        assert labels.last_seq(reader) == 1


def test_write_protection_is_told(make_study: MakeStudy) -> None:
    file = make_study(1)
    with pytest.raises(errors.StudyReadOnly), file.writing() as session:
        session.execute(text("PRAGMA query_only = ON"))
        session.add(Coder(name="Eva", created=WHEN))
        session.flush()


def test_a_full_disk_is_told_and_loses_nothing(make_study: MakeStudy) -> None:
    file = make_study(3)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
    # Each connection is limited on its own; the pool has one at this point.
    with file.reading() as session:
        pages = session.scalar(text("PRAGMA page_count"))
        assert session.scalar(text(f"PRAGMA max_page_count = {pages}")) == pages
    with pytest.raises(errors.StudyDiskFull, match="disk"), file.writing() as session:
        for number in range(2000):
            session.add(Coder(name=f"coder {number}", created="x" * 4000))
            session.flush()
    file.close()
    again = open_study(file.path)
    with again.reading() as session:
        assert label_overview.agreed(session) == {1: "pro"}
    again.close()


def test_a_locked_file_is_told(make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("db.engine.BUSY_TIMEOUT_S", 0.1)
    file = make_study(1)
    other = sqlite3.connect(file.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(errors.StudyBusy), file.writing():
        pass
    other.rollback()
    other.close()
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))


def test_copies_are_whole_while_someone_writes(make_study: MakeStudy, tmp_path: Path) -> None:
    file = make_study(5)
    target = tmp_path / "copy.stancedesk"
    target.write_text("an older copy")
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
    with file.writing() as session:
        labels.add_event(session, event(2, "anti"))
        file.copy_to(target)
    copy = open_study(target)
    with copy.reading() as session:
        assert label_overview.agreed(session) == {1: "pro"}
    copy.close()
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.stancedesk"]


def _label_many(path: Path, coder: int, count: int) -> None:
    file = open_study(path)
    for number in range(1, count + 1):
        with file.writing() as session:
            labels.add_event(session, event(number, "pro" if coder == 1 else "anti", coder))
    file.close()


def test_two_processes_write_without_losing_a_label(make_study: MakeStudy) -> None:
    count = 40
    file = make_study(count)
    context = multiprocessing.get_context("spawn")
    children = [context.Process(target=_label_many, args=(file.path, n, count)) for n in (1, 2)]
    for child in children:
        child.start()
    for child in children:
        child.join(120)
    assert [child.exitcode for child in children] == [0, 0]
    with file.reading() as session:
        assert labels.last_seq(session) == 2 * count
        assert label_overview.disputed(session) == list(range(1, count + 1))


def test_a_prompt_write_leaves_the_log_for_a_pause(make_study: MakeStudy) -> None:
    file = make_study(200)
    file.fold_log()
    before = file.path.read_bytes()

    def change(session: Session) -> None:
        session.execute(text("UPDATE tweets SET author = author || 'x'"))

    with file.writing_promptly() as session:
        change(session)
        assert session.scalar(text("PRAGMA wal_autocheckpoint")) == 0
    assert file.path.read_bytes() == before, "nobody waited for the log to be folded in"
    with file.reading() as session:
        assert session.scalar(text("PRAGMA wal_autocheckpoint")) == 1000, "the connection is as it was"
        assert session.scalar(text("SELECT count(*) FROM tweets WHERE author LIKE '%x'")) == 200
    file.fold_log()
    assert file.path.read_bytes() != before
    with pytest.raises(KeyError), file.writing_promptly() as session:
        change(session)
        raise KeyError
    with file.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM tweets WHERE author LIKE '%xx'")) == 0


def test_a_study_that_was_killed_in_a_checkpoint_opens(make_study: MakeStudy, tmp_path: Path) -> None:
    """A checkpoint writes page after page into the file: without its log it is then neither as before nor as after."""
    file = make_study(200)
    file.fold_log()
    with file.writing_promptly() as session:
        session.execute(text("UPDATE tweets SET author = :long"), {"long": "x" * 2000})
    killed = tmp_path / "killed.stancedesk"
    shutil.copyfile(file.path, killed)
    shutil.copyfile(log_files(file.path)[0], log_files(killed)[0])
    log = log_files(killed)[0].read_bytes()
    size = int.from_bytes(log[8:12], "big")
    frames = range(32, len(log), 24 + size)
    first = [at + 24 for at in frames if int.from_bytes(log[at : at + 4], "big") == 1][-1]
    with killed.open("r+b") as half:
        half.write(log[first : first + size])
    alone = tmp_path / "alone.stancedesk"
    shutil.copyfile(killed, alone)
    with pytest.raises(errors.StudyDamaged):
        open_study(alone)
    again = open_study(killed)
    with again.reading() as session:
        assert session.scalar(text("SELECT count(*) FROM tweets WHERE length(author) = 2000")) == 200
    again.close()


CHILD = """
import sys
from pathlib import Path
from db.engine import open_study
from sqlalchemy import text
file = open_study(Path(sys.argv[1]))
with file.reading() as session:
    print(session.scalar(text("SELECT count(*) FROM label_events")))
file.close()
"""


def test_opening_a_study_twice_leaves_its_log_in_place(make_study: MakeStudy) -> None:
    """What one process has open, no other may take for closed: it would delete the log with the last labels."""
    file = make_study(9)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
    open_study(file.path).close()
    for count in range(1, 9):
        seen = subprocess.run(
            [sys.executable, "-c", CHILD, str(file.path)],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
        )
        assert seen.stdout == f"{count}\n"
        assert log_files(file.path)[0].exists(), "the log was deleted while the study was open"
        with file.writing() as session:
            labels.add_event(session, event(count + 1, "anti"))
