"""The tables of drafts: `drafts`, and `draft_records`, the records that a draft makes other than they are."""

from __future__ import annotations

import sqlalchemy as sa

from pfa_rpc.store.tables import metadata, organization_column, record_columns, text_type
from pfa_rpc.store.types import NameList, UtcTime

__all__ = ["draft_records", "drafts"]

drafts = sa.Table(
    "drafts",
    metadata,
    organization_column(primary_key=True),
    sa.Column("draft_id", text_type(), primary_key=True),
    # Name of the principal who made it; nobody else sees it.
    sa.Column("owner", text_type(), nullable=False),
    sa.Column("display_name", sa.Text(), nullable=False),
    sa.Column("created_at", UtcTime(), nullable=False),
    # When it was last edited.
    sa.Column("changed_at", UtcTime(), nullable=False),
    # Revision of the organization that its records were last laid over.
    sa.Column("revision", sa.BigInteger(), nullable=False),
    # Position that the next record made in it gets.
    sa.Column("next_position", sa.BigInteger(), nullable=False),
)
"""What people have begun to change, and not committed yet."""

draft_records = sa.Table(
    "draft_records",
    metadata,
    organization_column(primary_key=True),
    sa.Column("draft_id", text_type(), primary_key=True),
    *record_columns(),
    # Whether it is made by the draft, so that there is nothing that it was edited from.
    sa.Column("is_created", sa.Boolean(), nullable=False),
    # Revision that had last changed the record when the draft first edited it.
    sa.Column("edited_revision", sa.BigInteger(), nullable=False),
    # Names of the fields that the draft changes, and, as partial pfa.v1.Records, what they were when it did, and are.
    sa.Column("fields", NameList()),
    sa.Column("old", sa.LargeBinary(), nullable=False),
    sa.Column("new", sa.LargeBinary(), nullable=False),
)
"""Records as they would be were the draft applied: the same columns as `records`, and what was edited."""

sa.Index("ix_drafts_owner", drafts.c.organization_id, drafts.c.owner)
sa.Index(
    "ix_draft_records_position", draft_records.c.organization_id, draft_records.c.draft_id, draft_records.c.position
)
