"""First schema: studies, codebooks, tweets, label events, splits, runs, models, predictions."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables; label events refuse change and removal."""
    op.create_table(
        "codebook_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("toml", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_codebook_versions")),
    )
    op.create_table(
        "coders",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_coders")),
        sa.UniqueConstraint("name", name=op.f("uq_coders_name")),
    )
    op.create_table(
        "imports",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("started", sa.Text(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Integer(), nullable=False),
        sa.Column("duplicates", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("labels", sa.Integer(), nullable=False),
        sa.Column("report", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_imports")),
    )
    op.create_table(
        "splits",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_splits")),
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("uuid", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("program_version", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_study_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
    )
    op.create_table(
        "training_runs",
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("languages", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("split_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["split_id"], ["splits.id"], name=op.f("fk_training_runs_split_id_splits")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_runs")),
    )
    op.create_table(
        "tweets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tweet_id", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("lang", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Text(), nullable=False),
        sa.Column("extra", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("import_id", sa.Integer(), nullable=False),
        sa.Column("source_row", sa.Integer(), nullable=False),
        sa.Column("text_hash", sa.LargeBinary(), nullable=False),
        sa.Column("shuffle", sa.BigInteger(), nullable=False),
        sa.Column("labelled", sa.Boolean(), nullable=False),
        sa.Column("agreed_leaf", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["import_id"], ["imports.id"], name=op.f("fk_tweets_import_id_imports")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tweets")),
        sa.UniqueConstraint("tweet_id", name=op.f("uq_tweets_tweet_id")),
    )
    op.create_index("ix_tweets_agreed_leaf", "tweets", ["agreed_leaf"], unique=False)
    op.create_index("ix_tweets_labelled", "tweets", ["labelled"], unique=False)
    op.create_index("ix_tweets_labelled_shuffle", "tweets", ["labelled", "shuffle"], unique=False)
    op.create_index("ix_tweets_lang_id_labelled", "tweets", ["lang", "id", "labelled"], unique=False)
    op.create_index(
        "ix_tweets_lang_labelled_shuffle", "tweets", ["lang", "labelled", "shuffle"], unique=False
    )
    op.create_table(
        "label_events",
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("coder_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("codebook_version_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=True),
        sa.Column("given", sa.Text(), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=True),
        sa.Column("suggestion_shown", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("flag", sa.Boolean(), nullable=False),
        sa.Column("undoes", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("import_id", sa.Integer(), nullable=True),
        sa.CheckConstraint("(kind = 'clear') = (leaf IS NULL)", name=op.f("ck_label_events_leaf_fits_kind")),
        sa.CheckConstraint("kind IN ('label', 'clear')", name=op.f("ck_label_events_kind")),
        sa.ForeignKeyConstraint(
            ["codebook_version_id"],
            ["codebook_versions.id"],
            name=op.f("fk_label_events_codebook_version_id_codebook_versions"),
        ),
        sa.ForeignKeyConstraint(["coder_id"], ["coders.id"], name=op.f("fk_label_events_coder_id_coders")),
        sa.ForeignKeyConstraint(
            ["import_id"], ["imports.id"], name=op.f("fk_label_events_import_id_imports")
        ),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_label_events_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_label_events")),
        sa.UniqueConstraint("id", name=op.f("uq_label_events_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_label_events_coder_id_import_id", "label_events", ["coder_id", "import_id"], unique=False
    )
    op.create_index(
        "ix_label_events_tweet_id_coder_id", "label_events", ["tweet_id", "coder_id"], unique=False
    )
    op.create_table(
        "models",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("leaves", sa.JSON(), nullable=False),
        sa.Column("run_id", sa.Uuid(as_uuid=False), nullable=True),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["training_runs.id"], name=op.f("fk_models_run_id_training_runs")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_models")),
        sa.UniqueConstraint("name", name=op.f("uq_models_name")),
    )
    op.create_table(
        "split_tweets",
        sa.Column("split_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.CheckConstraint("part IN ('train', 'validation', 'test')", name=op.f("ck_split_tweets_part")),
        sa.ForeignKeyConstraint(
            ["split_id"], ["splits.id"], name=op.f("fk_split_tweets_split_id_splits"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_split_tweets_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("split_id", "tweet_id", name=op.f("pk_split_tweets")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_split_tweets_tweet_id", "split_tweets", ["tweet_id"], unique=False)
    op.create_table(
        "current_labels",
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("coder_id", sa.Uuid(as_uuid=False), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["coder_id"], ["coders.id"], name=op.f("fk_current_labels_coder_id_coders")),
        sa.ForeignKeyConstraint(
            ["seq"], ["label_events.seq"], name=op.f("fk_current_labels_seq_label_events")
        ),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_current_labels_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("tweet_id", "coder_id", name=op.f("pk_current_labels")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_current_labels_coder_id_leaf", "current_labels", ["coder_id", "leaf"], unique=False)
    op.create_table(
        "predictions",
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("tweet_id", sa.Integer(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("probabilities", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "(status = 'predicted') = "
            "(leaf IS NOT NULL AND confidence IS NOT NULL AND probabilities IS NOT NULL)",
            name=op.f("ck_predictions_complete"),
        ),
        sa.CheckConstraint("status IN ('predicted', 'failed')", name=op.f("ck_predictions_status")),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_predictions_model_id_models"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["tweet_id"], ["tweets.id"], name=op.f("fk_predictions_tweet_id_tweets")),
        sa.PrimaryKeyConstraint("model_id", "tweet_id", name=op.f("pk_predictions")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_predictions_model_id_confidence", "predictions", ["model_id", "confidence"], unique=False
    )
    op.create_index(
        "ix_predictions_model_id_leaf_tweet_id", "predictions", ["model_id", "leaf", "tweet_id"], unique=False
    )
    op.create_index(
        "ix_predictions_model_id_status_tweet_id",
        "predictions",
        ["model_id", "status", "tweet_id"],
        unique=False,
    )

    for action in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER label_events_no_{action.lower()} BEFORE {action} ON label_events "
            "BEGIN SELECT RAISE(ABORT, 'label events are only ever added'); END"
        )


def downgrade() -> None:
    """Remove all tables."""
    for action in ("update", "delete"):
        op.execute(f"DROP TRIGGER label_events_no_{action}")
    op.drop_index("ix_predictions_model_id_status_tweet_id", table_name="predictions")
    op.drop_index("ix_predictions_model_id_leaf_tweet_id", table_name="predictions")
    op.drop_index("ix_predictions_model_id_confidence", table_name="predictions")
    op.drop_table("predictions")
    op.drop_index("ix_current_labels_coder_id_leaf", table_name="current_labels")
    op.drop_table("current_labels")
    op.drop_index("ix_split_tweets_tweet_id", table_name="split_tweets")
    op.drop_table("split_tweets")
    op.drop_table("models")
    op.drop_index("ix_label_events_tweet_id_coder_id", table_name="label_events")
    op.drop_index("ix_label_events_coder_id_import_id", table_name="label_events")
    op.drop_table("label_events")
    op.drop_index("ix_tweets_lang_labelled_shuffle", table_name="tweets")
    op.drop_index("ix_tweets_lang_id_labelled", table_name="tweets")
    op.drop_index("ix_tweets_labelled_shuffle", table_name="tweets")
    op.drop_index("ix_tweets_labelled", table_name="tweets")
    op.drop_index("ix_tweets_agreed_leaf", table_name="tweets")
    op.drop_table("tweets")
    op.drop_table("training_runs")
    op.drop_table("study")
    op.drop_table("splits")
    op.drop_table("imports")
    op.drop_table("coders")
    op.drop_table("codebook_versions")
