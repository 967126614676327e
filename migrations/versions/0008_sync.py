"""Keep what is known of each record's synchronization with PEMS, its conflicts, and the log of the runs."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0008"
down_revision: str | None = "0006"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
NAMES = sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql")


def upgrade() -> None:
    """Create the tables, and the columns of records by which those in conflict, gone or rejected are found."""
    op.add_column("records", sa.Column("conflicting_fields", NAMES, nullable=True))
    op.add_column("records", sa.Column("deleted_in_pems", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("records", sa.Column("rejected_reason_key", TEXT, nullable=True))
    op.create_table(
        "record_sync",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("theirs", sa.LargeBinary(), nullable=True),
        sa.Column("push_id", TEXT, nullable=True),
        sa.Column("pushed_local_version", sa.BigInteger(), nullable=True),
        sa.Column("push_fields", NAMES, nullable=True),
        sa.Column("push_values", sa.LargeBinary(), nullable=True),
        sa.Column("push_phase", TEXT, nullable=True),
        sa.Column("push_lock", TEXT, nullable=True),
        sa.Column("push_doubtful", sa.Boolean(), nullable=False),
        sa.Column("lease_until", TIME, nullable=True),
        sa.Column("repull", TIME, nullable=True),
        sa.Column("next_attempt_at", TIME, nullable=True),
        sa.Column("presence", TEXT, nullable=False),
        sa.Column("rejected", sa.Text(), nullable=True),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "record_id", name=op.f("pk_record_sync")),
    )
    op.create_table(
        "sync_conflicts",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("conflict_id", TEXT, nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("field", TEXT, nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=False),
        sa.Column("mine", sa.LargeBinary(), nullable=False),
        sa.Column("theirs", sa.LargeBinary(), nullable=False),
        sa.Column("mine_by", sa.Text(), nullable=True),
        sa.Column("mine_at", TIME, nullable=True),
        sa.Column("theirs_by", sa.Text(), nullable=True),
        sa.Column("theirs_at", TIME, nullable=True),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("ambiguous", sa.Boolean(), nullable=False),
        sa.Column("decided", sa.Boolean(), nullable=False),
        sa.Column("closed_at", TIME, nullable=True),
        sa.Column("settlement", TEXT, nullable=True),
        sa.Column("closed_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "conflict_id", name=op.f("pk_sync_conflicts")),
    )
    op.create_table(
        "sync_log",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("record_id", TEXT, nullable=False),
        sa.Column("action", TEXT, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("fields", NAMES, nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("run_id", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "revision", "ordinal", name=op.f("pk_sync_log")),
    )
    op.create_table(
        "sync_seen_rows",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("pfa_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "pfa_id", name=op.f("pk_sync_seen_rows")),
    )
    op.create_table(
        "sync_rejected_rows",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("row_key", TEXT, nullable=False),
        sa.Column("pfa_id", TEXT, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("cells", sa.Text(), nullable=False),
        sa.Column("faults", sa.Text(), nullable=False),
        sa.Column("stamp", TIME, nullable=True),
        sa.Column("rejected_at", TIME, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "row_key", name=op.f("pk_sync_rejected_rows")),
    )
    op.create_table(
        "sync_cursors",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("stamp", TIME, nullable=True),
        sa.Column("swept_at", TIME, nullable=True),
        sa.Column("seen_nonce", sa.BigInteger(), nullable=False),
        sa.Column("mode", TEXT, nullable=True),
        sa.Column("since", TIME, nullable=True),
        sa.Column("began_at", TIME, nullable=True),
        sa.Column("after_id", TEXT, nullable=True),
        sa.Column("newest", TIME, nullable=True),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_sync_cursors")),
    )
    op.create_table(
        "sync_leases",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_sync_leases")),
    )
    op.create_table(
        "sync_runs",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("direction", TEXT, nullable=False),
        sa.Column("mode", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("phase", TEXT, nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("request_id", TEXT, nullable=True),
        sa.Column("request_digest", sa.LargeBinary(), nullable=True),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("ended_at", TIME, nullable=True),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("total", sa.BigInteger(), nullable=True),
        sa.Column("pages", sa.BigInteger(), nullable=False),
        sa.Column("fetched", sa.BigInteger(), nullable=False),
        sa.Column("inserted", sa.BigInteger(), nullable=False),
        sa.Column("updated", sa.BigInteger(), nullable=False),
        sa.Column("unchanged", sa.BigInteger(), nullable=False),
        sa.Column("merged", sa.BigInteger(), nullable=False),
        sa.Column("conflicts", sa.BigInteger(), nullable=False),
        sa.Column("deferred", sa.BigInteger(), nullable=False),
        sa.Column("rejected", sa.BigInteger(), nullable=False),
        sa.Column("vanished", sa.BigInteger(), nullable=False),
        sa.Column("pushed", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("cancelled_by", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "run_id", name=op.f("pk_sync_runs")),
    )
    op.create_table(
        "sync_settings",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("is_suspended", sa.Boolean(), nullable=False),
        sa.Column("is_read_only", sa.Boolean(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("interval_seconds", sa.BigInteger(), nullable=True),
        sa.Column("policies", sa.Text(), nullable=False),
        sa.Column("updated_by", sa.Text(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_sync_settings")),
    )
    _index(
        "ix_record_sync_attempt",
        "record_sync",
        ["organization_id", "next_attempt_at"],
        where="next_attempt_at IS NOT NULL",
    )
    _index("ix_record_sync_lease", "record_sync", ["organization_id", "lease_until"], where="lease_until IS NOT NULL")
    _index("ix_record_sync_presence", "record_sync", ["organization_id", "presence"], where="presence <> 'present'")
    _index("ix_record_sync_repull", "record_sync", ["organization_id", "repull"], where="repull IS NOT NULL")
    _index("ix_sync_conflicts_opened", "sync_conflicts", ["organization_id", "opened_at", "conflict_id"])
    _index(
        "ux_sync_conflicts_open",
        "sync_conflicts",
        ["organization_id", "record_id", "field"],
        where="closed_at IS NULL",
        unique=True,
    )
    _index("ix_sync_log_record", "sync_log", ["organization_id", "record_id", "revision"])
    _index("ux_sync_runs_number", "sync_runs", ["organization_id", "number"], unique=True)
    _index(
        "ux_sync_runs_request",
        "sync_runs",
        ["organization_id", "requested_by", "request_id"],
        where="request_id IS NOT NULL",
        unique=True,
    )


def _index(name: str, table: str, columns: list[str], where: str | None = None, **options: Any) -> None:
    condition = None if where is None else sa.text(where)
    op.create_index(name, table, columns, postgresql_where=condition, sqlite_where=condition, **options)


def downgrade() -> None:
    """Drop them."""
    op.drop_table("sync_settings")
    op.drop_table("sync_runs")
    op.drop_table("sync_leases")
    op.drop_table("sync_cursors")
    op.drop_table("sync_rejected_rows")
    op.drop_table("sync_seen_rows")
    op.drop_table("sync_log")
    op.drop_table("sync_conflicts")
    op.drop_table("record_sync")
    op.drop_column("records", "rejected_reason_key")
    op.drop_column("records", "deleted_in_pems")
    op.drop_column("records", "conflicting_fields")
