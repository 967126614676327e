"""A database with one organization of varied records."""

from __future__ import annotations

import copy
import random
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from pfa_rpc.records.encode import Values
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from tests.causes import CAUSE
from tests.fixtures.records import random_values
from tests.servers.stock import Stock
from tests.sql_recording import linted


@pytest.fixture(params=["sqlite", "postgresql", "partitioned"])
def database_kind(request: pytest.FixtureRequest) -> Iterator[str]:
    """Each kind of database: the store runs on tables split by organization too, where its statements are checked."""
    with linted() if request.param == "partitioned" else nullcontext():
        yield str(request.param)


@pytest.fixture
async def database(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database at the newest schema, of each kind."""
    with stock.copy(database_kind, tmp_path, make_migrated) as (url, _):
        database = Database(url)
        yield database
        await database.close()


async def make_migrated(url: str) -> None:
    """Bring an empty database to the newest schema."""
    database = Database(url)
    await migrate(database)
    await database.close()


@dataclass
class Filled:
    """A database, and what was written to it."""

    database: Database
    values: list[Values]
    """Values of RIO's records in order of insertion, costs included."""
    url: str
    """Of the database."""


async def fill(database: Database, organization_id: str, count: int, seed: int) -> list[Values]:
    """Create an organization with random records; return their values."""
    rng = random.Random(seed)
    return await store(database, organization_id, [random_values(rng, str(number)) for number in range(1, count + 1)])


async def store(database: Database, organization_id: str, records: Sequence[Values]) -> list[Values]:
    """Create an organization with records; return their values, costs included."""
    organization = await create_organization(database, organization_id)
    made = [new_record(organization_id, str(values["pfa_id"]), values) for values in records]
    async with database.write(organization_id, CAUSE) as write:
        await save_records(write, organization, [(None, record) for record in made])
    return [record.values for record in made]


@pytest.fixture
async def filled(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Filled]:
    """RIO with 300 records, and RIO2, whose code begins with RIO's, with others; on each kind of database."""
    with stock.copy(database_kind, tmp_path, make_filled) as (url, values):
        database = Database(url)
        yield Filled(database, copy.deepcopy(values[0]), url)
        await database.close()


async def make_filled(url: str) -> tuple[list[Values], list[Values]]:
    """Fill an empty database with two organizations; return the values of RIO and of RIO2."""
    database = Database(url)
    await migrate(database)
    values = await fill(database, "RIO", 300, seed=1), await fill(database, "RIO2", 50, seed=2)
    await database.close()
    return values
