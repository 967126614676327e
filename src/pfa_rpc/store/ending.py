"""What a write leaves to its end: `Ending`. On PostgreSQL all of it is one statement, and one trip instead of many.

Only what nothing in the write reads again may be left: until the end it is not there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.bulk import insert_text, parameters_of, update_text

_PLACE: Final = re.compile(r"\$(\d+)")


class Ending:
    """The statements of one write that are sent together, in any order."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection
        self._left: list[tuple[str, tuple[Any, ...]]] = []

    @property
    def dialect(self) -> sa.Dialect:
        """What statements are written for."""
        return self._connection.dialect

    def insert(self, table: sa.Table, row: Mapping[str, Any]) -> None:
        """Leave a new row of a table."""
        text = insert_text(table, tuple(row), self.dialect.paramstyle)
        self.run(text, parameters_of(table, self.dialect, row))

    def update(self, table: sa.Table, row: Mapping[str, Any], keys: Mapping[str, Any]) -> None:
        """Leave new values of a row, found by its keys, of which the organization is one."""
        text = update_text(table, tuple(row), self.dialect.paramstyle, tuple(keys))
        self.run(text, parameters_of(table, self.dialect, {**row, **keys}))

    def run(self, text: str, *parameters: tuple[Any, ...]) -> None:
        """Leave a statement of the driver's, to be run with each of some parameters."""
        self._left += [(text, each) for each in parameters]

    async def send(self) -> None:
        """Send what was left."""
        left, self._left = self._left, []
        if left and self._connection.dialect.name == "postgresql":
            text = _as_one(tuple((text, len(parameters)) for text, parameters in left))
            await self._connection.exec_driver_sql(text, tuple(value for _, values in left for value in values))
            return
        for text, parameters in left:
            await self._connection.exec_driver_sql(text, parameters)


@lru_cache(maxsize=64)
def _as_one(left: tuple[tuple[str, int], ...]) -> str:
    """Return one statement of several, given each with the number of its parameters, which are numbered on."""
    first = 0
    parts = []
    for text, number in left:
        parts.append(_numbered_from(first, text))
        first += number
    *others, last = parts
    return f"WITH {', '.join(f'w{place} AS ({part})' for place, part in enumerate(others))} {last}" if others else last


def _numbered_from(first: int, text: str) -> str:
    return _PLACE.sub(lambda place: f"${int(place[1]) + first}", text)
