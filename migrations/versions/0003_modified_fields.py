"""Find the records that were edited locally by indexes: by when, and by which field."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from pfa_rpc.store.migrating.indexes import make_index, remove_index

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make the indexes, of the few records that were edited; SQLite has no kind of index that looks into lists."""
    make_index(
        "ix_records_modified_at",
        "records",
        ["organization_id", "modified_at"],
        postgresql_where=sa.text("modified_at IS NOT NULL"),
        sqlite_where=sa.text("modified_at IS NOT NULL"),
    )
    if op.get_context().dialect.name == "postgresql":
        make_index(
            "ix_records_modified_fields",
            "records",
            ["modified_fields"],
            postgresql_using="gin",
            postgresql_where=sa.text("modified_fields IS NOT NULL"),
        )


def downgrade() -> None:
    """Remove them."""
    if op.get_context().dialect.name == "postgresql":
        remove_index("ix_records_modified_fields", "records")
    remove_index("ix_records_modified_at", "records")
