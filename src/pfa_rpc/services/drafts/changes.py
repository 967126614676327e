"""What a request asks to change in a draft: `mutations_edits`, `changes_edits` by a filter, `reverted_edits` back.

Each reads the request, and returns what carries it out within the transaction that has taken the draft.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from pfa.v1.draft_pb2 import EditDraftRequest, EditDraftResponse
from pfa.v1.record_pb2 import Record
from pfa_rpc.errors import InvalidRequest, LimitExceeded
from pfa_rpc.services.drafts.edits import DraftEdit, DraftEdits
from pfa_rpc.services.editing.applying import Asked
from pfa_rpc.services.editing.changes import read_changes
from pfa_rpc.services.editing.entries import CREATE, read_entries
from pfa_rpc.services.editing.mutations import MutationBatch
from pfa_rpc.services.editing.outcomes import Outcome
from pfa_rpc.services.principal import Principal
from pfa_rpc.services.requests import read_filter, require_visible
from pfa_rpc.store import reads
from pfa_rpc.store.drafts.drafts import MOST_RECORDS, drop_records
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.records import read_row_stretch, read_rows, record_id

Edited = Callable[[DraftEdits], Awaitable[EditDraftResponse]]
"""Carries an edit out."""

MAX_REVERTED: Final = 1_000
_STRETCH: Final = 500
_AT_ONCE: Final = 100
"""Records that are worked on before other calls get their turn: some 5 ms."""


async def mutations_edits(request: EditDraftRequest, organization: Organization, principal: Principal) -> Edited:
    """Return what carries out the mutations of a request. Raises InvalidRequest, PermissionDenied."""
    entries = await read_entries(request.mutations, organization)
    require_visible(principal, dict.fromkeys(name for entry in entries for name in entry.updates))

    async def carry_out(edits: DraftEdits) -> EditDraftResponse:
        batch = MutationBatch(organization, entries, principal.name)
        await edits.seen()
        await batch.read(edits.connection)
        await edits.unseen()
        batch.require_sound()
        wanted = []
        ids = []
        for entry, tried in zip(entries, batch.tried, strict=True):
            before, after = tried.before, tried.edited.values
            ids.append(record_id(organization.organization_id, entry.name) if before is None else before["id"])
            named = frozenset() if entry.operation == CREATE else frozenset(entry.updates)
            wanted.append(DraftEdit(before, after, named))
        await edits.apply(wanted)
        await edits.seen()
        found = await read_rows(edits.connection, organization.organization_id, "id", ids)
        await edits.unseen()
        changed = sum(one.before is None or one.before != one.after for one in wanted)
        return EditDraftResponse(records=[Record.FromString(found[one].payload) for one in ids], edited=changed)

    return carry_out


async def changes_edits(request: EditDraftRequest, organization: Organization, principal: Principal) -> Edited:
    """Return what carries out the changes of a request on all records that its filter matches."""
    changes = read_changes(request.changes, organization.currency_code)
    asked = Asked(await read_filter(request.filter, principal), changes)
    require_visible(principal, asked.fields)

    async def carry_out(edits: DraftEdits) -> EditDraftResponse:
        outcome = Outcome(asked.changes, organization)
        await edits.seen()
        wanted = await _matching(edits, asked, outcome)
        await edits.unseen()
        if outcome.refused and not request.allow_refused:
            raise outcome.refusal()
        await edits.apply(wanted)
        return EditDraftResponse(edited=outcome.changed, unchanged=outcome.unchanged, refused=outcome.refused)

    return carry_out


async def _matching(edits: DraftEdits, asked: Asked, outcome: Outcome) -> list[DraftEdit]:
    """Return what becomes of the records that match in the draft, as the connection sees it. Raises LimitExceeded."""
    connection, organization_id = edits.connection, edits.draft.organization_id
    matched = await reads.count(connection, organization_id, asked.condition)
    if matched > MOST_RECORDS:
        raise LimitExceeded(
            f"{matched:,} records match; a draft holds at most {MOST_RECORDS:,}: narrow the filter",
            metadata={"limit": "draft_records", "matched": str(matched)},
        )
    wanted: list[DraftEdit] = []
    after: int | None = -1
    while after is not None:
        rows = await read_row_stretch(connection, organization_id, asked.condition, after=after, limit=_STRETCH)
        for number, row in enumerate(rows, start=1):
            before = row.values()
            edited = outcome.add(before)
            if edited is not None:
                wanted.append(DraftEdit(before, edited.values))
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        after = rows[-1].position if len(rows) == _STRETCH else None
    return wanted


async def reverted_edits(request: EditDraftRequest, _organization: Organization, _principal: Principal) -> Edited:
    """Return what takes records out of a draft again. Raises InvalidRequest."""
    if len(request.revert_ids) > MAX_REVERTED:
        raise InvalidRequest.of(
            "revert_ids", f"{len(request.revert_ids):,} are too many; write at most {MAX_REVERTED:,}"
        )
    ids = [_record_id(f"revert_ids[{number}]", text) for number, text in enumerate(request.revert_ids)]

    async def carry_out(edits: DraftEdits) -> EditDraftResponse:
        return EditDraftResponse(edited=await drop_records(edits.connection, edits.draft, ids))

    return carry_out


def _record_id(path: str, text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise InvalidRequest.of(path, f"{text[:100]!r} is not the id of a record") from None
