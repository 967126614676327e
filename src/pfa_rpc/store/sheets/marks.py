"""What changes ask of the texts of records: `read_marks`, for sheets, whose columns have no texts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.changes import Change, ChangeOperation
from nlq.query import Condition, fold
from nlq.schema import FieldType
from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.records.entered import NotTaken, entered
from pfa_rpc.records.sheets import Marks
from pfa_rpc.schema import BY_NAME
from pfa_rpc.store.filters import Expression, column
from pfa_rpc.store.statements import execute
from pfa_rpc.store.tables import records

_STRETCH: Final = 1_000
"""Records whose text is looked at between two statements."""
_AT_ONCE: Final = 200
"""The same before other calls get their turn."""


def can_be_marked(change: Change) -> bool:
    """Tell whether a sheet, with its marks, has all that a change looks at."""
    return BY_NAME[change.field].type is not FieldType.TEXT or change.operation is not ChangeOperation.RESET


async def read_marks(
    connection: AsyncConnection, organization_id: str, condition: Condition | None, changes: Sequence[Change]
) -> list[Marks]:
    """Return, for each text that changes set or clear, which of the records of a condition have the new value."""
    marks = []
    for change in changes:
        if BY_NAME[change.field].type is not FieldType.TEXT:
            continue
        try:
            value = entered(change.field, change.value)
        except NotTaken:
            continue  # no record gets it
        reading = _Reading(connection, organization_id, condition, change.field)
        positions = await reading.missing() if value is None else await reading.spelled(value)
        marks.append(Marks(change.field, value, np.array(positions, np.int64)))
    return marks


@dataclass(frozen=True, slots=True)
class _Reading:
    connection: AsyncConnection
    organization_id: str
    condition: Condition | None
    field: str

    async def missing(self) -> list[int]:
        """Return the positions of the records without this text, ascending."""

        def missing(matching: Expression) -> sa.Select[Any]:
            none = column(BY_NAME[self.field]).is_(None)
            return sa.select(records.c.position).where(matching, none).order_by(records.c.position)

        rows = await execute(self.connection, self.organization_id, self.condition, missing)
        return list(rows.scalars())

    async def spelled(self, value: str) -> list[int]:
        """Return the positions of the records whose text is spelled so, ascending. Columns have folded texts only."""
        found: list[int] = []
        rows: Sequence[Any] = await self._like(value, after=-1)
        while rows:
            for number, (position, payload) in enumerate(rows, start=1):
                if decode_partial(payload, (self.field,))[self.field] == value:
                    found.append(position)
                if number % _AT_ONCE == 0:
                    await asyncio.sleep(0)
            rows = await self._like(value, after=rows[-1][0]) if len(rows) == _STRETCH else ()
        return found

    async def _like(self, value: str, after: int) -> Sequence[Any]:
        """Return (position, payload) of the next records whose text is the same but for case and spaces."""

        def like(matching: Expression) -> sa.Select[Any]:
            query = sa.select(records.c.position, records.c.payload).where(
                matching, column(BY_NAME[self.field]) == fold(value), records.c.position > after
            )
            return query.order_by(records.c.position).limit(_STRETCH)

        return (await execute(self.connection, self.organization_id, self.condition, like)).all()
