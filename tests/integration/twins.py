"""Two databases that begin alike, written at one time and by the same dice: what differs then is how it was written."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from pfa_rpc.store.database import Database
from pfa_rpc.store.rows import decode_base
from pfa_rpc.store.tables import (
    field_values,
    organization_commits,
    organization_revisions,
    record_changes,
    record_chunks,
    records,
)
from tests.servers.stock import Stock

NOW = datetime(2027, 5, 4, 12, 30, tzinfo=UTC)
TABLES = (organization_revisions, records, record_chunks, record_changes, field_values, organization_commits)


class _Clock(datetime):
    @classmethod
    def now(cls, _zone: Any = None) -> datetime:  # type: ignore[override] # a fixed moment, whatever the zone
        return NOW


@contextmanager
def one_time() -> Iterator[None]:
    """Let everything be written at one time, and by the same dice."""
    with ExitStack() as stack:
        stack.enter_context(mock.patch("pfa_rpc.store.database.datetime", _Clock))
        stack.enter_context(mock.patch("pfa_rpc.store.database.secrets.randbits", return_value=17))
        yield


@asynccontextmanager
async def twins(
    kind: str, stock: Stock, folder: Path, make: Callable[[str], Awaitable[Any]]
) -> AsyncIterator[tuple[Database, Database]]:
    """Give two databases that begin alike."""
    async with AsyncExitStack() as stack:
        found = []
        for name in ("one", "other"):
            (folder / name).mkdir(parents=True)
            url, _ = stack.enter_context(stock.copy(kind, folder / name, make))
            database = Database(url)
            stack.push_async_callback(database.close)
            found.append(database)
        with one_time():
            yield found[0], found[1]


async def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of every table that an edit writes, what they are based on decoded."""
    found = {}
    async with database.reading() as connection:
        for table in TABLES:
            rows = await connection.execute(sa.select(table).order_by(*table.primary_key.columns))
            found[table.name] = [dict(row._mapping) for row in rows]
    for row in found["records"]:
        row["base"] = row["base"] and decode_base(row["base"])
    for row in found["organization_commits"]:
        del row["change_id"]  # which is drawn
    return found
