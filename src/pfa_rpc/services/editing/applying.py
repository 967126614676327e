"""Changes of many records: `added` tells what they make of those that match, `carry_out` writes it.

What decides is read column by column, and the rules run over columns; what is written is read by row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.changes import Change
from nlq.query import Condition
from pfa_rpc.records.sheets import SheetEdit
from pfa_rpc.records.tracking import updates_of
from pfa_rpc.records.vectors import Array
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.editing.outcomes import Outcome
from pfa_rpc.store.database import Write
from pfa_rpc.store.organizations import Organization
from pfa_rpc.store.records import batches, read_rows_at
from pfa_rpc.store.row_edits import RowEdit, RowEdits
from pfa_rpc.store.sending import Sending
from pfa_rpc.store.sheets.marks import can_be_marked, read_marks
from pfa_rpc.store.sheets.reading import matching_positions, read_sheet
from pfa_rpc.store.updating import Made, send_update
from pfa_rpc.sync.batch import save_row_edits

MAX_RECORDS: Final = 100_000
"""Most records of one proposal."""
_STRETCH: Final = 1_000
"""Records that are read at once."""
_FEW: Final = 100
"""Records that are looked at one by one: some 5 ms."""
_SHEET: Final = 32_768
"""Records that are looked at together, elsewhere, while other calls go on."""
_SAVED: Final = 200
"""Records that are read, worked on and written at once: some 8 ms."""
_AT_ONCE: Final = 50
"""Records that are worked on before other calls get their turn: some 3 ms."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that is asked for."""

    condition: Condition | None
    changes: tuple[Change, ...]

    @property
    def fields(self) -> set[str]:
        """Names of the fields that it names, those of the condition aside."""
        others = {change.value for change in self.changes if isinstance(change.value, str) and change.value in BY_NAME}
        return others | {change.field for change in self.changes}


async def added(
    connection: AsyncConnection, organization_id: str, asked: Asked, positions: Array, outcome: Outcome
) -> AsyncIterator[list[SheetEdit]]:
    """Add records, which match, to an outcome; yield what becomes of those that change, many at a time.

    Positions ascend. Records that are named are known to the outcome by position where they were many.
    """
    if len(positions) <= _FEW or not all(map(can_be_marked, asked.changes)):
        for part in batches(positions.tolist(), _STRETCH):
            yield await _one_by_one(connection, organization_id, part, outcome)
        return
    marks = await read_marks(connection, organization_id, asked.condition, asked.changes)
    for start in range(0, len(positions), _SHEET):
        sheet = await read_sheet(connection, organization_id, positions[start : start + _SHEET])
        yield await asyncio.to_thread(outcome.add_sheet, sheet, marks)


async def _one_by_one(
    connection: AsyncConnection, organization_id: str, positions: Sequence[int], outcome: Outcome
) -> list[SheetEdit]:
    edits = []
    for number, row in enumerate(await read_rows_at(connection, organization_id, positions), start=1):
        before = row.values()
        edited = outcome.add(before)
        if edited is not None:
            edits.append(SheetEdit([row.position], updates_of(before, edited.values)))
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    return edits


async def carry_out(write: Write, organization: Organization, asked: Asked, *, allow_refused: bool) -> Outcome:
    """Change the records that match, and return what came of it. Raises ChangeRefused where none may be refused."""
    connection, organization_id = write.connection, organization.organization_id
    outcome = Outcome(asked.changes, organization)
    positions = await matching_positions(connection, organization_id, asked.condition, MAX_RECORDS)
    async for edits in added(connection, organization_id, asked, positions, outcome):
        if allow_refused or not outcome.refused:
            await _Saving(write, organization, edits).run()
    if outcome.refused and not allow_refused:
        named = await read_rows_at(connection, organization_id, sorted(outcome.named_positions))
        outcome.tell({row.position: row.values() for row in named})
        raise outcome.refusal()
    return outcome


class _Saving:
    """Edits of many records on their way into the database, within one write.

    While some are written the next are made from rows that were read before: the connection does one thing at a time.
    """

    def __init__(self, write: Write, organization: Organization, edits: Sequence[SheetEdit]) -> None:
        self._write = write
        self._organization = organization
        self._updates = dict(pair for edit in edits for pair in edit.each())
        self._wanted: Iterator[Sequence[int]] = iter(batches(sorted(self._updates), _SAVED))
        self._read: deque[list[RowEdit]] = deque()
        self._saving = RowEdits(write, organization)

    async def run(self) -> None:
        """Write the records."""
        async with Sending() as sending:
            await self._go_on(None)
            await sending.begin(self._go_on(None))
            while self._read:
                edits = self._read.popleft()
                await sending.begin(self._go_on(self._saving.made(edits) if edits else None))
                await asyncio.sleep(0)
        await self._saving.finish()

    async def _go_on(self, made: Made | None) -> None:
        """Write what was made, and read the rows after the next."""
        if made is not None:
            await send_update(self._write, made)
        wanted = next(self._wanted, None)
        if wanted is not None:
            self._read.append(await self._left(wanted))

    async def _left(self, positions: Sequence[int]) -> list[RowEdit]:
        """Return edits of records at some positions; those that the synchronization knows more of are saved here."""
        rows = await read_rows_at(self._write.connection, self._write.organization_id, positions)
        edits = [RowEdit(row, self._updates.pop(row.position)) for row in rows]
        remembered = [edit for edit in edits if edit.row.is_remembered]
        if remembered:
            await save_row_edits(self._write, self._organization, remembered)
        return [edit for edit in edits if not edit.row.is_remembered]
