"""Keep drafts: what people have begun to change, and not committed yet."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)
NAMES = sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql")


def upgrade() -> None:
    """Create the tables. One has every column of records, by which what a draft changes is found like any record."""
    op.create_table(
        "drafts",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("draft_id", TEXT, nullable=False),
        sa.Column("owner", TEXT, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("changed_at", TIME, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "draft_id", name=op.f("pk_drafts")),
    )
    op.create_table(
        "draft_records",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("draft_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("pfa_id", TEXT, nullable=False),
        sa.Column("area_silo_key", TEXT, nullable=True),
        sa.Column("category_key", TEXT, nullable=True),
        sa.Column("forecast_category_key", TEXT, nullable=True),
        sa.Column("equipment_class_key", TEXT, nullable=True),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("dor", TEXT, nullable=False),
        sa.Column("is_actualized", sa.Boolean(), nullable=False),
        sa.Column("is_discontinued", sa.Boolean(), nullable=False),
        sa.Column("is_funds_transferable", sa.Boolean(), nullable=False),
        sa.Column("monthly_rate", sa.BigInteger(), nullable=True),
        sa.Column("purchase_price", sa.BigInteger(), nullable=True),
        sa.Column("manufacturer_key", TEXT, nullable=True),
        sa.Column("model_key", TEXT, nullable=True),
        sa.Column("plan_start", sa.Date(), nullable=True),
        sa.Column("plan_end", sa.Date(), nullable=True),
        sa.Column("forecast_start", sa.Date(), nullable=True),
        sa.Column("forecast_end", sa.Date(), nullable=True),
        sa.Column("actual_start", sa.Date(), nullable=True),
        sa.Column("actual_end", sa.Date(), nullable=True),
        sa.Column("plan_cost", sa.BigInteger(), nullable=True),
        sa.Column("forecast_cost", sa.BigInteger(), nullable=True),
        sa.Column("actual_cost", sa.BigInteger(), nullable=True),
        sa.Column("contract_key", TEXT, nullable=True),
        sa.Column("equipment_key", TEXT, nullable=True),
        sa.Column("description_key", TEXT, nullable=True),
        sa.Column("sync_state", TEXT, nullable=False),
        sa.Column("last_synced_at", TIME, nullable=True),
        sa.Column("pems_version", TEXT, nullable=True),
        sa.Column("local_version", sa.BigInteger(), nullable=False),
        sa.Column("modified_fields", NAMES, nullable=True),
        sa.Column("modified_by_key", TEXT, nullable=True),
        sa.Column("modified_at", TIME, nullable=True),
        sa.Column("sync_error_message_key", TEXT, nullable=True),
        sa.Column("sync_retry_count", sa.BigInteger(), nullable=False),
        sa.Column("conflicting_fields", NAMES, nullable=True),
        sa.Column("deleted_in_pems", sa.Boolean(), nullable=False),
        sa.Column("rejected_reason_key", TEXT, nullable=True),
        sa.Column("pems_stamp", TIME, nullable=True),
        sa.Column("pems_modified_by_key", TEXT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("payload_version", sa.SmallInteger(), nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=True),
        sa.Column("seen_digest", sa.LargeBinary(), nullable=True),
        sa.Column("is_created", sa.Boolean(), nullable=False),
        sa.Column("edited_revision", sa.BigInteger(), nullable=False),
        sa.Column("fields", NAMES, nullable=True),
        sa.Column("old", sa.LargeBinary(), nullable=False),
        sa.Column("new", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "draft_id", "id", name=op.f("pk_draft_records")),
    )
    op.create_index("ix_drafts_owner", "drafts", ["organization_id", "owner"])
    op.create_index("ix_draft_records_position", "draft_records", ["organization_id", "draft_id", "position"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("draft_records")
    op.drop_table("drafts")
