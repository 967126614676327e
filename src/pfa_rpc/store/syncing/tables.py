"""The tables of the synchronization with PEMS: what is remembered of a record beside its values, and of each run.

Most records have no row here: `record_sync` and `sync_conflicts` hold only those about which there is something to
remember. What each column means is said at `SyncRow` and `Conflict` of the package `sync`.
"""

from __future__ import annotations

import sqlalchemy as sa

from pfa_rpc.store.tables import metadata, organization_column, partial_index, text_type
from pfa_rpc.store.types import NameList, UtcTime

__all__ = [
    "metadata",
    "record_sync",
    "sync_conflicts",
    "sync_cursors",
    "sync_leases",
    "sync_log",
    "sync_rejected_rows",
    "sync_runs",
    "sync_seen_pages",
    "sync_seen_rows",
    "sync_settings",
]

record_sync = sa.Table(
    "record_sync",
    metadata,
    organization_column(primary_key=True),
    sa.Column("record_id", text_type(), primary_key=True),
    # The merged fields as PEMS was last known to hold them, as a partial pfa.v1.Record; missing: as base.
    sa.Column("theirs", sa.LargeBinary()),
    # The push in flight; below what is known of it.
    sa.Column("push_id", text_type()),
    sa.Column("pushed_local_version", sa.BigInteger()),
    # The fields that were sent, and their values as a partial record; one that is named and not there was emptied.
    sa.Column("push_fields", NameList()),
    sa.Column("push_values", sa.LargeBinary()),
    sa.Column("push_phase", text_type()),
    sa.Column("push_lock", text_type()),
    sa.Column("push_doubtful", sa.Boolean(), nullable=False),
    sa.Column("lease_until", UtcTime()),
    sa.Column("repull", UtcTime()),
    sa.Column("next_attempt_at", UtcTime()),
    sa.Column("presence", text_type(), nullable=False),
    sa.Column("rejected", sa.Text()),
    sa.Column("held", sa.Boolean(), nullable=False),
)
"""Records with more to remember than their values, their base and their digest."""

sync_conflicts = sa.Table(
    "sync_conflicts",
    metadata,
    organization_column(primary_key=True),
    sa.Column("conflict_id", text_type(), primary_key=True),
    sa.Column("record_id", text_type(), nullable=False),
    sa.Column("field", text_type(), nullable=False),
    # The three values, each a partial pfa.v1.Record that holds this field only.
    sa.Column("base", sa.LargeBinary(), nullable=False),
    sa.Column("mine", sa.LargeBinary(), nullable=False),
    sa.Column("theirs", sa.LargeBinary(), nullable=False),
    sa.Column("mine_by", sa.Text()),
    sa.Column("mine_at", UtcTime()),
    sa.Column("theirs_by", sa.Text()),
    sa.Column("theirs_at", UtcTime()),
    sa.Column("opened_at", UtcTime(), nullable=False),
    sa.Column("ambiguous", sa.Boolean(), nullable=False),
    sa.Column("decided", sa.Boolean(), nullable=False),
    # The three below are missing while it is open.
    sa.Column("closed_at", UtcTime()),
    sa.Column("settlement", text_type()),
    sa.Column("closed_by", sa.Text()),
)
"""Conflicts, those that are over among them: the log of who decided what, with both sides' values."""

sync_log = sa.Table(
    "sync_log",
    metadata,
    organization_column(primary_key=True),
    # The write that it belongs to, and its place in it: the order in which things happened.
    sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
    sa.Column("ordinal", sa.Integer(), primary_key=True, autoincrement=False),
    sa.Column("record_id", text_type(), nullable=False),
    sa.Column("action", text_type(), nullable=False),
    sa.Column("at", UtcTime(), nullable=False),
    sa.Column("fields", NameList()),
    sa.Column("by", sa.Text()),
    sa.Column("detail", sa.Text(), nullable=False),
    # The run that it belongs to; missing where a person did it.
    sa.Column("run_id", text_type()),
)
"""What happened to single records: writes acknowledged, failed, given up; rejected, deleted, returned."""

sync_seen_rows = sa.Table(
    "sync_seen_rows",
    metadata,
    organization_column(primary_key=True),
    sa.Column("pfa_id", text_type(), primary_key=True),
    sa.Column("digest", sa.LargeBinary(), nullable=False),
)
"""The rows of PEMS as they came last, by digest: one that comes again just so needs no reading."""

sync_seen_pages = sa.Table(
    "sync_seen_pages",
    metadata,
    organization_column(primary_key=True),
    # Of its bytes, and of how they are read.
    sa.Column("page_key", sa.LargeBinary(), primary_key=True),
    # Those of its rows, one after another.
    sa.Column("digests", sa.LargeBinary(), nullable=False),
    # Bytes behind its rows, and the id of the last of them.
    sa.Column("tail", sa.BigInteger(), nullable=False),
    sa.Column("last_id", sa.Text(), nullable=False),
)
"""The pages that the last full pull came across, so that one that comes again just so need not be cut into rows.

It says what stands on a page, and so stays true; whether all of its rows are as they came last, `sync_seen_rows` says.
"""

sync_rejected_rows = sa.Table(
    "sync_rejected_rows",
    metadata,
    organization_column(primary_key=True),
    # The row's id; where it has none, # and its digest.
    sa.Column("row_key", text_type(), primary_key=True),
    sa.Column("pfa_id", text_type(), nullable=False),
    sa.Column("digest", sa.LargeBinary(), nullable=False),
    # Text by column of the grid, as JSON.
    sa.Column("cells", sa.Text(), nullable=False),
    # Column, value and reason of each fault, as JSON.
    sa.Column("faults", sa.Text(), nullable=False),
    sa.Column("stamp", UtcTime()),
    sa.Column("rejected_at", UtcTime(), nullable=False),
    sa.Column("run_id", text_type(), nullable=False),
)
"""Rows of PEMS that cannot be taken in as they are now."""

sync_cursors = sa.Table(
    "sync_cursors",
    metadata,
    organization_column(primary_key=True),
    # The newest stamp of a row that was read, as far as everything older is known to have been read.
    sa.Column("stamp", UtcTime()),
    # When the last sweep that was complete began.
    sa.Column("swept_at", UtcTime()),
    # Drawn anew with every change of the rows seen, so that a process knows whether its copy of them is right.
    sa.Column("seen_nonce", sa.BigInteger(), nullable=False),
    # A pull that is under way, or was stopped: full or incremental, from which stamp on, behind which id.
    sa.Column("mode", text_type()),
    sa.Column("since", UtcTime()),
    sa.Column("began_at", UtcTime()),
    sa.Column("after_id", text_type()),
    # Where it reads several ranges of ids at once: how far each of them is, as JSON.
    sa.Column("ranges", sa.Text()),
    # The newest stamp that it has come across.
    sa.Column("newest", UtcTime()),
)
"""How far reading PEMS has come, for each organization."""

sync_leases = sa.Table(
    "sync_leases",
    metadata,
    organization_column(primary_key=True),
    sa.Column("holder", text_type(), nullable=False),
    # Counts the holders: what an earlier one still wants to write is refused by it.
    sa.Column("fence", sa.BigInteger(), nullable=False),
    sa.Column("expires_at", UtcTime(), nullable=False),
    sa.Column("run_id", text_type(), nullable=False),
)
"""Who runs the synchronization of an organization: one at a time."""

sync_runs = sa.Table(
    "sync_runs",
    metadata,
    organization_column(primary_key=True),
    sa.Column("run_id", text_type(), primary_key=True),
    # Order in which they were begun, from 1 on.
    sa.Column("number", sa.BigInteger(), nullable=False),
    sa.Column("direction", text_type(), nullable=False),
    sa.Column("mode", text_type(), nullable=False),
    sa.Column("state", text_type(), nullable=False),
    sa.Column("phase", text_type(), nullable=False),
    sa.Column("requested_by", sa.Text(), nullable=False),
    sa.Column("request_id", text_type()),
    sa.Column("request_digest", sa.LargeBinary()),
    sa.Column("holder", text_type(), nullable=False),
    sa.Column("started_at", UtcTime(), nullable=False),
    sa.Column("updated_at", UtcTime(), nullable=False),
    sa.Column("ended_at", UtcTime()),
    # Counts the changes of this row: who watches it resumes behind the one seen last.
    sa.Column("sequence", sa.BigInteger(), nullable=False),
    # Rows and records to be gone through, as far as it is known.
    sa.Column("total", sa.BigInteger()),
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
    # Why it failed, was cancelled or skipped, for a person; and the reason as programs know it.
    sa.Column("message", sa.Text(), nullable=False),
    sa.Column("reason", text_type(), nullable=False),
    # Sentences about what it came across, such as columns that are missing, one a line.
    sa.Column("notes", sa.Text(), nullable=False),
    sa.Column("cancelled_by", sa.Text()),
)
"""The log of the synchronization: every run, those that were skipped among them."""

sync_settings = sa.Table(
    "sync_settings",
    metadata,
    organization_column(primary_key=True),
    sa.Column("is_suspended", sa.Boolean(), nullable=False),
    sa.Column("is_read_only", sa.Boolean(), nullable=False),
    sa.Column("why", sa.Text(), nullable=False),
    # Missing: as the settings of the service say.
    sa.Column("interval_seconds", sa.BigInteger()),
    # Field → which side wins its conflicts, as JSON.
    sa.Column("policies", sa.Text(), nullable=False),
    sa.Column("updated_by", sa.Text(), nullable=False),
    sa.Column("updated_at", UtcTime(), nullable=False),
)
"""What an organization wants of its synchronization; without a row, the defaults."""

_r, _c, _u = record_sync.c, sync_conflicts.c, sync_runs.c
sa.Index("ix_record_sync_lease", _r.organization_id, _r.lease_until, **partial_index("lease_until IS NOT NULL"))
sa.Index("ix_record_sync_repull", _r.organization_id, _r.repull, **partial_index("repull IS NOT NULL"))
sa.Index(
    "ix_record_sync_attempt", _r.organization_id, _r.next_attempt_at, **partial_index("next_attempt_at IS NOT NULL")
)
sa.Index("ix_record_sync_presence", _r.organization_id, _r.presence, **partial_index("presence <> 'present'"))
sa.Index(
    "ux_sync_conflicts_open",
    _c.organization_id,
    _c.record_id,
    _c.field,
    unique=True,
    **partial_index("closed_at IS NULL"),
)
sa.Index("ix_sync_conflicts_opened", _c.organization_id, _c.opened_at, _c.conflict_id)
sa.Index("ix_sync_log_record", sync_log.c.organization_id, sync_log.c.record_id, sync_log.c.revision)
sa.Index("ux_sync_runs_number", _u.organization_id, _u.number, unique=True)
sa.Index(
    "ux_sync_runs_request",
    _u.organization_id,
    _u.requested_by,
    _u.request_id,
    unique=True,
    **partial_index("request_id IS NOT NULL"),
)
