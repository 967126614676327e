"""A database with one organization of varied records."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pfa_rpc.records.encode import Values
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from tests.fixtures.records import random_values


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database at the newest schema."""
    database = Database(f"sqlite:///{tmp_path}/pfa.sqlite3")
    await migrate(database)
    yield database
    await database.close()


@dataclass
class Filled:
    """A database, and what was written to it."""

    database: Database
    values: list[Values]
    """Values of RIO's records in order of insertion, costs included."""


async def fill(database: Database, organization_id: str, count: int, seed: int) -> list[Values]:
    """Create an organization with random records; return their values."""
    rng = random.Random(seed)
    organization = await create_organization(database, organization_id)
    records = [
        new_record(organization_id, str(number), random_values(rng, str(number))) for number in range(1, count + 1)
    ]
    async with database.write(organization_id) as write:
        await save_records(write, organization, [(None, record) for record in records])
    return [record.values for record in records]


@pytest.fixture
async def filled(database: Database) -> Filled:
    """RIO with 300 records, and RIO2, whose code begins with RIO's, with others."""
    values = await fill(database, "RIO", 300, seed=1)
    await fill(database, "RIO2", 50, seed=2)
    return Filled(database, values)
