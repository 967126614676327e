"""UndoChange, RedoChange and ListUndoable: `Undoing` sets back what one change did, as a new change.

A field that was changed since, by whomever and to whatever, keeps all from being undone: who changed it has decided
about it. A later change that was itself undone does not count, so that changes are undone one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from pfa.v1.history_pb2 import ChangeOrigin, HistoryEntry
from pfa.v1.undo_pb2 import (
    ListUndoableRequest,
    ListUndoableResponse,
    RedoChangeRequest,
    RedoChangeResponse,
    UndoableChange,
    UndoChangeRequest,
    UndoChangeResponse,
)
from pfa_rpc.errors import ChangeConflict, ChangeNotFound, InvalidRequest, Violation, WrongChangeState
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.records.editing import Edited, edit
from pfa_rpc.records.encode import Values, timestamp_message
from pfa_rpc.records.revision import Revision
from pfa_rpc.records.tracking import updates_of
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.call import Call
from pfa_rpc.services.editing.entries import violations_error
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites, read_request_id
from pfa_rpc.services.following.history import history_entry
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.requests import Mask, authorize, bounded, require_visible, revision_token
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import digest
from pfa_rpc.store.database import Write
from pfa_rpc.store.history import undoing
from pfa_rpc.store.history.audit import StoredChange
from pfa_rpc.store.history.examples import read_examples
from pfa_rpc.store.history.undoing import MOST_CHANGES, Delta, Touch
from pfa_rpc.store.organizations import Organization, current_organization, get_organization
from pfa_rpc.store.records import StoredRow, read_created
from pfa_rpc.store.row_edits import RowEdit
from pfa_rpc.sync.batch import save_row_edits

DEFAULT_LISTED: Final = 50
NAMED: Final = 10
"""Conflicts, and broken rules, that are named one by one."""
_STRETCH: Final = 1_000
_AT_ONCE: Final = 100
"""Records that are worked on before other calls get their turn: some 5 ms."""
_ID_LENGTH: Final = 100


class Undoing:
    """Changes that are set back, and carried out again."""

    def __init__(self, sources: Sources) -> None:
        self._database = sources.database
        self._tokens = sources.tokens
        self._writes = RepeatableWrites(sources.database)

    async def undo(self, request: UndoChangeRequest, call: Call) -> bytes:
        """Reverse a change; return the serialized response."""
        return await self._reverse(request, call, How.UNDO)

    async def redo(self, request: RedoChangeRequest, call: Call) -> bytes:
        """Carry out again a change that was reversed; return the serialized response."""
        return await self._reverse(request, call, How.REDO)

    async def list_undoable(self, request: ListUndoableRequest, call: Call) -> ListUndoableResponse:
        """Return the last changes of the caller."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        size = bounded("page_size", request.page_size, default=DEFAULT_LISTED, most=MOST_CHANGES)
        async with self._database.reading() as connection:
            organization = await get_organization(connection, organization_id)
            changes = await undoing.list_changes_by(connection, organization_id, call.principal.name, limit=size)
            examples = await read_examples(connection, organization_id, [change.revision for change in changes])
        mask = Mask((), hide_money=not call.principal.may(Permission.SEE_MONEY))
        return ListUndoableResponse(
            changes=[_listed(change, examples.get(change.revision), mask) for change in changes],
            revision_token=revision_token(self._tokens, organization_id, organization.revision),
        )

    async def _reverse(self, request: UndoChangeRequest | RedoChangeRequest, call: Call, how: How) -> bytes:
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        request_id = read_request_id(request.request_id)
        if not 0 < len(request.change_id) <= _ID_LENGTH or not request.change_id.isprintable():
            raise InvalidRequest.of("change_id", "is missing, or is none; ListUndoable gives them")
        organization = await current_organization(self._database, organization_id)
        cause = Cause(how, call.principal.name, request_id, request.change_id)

        async def body(write: Write) -> Answer:
            reversal = _Reversal(write, organization, call.principal, request.change_id)
            await reversal.run()
            return self._answer(organization_id, request.change_id, how, reversal.changed)

        return await self._writes.run(organization_id, cause, digest(how.value, request), body)

    def _answer(self, organization_id: str, change_id: str, how: How, changed: int) -> Answer:
        kind = UndoChangeResponse if how is How.UNDO else RedoChangeResponse

        def answer(revision: Revision) -> bytes:
            token = revision_token(self._tokens, organization_id, revision)
            return kind(change_id=change_id, changed=changed, revision_token=token).SerializeToString()

        return answer


def _listed(change: undoing.UndoableChange, example: StoredChange | None, mask: Mask) -> UndoableChange:
    return UndoableChange(
        change_id=change.change_id,
        origin=ChangeOrigin.Value(f"CHANGE_ORIGIN_{change.how.upper()}"),
        change_time=timestamp_message(change.at),
        changed=change.changed,
        created=change.created,
        undone=change.is_undone,
        request_id=change.request_id or "",
        example=None if example is None else HistoryEntry.FromString(history_entry(example, mask)),
    )


@dataclass(slots=True)
class _Found:
    """Things that stand against it; the first are named."""

    count: int = 0
    named: list[Violation] = field(default_factory=list)

    def add(self, row: StoredRow, name: str, text: str) -> None:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(Violation(f"{row.pfa_id}.{BY_NAME[name].proto}", text))


class _Reversal:
    """The last commit of a change on its way back, within one write."""

    def __init__(self, write: Write, organization: Organization, principal: Principal, change_id: str) -> None:
        self._write = write
        self._organization = organization
        self._principal = principal
        self._change_id = change_id
        self._conflicts = _Found()
        self._broken = _Found()
        self._edits: list[RowEdit] = []
        self.changed = 0

    async def run(self) -> None:
        """Set the records back. Raises ChangeNotFound, WrongChangeState, ChangeConflict, InvalidRequest."""
        change = await self._find()
        after: str | None = ""
        while after is not None:
            after = await self._take_stretch(change.last_revision, after)
        if change.last_how == change.how and change.created:
            await self._discontinue(change.first_position, change.created)
        await self._save()
        if self._conflicts.count:
            raise self._conflict()
        if self._broken.count:
            raise violations_error(self._broken.named, self._broken.count)

    async def _find(self) -> undoing.UndoableChange:
        connection, organization_id = self._write.connection, self._write.organization_id
        change = await undoing.find_change(connection, organization_id, self._principal.name, self._change_id)
        if change is None:
            raise self._not_found(f"none of the last {MOST_CHANGES} changes of {self._principal.name} is")
        if change.is_undone is not (self._write.cause.how is How.REDO):
            state = "undone already; RedoChange carries it out again" if change.is_undone else "not undone"
            raise WrongChangeState(f"the change is {state}", metadata={"change_id": self._change_id})
        kept = await undoing.count_deltas(connection, organization_id, change.last_revision)
        if kept != change.last_changed:
            raise self._not_found("the history is not kept any more of")
        return change

    def _not_found(self, why: str) -> ChangeNotFound:
        names = {"organization_id": self._write.organization_id, "change_id": self._change_id}
        return ChangeNotFound(f"{why} {self._change_id!r}", metadata=names)

    async def _take_stretch(self, revision: int, after: str) -> str | None:
        """Work on the next records; return the id of the last, None where there are no more."""
        connection, organization_id = self._write.connection, self._write.organization_id
        deltas = await undoing.read_deltas(connection, organization_id, revision, after=after, limit=_STRETCH)
        touches = await self._touches(deltas, revision)
        for number, delta in enumerate(deltas, start=1):
            self._take(delta, touches)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        await self._save()
        return deltas[-1].row.id if len(deltas) == _STRETCH else None

    async def _touches(self, deltas: Sequence[Delta], revision: int) -> dict[tuple[str, str], Touch]:
        """Return (id, field) → who changed it since, for the fields that the deltas are about."""
        later = [delta for delta in deltas if delta.newest > revision]
        fields = {name for delta in later for name in _editable(delta)}
        if not fields:
            return {}
        ids = [delta.row.id for delta in later]
        connection, organization_id = self._write.connection, self._write.organization_id
        return await undoing.lasting_touches(connection, organization_id, ids, fields, since=revision)

    def _take(self, delta: Delta, touches: Mapping[tuple[str, str], Touch]) -> None:
        fields = _editable(delta)
        require_visible(self._principal, fields)
        old, new = decode_partial(delta.old, fields), decode_partial(delta.new, fields)
        before = delta.row.values()
        updates = {}
        for name in fields:
            touch, value = touches.get((delta.row.id, name)), before[name]
            if touch is not None:
                self._conflicts.add(
                    delta.row, name, f"was changed since by {touch.by} at {touch.at:%Y-%m-%d %H:%M:%S} UTC"
                )
            elif value == new[name]:
                updates[name] = old[name]
            elif value != old[name]:
                self._conflicts.add(delta.row, name, "is not what the change left")
        self._set(delta.row, before, edit(before, updates))

    def _set(self, row: StoredRow, before: Values, edited: Edited) -> None:
        for broken in edited.broken:
            self._broken.add(row, broken.field, broken.reason)
        if self._conflicts.count or self._broken.count:
            return
        updates = updates_of(before, edited.values)
        if updates:
            self._edits.append(RowEdit(row, updates))

    async def _discontinue(self, first: int, count: int) -> None:
        """Discontinue the records that the change made."""
        for start in range(first, first + count, _STRETCH):
            end = min(start + _STRETCH, first + count)
            for row in await read_created(self._write.connection, self._write.organization_id, start, end):
                before = row.values()
                self._set(row, before, edit(before, {"is_discontinued": True}))
            await self._save()

    async def _save(self) -> None:
        if self._edits and not (self._conflicts.count or self._broken.count):
            await save_row_edits(self._write, self._organization, self._edits)
            self.changed += len(self._edits)
        self._edits = []

    def _conflict(self) -> ChangeConflict:
        """Return the error that names who changed which field since."""
        metadata = {"change_id": self._change_id, "conflicts": str(self._conflicts.count)}
        first = self._conflicts.named[0]
        more = f"; and {self._conflicts.count - 1:,} more" if self._conflicts.count > 1 else ""
        message = f"{first.field}: {first.description}{more}"
        return ChangeConflict(message, violations=self._conflicts.named, metadata=metadata)


def _editable(delta: Delta) -> list[str]:
    """Return the fields that a commit changed and a person can set."""
    return [name for name in delta.fields if name in BY_NAME and BY_NAME[name].editable]
