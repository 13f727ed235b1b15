"""The cascade: which predictions a light model settled, and what each such classification found.

The column is added in place: rebuilding a table of millions of predictions would take minutes.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table."""
    op.execute("ALTER TABLE predictions ADD COLUMN settled BOOLEAN DEFAULT '0' NOT NULL")
    op.execute("CREATE INDEX ix_predictions_settled ON predictions (model_id, tweet_id) WHERE settled IS 1")
    op.create_table(
        "cascades",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("created", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("arrays", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "stage IN ('learn', 'calibrate', 'settle', 'classify', 'done', 'declined')",
            name=op.f("ck_cascades_stage"),
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.id"], name=op.f("fk_cascades_model_id_models"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cascades")),
    )
    op.create_index("ix_cascades_model_id", "cascades", ["model_id"], unique=False)


def downgrade() -> None:
    """Remove both. What was settled goes: there, it would pass for what the model said."""
    op.drop_table("cascades")
    op.execute("DELETE FROM predictions WHERE settled")
    op.drop_index("ix_predictions_settled", table_name="predictions")
    op.execute("ALTER TABLE predictions DROP COLUMN settled")
