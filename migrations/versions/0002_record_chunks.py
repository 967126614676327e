"""Keep what each chunk of 512 records is at."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Create the table, with a row for each chunk that there is."""
    op.create_table(
        "record_chunks",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("chunk", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "chunk", name=op.f("pk_record_chunks")),
    )
    op.execute(
        "INSERT INTO record_chunks (organization_id, chunk, revision, nonce) "
        "SELECT organization_id, position / 512, max(revision), 0 FROM records GROUP BY organization_id, position / 512"
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("record_chunks")
