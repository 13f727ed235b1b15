"""Work in a team: marks, repeats and merges of labels, gold labels, assignments, locks, near-duplicates.

And the last scores of each model and what no label has saved yet, which were lost when the window was closed.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Added in place: rebuilding a table of millions of tweets would take minutes. The text is SQLite's own, as it
# can add a column that refers to another table, which Alembic does not offer for SQLite.
_COLUMNS = {
    "study": ["grouped_up_to INTEGER DEFAULT '0' NOT NULL"],
    "codebook_versions": ["touched JSON DEFAULT '[]' NOT NULL"],
    "coders": [
        "languages JSON DEFAULT '[]' NOT NULL",
        "named TEXT DEFAULT '' NOT NULL",
        "languages_said TEXT DEFAULT '' NOT NULL",
    ],
    "tweets": [
        "gold_leaf TEXT",
        "group_id INTEGER",
        "locked BOOLEAN DEFAULT '0' NOT NULL",
        "sealed BOOLEAN DEFAULT '0' NOT NULL",
    ],
    "label_events": [
        "merge_id INTEGER REFERENCES merges (id)",
        "parents JSON DEFAULT '[]' NOT NULL",
        "act CHAR(32)",
        "source TEXT DEFAULT '' NOT NULL",
        "repeat BOOLEAN DEFAULT '0' NOT NULL",
        "marks JSON DEFAULT '[]' NOT NULL",
    ],
    "current_labels": ["contested BOOLEAN DEFAULT '0' NOT NULL"],
}
_INDEXES = {
    "gold_leaf": "ix_tweets_gold_leaf",
    "group_id": "ix_tweets_group_id",
    "sealed": "ix_tweets_sealed",
}
_UUID_PARTS = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
_ONLY_ADDED = {"label_events": "label events", "adjudications": "adjudications"}


def upgrade() -> None:
    """Add the tables and columns; the test rows become the sealed set."""
    op.create_table(
        "merges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("merged", sa.Text(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} ADD COLUMN {column}")
    for column, index in _INDEXES.items():
        op.create_index(index, "tweets", [column], unique=False)
    # The few disputed tweets of a million are found, counted and paged without looking at the others.
    op.execute(
        "CREATE INDEX ix_tweets_disputed ON tweets (labelled, agreed_leaf) WHERE labelled IS 1 AND agreed_leaf IS NULL"
    )
    _change_events()
    op.execute(
        "UPDATE tweets SET sealed = 1 WHERE id IN (SELECT tweet_id FROM split_tweets WHERE part = 'test' "
        "AND split_id IN (SELECT id FROM splits WHERE name = 'test rows'))"
    )
    _create_tables()
    _refuse_changes("adjudications")
    _refuse_locked()


def _change_events() -> None:
    """Make each event the child of the one before it, which the coder had in sight; the flag becomes a mark."""
    op.execute("DROP TRIGGER label_events_no_update")
    # A UUID column holds 32 digits; inside JSON a UUID is written with its dashes.
    dashed = " || '-' || ".join(f"substr(before.id, {start}, {length})" for start, length in _UUID_PARTS)
    op.execute(
        f"UPDATE label_events SET parents = json_array({dashed}) FROM (SELECT seq, lag(id) OVER "
        "(PARTITION BY tweet_id, coder_id ORDER BY seq) AS id FROM label_events) AS before "
        "WHERE before.seq = label_events.seq AND before.id IS NOT NULL"
    )
    op.execute("UPDATE label_events SET marks = '[\"uncertain\"]' WHERE flag")
    _refuse_changes("label_events", ("UPDATE",))


def _create_tables() -> None:
    op.create_table(
        "adjudications",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("coder_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("codebook_version_id", sa.Integer(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("undoes", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("act", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("merge_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["coder_id"], ["coders.id"], name=op.f("fk_adjudications_coder_id_coders")),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_adjudications_tweet_id_tweets")),
        sa.ForeignKeyConstraint(
            ["codebook_version_id"],
            ["codebook_versions.id"],
            name=op.f("fk_adjudications_codebook_version_id_codebook_versions"),
        ),
        sa.ForeignKeyConstraint(["merge_id"], ["merges.id"], name=op.f("fk_adjudications_merge_id_merges")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_adjudications")),
        sa.UniqueConstraint("id", name=op.f("uq_adjudications_id")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_adjudications_tweet_id", "adjudications", ["tweet_id"], unique=False)
    op.create_table(
        "assignments",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("removed", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignments")),
    )
    op.create_table(
        "assigned_tweets",
        sa.Column("assignment_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("coder_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["assignment_id"],
            ["assignments.id"],
            name=op.f("fk_assigned_tweets_assignment_id_assignments"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["coder_id"], ["coders.id"], name=op.f("fk_assigned_tweets_coder_id_coders")),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_assigned_tweets_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("assignment_id", "coder_id", "tweet_id", name=op.f("pk_assigned_tweets")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_assigned_tweets_coder_id_place", "assigned_tweets", ["coder_id", "place"], unique=False
    )
    op.create_index("ix_assigned_tweets_tweet_id", "assigned_tweets", ["tweet_id"], unique=False)
    op.create_table(
        "locks",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("coder_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("released", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["coder_id"], ["coders.id"], name=op.f("fk_locks_coder_id_coders")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_locks")),
    )
    op.create_table(
        "locked_tweets",
        sa.Column("lock_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["lock_id"], ["locks.id"], name=op.f("fk_locked_tweets_lock_id_locks"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_locked_tweets_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("lock_id", "tweet_id", name=op.f("pk_locked_tweets")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_locked_tweets_tweet_id", "locked_tweets", ["tweet_id"], unique=False)
    op.create_table(
        "score_looks",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("looked", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_sha256", sa.Text(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("scores", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_score_looks")),
    )
    op.create_table(
        "drafts",
        sa.Column("coder_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("repeat", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("marks", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["coder_id"], ["coders.id"], name=op.f("fk_drafts_coder_id_coders")),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_drafts_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("coder_id", "tweet_id", "repeat", name=op.f("pk_drafts")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "evaluations",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("evaluated", sa.Text(), nullable=False),
        sa.Column("label_seq", sa.Integer(), nullable=False),
        sa.Column("gold_seq", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_evaluations_model_id_models"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("model_id", name=op.f("pk_evaluations")),
    )


def _refuse_changes(table: str, actions: tuple[str, ...] = ("UPDATE", "DELETE")) -> None:
    for action in actions:
        op.execute(
            f"CREATE TRIGGER {table}_no_{action.lower()} BEFORE {action} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{_ONLY_ADDED[table]} are only ever added'); END"
        )


def _refuse_locked() -> None:
    # What was given elsewhere, before the copy there knew of the lock, is taken in with a merge all the same.
    # A repeat changes no label.
    for table, passes in (("label_events", "NEW.merge_id IS NULL AND NOT NEW.repeat"),
                          ("adjudications", "NEW.merge_id IS NULL")):  # fmt: skip
        op.execute(
            f"CREATE TRIGGER {table}_not_locked BEFORE INSERT ON {table} "
            f"WHEN {passes} AND (SELECT locked FROM tweets WHERE id = NEW.tweet_id) "
            "BEGIN SELECT RAISE(ABORT, 'the tweet is locked'); END"
        )


def downgrade() -> None:
    """Remove the tables and columns; what came with a merge stays as if it had been given here."""
    for table in _ONLY_ADDED:
        op.execute(f"DROP TRIGGER {table}_not_locked")
    for action in ("update", "delete"):
        op.execute(f"DROP TRIGGER adjudications_no_{action}")
        op.execute(f"DROP TRIGGER label_events_no_{action}")
    # The first schema knows no gold labels: there stands what all coders agree on.
    op.execute(
        "UPDATE tweets SET labelled = EXISTS (SELECT 1 FROM current_labels WHERE tweet_id = tweets.id), "
        "agreed_leaf = (SELECT CASE WHEN min(leaf) = max(leaf) THEN min(leaf) END FROM current_labels "
        "WHERE tweet_id = tweets.id) WHERE gold_leaf IS NOT NULL"
    )
    for table in (
        "evaluations",
        "drafts",
        "score_looks",
        "locked_tweets",
        "locks",
        "assigned_tweets",
        "assignments",
        "adjudications",
    ):
        op.drop_table(table)
    for index in (*_INDEXES.values(), "ix_tweets_disputed"):
        op.drop_index(index, table_name="tweets")
    # A repeat is no label of the first schema: it would become the current one there.
    op.execute("DELETE FROM label_events WHERE repeat")
    for table, columns in _COLUMNS.items():
        for column in columns:
            op.execute(f"ALTER TABLE {table} DROP COLUMN {column.split()[0]}")
    op.drop_table("merges")
    _refuse_changes("label_events")
