"""One write path: columns, payload, vocabulary and revision move together or not at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa

from nlq.query import fold
from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.errors import InvalidRequest, OrganizationExists, OrganizationNotFound
from pfa_rpc.records.encode import decode
from pfa_rpc.records.revision import Revision
from pfa_rpc.schema import FIELDS, MERGED_FIELDS
from pfa_rpc.store.database import Database, NothingChanged
from pfa_rpc.store.organizations import create_organization, get_organization, list_organizations
from pfa_rpc.store.records import new_record, read_for_write, record_id, save_records, seen_rows
from pfa_rpc.store.tables import field_values, records
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.integration.store.conftest import Filled


async def revision_of(database: Database, organization_id: str = "RIO") -> Revision:
    async with database.reading() as connection:
        return (await get_organization(connection, organization_id)).revision


async def check_columns(database: Database) -> None:
    """Assert that every column holds what the payload says, and the vocabulary what the records hold."""
    async with database.reading() as connection:
        rows = (await connection.execute(sa.select(records))).all()
        kept = {
            (row.organization_id, row.field, row.spelling): row.uses
            for row in await connection.execute(sa.select(field_values).where(field_values.c.uses != 0))
        }
    uses: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        values, record = decode(row.payload), Record.FromString(row.payload)
        assert (record.organization_id, record.revision) == (row.organization_id, row.revision)
        for field in FIELDS:
            value = values[field.name]
            expected = fold(value) if field.type is FieldType.TEXT and value is not None else value
            assert getattr(row, field.column) == expected, field.name
            if field.named and value is not None:
                uses[row.organization_id, field.name, value] += 1
    assert kept == dict(uses)


async def test_columns_and_vocabulary_are_those_of_the_payloads(filled: Filled) -> None:
    await check_columns(filled.database)


async def test_a_change_moves_revision_columns_and_vocabulary(filled: Filled) -> None:
    before = await revision_of(filled.database)
    async with filled.database.reading() as connection:
        organization = await get_organization(connection, "RIO")
    async with filled.database.write("RIO", CAUSE) as write:
        found = await read_for_write(write, ["1", "2", "nobody"])
        changes = []
        for record in found.values():
            changed = record.copy()
            changed.values |= {"area_silo": "Silo 99", "forecast_start": date(2026, 1, 2), "forecast_end": None}
            changed.base = {field.name: record.values[field.name] for field in MERGED_FIELDS}
            changes.append((record, changed))
        await save_records(write, organization, changes)
    after = await revision_of(filled.database)
    assert sorted(found) == ["1", "2"]
    assert (after.number, after.nonce != before.nonce) == (before.number + 1, True)
    await check_columns(filled.database)
    async with filled.database.write("RIO", CAUSE) as write:
        again = (await read_for_write(write, ["1"]))["1"]
        assert again.base == {field.name: filled.values[0][field.name] for field in MERGED_FIELDS}
        assert (again.position, again.values["area_silo"]) == (0, "Silo 99")
        raise NothingChanged
    assert await revision_of(filled.database) == after


async def test_a_write_that_fails_leaves_nothing_behind(filled: Filled) -> None:
    before = await revision_of(filled.database)
    organization = await _organization(filled.database)

    async def fail_halfway() -> None:
        async with filled.database.write("RIO", CAUSE) as write:
            await save_records(write, organization, [(None, new_record("RIO", "new", make_values("new")))])
            raise RuntimeError("halfway")

    with pytest.raises(RuntimeError, match="halfway"):
        await fail_halfway()
    assert await revision_of(filled.database) == before
    async with filled.database.reading() as connection:
        assert await seen_rows(connection, "RIO", ["new"]) == {}
    await check_columns(filled.database)


async def test_writes_at_once_get_revisions_and_positions_in_turn(database: Database) -> None:
    organization = await create_organization(database, "RIO")

    async def insert(number: int) -> int:
        async with database.write("RIO", CAUSE) as write:
            record = new_record("RIO", str(number), make_values(str(number)))
            await save_records(write, organization, [(None, record)])
            return write.revision.number

    revisions = await asyncio.gather(*(insert(number) for number in range(20)))
    assert sorted(revisions) == list(range(1, 21))
    async with database.reading() as connection:
        positions = (await connection.execute(sa.select(records.c.position).order_by(records.c.position))).scalars()
        assert list(positions) == list(range(20))
        assert (await get_organization(connection, "RIO")).record_count == 20


async def test_writing_to_an_organization_that_does_not_exist_is_refused(database: Database) -> None:
    with pytest.raises(OrganizationNotFound, match="'NOWHERE'"):
        async with database.write("NOWHERE", CAUSE):
            pass


def test_a_record_has_the_same_id_wherever_it_is_imported() -> None:
    assert record_id("RIO", "78497") == record_id("RIO", "78497")
    assert len({record_id("RIO", "78497"), record_id("RIO2", "78497"), record_id("RIO", "78498")}) == 3


async def test_seen_rows_are_found_in_any_number(filled: Filled) -> None:
    async with filled.database.reading() as connection:
        found = await seen_rows(connection, "RIO", [str(number) for number in range(2_000)])
    assert {pfa_id: stamp for pfa_id, (_, stamp) in found.items()} == {
        record["pfa_id"]: record["pems_stamp"] for record in filled.values
    }


# --- organizations ---------------------------------------------------------------------------------------------------


async def _organization(database: Database) -> Any:
    async with database.reading() as connection:
        return await get_organization(connection, "RIO")


async def test_organizations_are_listed_by_code(database: Database) -> None:
    for code in ("RIO2", "BAY-7", "RIO"):
        await create_organization(database, code)
    async with database.reading() as connection:
        listed = await list_organizations(connection, limit=10)
        second = await list_organizations(connection, limit=1, after="BAY-7")
        own = await list_organizations(connection, limit=10, among={"RIO2"})
    assert [item.organization_id for item in listed] == ["BAY-7", "RIO", "RIO2"]
    assert [item.organization_id for item in second] == ["RIO"]
    assert [item.organization_id for item in own] == ["RIO2"]


async def test_a_code_is_taken_once(database: Database) -> None:
    await create_organization(database, "RIO", currency_code="EUR", time_zone="America/Denver")
    with pytest.raises(OrganizationExists, match="'RIO' exists"):
        await create_organization(database, "RIO")
    organization = await _organization(database)
    assert (organization.currency_code, organization.zone.key) == ("EUR", "America/Denver")


@pytest.mark.parametrize(
    ("code", "options", "fields"),
    [
        ("", {}, ["organization_id"]),
        ("-RIO", {}, ["organization_id"]),
        ("R" * 33, {}, ["organization_id"]),
        ("RIO{x}", {}, ["organization_id"]),
        ("RIO", {"currency_code": "usd"}, ["organization.currency_code"]),
        ("", {"time_zone": "Nowhere"}, ["organization_id", "organization.time_zone"]),
        ("RIO", {"time_zone": "../etc/passwd"}, ["organization.time_zone"]),
        ("RIO", {"time_zone": "localtime"}, ["organization.time_zone"]),
        ("RIO", {"display_name": "a\x1b[31m"}, ["organization.display_name"]),
    ],
)
async def test_a_bad_organization_is_refused_with_every_reason(
    database: Database, code: str, options: dict[str, str], fields: list[str]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await create_organization(database, code, **options)
    assert [violation.field for violation in caught.value.violations] == fields


async def vocabulary_of(database: Database, organization_id: str = "RIO") -> int:
    async with database.reading() as connection:
        return (await get_organization(connection, organization_id)).vocabulary_nonce


async def save(database: Database, pfa_id: str, **values: Any) -> None:
    """Give a record, which is made where there is none, some values."""
    async with database.reading() as connection:
        organization = await get_organization(connection, "RIO")
    async with database.write("RIO", CAUSE) as write:
        stored = (await read_for_write(write, [pfa_id])).get(pfa_id)
        record = new_record("RIO", pfa_id, make_values(pfa_id, **values))
        if stored is not None:
            record = replace(stored, values={**stored.values, **values})
        await save_records(write, organization, [(stored, record)])


async def test_only_values_that_come_or_go_make_another_vocabulary(database: Database) -> None:
    await create_organization(database, "RIO")
    nonces = []
    for pfa_id, maker in (
        ("1", "Grove"),  # comes
        ("2", "Grove"),
        ("1", "GROVE"),  # another spelling
        ("1", "Grove"),  # it goes
        ("2", "Manitowoc"),
        ("2", "Grove"),
        ("2", "Manitowoc"),  # back again, after it was gone
    ):
        await save(database, pfa_id, manufacturer=maker, model="M")
        nonces.append(await vocabulary_of(database))
    assert nonces[0] == nonces[1]
    assert len(set(nonces)) == 6
