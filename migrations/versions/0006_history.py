"""Keep who changed what, when and how, and the responses of requests that may be repeated."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
NAMES = sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql")


def upgrade() -> None:
    """Create the tables. The history begins with the first write after it."""
    op.add_column("organization_revisions", sa.Column("changed_at", TIME, nullable=True))
    op.create_table(
        "organization_commits",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", TIME, nullable=False),
        sa.Column("how", TEXT, nullable=False),
        sa.Column("changed_by", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=True),
        sa.Column("change_id", TEXT, nullable=True),
        sa.Column("first_position", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "revision", name=op.f("pk_organization_commits")),
    )
    op.create_index("ix_organization_commits_time", "organization_commits", ["organization_id", "committed_at"])
    op.create_index(
        "ix_organization_commits_user", "organization_commits", ["organization_id", "changed_by", "revision"]
    )
    _partial_index("ix_organization_commits_change", "change_id", "change_id IS NOT NULL")
    _partial_index("ix_organization_commits_created", "first_position", "created > 0")
    op.create_table(
        "record_changes",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fields", NAMES, nullable=False),
        sa.Column("old", sa.LargeBinary(), nullable=False),
        sa.Column("new", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "record_id", "revision", name=op.f("pk_record_changes")),
    )
    op.create_index("ix_record_changes_revision", "record_changes", ["organization_id", "revision"])
    op.create_table(
        "request_results",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("requester", TEXT, nullable=False),
        sa.Column("request_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("committed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "requester", "request_id", name=op.f("pk_request_results")),
    )
    op.create_index("ix_request_results_time", "request_results", ["organization_id", "committed_at"])


def _partial_index(name: str, column: str, predicate: str) -> None:
    condition = sa.text(predicate)
    op.create_index(
        name,
        "organization_commits",
        ["organization_id", column],
        postgresql_where=condition,
        sqlite_where=condition,
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("request_results")
    op.drop_table("record_changes")
    op.drop_table("organization_commits")
    op.drop_column("organization_revisions", "changed_at")
