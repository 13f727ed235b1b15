"""Files that are taken in are only read; what is no copy of the study is one sentence."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from app.errors import UserError
from app.study import importing, labelling, merging
from app.study.labelling import Labelling
from app.study.study import Study
from db.engine import SCHEMA_VERSION, StudyFile, log_files
from db.migrations import downgrade
from tests.unit.app.study.conftest import LEAVES, add_tweets
from tests.unit.app.study.merging_state import state_of


@pytest.fixture
def mine(study: Study, tmp_path: Path) -> Study:
    """Return a study with tweets, some of them labelled."""
    add_tweets(study, tmp_path / "x", 40)
    work = Labelling(study, "Ana")
    for number in range(10):
        work.label(LEAVES[number % 4])
    return study


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder in which what comes back lies alone."""
    path = tmp_path / "came back"
    path.mkdir()
    return path


@pytest.fixture
def copy(mine: Study, folder: Path) -> Path:
    """Return a closed copy with one label more."""
    path = folder / "anas copy.stancedesk"
    mine.save_copy(path)
    with Study.open(path) as theirs:
        Labelling(theirs, "Ana").label("anti")
    return path


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_closed_copy_is_read_where_it_lies(mine: Study, copy: Path, folder: Path) -> None:
    before = _contents(folder)
    assert merging.merge(mine, copy).labels == {"Ana": 1}
    assert _contents(folder) == before and list(before) == [copy.name]


def test_a_copy_that_is_open_elsewhere_is_read_with_its_last_label(mine: Study, copy: Path) -> None:
    with Study.open(copy) as theirs:
        Labelling(theirs, "Ana").label("pro")
        before = copy.read_bytes(), log_files(copy)[0].read_bytes()
        assert before[1]
        assert merging.merge(mine, copy).labels == {"Ana": 2}
        assert (copy.read_bytes(), log_files(copy)[0].read_bytes()) == before
        Labelling(theirs, "Ana").label("pro")
        assert merging.merge(mine, copy).labels == {"Ana": 1}


def test_a_copy_that_was_left_with_its_log_is_read_with_it(mine: Study, copy: Path, folder: Path) -> None:
    left = folder / "left"
    left.mkdir()
    with Study.open(copy) as theirs:
        Labelling(theirs, "Ana").label("pro")
        shutil.copyfile(copy, left / copy.name)
        shutil.copyfile(log_files(copy)[0], log_files(left / copy.name)[0])
    before = _contents(left)
    assert merging.merge(mine, left / copy.name).labels == {"Ana": 2}
    assert _contents(left) == before


def test_a_copy_that_is_written_meanwhile_is_told(
    mine: Study, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state_of(mine)

    def write(done: int, total: int) -> None:
        os.utime(copy, (1, 1))

    with pytest.raises(UserError, match="written by another program"):
        merging.merge(mine, copy, write)
    assert state_of(mine) == before
    assert merging.merge(mine, copy).is_new


def test_a_copy_of_an_older_schema_is_upgraded_apart(mine: Study, copy: Path, folder: Path) -> None:
    file = StudyFile(copy)
    downgrade(file._writer, 1)
    file.close()
    before = _contents(folder)
    assert merging.merge(mine, copy).labels == {"Ana": 1}
    assert _contents(folder) == before
    assert not merging.merge(mine, copy).is_new
    assert len(labelling.current_labels(mine)) == 11


def test_an_identical_file_brings_nothing(mine: Study, copy: Path, tmp_path: Path) -> None:
    merging.merge(mine, copy)
    before = state_of(mine)
    mine.save_copy(tmp_path / "same.stancedesk")
    report = merging.merge(mine, tmp_path / "same.stancedesk")
    assert report.summary().startswith("Nothing new") and state_of(mine) == before


def test_a_read_only_copy_is_read(mine: Study, copy: Path, folder: Path) -> None:
    copy.chmod(0o444)
    folder.chmod(0o555)
    try:
        assert merging.merge(mine, copy).labels == {"Ana": 1}
    finally:
        folder.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_copy_that_may_not_be_read_is_told(mine: Study, copy: Path) -> None:
    copy.chmod(0o000)
    with pytest.raises(UserError, match="may not be read"):
        merging.merge(mine, copy)


def test_a_study_that_cannot_be_written_is_told(mine: Study, copy: Path) -> None:
    with mine.reading() as session:
        connection = session.connection().connection.driver_connection
        assert isinstance(connection, sqlite3.Connection)
        connection.execute("PRAGMA query_only = ON")
    with pytest.raises(UserError, match=r"“trial\.stancedesk” or its folder cannot be written"):
        merging.merge(mine, copy)


def test_another_study_is_told(mine: Study, folder: Path) -> None:
    path = folder / "other.stancedesk"
    Study.create(path).close()
    with pytest.raises(
        UserError, match=r"“other\.stancedesk” is another study, not a copy of this one"
    ) as error:
        merging.merge(mine, path)
    assert "Save a copy" in error.value.next_step


def test_a_copy_of_a_newer_version_is_told(mine: Study, copy: Path, folder: Path) -> None:
    with sqlite3.connect(copy) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    connection.close()
    before = _contents(folder)
    with pytest.raises(UserError, match="newer version"):
        merging.merge(mine, copy)
    assert _contents(folder) == before


def test_what_is_no_study_is_told(mine: Study, folder: Path) -> None:
    csv, empty, database = folder / "tweets.csv", folder / "empty.stancedesk", folder / "other.db"
    csv.write_text("id,text\n1,hello")
    empty.write_bytes(b"")
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE study (uuid)")
    connection.close()
    before = _contents(folder)
    for path in (csv, empty, database, folder / "none.stancedesk", folder):
        with pytest.raises(UserError) as error:
            merging.merge(mine, path)
        assert path.name in error.value.message and error.value.next_step
    assert _contents(folder) == before


@pytest.mark.parametrize("damage", ["short", "zeros", "noise", "table", "column", "reference", "uuid"])
def test_a_damaged_copy_is_told_and_nothing_is_taken_in(mine: Study, folder: Path, damage: str) -> None:
    more, path = folder / "more.csv", folder / "damaged.stancedesk"
    more.write_text(
        "\n".join(["id,text", *(f"{n},{'a tweet ' * 20}" for n in range(2000))]), encoding="utf-8"
    )
    mine.save_copy(path)
    with Study.open(path) as theirs:
        importing.import_file(theirs, more)
    content = path.read_bytes()
    third = len(content) // 3
    if damage == "short":
        path.write_bytes(content[: 2 * third])
    elif damage == "zeros":
        path.write_bytes(content[:third] + bytes(third) + content[2 * third :])
    elif damage == "noise":
        path.write_bytes(content[:third] + os.urandom(third) + content[2 * third :])
    else:
        with sqlite3.connect(path) as connection:
            connection.execute(
                {
                    "table": "DROP TABLE locked_tweets",
                    "column": "ALTER TABLE coders DROP COLUMN languages",
                    "reference": "UPDATE tweets SET import_id = 99 WHERE id = 7",
                    "uuid": "UPDATE study SET uuid = 'x'",
                }[damage]
            )
        connection.close()
    before, files = state_of(mine), _contents(folder)
    with pytest.raises(UserError, match=r"“damaged\.stancedesk” is damaged") as error:
        merging.merge(mine, path)
    assert error.value.next_step
    assert state_of(mine) == before and _contents(folder) == files
