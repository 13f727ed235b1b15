"""Migrations: what they create is what the tables say, up and down, with data, after a backup."""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, text
from sqlalchemy.exc import IntegrityError

import db.engine
import db.migrations
from db import drafts, label_overview, labels
from db.engine import StudyFile, open_study
from db.migrations import downgrade, upgrade
from db.tables import Base, Cascade, LabelEvent, Prediction, Tweet
from tests.unit.db.conftest import event

MakeStudy = Callable[[int], StudyFile]

ADDED_KEYS = [("label_events", ["merge_id"])]
NEXT = '''"""Add a column."""
import sqlalchemy as sa
from alembic import op
revision = "{name}"
down_revision = "{before}"
branch_labels = None
depends_on = None
def upgrade() -> None:
    with op.batch_alter_table("coders") as batch:
        batch.add_column(sa.Column("email", sa.Text(), nullable=False, server_default="?"))
    {fault}
def downgrade() -> None:
    with op.batch_alter_table("coders") as batch:
        batch.drop_column("email")
'''


def _dump(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def _schema_differences(file: StudyFile) -> list[object]:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with file._engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True}
        )
        return list(compare_metadata(context, Base.metadata))


def test_migrations_create_what_the_tables_say(make_study: MakeStudy) -> None:
    file = make_study(1)
    assert _schema_differences(file) == []


def test_every_constraint_has_the_name_of_the_convention(make_study: MakeStudy) -> None:
    found = inspect(make_study(1)._engine)
    for table in Base.metadata.tables:
        # SQLite writes an AUTOINCREMENT key into its column, without a name.
        assert found.get_pk_constraint(table)["name"] in {
            f"pk_{table}",
            None if table in ("label_events", "adjudications") else "",
        }
        for key in found.get_foreign_keys(table):
            # A column that was added later carries its key inside its own definition, without a name.
            if (table, key["constrained_columns"]) in ADDED_KEYS:
                continue
            assert key["name"] == f"fk_{table}_{'_'.join(key['constrained_columns'])}_{key['referred_table']}"
        for check in found.get_check_constraints(table):
            assert str(check["name"]).startswith(f"ck_{table}_")


def test_down_to_nothing_and_up_again(make_study: MakeStudy) -> None:
    file = make_study(5)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
    downgrade(file._writer, 0)
    with file._engine.connect() as connection:
        names = connection.execute(text("SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')"))
        left = {name for (name,) in names}
    assert left <= {"alembic_version", "sqlite_sequence"}
    upgrade(file._writer)
    assert _schema_differences(file) == []


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Pretend that the program is one schema version further."""

    def pretend(fault: str = "pass") -> int:
        here = db.engine.SCHEMA_VERSION
        folder = tmp_path / "versions"
        folder.mkdir()
        source = NEXT.format(name=f"{here + 1:04}", before=f"{here:04}", fault=fault)
        (folder / f"{here + 1:04}_next.py").write_text(source)
        monkeypatch.setattr(db.migrations, "VERSIONS", [*db.migrations.VERSIONS, folder])
        monkeypatch.setattr(db.engine, "SCHEMA_VERSION", here + 1)
        monkeypatch.setattr("db.migrations.upgrade.__defaults__", (here + 1,))
        return here

    return pretend


def test_an_upgrade_keeps_the_data_and_a_backup(
    make_study: MakeStudy, next_version: Callable[..., int], tmp_path: Path
) -> None:
    file = make_study(5)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
        labels.add_event(session, event(1, None))
        labels.add_event(session, event(2, "anti", 2))
    file.close()
    content = file.path.read_bytes()
    here = next_version()

    upgraded = open_study(file.path)
    with upgraded.reading() as session:
        assert session.execute(text("SELECT name, email FROM coders ORDER BY name")).all() == [
            ("Ana", "?"),
            ("Ben", "?"),
        ]
        assert label_overview.agreed(session) == {2: "anti"}
        assert labels.last_seq(session) == 3
        assert session.scalar(text("PRAGMA user_version")) == here + 1
    # Rebuilding a table must not have lost what refuses changes to events.
    with pytest.raises(Exception, match="only ever added"), upgraded.writing() as session:
        session.execute(text("DELETE FROM label_events"))
    (backup,) = tmp_path.glob(f"{file.path.stem}.schema{here}.*.stancedesk")
    before = tmp_path / "before.sqlite"
    before.write_bytes(content)
    assert _dump(backup) == _dump(before)

    downgrade(upgraded._writer, here)
    with upgraded.reading() as session:
        assert list(session.execute(text("SELECT * FROM coders")).keys()) == [
            column.name for column in Base.metadata.tables["coders"].columns
        ]
        assert label_overview.agreed(session) == {2: "anti"}
    upgraded.close()


def test_a_failing_upgrade_changes_nothing(make_study: MakeStudy, next_version: Callable[..., int]) -> None:
    file = make_study(5)
    with file.writing() as session:
        labels.add_event(session, event(1, "pro"))
    file.close()
    here = next_version("raise KeyError('a bug')")
    with pytest.raises(KeyError):
        open_study(file.path)
    with contextlib.closing(sqlite3.connect(file.path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (here,)
        assert "email" not in str(connection.execute("SELECT sql FROM sqlite_master").fetchall())
        assert connection.execute("SELECT leaf FROM label_events").fetchall() == [("pro",)]


def test_a_draft_does_not_keep_a_study_from_going_back(make_study: MakeStudy) -> None:
    file = make_study(5)
    ana = "00000000-0000-4000-8000-000000000001"
    with file.writing() as session:
        for note in ("first", "ask María"):
            drafts.keep(session, ana, 1, False, note, ["uncertain"])
        drafts.keep(session, ana, 1, True, "", ["sarcasm"])
        drafts.keep(session, ana, 2, False, "gone", [])
        drafts.remove(session, ana, 2, False)
    with file.reading() as session:
        assert sorted(map(tuple, drafts.of_coder(session, ana))) == [
            (1, False, "ask María", ["uncertain"]),
            (1, True, "", ["sarcasm"]),
        ]
        assert labels.last_seq(session) == 0
    downgrade(file._writer, 1)
    upgrade(file._writer)
    assert _schema_differences(file) == []


def test_the_second_schema_knows_who_followed_whom_and_goes_back(make_study: MakeStudy) -> None:
    file = make_study(5)
    downgrade(file._writer, 1)
    tweet_values = "kind, leaf, given, suggestion_shown, note, flag"
    with file.writing() as session:
        for number, (tweet, coder, leaf) in enumerate([(1, 1, "pro"), (1, 2, "anti"), (1, 1, "anti")], 1):
            session.execute(
                text(
                    f"INSERT INTO label_events (id, coder_id, tweet_id, codebook_version_id, {tweet_values}) "
                    f"VALUES ('{number:032}', '0000000000004000800000000000000{coder}', {tweet}, 1, "
                    f"'label', '{leaf}', '2026-11-24', '', '', {int(number == 2)})"
                )
            )
        session.execute(
            text("INSERT INTO splits (id, name, created, spec) VALUES ('s', 'test rows', '', '{}')")
        )
        session.execute(text("INSERT INTO split_tweets VALUES ('s', 2, 'test')"))
    upgrade(file._writer)
    with file.reading() as session:
        columns = (LabelEvent.id, LabelEvent.parents, LabelEvent.marks)
        rows = session.execute(select(*columns).order_by(LabelEvent.seq)).all()
        assert [row.marks for row in rows] == [[], ["uncertain"], []], "the flag of old is a mark"
        assert [row.parents for row in rows] == [[], [], [rows[0].id]]
        assert session.scalars(select(Tweet.id).where(Tweet.sealed)).all() == [2]
    with pytest.raises(IntegrityError, match="only ever added"), file.writing() as session:
        session.execute(text("UPDATE label_events SET leaf = 'pro'"))
    with file.writing() as session:
        labels.rebuild(session)
        assert label_overview.agreed(session) == {1: "anti"}
        labels.add_event(session, event(1, "neutral", repeat=True))
        labels.add_event(session, event(1, "anti", marks=["sarcasm", "uncertain"]))
        assert label_overview.agreed(session) == {1: "anti"}
    downgrade(file._writer, 1)
    with file.reading() as session:
        assert [tuple(row) for row in session.execute(text("SELECT leaf, flag FROM label_events ORDER BY seq"))] == [
            ("pro", 0), ("anti", 1), ("anti", 0), ("anti", 1),
        ]  # fmt: skip
    with pytest.raises(IntegrityError, match="only ever added"), file.writing() as session:
        session.execute(text("DELETE FROM label_events"))
    upgrade(file._writer)
    assert _schema_differences(file) == []


def test_the_third_schema_tells_what_a_light_model_settled_and_goes_back(make_study: MakeStudy) -> None:
    file = make_study(5)
    downgrade(file._writer, 2)
    with file.writing() as session:
        session.execute(
            text(
                "INSERT INTO models (id, name, path, sha256, created, leaves, card) "
                "VALUES (1, 'm', '', '', '', '[]', '{}')"
            )
        )
        for tweet in (1, 2):
            session.execute(
                text(
                    "INSERT INTO predictions "
                    "(model_id, tweet_id, leaf, confidence, probabilities, status, reason, created) "
                    f"VALUES (1, {tweet}, 'pro', 0.5, x'00', 'predicted', '', '')"
                )
            )
    upgrade(file._writer)
    assert _schema_differences(file) == []
    with file.writing() as session:
        assert session.scalars(select(Prediction.settled)).all() == [False, False]
        session.execute(text("UPDATE predictions SET settled = 1 WHERE tweet_id = 2"))
        session.add(Cascade(model_id=1, created="", stage="done", facts={"bound": 0.005}, arrays=b""))
    with pytest.raises(IntegrityError, match="ck_cascades_stage"), file.writing() as session:
        session.add(Cascade(model_id=1, created="", stage="gone", facts={}, arrays=b""))
    downgrade(file._writer, 2)
    with file.reading() as session:
        # The second schema could not tell that the model never said it.
        assert session.execute(text("SELECT tweet_id, leaf FROM predictions")).all() == [(1, "pro")]
    upgrade(file._writer)
    assert _schema_differences(file) == []
