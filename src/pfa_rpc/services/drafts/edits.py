"""Edits of a draft: `DraftEdits` keeps what differs from the records as they are, and lays it over them anew."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import LimitExceeded
from pfa_rpc.records.editing import marked_created, marked_edited
from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import MERGED_NAMES, differing
from pfa_rpc.store.drafts import drafts as stored_drafts
from pfa_rpc.store.drafts.drafts import MOST_RECORDS, Draft, DraftRecord
from pfa_rpc.store.drafts.view import DraftView, see
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.records import StoredRecord, StoredRow, batches, new_record, read_rows

_SAVED: Final = 200
"""Records that are written at once."""
_STEP: Final = 100
"""Records that are worked on before other calls get their turn: some 5 ms."""


@dataclass(frozen=True, slots=True)
class DraftEdit:
    """What becomes of a record in a draft."""

    before: Values | None
    """Every field as the draft had it; None: the draft makes the record now."""
    after: Values
    named: frozenset[str] = frozenset()
    """Fields that the edit names, also where they have the value already."""


class DraftEdits:
    """What one transaction changes in a draft that it has taken.

    Args:
        connection: of the transaction; it sees the records as they are.
        organization: as of the transaction.
        draft: as it was taken.
        at: when its records count as edited.
    """

    def __init__(self, connection: AsyncConnection, organization: Organization, draft: Draft, at: datetime) -> None:
        self.connection = connection
        self._organization = organization
        self.draft = draft
        self._at = at

    @property
    def view(self) -> DraftView:
        """What lets a connection see records as the draft has them."""
        return DraftView(self.draft.organization_id, self.draft.draft_id)

    async def lay_over(self) -> None:
        """Lay the draft over the records that were changed since it was last laid over them."""
        revision = self._organization.revision.number
        if self.draft.revision >= revision:
            return
        for ids in batches(await stored_drafts.outdated_ids(self.connection, self.draft), _SAVED):
            found = await stored_drafts.read_records(self.connection, self.draft, ids)
            rows = await read_rows(self.connection, self.draft.organization_id, "id", list(found))
            await self._save([self._anew(rows[key], one) for key, one in found.items() if not one.is_created])
        self.draft = await stored_drafts.laid_over(self.connection, self.draft, revision)

    def _anew(self, row: StoredRow, drafted: DraftRecord) -> DraftRecord:
        theirs = row.decoded()
        mine = {name: drafted.record.values[name] for name in stored_drafts.still_changed(drafted, theirs.values)}
        at = drafted.record.values["modified_at"] or self._at
        return self._over(theirs, mine, drafted.old, drafted.edited_revision, at)

    def _over(self, theirs: StoredRecord, mine: Values, old: Values, edited_revision: int, at: datetime) -> DraftRecord:
        """Return a record with some fields that are the draft's own."""
        values, base = marked_edited(theirs.values, theirs.base, theirs.values | mine, self.draft.owner, at)
        record = StoredRecord(dict(values), base, theirs.seen_digest, theirs.position)
        fields = tuple(name for name in MERGED_NAMES if name in mine)
        return DraftRecord(record, fields, {name: old[name] for name in fields}, edited_revision=edited_revision)

    async def apply(self, edits: Sequence[DraftEdit]) -> dict[str, bytes]:
        """Carry out edits of different records; return id → payload of those that the draft then changes.

        Raises LimitExceeded where the draft would grow too large.
        """
        payloads: dict[str, bytes] = {}
        # Neighbours of the key together; those that are made keep their order.
        in_order = sorted(edits, key=lambda edit: "" if edit.before is None else edit.before["id"])
        for part in batches(in_order, _SAVED):
            payloads |= await self._apply(part)
            await asyncio.sleep(0)
        size = sum(await self.counts())
        if size > MOST_RECORDS:
            raise LimitExceeded(
                f"the draft would change {size:,} records; one holds at most {MOST_RECORDS:,}: commit it before",
                metadata={"limit": "draft_records", "records": str(size)},
            )
        return payloads

    async def counts(self) -> stored_drafts.Counts:
        """Return how many records the draft changes and makes."""
        draft_id = self.draft.draft_id
        found = await stored_drafts.count_records(self.connection, self.draft.organization_id, [draft_id])
        return found[draft_id]

    async def _apply(self, edits: Sequence[DraftEdit]) -> dict[str, bytes]:
        ids = [edit.after["id"] for edit in edits if edit.before is not None]
        kept = await stored_drafts.read_records(self.connection, self.draft, ids)
        rows = await read_rows(self.connection, self.draft.organization_id, "id", ids)
        changed: list[DraftRecord] = []
        for number, edit in enumerate(edits):
            if number % _STEP == _STEP - 1:
                await asyncio.sleep(0)
            if edit.before is None:
                changed.append(await self._made(edit.after))
            elif (drafted := kept.get(edit.after["id"])) is not None and drafted.is_created:
                changed.append(self._made_otherwise(drafted, edit.after))
            else:
                row = rows[edit.after["id"]]
                changed.append(self._edited(row, drafted, edit, edit.before))
        return await self._save(changed)

    async def _made(self, values: Values) -> DraftRecord:
        marked, nothing = marked_created(values, self.draft.owner, self._at)
        record = new_record(self.draft.organization_id, values["pfa_id"], marked)
        record.base, record.position = nothing, self.draft.next_position
        self.draft = await stored_drafts.reserve_positions(self.connection, self.draft, 1)
        revision = self._organization.revision.number
        return DraftRecord(record, (), is_created=True, edited_revision=revision)

    def _made_otherwise(self, drafted: DraftRecord, after: Values) -> DraftRecord:
        marked, nothing = marked_created(after, self.draft.owner, self._at)
        record = StoredRecord(marked, nothing, None, drafted.record.position)
        return DraftRecord(record, (), is_created=True, edited_revision=drafted.edited_revision)

    def _edited(self, row: StoredRow, drafted: DraftRecord | None, edit: DraftEdit, before: Values) -> DraftRecord:
        theirs = row.decoded()
        old = dict(drafted.old) if drafted is not None else {}
        # A field that is named is decided anew: what it is now is what it is changed from.
        named = edit.named.intersection(MERGED_NAMES).union(differing(edit.after, before))
        old |= {name: theirs.values[name] for name in named}
        mine = {name: edit.after[name] for name in old if edit.after[name] != theirs.values[name]}
        revision = self._organization.revision.number if drafted is None else drafted.edited_revision
        return self._over(theirs, mine, old, revision, self._at)

    async def _save(self, changed: Sequence[DraftRecord]) -> dict[str, bytes]:
        """Keep records that differ, and drop those that do not; return the payloads of the former by id."""
        differ = [one for one in changed if one.fields or one.is_created]
        same = [one.record.values["id"] for one in changed if not one.fields and not one.is_created]
        await stored_drafts.drop_records(self.connection, self.draft, same)
        payloads = await stored_drafts.save_records(self.connection, self._organization, self.draft, differ)
        return dict(zip([one.record.values["id"] for one in differ], payloads, strict=True))

    async def seen(self) -> None:
        """Let the connection see the records as the draft has them."""
        await see(self.connection, self.view)

    async def unseen(self) -> None:
        """Let the connection see the records as they are."""
        await see(self.connection, None)
