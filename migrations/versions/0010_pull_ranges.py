"""Keep how far each range of ids was read, of a pull that reads several at once."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add the column; a pull that was stopped before goes on in one range."""
    op.add_column("sync_cursors", sa.Column("ranges", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("sync_cursors", "ranges")
