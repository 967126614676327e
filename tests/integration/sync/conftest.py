"""An organization with a few records, on each kind of database, and rows of PEMS for them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.encode import Values
from pfa_rpc.schema import MERGED_FIELDS
from pfa_rpc.store.database import Database
from pfa_rpc.sync.mapping import PemsRow, digest_of, text_of
from tests.integration.store.conftest import database_kind, fill, make_migrated  # noqa: F401 (a fixture)
from tests.servers.stock import Stock

SYNC: Final = Cause(How.SYNC, "PEMS")
AT: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
async def database(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Database]:  # noqa: F811
    """RIO with 20 records, on each kind of database."""
    with stock.copy(database_kind, tmp_path, make_twenty) as (url, _):
        database = Database(url)
        yield database
        await database.close()


async def make_twenty(url: str) -> None:
    """Make an organization of 20 records."""
    await make_migrated(url)
    database = Database(url)
    await fill(database, "RIO", 20, seed=3)
    await database.close()


def row_of(values: Values, stamp: datetime = AT, **changes: Any) -> PemsRow:
    """Return the row of PEMS that a record would come as, with some of its fields changed."""
    merged = {field.name: values[field.name] for field in MERGED_FIELDS} | changes
    text = text_of(merged)
    return PemsRow("RIO", values["pfa_id"], merged, stamp, "okafor", text, digest_of(text))
