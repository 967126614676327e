"""Keep what organizations call values and fields besides their names."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "organization_synonyms",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("phrase_key", TEXT, nullable=False),
        sa.Column("phrase", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "phrase_key", name=op.f("pk_organization_synonyms")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("organization_synonyms")
