"""Every kind of damage is found, told with both values, and mended where that can be done without a guess."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa.v1.record_pb2 import Record
from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main
from pfa_rpc.errors import OrganizationNotFound
from pfa_rpc.records.encode import decode, encode
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.tables import field_values, organization_revisions, record_chunks, records
from pfa_rpc.store.upkeep.doctor import Finding, Report, examine
from pfa_rpc.store.upkeep.generating import generate
from pfa_rpc.store.upkeep.repairing import repair
from tests.servers.stock import Stock

ONE = sa.and_(records.c.organization_id == "GEN01", records.c.pfa_id == "70001")
Damage = Callable[[Database], Awaitable[None]]


async def make(url: str) -> None:
    """Fill a database with 1,200 records in two organizations, GEN01 with 1,080 of them."""
    database = Database(url)
    await migrate(database)
    await database.close()
    await generate(url, records=1_200, organizations=2, seed=1)


@pytest.fixture
async def database(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Database]:
    """Such a database, of each kind."""
    with stock.copy(database_kind, tmp_path, make) as (url, _):
        database = Database(url)
        yield database
        await database.close()


async def execute(database: Database, statement: Any) -> None:
    async with database.writing() as connection:
        await connection.execute(statement)


async def row_of(database: Database, where: Any = ONE) -> Any:
    async with database.reading() as connection:
        return (await connection.execute(sa.select(records).where(where))).one()


async def set_columns(database: Database, where: Any = ONE, **columns: Any) -> None:
    await execute(database, sa.update(records).where(where).values(**columns))


async def set_payload(database: Database, **changes: Any) -> None:
    """Put other values into a payload, with an etag that belongs to them."""
    row = await row_of(database)
    values = decode(row.payload) | changes
    organization = values.pop("organization_id", "GEN01")
    revision = values.pop("revision", row.revision)
    payload = encode(values, organization_id=organization, currency="USD", revision=revision)
    await set_columns(database, payload=payload)


async def revision(database: Database) -> int:
    async with database.reading() as connection:
        return (await get_organization(connection, "GEN01")).revision.number


async def mended(database: Database, report: Report) -> None:
    """Assert that a repair puts everything right, as a new revision."""
    before = await revision(database)
    await repair(database, report)
    assert (await examine(database, "GEN01")).findings == []
    assert await revision(database) > before


async def test_a_sound_database_has_no_findings_and_is_left_alone(database: Database) -> None:
    report = await examine(database, "GEN01")
    assert (report.findings, report.is_sound, report.records) == ([], True, 1_080)
    before = await revision(database)
    await repair(database, report)
    assert await revision(database) == before


COLUMNS = [
    ("area_silo", {"area_silo_key": "nowhere"}),
    ("description", {"description_key": "other"}),
    ("source", {"source": "lease"}),
    ("is_actualized", {"is_actualized": None}),
    ("monthly_rate", {"monthly_rate": 1, "purchase_price": 1}),
    ("forecast_start", {"forecast_start": date(1999, 1, 1)}),
    ("forecast_cost", {"forecast_cost": -5}),
    ("sync_state", {"sync_state": "pending_sync"}),
    ("last_synced_at", {"last_synced_at": None}),
    ("local_version", {"local_version": 77}),
    ("modified_fields", {"modified_fields": ("category", "model")}),
]


@pytest.mark.parametrize(("name", "columns"), COLUMNS, ids=[name for name, _ in COLUMNS])
async def test_a_column_that_differs_takes_the_payloads_value(
    database: Database, name: str, columns: dict[str, Any]
) -> None:
    before = await row_of(database)
    if columns.get("is_actualized", 0) is None:
        columns = {"is_actualized": not before.is_actualized}
    await set_columns(database, **columns)
    report = await examine(database, "GEN01")
    assert {(one.kind, one.pfa_id) for one in report.findings} == {("column", "70001")}
    finding = next(one for one in report.findings if one.field == name)
    column = next(iter(columns))
    right = getattr(before, column)
    assert finding.right == ("(missing)" if right in (None, ()) else str(right))
    assert finding.stored == str(columns[column]) or columns[column] is None
    await mended(database, report)
    after = await row_of(database)
    assert {column: getattr(after, column) for column in columns} == {c: getattr(before, c) for c in columns}
    assert decode(after.payload) == decode(before.payload)


async def test_a_cost_is_computed_anew(database: Database) -> None:
    right = (await row_of(database)).forecast_cost
    await set_payload(database, forecast_cost=12_345)
    await set_columns(database, forecast_cost=12_345)
    report = await examine(database, "GEN01")
    assert Finding("GEN01", "payload", "70001", "forecast_cost", "12345", str(right)) in report.findings
    await mended(database, report)
    row = await row_of(database)
    assert (row.forecast_cost, decode(row.payload)["forecast_cost"]) == (right, right)


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("pfa_id", {"pfa_id": "1"}),
        ("id", {"id": "00000000-0000-0000-0000-000000000000"}),
        ("organization_id", {"organization_id": "GEN02"}),
    ],
)
async def test_a_payload_of_another_record_gets_its_own_keys(
    database: Database, field: str, changes: dict[str, str]
) -> None:
    before = await row_of(database)
    await set_payload(database, **changes)
    report = await examine(database, "GEN01")
    assert [(one.kind, one.field) for one in report.findings] == [("key", field)]
    await mended(database, report)
    after = await row_of(database)
    assert (after.id, after.pfa_id) == (before.id, before.pfa_id)
    assert Record.FromString(after.payload).organization_id == "GEN01"


async def test_an_etag_is_computed_anew_where_the_columns_agree(database: Database) -> None:
    row = await row_of(database)
    await set_columns(database, payload=row.payload[:-16] + b"0" * 16)
    report = await examine(database, "GEN01")
    assert [(one.kind, one.stored) for one in report.findings] == [("etag", "0" * 16)]
    await mended(database, report)


async def test_a_payload_that_columns_and_etag_speak_against_is_left_alone(database: Database) -> None:
    row = await row_of(database)
    payload = row.payload.replace(b"70001", b"7000x", 1)
    await set_columns(database, payload=payload)
    report = await examine(database, "GEN01")
    assert "etag" in {one.kind for one in report.findings}
    assert report.beyond_repair == 1
    await repair(database, report)
    assert (await row_of(database)).payload == payload
    assert not (await examine(database, "GEN01")).is_sound


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b""])
async def test_a_payload_that_cannot_be_read_is_told_and_left_alone(database: Database, payload: bytes) -> None:
    await set_columns(database, payload=payload)
    report = await examine(database, "GEN01")
    assert ("payload", "70001", False) in [(one.kind, one.pfa_id, one.can_repair) for one in report.findings]
    await repair(database, report)
    assert (await row_of(database)).payload == payload


async def test_a_payload_of_an_older_encoding_is_encoded_anew(database: Database) -> None:
    await set_columns(database, payload_version=0)
    report = await examine(database, "GEN01")
    assert [(one.kind, one.stored) for one in report.findings] == [("version", "0")]
    await mended(database, report)


async def test_a_payload_of_another_revision_is_found(database: Database) -> None:
    await set_payload(database, revision=999)
    report = await examine(database, "GEN01")
    assert [(one.kind, one.field, one.stored) for one in report.findings] == [("payload", "revision", "999")]
    await mended(database, report)


async def test_a_record_newer_than_its_organization_is_found(database: Database) -> None:
    await execute(database, sa.update(organization_revisions).values(revision=0))
    report = await examine(database, "GEN01")
    assert report.counts["revision"] == 1_080
    await mended(database, report)


async def edited(database: Database) -> Any:
    """Return a record that was edited here."""
    first = sa.select(sa.func.min(records.c.position)).where(
        records.c.organization_id == "GEN01", records.c.base.is_not(None)
    )
    return await row_of(
        database, sa.and_(records.c.organization_id == "GEN01", records.c.position == first.scalar_subquery())
    )


async def test_modified_fields_are_those_that_differ_from_pems(database: Database) -> None:
    row = await edited(database)
    where = sa.and_(records.c.organization_id == "GEN01", records.c.id == row.id)
    next_one = sa.and_(records.c.organization_id == "GEN01", records.c.position == row.position + 1)
    other = await row_of(database, next_one)
    await set_columns(database, where, base=other.payload)
    report = await examine(database, "GEN01")
    assert [(one.kind, one.field, one.pfa_id) for one in report.findings] == [("base", "modified_fields", row.pfa_id)]
    await mended(database, report)
    assert len((await row_of(database, where)).modified_fields) > len(row.modified_fields)


@pytest.mark.parametrize("base", [None, b"\xff\xff"])
async def test_an_edited_record_that_lost_what_pems_held_is_told_and_left_alone(
    database: Database, base: bytes | None
) -> None:
    row = await edited(database)
    where = sa.and_(records.c.organization_id == "GEN01", records.c.id == row.id)
    await set_columns(database, where, base=base)
    report = await examine(database, "GEN01")
    assert [(one.kind, one.pfa_id, one.can_repair) for one in report.findings] == [("base", row.pfa_id, False)]
    await repair(database, report)
    assert (await row_of(database, where)).payload == row.payload


async def _wrong_use(database: Database) -> None:
    wrong = sa.and_(field_values.c.field == "category", field_values.c.spelling == "Cranes")
    await execute(database, sa.update(field_values).where(wrong).values(uses=1_000_000))


async def _missing_use(database: Database) -> None:
    await execute(database, sa.delete(field_values).where(field_values.c.field == "area_silo"))


async def _use_too_many(database: Database) -> None:
    row = {"organization_id": "GEN01", "field": "model", "spelling": "Nothing", "uses": 3}
    await execute(database, sa.insert(field_values).values(row))


@pytest.mark.parametrize("damage", [_wrong_use, _missing_use, _use_too_many])
async def test_the_vocabulary_is_counted_anew(database: Database, damage: Damage) -> None:
    await damage(database)
    report = await examine(database, "GEN01")
    assert {one.kind for one in report.findings} == {"vocabulary"}
    await mended(database, report)


async def _gap(database: Database) -> None:
    await execute(database, sa.delete(records).where(ONE))


async def _far_away(database: Database) -> None:
    await set_columns(database, position=5_000)


async def _negative(database: Database) -> None:
    await set_columns(database, position=-7)


async def _next(database: Database) -> None:
    await execute(database, sa.update(organization_revisions).values(next_position=7))


@pytest.mark.parametrize("damage", [_gap, _far_away, _negative, _next])
async def test_positions_without_gaps_in_the_same_order(database: Database, damage: Damage) -> None:
    await damage(database)
    async with database.reading() as connection:
        mine = records.c.organization_id == "GEN01"
        order = list(await connection.scalars(sa.select(records.c.id).where(mine).order_by(records.c.position)))
    report = await examine(database, "GEN01")
    assert report.counts["position"] >= 1
    await mended(database, report)
    async with database.reading() as connection:
        rows = (
            await connection.execute(
                sa.select(records.c.id, records.c.position).where(mine).order_by(records.c.position)
            )
        ).all()
        assert (await get_organization(connection, "GEN01")).record_count == len(order)
    assert [tuple(row) for row in rows] == [(one, place) for place, one in enumerate(order)]


async def _missing_chunk(database: Database) -> None:
    await execute(database, sa.delete(record_chunks).where(record_chunks.c.chunk == 1))


async def _old_chunk(database: Database) -> None:
    await execute(database, sa.update(record_chunks).where(record_chunks.c.chunk == 1).values(revision=0))


async def _new_chunk(database: Database) -> None:
    await execute(database, sa.update(record_chunks).where(record_chunks.c.chunk == 1).values(revision=99))


async def _chunk_too_many(database: Database) -> None:
    row = {"organization_id": "GEN01", "chunk": 77, "revision": 1, "nonce": 1}
    await execute(database, sa.insert(record_chunks).values(row))


@pytest.mark.parametrize("damage", [_missing_chunk, _old_chunk, _new_chunk, _chunk_too_many])
async def test_chunks_are_those_of_the_records(database: Database, damage: Damage) -> None:
    await damage(database)
    report = await examine(database, "GEN01")
    assert [one.kind for one in report.findings] == ["chunk"]
    await mended(database, report)


async def test_all_damage_is_counted_and_some_listed(database: Database) -> None:
    await set_columns(database, records.c.organization_id == "GEN01", local_version=9)
    report = await examine(database, "GEN01", listed=3)
    assert (len(report.findings), report.counts["column"]) == (3, 1_080)
    await mended(database, report)
    assert (await examine(database, "GEN02")).is_sound


async def test_an_organization_that_is_not_there_is_told(database: Database) -> None:
    with pytest.raises(OrganizationNotFound):
        await examine(database, "RIO")


def test_the_command_tells_and_mends(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"sqlite:///{tmp_path}/pfa.sqlite3"
    there = ["--database", url]
    assert main(["doctor", *there]) == exits.FAILURE
    assert not (tmp_path / "pfa.sqlite3").exists()
    assert main(["generate", "--records", "300", "--organizations", "2", *there]) == exits.OK
    assert main(["doctor", *there]) == exits.OK

    async def damage() -> None:
        database = Database(url)
        await set_columns(database, local_version=9)
        await database.close()

    asyncio.run(damage())
    capsys.readouterr()
    assert main(["doctor", "-o", "GEN02", *there]) == exits.OK
    assert main(["doctor", "-o", "NONE", *there]) == exits.NOT_FOUND
    assert main(["doctor", *there]) == exits.DAMAGED
    captured = capsys.readouterr()
    assert "1 difference (column 1)" in captured.out
    assert "local_version" in captured.out
    assert "--repair mends what can be mended" in captured.err
    assert main(["doctor", "--repair", "--json", *there]) == exits.OK
    document = json.loads(capsys.readouterr().out)["GEN01"]
    assert (document["found"], document["left"]) == ({"column": 1}, {})
    assert document["findings"][0]["stored"] == "9"
    assert main(["doctor", *there]) == exits.OK
