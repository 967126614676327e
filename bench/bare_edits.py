"""The rows of an edit of many records, written by asyncpg alone: `BareEdits`, what PostgreSQL itself takes for them."""

from __future__ import annotations

import asyncio
from typing import Any, Final

import asyncpg

AT_ONCE: Final = 200
"""Records that one statement writes."""
_TYPES: Final = {
    "id": "text",
    "payload": "bytea",
    "forecast_end": "date",
    "forecast_cost": "bigint",
    "actual_cost": "bigint",
    "local_version": "bigint",
}
"""What an edit of the forecast's end changes of each record, beside what is the same in all."""
_HISTORY: Final = ("organization_id", "record_id", "fields", "old", "new", "revision")
_ARRAYS: Final = ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(_TYPES.values(), start=3))
_CHANGES: Final = ", ".join(f"{name} = new.{name}" for name in _TYPES if name != "id")
_UPDATE: Final = (
    f"UPDATE records SET revision = $2, modified_at = now(), {_CHANGES} "  # noqa: S608 (our own names)
    f"FROM unnest({_ARRAYS}) AS new ({', '.join(_TYPES)}) "
    "WHERE records.organization_id = $1 AND records.id = new.id"
)


class BareEdits:
    """Writes what the last commit of an organization changed of its records once more."""

    def __init__(self, url: str, code: str) -> None:
        self._runner = asyncio.Runner()
        self._code = code
        self._connection: Any = self._runner.run(asyncpg.connect(url))
        self._rows, self._history = self._runner.run(self._read())
        self._number = 2 * 10**12

    async def _read(self) -> tuple[list[Any], list[Any]]:
        revision = await self._connection.fetchval(
            "SELECT max(revision) FROM record_changes WHERE organization_id = $1 AND revision < 10 ^ 12", self._code
        )
        names = ", ".join(_TYPES)
        rows = await self._connection.fetch(
            f"SELECT {names} FROM records WHERE organization_id = $1 AND revision = $2",  # noqa: S608 (our own names)
            self._code,
            revision,
        )
        names = ", ".join(_HISTORY[:-1])
        history = await self._connection.fetch(
            f"SELECT {names} FROM record_changes WHERE organization_id = $1 AND revision = $2",  # noqa: S608 (our own names)
            self._code,
            revision,
        )
        return rows, history

    @property
    def records(self) -> int:
        """How many records it writes."""
        return len(self._rows)

    def write(self, _: int) -> None:
        """Write them."""
        self._number += 1
        self._runner.run(self._write())

    async def _write(self) -> None:
        async with self._connection.transaction():
            for start in range(0, len(self._rows), AT_ONCE):
                columns = list(zip(*self._rows[start : start + AT_ONCE], strict=True))
                await self._connection.execute(_UPDATE, self._code, self._number, *map(list, columns))
                history = [(*row, self._number) for row in self._history[start : start + AT_ONCE]]
                await self._connection.copy_records_to_table("record_changes", records=history, columns=_HISTORY)

    def close(self) -> None:
        """Close the connection."""
        self._runner.run(self._connection.close())
        self._runner.close()
