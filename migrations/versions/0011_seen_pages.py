"""Keep what pages of PEMS came last, and find the records that PEMS does not have by an index."""

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa
from alembic import op

from pfa_rpc.store.tables import text_type

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_NOT_IN_PEMS: Final = sa.text("deleted_in_pems OR (last_synced_at IS NULL AND seen_digest IS NULL)")


def upgrade() -> None:
    """Make both; the pages come with the next full pull."""
    op.create_table(
        "sync_seen_pages",
        sa.Column("organization_id", text_type(), nullable=False),
        sa.Column("page_key", sa.LargeBinary(), nullable=False),
        sa.Column("digests", sa.LargeBinary(), nullable=False),
        sa.Column("tail", sa.BigInteger(), nullable=False),
        sa.Column("last_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "page_key", name="pk_sync_seen_pages"),
    )
    op.create_index(
        "ix_records_not_in_pems",
        "records",
        ["organization_id"],
        postgresql_where=_NOT_IN_PEMS,
        sqlite_where=_NOT_IN_PEMS,
    )


def downgrade() -> None:
    """Drop both."""
    op.drop_index("ix_records_not_in_pems", "records")
    op.drop_table("sync_seen_pages")
