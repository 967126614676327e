"""The tables. Every key starts with organization_id, so that they can be distributed or partitioned by it.

`records` derives its columns from the table of fields: a column exists to be filtered, sorted and summed; what a reader
gets is `payload`. Text orders by code point on both databases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from nlq.schema import FieldType
from pfa_rpc.schema import FIELDS, Field
from pfa_rpc.store.types import NameList, UtcTime

CODE_LENGTH: Final = 32
"""Longest code of an organization."""

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text_type() -> sa.types.TypeEngine[str]:
    """Return text that orders by code point; PostgreSQL would follow the locale of the database."""
    return sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def column_type(field: Field) -> sa.types.TypeEngine[Any]:
    """Return the type of a field's column."""
    match field.type:
        case FieldType.ID | FieldType.TEXT | FieldType.ENUM:
            return text_type()
        case FieldType.BOOL:
            return sa.Boolean()
        case FieldType.MONEY | FieldType.INTEGER:
            return sa.BigInteger()
        case FieldType.DATE:
            return sa.Date()
        case FieldType.TIME:
            return UtcTime()
        case FieldType.NAMES:
            return NameList()


def organization_column(**options: Any) -> sa.Column[str]:
    """Return the column that the key of every table begins with."""
    return sa.Column("organization_id", text_type(), nullable=False, **options)


organizations = sa.Table(
    "organizations",
    metadata,
    organization_column(primary_key=True),
    sa.Column("display_name", sa.Text(), nullable=False),
    sa.Column("currency_code", sa.Text(), nullable=False),
    sa.Column("time_zone", sa.Text(), nullable=False),
    sa.Column("created_at", UtcTime(), nullable=False),
)

organization_revisions = sa.Table(
    "organization_revisions",
    metadata,
    organization_column(primary_key=True),
    sa.Column("revision", sa.BigInteger(), nullable=False),
    # Drawn anew with every revision: after a restore a number can come back with other data, the pair cannot.
    sa.Column("nonce", sa.BigInteger(), nullable=False),
    # Position that the next inserted record gets; the row is held by every write, so positions have no gaps or races.
    sa.Column("next_position", sa.BigInteger(), nullable=False),
    # Drawn anew by every write after which other values, or synonyms, can be named.
    sa.Column("vocabulary_nonce", sa.BigInteger(), nullable=False, server_default="0"),
    # When the revision was committed, never before the one that it follows; missing where nothing was yet.
    sa.Column("changed_at", UtcTime()),
)


def record_columns() -> Iterator[sa.Column[Any]]:
    """Yield the columns of a table of records, but for the organization's."""
    for field in FIELDS:
        yield sa.Column(field.column, column_type(field), nullable=not field.required, primary_key=field.name == "id")
    # Order of insertion, which never changes: streams run in it.
    yield sa.Column("position", sa.BigInteger(), nullable=False)
    # Revision of the organization that last changed the record.
    yield sa.Column("revision", sa.BigInteger(), nullable=False)
    yield sa.Column("payload", sa.LargeBinary(), nullable=False)
    yield sa.Column("payload_version", sa.SmallInteger(), nullable=False)
    # The PEMS values that both sides last agreed on; missing while the record has no local edit: then they are its own.
    yield sa.Column("base", sa.LargeBinary())
    # Digest of the row of PEMS that was taken in last, so that the same row is recognized without decoding.
    yield sa.Column("seen_digest", sa.LargeBinary())


records = sa.Table("records", metadata, organization_column(primary_key=True), *record_columns())

record_chunks = sa.Table(
    "record_chunks",
    metadata,
    organization_column(primary_key=True),
    # Number of the chunk: positions of its records divided by CHUNK_RECORDS.
    sa.Column("chunk", sa.BigInteger(), primary_key=True, autoincrement=False),
    # The write that last changed a record of it.
    sa.Column("revision", sa.BigInteger(), nullable=False),
    sa.Column("nonce", sa.BigInteger(), nullable=False),
)
"""What each chunk of records is at: a cached chunk with this pair is as good as the records."""

organization_commits = sa.Table(
    "organization_commits",
    metadata,
    organization_column(primary_key=True),
    sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("nonce", sa.BigInteger(), nullable=False),
    sa.Column("committed_at", UtcTime(), nullable=False),
    sa.Column("how", text_type(), nullable=False),
    sa.Column("changed_by", text_type(), nullable=False),
    sa.Column("request_id", text_type()),
    # Names a change that can be undone.
    sa.Column("change_id", text_type()),
    # The records that it inserted have the positions from the first one on: they need no rows of their own.
    sa.Column("first_position", sa.BigInteger(), nullable=False),
    sa.Column("created", sa.BigInteger(), nullable=False),
    sa.Column("changed", sa.BigInteger(), nullable=False),
)
"""Every write: who, when, how, and which records it inserted. What it changed of others is in `record_changes`."""

record_changes = sa.Table(
    "record_changes",
    metadata,
    organization_column(primary_key=True),
    sa.Column("record_id", text_type(), primary_key=True),
    sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
    # Names of all fields that differ, costs and what is known of the synchronization among them.
    sa.Column("fields", NameList(), nullable=False),
    # These fields before and after, as a partial pfa.v1.Record; one that is named and not there was, or is, missing.
    sa.Column("old", sa.LargeBinary(), nullable=False),
    sa.Column("new", sa.LargeBinary(), nullable=False),
)
"""What each write changed of records that were there."""

request_results = sa.Table(
    "request_results",
    metadata,
    organization_column(primary_key=True),
    sa.Column("requester", text_type(), primary_key=True),
    sa.Column("request_id", text_type(), primary_key=True),
    # Of everything that was asked for: the same name with another request is a mistake.
    sa.Column("digest", sa.LargeBinary(), nullable=False),
    sa.Column("response", sa.LargeBinary(), nullable=False),
    sa.Column("committed_at", UtcTime(), nullable=False),
)
"""Responses of requests that changed something, for a day: a request that is repeated gets the same one."""

field_values = sa.Table(
    "field_values",
    metadata,
    organization_column(primary_key=True),
    sa.Column("field", text_type(), primary_key=True),
    sa.Column("spelling", text_type(), primary_key=True),
    # How many records hold this spelling; kept by the write path, 0 where the last one is gone.
    sa.Column("uses", sa.BigInteger(), nullable=False),
)
"""The values that questions can name."""

organization_synonyms = sa.Table(
    "organization_synonyms",
    metadata,
    organization_column(primary_key=True),
    # The folded phrase.
    sa.Column("phrase_key", text_type(), primary_key=True),
    sa.Column("phrase", sa.Text(), nullable=False),
    sa.Column("field", sa.Text(), nullable=False),
    # As records spelled it when the synonym was added; missing where the phrase means the field itself.
    sa.Column("value", sa.Text()),
    sa.Column("added_by", sa.Text(), nullable=False),
    sa.Column("added_at", UtcTime(), nullable=False),
)
"""What an organization calls values and fields besides their names."""

instance_keys = sa.Table(
    "instance_keys",
    metadata,
    sa.Column("name", text_type(), primary_key=True),
    sa.Column("value", sa.LargeBinary(), nullable=False),
)
"""Secrets that all processes on this database share, such as the key that tokens are signed with."""


def partial_index(predicate: str, sqlite_predicate: str | None = None) -> dict[str, Any]:
    """Return the options of an index of some rows only."""
    return {"postgresql_where": sa.text(predicate), "sqlite_where": sa.text(sqlite_predicate or predicate)}


# The databases match a partial index only where the query writes its predicate in the very same form.
NOT_DISCONTINUED: Final = partial_index("NOT is_discontinued", "is_discontinued = 0")
UNSYNCED_STATES: Final = ("modified", "pending_sync")
_UNSYNCED_PREDICATE: Final = "sync_state IN ('modified', 'pending_sync')"
_NOT_IN_PEMS_PREDICATE: Final = "deleted_in_pems OR (last_synced_at IS NULL AND seen_digest IS NULL)"
UNSYNCED: Final = partial_index(_UNSYNCED_PREDICATE)


def unsynced() -> sa.TextClause:
    """Return the predicate of the index of unsynced records, in its own form."""
    return sa.text(_UNSYNCED_PREDICATE)


def not_in_pems() -> sa.TextClause:
    """Return the predicate of the index of records that PEMS has no more, or never had, in its own form."""
    return sa.text(_NOT_IN_PEMS_PREDICATE)


_o = records.c.organization_id
sa.Index("ux_records_pfa_id", _o, records.c.pfa_id, unique=True)
sa.Index("ux_records_position", _o, records.c.position, unique=True)
sa.Index("ix_records_revision", _o, records.c.revision)
sa.Index("ix_records_category_source", _o, records.c.category_key, records.c.source, **NOT_DISCONTINUED)
sa.Index(
    "ix_records_area_source_rate",
    _o,
    records.c.area_silo_key,
    records.c.source,
    records.c.monthly_rate,
    **NOT_DISCONTINUED,
)
sa.Index("ix_records_forecast_dates", _o, records.c.forecast_start, records.c.forecast_end)
sa.Index("ix_records_unsynced", _o, records.c.sync_state, **UNSYNCED)
sa.Index("ix_records_not_in_pems", _o, **partial_index(_NOT_IN_PEMS_PREDICATE))
sa.Index("ix_records_equipment", _o, records.c.equipment_key)
sa.Index("ix_records_contract", _o, records.c.contract_key)
# Records with a local edit are few, and only they are in these two.
sa.Index("ix_records_modified_at", _o, records.c.modified_at, **partial_index("modified_at IS NOT NULL"))
# SQLite has no kind of index that looks into lists.
sa.Index(
    "ix_records_modified_fields",
    records.c.modified_fields,
    postgresql_using="gin",
    postgresql_where=records.c.modified_fields.is_not(None),
).ddl_if(dialect="postgresql")

_commits = organization_commits.c
sa.Index("ix_organization_commits_time", _commits.organization_id, _commits.committed_at)
sa.Index("ix_organization_commits_user", _commits.organization_id, _commits.changed_by, _commits.revision)
sa.Index(
    "ix_organization_commits_change",
    _commits.organization_id,
    _commits.change_id,
    **partial_index("change_id IS NOT NULL"),
)
# Finds the write that inserted a record by the record's position.
sa.Index(
    "ix_organization_commits_created",
    _commits.organization_id,
    _commits.first_position,
    **partial_index("created > 0"),
)
sa.Index("ix_record_changes_revision", record_changes.c.organization_id, record_changes.c.revision)
sa.Index("ix_request_results_time", request_results.c.organization_id, request_results.c.committed_at)
