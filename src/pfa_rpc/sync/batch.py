"""Takes records through steps of the core within one write: `SyncBatch`, the only way to change what they remember.

    async with database.write(organization_id, cause) as write:
        batch = await SyncBatch.begin(write, terms)
        await batch.read("id", ids)
        batch.step(record_id, Claim(…))
        await batch.save()  # NothingChanged where the steps changed nothing: then no revision is used
    for wanted in batch.wanted: …  # Get, Update, Retry: to be carried out now that it is committed

`save_row_edits` is the same for the edits of people: those of records about which something is remembered go through
the core, all others straight to the records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from pfa_rpc.records.deltas import differences
from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import MERGED_NAMES
from pfa_rpc.store.database import NothingChanged, Write
from pfa_rpc.store.organizations import Organization, get_organization
from pfa_rpc.store.records import Change, StoredRecord, read_rows, save_records
from pfa_rpc.store.row_edits import RowEdit, RowEdits
from pfa_rpc.sync.core import first_seen, step
from pfa_rpc.sync.editors import with_editors
from pfa_rpc.sync.effects import Audit, CloseConflict, Effect, Get, OpenConflict, Retry, Update
from pfa_rpc.sync.events import Event, LocalEdit, Pulled
from pfa_rpc.sync.merge import TERMS, Terms
from pfa_rpc.sync.seen_rows import forget_rows
from pfa_rpc.sync.stored_rows import RowChange, read_sync_rows, write_sync_rows
from pfa_rpc.sync.sync_record import Presence, SyncRecord
from pfa_rpc.sync.sync_rows import SyncRow, stored, sync_record
from pfa_rpc.sync.taking import Outcome, outcome_of

AT_ONCE: Final = 100
"""Records that are decoded before other calls get their turn: some 5 ms."""


class Wanted(NamedTuple):
    """Something that is to be done for a record once its write is committed."""

    record_id: str
    pfa_id: str
    effect: Get | Update | Retry


@dataclass(slots=True)
class _Kept:
    """A record that the batch works on."""

    stored: StoredRecord | None
    """As it was read; None: the record is new."""
    row: SyncRow | None
    before: SyncRecord
    after: SyncRecord
    effects: list[Effect]


class SyncBatch:
    """Records of one organization, read and changed within one write. Made by `begin`.

    Attributes:
        wanted: what is to be done after the commit, in the order of the steps.
        saved: payloads of the records that `save` has written, by record id.
    """

    def __init__(self, write: Write, organization: Organization, terms: Terms, run_id: str | None) -> None:
        self._write = write
        self._organization = organization
        self._terms = terms
        self._run_id = run_id
        self._records: dict[str, _Kept] = {}
        self._ids: dict[str, str] = {}
        self.wanted: list[Wanted] = []
        self.saved: dict[str, bytes] = {}

    @classmethod
    async def begin(cls, write: Write, terms: Terms = TERMS, *, run_id: str | None = None) -> SyncBatch:
        """Return a batch without records. `run_id` is the run that what happens is logged under."""
        organization = await get_organization(write.connection, write.organization_id)
        return cls(write, organization, terms, run_id)

    async def read(self, key: Literal["id", "pfa_id"], names: Sequence[str]) -> None:
        """Read the records that exist among the names; those that the batch has already stay as they are in it."""
        connection, organization_id = self._write.connection, self._write.organization_id
        rows = await read_rows(connection, organization_id, key, names)
        fresh = [row for row in rows.values() if row.id not in self._records]
        known = await read_sync_rows(connection, organization_id, [row.id for row in fresh])
        for number, row in enumerate(fresh, start=1):
            self._add(row.decoded(), known.get(row.id))
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)

    def _add(self, record: StoredRecord, row: SyncRow | None) -> None:
        joined = sync_record(record, row)
        record_id, pfa_id = record.values["id"], record.values["pfa_id"]
        self._records[record_id] = _Kept(record, row, joined, joined, [])
        self._ids[pfa_id] = record_id

    def find(self, pfa_id: str) -> SyncRecord | None:
        """Return a record as it is after the steps so far, by its id in PEMS; None where it was not found."""
        record_id = self._ids.get(pfa_id)
        return None if record_id is None else self._records[record_id].after

    def get(self, record_id: str) -> SyncRecord | None:
        """Return a record as it is after the steps so far; None where it was not found."""
        kept = self._records.get(record_id)
        return None if kept is None else kept.after

    def step(self, record_id: str, event: Event) -> tuple[Effect, ...]:
        """Take a record that was read through a step; return what the step gave. Raises NotResolvable, KeyError."""
        kept = self._records[record_id]
        after, effects = step(kept.after, event, self._terms)
        kept.after = _shown(after)
        kept.effects += effects
        pfa_id = after.values["pfa_id"]
        self.wanted += [Wanted(record_id, pfa_id, e) for e in effects if isinstance(e, Get | Update | Retry)]
        return effects

    def take(self, event: Pulled) -> Outcome:
        """Take a row of PEMS in; a record that was not found is made."""
        pfa_id = event.row.pfa_id
        record_id = self._ids.get(pfa_id)
        if record_id is None:
            new = first_seen(event)
            record_id = new.values["id"]
            self._records[record_id] = _Kept(None, None, new, new, [])
            self._ids[pfa_id] = record_id
            return Outcome.INSERTED
        before = self._records[record_id].after
        self.step(record_id, event)
        return outcome_of(before, self._records[record_id].after)

    def holds(self, event: Pulled) -> bool:
        """Tell whether a row that was taken is in the record as a whole, so that it need not be looked at again."""
        record = self.find(event.row.pfa_id)
        if record is None or record.seen_digest != event.row.digest or not _is_current(record):
            return False
        return event.row.stamp is None or event.row.stamp == record.values["pems_stamp"]

    async def save(self, *, is_needed: bool = False, written: Collection[str] = ()) -> int:
        """Write what the steps have changed; return how many records were written.

        Args:
            is_needed: whether the write has more to commit, so that it is none to be given up.
            written: ids of records that are written even if they are as they were, since their payload is needed.

        Raises:
            NothingChanged: the steps changed nothing, and nothing else is to be committed.
        """
        changes: dict[str, Change] = {}
        rows: list[RowChange] = []
        for number, (record_id, kept) in enumerate(self._records.items(), start=1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)
            is_untouched = kept.stored is not None and kept.after is kept.before and not kept.effects
            if is_untouched and record_id not in written:
                continue
            if kept.stored is None and kept.after is kept.before and not kept.effects:
                # Nothing can be remembered of a record that is new, which most of a first pull are.
                changes[record_id] = None, StoredRecord(kept.after.values, None, kept.after.seen_digest)
                continue
            saved, row = stored(kept.after)
            if kept.stored is None or record_id in written or _is_changed(kept.stored, saved):
                changes[record_id] = kept.stored, saved
            if row != kept.row or any(isinstance(e, OpenConflict | CloseConflict | Audit) for e in kept.effects):
                rows.append(RowChange(record_id, kept.row, row, kept.effects))
        if not (changes or rows or is_needed):
            raise NothingChanged
        if changes:
            payloads = await save_records(self._write, self._organization, list(changes.values()))
            self.saved = dict(zip(changes, payloads, strict=True))
        if rows:
            rows = await with_editors(self._write, rows)
            await write_sync_rows(self._write, self._organization.currency_code, rows, run_id=self._run_id)
        await self._forget_rows()
        return len(changes)

    async def _forget_rows(self) -> None:
        """Let rows of PEMS be looked at again whose records do not hold them any more."""
        stale = [
            kept.after.values["pfa_id"]
            for kept in self._records.values()
            if kept.after is not kept.before and kept.stored is not None and _holds_less(kept.before, kept.after)
        ]
        if stale:
            await forget_rows(self._write.connection, self._write.organization_id, stale)


def _shown(record: SyncRecord) -> SyncRecord:
    """Return a record whose values show what is remembered of it, so that filters find it."""
    shown: Values = {
        "conflicting_fields": tuple(conflict.field for conflict in record.conflicts),
        "deleted_in_pems": record.presence is Presence.DELETED,
        "rejected_reason": record.rejected,
    }
    if all(record.values[name] == value for name, value in shown.items()):
        return record
    return replace(record, values=record.values | shown)


def _is_current(record: SyncRecord) -> bool:
    """Tell whether the row of PEMS that a record has seen last says all that is known of it."""
    return record.seen_digest is not None and record.presence is Presence.PRESENT and record.rejected is None


def _holds_less(before: SyncRecord, after: SyncRecord) -> bool:
    return _is_current(before) and not _is_current(after)


def _is_changed(before: StoredRecord, after: StoredRecord) -> bool:
    """Tell whether a record is to be written; that another row with the same values was seen is no reason."""
    if differences(before.values, after.values) or before.base != after.base:
        return True
    return after.seen_digest is None and before.seen_digest is not None


async def save_row_edits(
    write: Write,
    organization: Organization,
    edits: Sequence[RowEdit],
    *,
    named: Mapping[str, Collection[str]] | None = None,
    is_last: bool = False,
) -> list[bytes]:
    """Write what people have edited of records, and return their payloads.

    A record about which the synchronization remembers something is taken through the core: an edit of a field in
    conflict settles it, one of a record in error sends it again. What the core makes of it is in the payload.

    Args:
        write: the write that the rows were read in, with whether anything is remembered of them.
        organization: whose records they are.
        edits: of each record one.
        named: record id → the fields that its edit names, where some may have the value that they had: a field in
            conflict that is named counts as decided.
        is_last: whether nothing in the write reads after it, so that a few updates are left to its end.
    """
    plain = [edit for edit in edits if not edit.row.is_remembered]
    remembered = [edit for edit in edits if edit.row.is_remembered]
    saved = await RowEdits(write, organization).save(plain, is_last=is_last and not remembered) if plain else []
    payloads = dict(zip([edit.row.id for edit in plain], saved, strict=True))
    if remembered:
        payloads |= await _save_remembered(write, organization, remembered, named or {})
    return [payloads[edit.row.id] for edit in edits]


async def _save_remembered(
    write: Write, organization: Organization, edits: Sequence[RowEdit], named: Mapping[str, Collection[str]]
) -> Mapping[str, bytes]:
    """Take records through the core; return record id → payload."""
    ids = [edit.row.id for edit in edits]
    known = await read_sync_rows(write.connection, write.organization_id, ids)
    batch = SyncBatch(write, organization, TERMS, None)
    for record_id, edit in zip(ids, edits, strict=True):
        before = edit.row.decoded()
        after = before.values | edit.updates
        names = {*edit.updates, *named.get(record_id, ())}
        batch._add(before, known[record_id])  # noqa: SLF001 (it is its own module's)
        updates = {name: after[name] for name in MERGED_NAMES if name in names}
        batch.step(record_id, LocalEdit(updates, write.cause.by, write.at))
    await batch.save(written=ids)
    return batch.saved
