"""Direct connections to PostgreSQL, for the smallest reads: `DirectConnections`, `SmallRead`, `DirectError`.

A pool begins, ends and resets around each statement, which takes several times as long as to read one row by its key.
A direct connection sends that one statement and nothing else, and no two calls ever share it at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Generic, TypeVar, cast

import asyncpg
import sqlalchemy as sa
from prometheus_client import Counter
from sqlalchemy.dialects.postgresql import asyncpg as asyncpg_dialect

DIRECT_SECONDS: Final = 0.25
"""How long one read may take, waiting for a connection and making it included."""
READS: Final = Counter(
    "pfa_database_direct_reads_total",
    "Smallest reads (revisions) by direct connections, by result: answered, failed (the pool was asked instead).",
    ("result",),
)


_Statement = TypeVar("_Statement", bound=sa.Select[Any] | sa.TextClause)


@dataclass(frozen=True)
class SmallRead(Generic[_Statement]):
    """A statement that reads a few rows of one organization; its first parameter is `organization_id`."""

    statement: _Statement

    @cached_property
    def text(self) -> str:
        """The statement as asyncpg takes it."""
        return str(self._compiled)

    def arguments(self, parameters: Mapping[str, object]) -> Sequence[object]:
        """Return the parameters in the order in which the text names them."""
        return [parameters[name] for name in self._names]

    @cached_property
    def _names(self) -> Sequence[str]:
        return self._compiled.positiontup or ()  # type: ignore[attr-defined] # what is compiled from a Select has it

    @cached_property
    def _compiled(self) -> sa.Compiled:
        dialect: sa.Dialect = asyncpg_dialect.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy types none of its dialects
        return self.statement.compile(dialect=dialect)


class DirectError(Exception):
    """No direct connection gave an answer in time."""


class DirectConnections:
    """A few connections, made when they are first needed and again after they were lost."""

    def __init__(self, arguments: dict[str, Any], number: int) -> None:
        """Prepare for `number` connections, one at least; `arguments` are those of asyncpg.connect."""
        self._arguments = arguments
        # The one used last comes first: few calls at a time keep to few connections.
        self._free = asyncio.LifoQueue[asyncpg.Connection | None]()
        self._number = number
        for _ in range(number):
            self._free.put_nowait(None)

    async def fetch(self, statement: str, *arguments: object) -> Sequence[Sequence[Any]]:
        """Return the rows of one statement. Raises DirectError after DIRECT_SECONDS, or where the database is away."""
        try:
            async with asyncio.timeout(DIRECT_SECONDS):
                rows = await self._fetch(statement, arguments)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
            READS.labels("failed").inc()
            raise DirectError(f"a direct connection failed: {error!r}") from error
        READS.labels("answered").inc()
        return rows

    async def _fetch(self, statement: str, arguments: tuple[object, ...]) -> Sequence[Sequence[Any]]:
        connection = await self._free.get()
        try:
            if connection is None or connection.is_closed():
                connection = await asyncpg.connect(**self._arguments)
            rows = await connection.fetch(statement, *arguments)
        except BaseException:
            # An answer may still be on its way: nobody must take it for the answer to another question.
            if connection is not None:
                connection.terminate()
            self._free.put_nowait(None)
            raise
        self._free.put_nowait(connection)
        return cast("Sequence[Sequence[Any]]", rows)

    async def close(self) -> None:
        """Close every connection, those in use as soon as they are done."""
        for _ in range(self._number):
            connection = await self._free.get()
            if connection is not None:
                connection.terminate()
