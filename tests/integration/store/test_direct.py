"""The smallest reads have connections of their own: one call each at a time, and never an answer of another call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from pfa_rpc.errors import DatabaseUnavailable, OrganizationNotFound
from pfa_rpc.store import direct
from pfa_rpc.store.chunk_reads import fetch_chunks
from pfa_rpc.store.chunks import read_chunks
from pfa_rpc.store.database import Database
from pfa_rpc.store.direct import DirectConnections, DirectError
from pfa_rpc.store.engines import direct_arguments
from pfa_rpc.store.limits import DEFAULT_LIMITS, Limits
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.revisions import get_chunk_revisions, get_revision
from tests.integration.store.conftest import Filled, database, filled, make_filled
from tests.servers.postgresql import PostgreSQL

__all__ = ["database", "filled"]  # fixtures

LIMITS = Limits(direct_connections=2, primary_only=True)


@pytest.fixture
async def connected(own_postgresql: PostgreSQL) -> AsyncIterator[Database]:
    """A filled database with direct connections, on a server that a test may harm."""
    await make_filled(own_postgresql.url())
    database = Database(own_postgresql.url(), LIMITS)
    yield database
    await database.close()


def failures() -> float:
    return float(direct.READS.labels("failed")._value.get())


def answers() -> float:
    return float(direct.READS.labels("answered")._value.get())


async def test_they_say_what_the_pool_says(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        organization = await get_organization(connection, "RIO")
    assert await get_revision(filled.database, "RIO") == organization.revision
    revision, chunks = await get_chunk_revisions(filled.database, "RIO")
    assert revision == organization.revision
    assert list(chunks.values()) == [organization.revision]
    with pytest.raises(OrganizationNotFound, match="NONE"):
        await get_revision(filled.database, "NONE")


async def test_many_calls_at_once_get_their_own_answers(connected: Database) -> None:
    expected = {code: await get_revision(connected, code) for code in ("RIO", "RIO2")}
    assert expected["RIO"] != expected["RIO2"]
    codes = ["RIO", "RIO2"] * 200
    assert await asyncio.gather(*(get_revision(connected, code) for code in codes)) == [
        expected[code] for code in codes
    ]
    before = failures()
    pool = Database(connected._engine.url.render_as_string(hide_password=False), DEFAULT_LIMITS)
    assert await get_chunk_revisions(connected, "RIO") == await get_chunk_revisions(pool, "RIO")
    await pool.close()
    assert failures() == before


async def test_the_chunk_of_an_edit_is_read_by_one_of_them(connected: Database) -> None:
    async with connected.reading() as connection:
        expected = await read_chunks(connection, "RIO", [0])
    before = answers()
    assert await fetch_chunks(connected, "RIO", [0]) == expected
    assert answers() == before + 1


async def test_a_call_that_was_cancelled_leaves_no_answer_to_the_next(connected: Database) -> None:
    expected = await get_revision(connected, "RIO2")
    for number in range(50):
        call = asyncio.ensure_future(get_revision(connected, "RIO"))
        for _ in range(number % 5):
            await asyncio.sleep(0)
        call.cancel()
        assert await get_revision(connected, "RIO2") == expected
        await asyncio.wait([call])


async def test_a_lost_connection_is_made_again(connected: Database, own_postgresql: PostgreSQL) -> None:
    expected = await get_revision(connected, "RIO")
    other = await asyncpg.connect(own_postgresql.url())
    await other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    await other.close()
    assert await get_revision(connected, "RIO") == expected
    before = failures()
    assert await get_revision(connected, "RIO") == expected
    assert failures() == before


async def test_a_server_that_does_not_answer_is_given_a_quarter_of_a_second(postgresql_url: str) -> None:
    arguments = direct_arguments(postgresql_url, LIMITS)
    assert arguments is not None
    connections = DirectConnections(arguments, 1)
    await connections.fetch("SELECT 1")
    began = time.monotonic()
    with pytest.raises(DirectError):
        await connections.fetch("SELECT pg_sleep(60)")
    assert time.monotonic() - began < 30 * direct.DIRECT_SECONDS
    assert [tuple(row) for row in await connections.fetch("SELECT 2")] == [(2,)]
    await connections.close()


async def test_a_replica_does_not_say_what_is_newest(connected: Database, own_postgresql: PostgreSQL) -> None:
    other = await asyncpg.connect(own_postgresql.url())
    await other.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await other.execute("SELECT pg_reload_conf()")
    await other.close()
    await asyncio.sleep(0.3)
    late = Database(own_postgresql.url(), LIMITS)
    with pytest.raises(DatabaseUnavailable, match="primary"):
        await get_revision(late, "RIO")
    await late.close()
