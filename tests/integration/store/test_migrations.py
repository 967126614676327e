"""Migrations: one runs at a time, and a step that was stopped half way is finished by running it again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa
from alembic import command

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating import migrate as migrate_module
from pfa_rpc.store.migrating import turn as migration_turn
from pfa_rpc.store.migrating.migrate import migrate, require_current
from tests.integration.store.conftest import fill
from tests.servers.partitioned import PARTITIONS
from tests.servers.stock import Stock

INDEX: Final = "ix_records_modified_at"
LATER_THAN_THE_INDEX: Final = (
    "DROP TABLE organization_synonyms",
    "ALTER TABLE organization_revisions DROP COLUMN vocabulary_nonce",
    "ALTER TABLE organization_revisions DROP COLUMN changed_at",
    "DROP TABLE organization_commits",
    "DROP TABLE record_changes",
    "DROP TABLE request_results",
    "DROP TABLE draft_records",
    "DROP TABLE drafts",
    *(
        f"DROP TABLE {table}"
        for table in ("record_sync", "sync_conflicts", "sync_log", "sync_seen_rows", "sync_rejected_rows")
    ),
    "DROP TABLE sync_seen_pages",
    "DROP INDEX ix_records_not_in_pems",
    *(f"DROP TABLE {table}" for table in ("sync_cursors", "sync_leases", "sync_runs", "sync_settings")),
    "ALTER TABLE records DROP COLUMN conflicting_fields",
    "ALTER TABLE records DROP COLUMN deleted_in_pems",
    "ALTER TABLE records DROP COLUMN rejected_reason_key",
)
"""Takes back what the steps after it do."""
SECONDS: Final = 20.0
POSTGRESQL: Final = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)


async def execute(database: Database, *statements: str) -> None:
    async with database.writing() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement))


async def scalar(database: Database, statement: str) -> object:
    async with database.reading() as connection:
        return await connection.scalar(sa.text(statement))


async def validity(database: Database) -> list[bool]:
    """Return for the index, and for those of the table's parts, whether it is valid."""
    query = (
        "WITH RECURSIVE found (id) AS (SELECT to_regclass(:name)::oid UNION ALL "
        "SELECT inhrelid FROM pg_inherits JOIN found ON inhparent = id) "
        "SELECT indisvalid FROM found JOIN pg_index ON indexrelid = id"
    )
    async with database.reading() as connection:
        return list(await connection.scalars(sa.text(query), {"name": INDEX}))


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await condition():  # noqa: ASYNC110 (what it asks has no event)
            await asyncio.sleep(0.05)


@pytest.fixture
async def before_the_index(database: Database) -> Database:
    """A database with some records, at the step before the one that makes the index."""
    await fill(database, "RIO", 3, seed=1)
    await downgrade(database, "0002")
    return database


async def downgrade(database: Database, to: str) -> None:
    """Take a database back to a step."""

    def run(connection: sa.Connection) -> None:
        connection.rollback()
        command.downgrade(migrate_module._config(connection), to)

    async with database.migrating() as connection:
        await connection.run_sync(run)


async def is_half_made(database: Database) -> bool:
    return await validity(database) == [False]


async def test_migrators_that_start_at_once_do_the_work_once(database_kind: str, stock: Stock, tmp_path: Path) -> None:
    if database_kind == "partitioned":
        pytest.skip("what it begins as is migrated already")
    with stock.copy(database_kind, tmp_path) as (url, _):
        databases = [Database(url) for _ in range(3)]
        done = await asyncio.gather(*map(migrate, databases))
        assert sorted(before is None for before, _ in done) == [False, False, True]
        assert {after for _, after in done} == {await require_current(databases[0])}
        for database in databases:
            await database.close()


@POSTGRESQL
async def test_a_step_that_was_stopped_half_way_is_finished_by_the_next_run(before_the_index: Database) -> None:
    database = before_the_index
    async with database.reading() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM records"))  # the index waits for who may still see this
        stopped = asyncio.create_task(migrate(database))
        await until(lambda: is_half_made(database))
        await execute(database, "UPDATE records SET revision = revision + 1")  # writers go on meanwhile
        await execute(
            database,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE INDEX CONCURRENTLY%'",
        )
        with pytest.raises(DatabaseUnavailable, match="ended the connection"):
            await stopped
    assert await is_half_made(database)
    assert await migrate(database) == ("0002", await require_current(database))
    assert await validity(database) == [True]


@POSTGRESQL
async def test_a_migrator_that_waits_does_not_stop_the_one_that_works(before_the_index: Database) -> None:
    database = before_the_index
    async with database.reading() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM records"))
        migrators = [asyncio.create_task(migrate(database)) for _ in range(2)]
        await until(lambda: is_half_made(database))
        await asyncio.sleep(1.5)  # longer than PostgreSQL lets transactions wait for each other in a circle
        assert not any(migrator.done() for migrator in migrators)
    async with asyncio.timeout(SECONDS):
        done = await asyncio.gather(*migrators)
    assert sorted(str(before) for before, _ in done) == ["0002", await require_current(database)]
    assert await validity(database) == [True]


@POSTGRESQL
async def test_an_index_that_is_not_valid_is_made_anew(before_the_index: Database) -> None:
    database = before_the_index
    await execute(
        database,
        f"CREATE INDEX {INDEX} ON records (modified_by_key)",
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{INDEX}'::regclass",  # noqa: S608
    )
    await migrate(database)
    assert await validity(database) == [True]
    made = await scalar(database, f"SELECT pg_get_indexdef('{INDEX}'::regclass)")
    assert str(made).endswith("(organization_id, modified_at) WHERE (modified_at IS NOT NULL)")


@POSTGRESQL
async def test_an_index_that_was_finished_before_the_step_was_noted_stays(database: Database) -> None:
    await execute(database, "UPDATE alembic_version SET version_num = '0002'", *LATER_THAN_THE_INDEX)
    identity = f"SELECT '{INDEX}'::regclass::oid"
    known = await scalar(database, identity)
    await migrate(database)
    assert await scalar(database, identity) == known


@POSTGRESQL
async def test_a_migration_that_is_cancelled_ends_so(before_the_index: Database) -> None:
    database = before_the_index
    async with database.reading() as connection:
        await connection.execute(sa.text("SELECT count(*) FROM records"))
        cancelled = asyncio.create_task(migrate(database))
        await until(lambda: is_half_made(database))
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
    assert (await migrate(database))[0] == "0002"
    assert await validity(database) == [True]


@pytest.mark.parametrize("database_kind", ["partitioned"], indirect=True)
async def test_split_tables_get_the_index_in_every_part(before_the_index: Database) -> None:
    await migrate(before_the_index)
    assert await validity(before_the_index) == [True] * (1 + PARTITIONS)


@POSTGRESQL
async def test_a_migrator_that_waited_for_too_long_says_so(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration_turn, "WAIT_SECONDS", 0.3)
    async with database.migrating():
        with pytest.raises(DatabaseUnavailable, match="another migration"):
            await migrate(database)
    newest = await require_current(database)
    assert await migrate(database) == (newest, newest)


@POSTGRESQL
async def test_what_a_migration_sets_and_locks_for_itself_ends_with_it(database: Database) -> None:
    await migrate(database)
    assert await scalar(database, "SHOW statement_timeout") == "30s"
    assert await scalar(database, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
