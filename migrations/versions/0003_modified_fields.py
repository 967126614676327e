"""Find the records of which a field was changed locally by an index."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from pfa_rpc.store.online_indexes import make_index, remove_index

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Make the index, of the few records that have such fields; SQLite has no kind of index that looks into lists."""
    if op.get_context().dialect.name == "postgresql":
        make_index(
            "ix_records_modified_fields",
            "records",
            ["modified_fields"],
            postgresql_using="gin",
            postgresql_where=sa.text("modified_fields IS NOT NULL"),
        )


def downgrade() -> None:
    """Remove it."""
    if op.get_context().dialect.name == "postgresql":
        remove_index("ix_records_modified_fields", "records")
