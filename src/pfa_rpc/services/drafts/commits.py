"""Commits of drafts: `DraftCommit` writes what a draft changes, and finds what was changed otherwise meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from nlq.schema import FieldType
from pfa.v1.draft_pb2 import CommitDraftRequest, DraftResolution
from pfa_rpc.errors import DraftConflict, InvalidRequest, PfaError, Violation
from pfa_rpc.records.editing import edit, marked_created
from pfa_rpc.records.encode import Values
from pfa_rpc.records.tracking import updates_of
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.editing.entries import violations_error
from pfa_rpc.store.database import Write
from pfa_rpc.store.drafts.drafts import Draft, DraftRecord, conflicting, read_stretch, still_changed
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.records import StoredRecord, StoredRow, new_record, read_rows, save_records
from pfa_rpc.store.row_edits import RowEdit
from pfa_rpc.sync.batch import save_row_edits

MAX_RESOLUTIONS: Final = 1_000
NAMED: Final = 10
"""Conflicts, and broken rules, that are named one by one."""
_STRETCH: Final = 200
"""Records of the draft that are read at once."""
_SAVED: Final = 1_000
"""Records that are written at once."""
_AT_ONCE: Final = 100
"""Records that are worked on before other calls get their turn: some 5 ms."""
_OPEN: Final = DraftResolution.DRAFT_RESOLUTION_UNSPECIFIED
_MINE: Final = DraftResolution.DRAFT_RESOLUTION_KEEP_MINE
_OUT: Final = DraftResolution.DRAFT_RESOLUTION_LEAVE_OUT


@dataclass(frozen=True, slots=True)
class Resolutions:
    """What becomes of conflicts."""

    default: DraftResolution.ValueType = _OPEN
    of_records: Mapping[str, DraftResolution.ValueType] = field(default_factory=dict)
    of_fields: Mapping[tuple[str, str], DraftResolution.ValueType] = field(default_factory=dict)

    def of(self, record_id: str, name: str = "") -> DraftResolution.ValueType:
        """Return what becomes of a field, or of a record as a whole."""
        of_record = self.of_records.get(record_id, self.default)
        return self.of_fields.get((record_id, name), of_record)


def read_resolutions(request: CommitDraftRequest) -> Resolutions:
    """Return what a request decides about conflicts. Raises InvalidRequest."""
    if len(request.resolutions) > MAX_RESOLUTIONS:
        shown = f"{len(request.resolutions):,} are too many; write at most {MAX_RESOLUTIONS:,}"
        raise InvalidRequest.of("resolutions", shown)
    _check("default_resolution", request.default_resolution, {_OPEN, _MINE, _OUT})
    of_records: dict[str, DraftResolution.ValueType] = {}
    of_fields: dict[tuple[str, str], DraftResolution.ValueType] = {}
    for number, one in enumerate(request.resolutions):
        _check(f"resolutions[{number}].resolution", one.resolution, {_MINE, _OUT})
        unknown = [name for name in one.fields if name not in BY_NAME]
        if unknown:
            raise InvalidRequest.of(f"resolutions[{number}].fields", f"{unknown[0][:100]!r} is not a field")
        of_fields |= {(one.id, name): one.resolution for name in one.fields}
        if not one.fields:
            of_records[one.id] = one.resolution
    return Resolutions(request.default_resolution, of_records, of_fields)


def _check(path: str, value: int, possible: set[int]) -> None:
    if value not in possible:
        raise InvalidRequest.of(path, f"{value} is no resolution; write KEEP_MINE or LEAVE_OUT")


@dataclass(slots=True)
class _Found:
    """Things that stand against a commit; the first are named."""

    count: int = 0
    named: list[Violation] = field(default_factory=list)

    def add(self, pfa_id: str, name: str, text: str) -> None:
        self.count += 1
        if len(self.named) < NAMED:
            self.named.append(Violation(f"{pfa_id}.{BY_NAME[name].proto}" if name else pfa_id, text))


class DraftCommit:
    """A draft on its way into the records, within one write."""

    def __init__(self, write: Write, organization: Organization, draft: Draft, resolutions: Resolutions) -> None:
        self._write = write
        self._organization = organization
        self._draft = draft
        self._resolutions = resolutions
        self._conflicts = _Found()
        self._broken = _Found()
        self._edits: list[RowEdit] = []
        self._named: dict[str, list[str]] = {}
        self._made: list[tuple[int, StoredRecord]] = []
        self.changed = self.created = self.unchanged = 0

    async def run(self) -> None:
        """Write all of it. Raises DraftConflict, and InvalidRequest where rules forbid it by now."""
        after: str | None = ""
        while after is not None:
            after = await self._take_stretch(after)
        await self._save()
        if self._conflicts.count:
            raise self._conflict()
        if self._broken.count:
            raise violations_error(self._broken.named, self._broken.count)

    async def _take_stretch(self, after: str) -> str | None:
        """Work on the next records; return the id of the last, None where there are no more."""
        connection = self._write.connection
        drafted = await read_stretch(connection, self._draft, after=after, limit=_STRETCH)
        rows = await read_rows(connection, self._draft.organization_id, "id", list(drafted))
        for number, (record_id, one) in enumerate(drafted.items(), start=1):
            row = rows.get(record_id)
            if one.is_created:
                self._make(one, row)
            elif row is not None:
                self._take(one, row)
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
        if len(self._edits) >= _SAVED:
            await self._save_edits()
        return list(drafted)[-1] if len(drafted) == _STRETCH else None

    def _make(self, drafted: DraftRecord, row: StoredRow | None) -> None:
        values = drafted.record.values
        if row is not None and self._resolutions.of(row.id) != _OUT:
            self._conflicts.add(row.pfa_id, "", "is made by the draft, and exists by now; leave it out, and edit it")
            return
        if row is not None:
            self.unchanged += 1
            return
        marked, nothing = marked_created(values, self._write.cause.by, self._write.at)
        record = new_record(self._draft.organization_id, values["pfa_id"], marked)
        record.base = nothing
        self._made.append((drafted.record.position or 0, record))
        self.created += 1

    def _take(self, drafted: DraftRecord, row: StoredRow) -> None:
        before = row.values()
        named = self._updates(drafted, before, row.pfa_id)
        edited = edit(before, named)
        for broken in edited.broken:
            self._broken.add(row.pfa_id, broken.field, broken.reason)
        if edited.broken or self._conflicts.count:
            return
        updates = updates_of(before, edited.values)
        if not updates:
            self.unchanged += 1
            return
        self.changed += 1
        self._edits.append(RowEdit(row, updates))
        self._named[row.id] = list(named)

    def _updates(self, drafted: DraftRecord, theirs: Values, pfa_id: str) -> Values:
        """Return the fields that are written, those left out aside, and note those whose conflict is not decided."""
        mine = drafted.record.values
        updates = {name: mine[name] for name in still_changed(drafted, theirs)}
        for name in conflicting(drafted, theirs):
            resolution = self._resolutions.of(mine["id"], name)
            if resolution == _OUT:
                del updates[name]
            elif resolution != _MINE:
                values = (drafted.old[name], mine[name], theirs[name])
                was, is_mine, now = (_shown(name, value) for value in values)
                self._conflicts.add(pfa_id, name, f"was {was}, is {is_mine} in the draft, and {now} now")
        return updates

    async def _save(self) -> None:
        await self._save_edits()
        if self._made and not (self._conflicts.count or self._broken.count):
            # Records that it makes come in the order in which they were made.
            made = [record for _, record in sorted(self._made, key=lambda made: made[0])]
            await save_records(self._write, self._organization, [(None, record) for record in made])

    async def _save_edits(self) -> None:
        if self._edits and not (self._conflicts.count or self._broken.count):
            await save_row_edits(self._write, self._organization, self._edits, named=self._named)
        self._edits, self._named = [], {}

    def _conflict(self) -> PfaError:
        first = self._conflicts.named[0]
        more = f"; and {self._conflicts.count - 1:,} more" if self._conflicts.count > 1 else ""
        metadata = {"draft_id": self._draft.draft_id, "conflicts": str(self._conflicts.count)}
        message = f"{first.field}: {first.description}{more}"
        return DraftConflict(message, violations=self._conflicts.named, metadata=metadata)


def _shown(name: str, value: Any) -> str:
    """Return a value as a sentence has it."""
    if value is None:
        return "missing"
    known = BY_NAME[name]
    if known.type is FieldType.MONEY:
        return f"{Decimal(value).scaleb(-known.decimals):,f}"
    if known.type is FieldType.ENUM:
        return known.enum_value(value).name
    return repr(value[:100]) if isinstance(value, str) else str(value)
