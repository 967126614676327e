"""Create the first tables."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Text orders by code point; PostgreSQL would follow the locale of the database.
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NAMES = sa.Text().with_variant(postgresql.ARRAY(sa.Text()), "postgresql")
NOT_DISCONTINUED: dict[str, Any] = {
    "postgresql_where": sa.text("NOT is_discontinued"),
    "sqlite_where": sa.text("is_discontinued = 0"),
}
UNSYNCED: dict[str, Any] = {
    "postgresql_where": sa.text("sync_state IN ('modified', 'pending_sync')"),
    "sqlite_where": sa.text("sync_state IN ('modified', 'pending_sync')"),
}


def upgrade() -> None:
    """Create every table of the first version."""
    op.create_table(
        "field_values",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("field", TEXT, nullable=False),
        sa.Column("spelling", TEXT, nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "field", "spelling", name=op.f("pk_field_values")),
    )
    op.create_table(
        "instance_keys",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_instance_keys")),
    )
    op.create_table(
        "organization_revisions",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("nonce", sa.BigInteger(), nullable=False),
        sa.Column("next_position", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_organization_revisions")),
    )
    op.create_table(
        "organizations",
        sa.Column("organization_id", TEXT, nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("currency_code", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", name=op.f("pk_organizations")),
    )
    op.create_table(
        "records",
        sa.Column("organization_id", TEXT, nullable=False),
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
        sa.Column("last_synced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pems_version", TEXT, nullable=True),
        sa.Column("local_version", sa.BigInteger(), nullable=False),
        sa.Column("modified_fields", NAMES, nullable=True),
        sa.Column("modified_by_key", TEXT, nullable=True),
        sa.Column("modified_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sync_error_message_key", TEXT, nullable=True),
        sa.Column("sync_retry_count", sa.BigInteger(), nullable=False),
        sa.Column("pems_stamp", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pems_modified_by_key", TEXT, nullable=True),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("payload_version", sa.SmallInteger(), nullable=False),
        sa.Column("base", sa.LargeBinary(), nullable=True),
        sa.Column("seen_digest", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "id", name=op.f("pk_records")),
    )
    op.create_index(
        "ix_records_area_source_rate",
        "records",
        ["organization_id", "area_silo_key", "source", "monthly_rate"],
        **NOT_DISCONTINUED,
    )
    op.create_index(
        "ix_records_category_source", "records", ["organization_id", "category_key", "source"], **NOT_DISCONTINUED
    )
    op.create_index("ix_records_contract", "records", ["organization_id", "contract_key"])
    op.create_index("ix_records_equipment", "records", ["organization_id", "equipment_key"])
    op.create_index("ix_records_forecast_dates", "records", ["organization_id", "forecast_start", "forecast_end"])
    op.create_index("ix_records_revision", "records", ["organization_id", "revision"])
    op.create_index("ix_records_unsynced", "records", ["organization_id", "sync_state"], **UNSYNCED)
    op.create_index("ux_records_pfa_id", "records", ["organization_id", "pfa_id"], unique=True)
    op.create_index("ux_records_position", "records", ["organization_id", "position"], unique=True)


def downgrade() -> None:
    """Drop them."""
    op.drop_index("ux_records_position", "records")
    op.drop_index("ux_records_pfa_id", "records")
    op.drop_index("ix_records_unsynced", "records")
    op.drop_index("ix_records_revision", "records")
    op.drop_index("ix_records_forecast_dates", "records")
    op.drop_index("ix_records_equipment", "records")
    op.drop_index("ix_records_contract", "records")
    op.drop_index("ix_records_category_source", "records")
    op.drop_index("ix_records_area_source_rate", "records")

    op.drop_table("records")
    op.drop_table("organizations")
    op.drop_table("organization_revisions")
    op.drop_table("instance_keys")
    op.drop_table("field_values")
