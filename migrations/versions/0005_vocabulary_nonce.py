"""Name what questions can name, so that a write that leaves it as it is costs nobody a new vocabulary."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Add the column; what is there takes the nonce that it is at."""
    op.add_column(
        "organization_revisions", sa.Column("vocabulary_nonce", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute("UPDATE organization_revisions SET vocabulary_nonce = nonce")


def downgrade() -> None:
    """Remove it."""
    op.drop_column("organization_revisions", "vocabulary_nonce")
