"""What else the store does, on tables split by organization; and that these are the tables that migrations make."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.store.database import Database
from pfa_rpc.store.instance import shared_key
from pfa_rpc.store.organizations import create_organization, list_organizations
from pfa_rpc.store.reads import get_payload
from pfa_rpc.store.syncing.tables import metadata
from pfa_rpc.store.tables import field_values, organization_revisions, records
from pfa_rpc.store.upkeep.copying import copy
from pfa_rpc.store.upkeep.doctor import examine, organization_sizes
from pfa_rpc.store.upkeep.generating import generate
from pfa_rpc.store.upkeep.repairing import repair
from pfa_rpc.sync.export_file import ExportFile
from pfa_rpc.sync.importing import import_file
from tests.integration.store.conftest import Filled, make_migrated
from tests.servers.partitioned import PARTITIONS, plain_index_names
from tests.servers.stock import Stock
from tests.sql_lint import KEY, REFERENCE_TABLES, key_findings

EXPORT = Path(__file__).resolve().parents[3] / "examples" / "pems_export.csv.gz"

pytestmark = [
    pytest.mark.usefixtures("database_kind"),
    pytest.mark.parametrize("database_kind", ["partitioned"], indirect=True),
]


@pytest.fixture
async def plain(stock: Stock, tmp_path: Path) -> AsyncIterator[Database]:
    """An empty database of PostgreSQL as migrations make it."""
    with stock.copy("postgresql", tmp_path, make_migrated) as (url, _):
        database = Database(url)
        yield database
        await database.close()


def describe(connection: sa.Connection) -> dict[str, Any]:
    """Return columns, keys and indexes of every table."""
    inspector = sa.inspect(connection)
    return {
        name: (
            [{**column, "type": repr(column["type"])} for column in inspector.get_columns(name)],
            inspector.get_pk_constraint(name),
            inspector.get_unique_constraints(name),
            sorted(map(repr, inspector.get_indexes(name))),
            inspector.get_check_constraints(name),
        )
        for name in [*metadata.tables, *REFERENCE_TABLES]
    }


async def described(database: Database) -> dict[str, Any]:
    async with database.reading() as connection:
        return await connection.run_sync(describe)


async def test_the_split_tables_are_those_of_the_migrations(database: Database, plain: Database) -> None:
    assert await described(database) == await described(plain)


async def test_every_table_of_organizations_is_split(database: Database) -> None:
    async with database.reading() as connection:
        rows = await connection.execute(
            sa.text("SELECT inhparent::regclass::text, count(*) FROM pg_inherits, pg_class c "
                    "WHERE c.oid = inhrelid AND c.relkind = 'r' GROUP BY 1")
        )  # fmt: skip
        split = {row[0]: row[1] for row in rows}
    assert split == {name: PARTITIONS for name, table in metadata.tables.items() if KEY in table.columns}


async def test_two_organizations_of_most_tests_lie_in_different_parts(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        parts = await connection.scalars(sa.text("SELECT DISTINCT tableoid FROM records"))
        assert len(parts.all()) == 2


async def test_migrated_keys_begin_with_the_organization_and_no_trigger_waits(plain: Database) -> None:
    reflected = sa.MetaData()
    async with plain.reading() as connection:
        await connection.run_sync(reflected.reflect)
        triggers = (await connection.scalars(sa.text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"))).all()
    assert list(map(str, key_findings(reflected))) == []
    assert set(reflected.tables) >= set(metadata.tables)
    assert triggers == []


async def test_an_index_of_each_part_serves_a_filter(filled: Filled) -> None:
    async with filled.database.writing() as connection:
        await connection.execute(sa.text("ANALYZE records"))
    async with filled.database.reading() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        names = await plain_index_names(driver)
        await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = await connection.scalar(
            sa.text("EXPLAIN (FORMAT JSON) SELECT payload FROM records WHERE organization_id = 'RIO' AND position = 7")
        )
    assert names[plan[0]["Plan"]["Index Name"]] == "ux_records_position"


async def test_an_export_is_taken_in_and_taken_in_again(database: Database) -> None:
    codes = ("RIO", "HOLNG")
    for code in codes:
        await create_organization(database, code)
    for expected in (True, False):
        with ExportFile.open(EXPORT) as export:
            summary = await import_file(database, export, organizations=codes)
        assert bool(summary.document()["inserted"]) is expected
    for code in codes:
        assert (await examine(database, code)).is_sound


async def test_damage_is_found_and_mended(stock: Stock, tmp_path: Path) -> None:
    with stock.copy("partitioned", tmp_path) as (url, _):
        await generate(url, records=1_200, organizations=2, seed=1)
        database = Database(url)
        first = records.c.position < 3
        async with database.writing() as connection:
            await connection.execute(sa.delete(records).where(first, records.c.organization_id == "GEN01"))
            await connection.execute(sa.update(records).where(records.c.position == 9).values(monthly_rate=1))
            await connection.execute(sa.update(field_values).values(uses=7))
            await connection.execute(sa.update(organization_revisions).values(revision=0))
        for code in ("GEN01", "GEN02"):
            report = await examine(database, code)
            assert report.counts.keys() >= {"vocabulary", "revision"}
            await repair(database, report)
            assert (await examine(database, code)).is_sound
        await database.close()


async def test_a_copy_is_equal_in_both_directions(stock: Stock, tmp_path: Path) -> None:
    with stock.copy("partitioned", tmp_path) as (url, _), stock.copy("sqlite", tmp_path, make_migrated) as (file, _):
        await generate(url, records=1_200, organizations=2, seed=1)
        ours, theirs = Database(url), Database(file)
        key = await shared_key(ours)
        there = (await copy(ours, theirs)).document()
        assert await shared_key(theirs) == key
        with stock.copy("partitioned", tmp_path) as (other, _):
            back = Database(other)
            assert (await copy(theirs, back)).document()["organizations"].keys() == there["organizations"].keys()
            async with theirs.writing() as connection:
                await connection.execute(
                    sa.update(organization_revisions).values(revision=organization_revisions.c.revision + 1)
                )
                await connection.execute(sa.update(records).where(records.c.position == 1).values(revision=100))
            assert (await copy(theirs, back)).document()["records"] == 1_200
            async with back.reading() as connection:
                assert len(await list_organizations(connection, limit=10)) == 2
                assert sum((await organization_sizes(connection)).values()) == 1_200
                assert await get_payload(connection, "GEN01", "pfa_id", "70001") is not None
            await back.close()
        await ours.close()
        await theirs.close()
