"""Invented records: the same for the same numbers, obedient to every rule, and stored as the write path stores."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main
from pfa_rpc.records.encode import encode
from pfa_rpc.records.fragments import FragmentEncoder
from pfa_rpc.records.generating import BATCH_RECORDS, PlannedOrganization, draw, draw_columns, plan
from pfa_rpc.records.rules import broken_rules
from pfa_rpc.records.steps import columns_of
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.binary_copy import column_maker, row_head
from pfa_rpc.store.copied_rows import COLUMNS
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import Organization, create_organization, get_organization
from pfa_rpc.store.records import StoredRecord, record_id, to_rows
from pfa_rpc.store.tables import field_values, records
from pfa_rpc.store.upkeep import generating
from pfa_rpc.store.upkeep.contents import contents
from pfa_rpc.store.upkeep.copied_tables import table_rows
from pfa_rpc.store.upkeep.doctor import examine
from pfa_rpc.store.upkeep.generating import DrawnRows, OtherData, fill, generate
from tests.fixtures.records import make_values

SMALL: Any = {"records": 1_200, "organizations": 3, "seed": 7}


async def prepared(url: str) -> Database:
    database = Database(url)
    await migrate(database)
    return database


async def digests(database: Database) -> dict[str, str]:
    """Return what each organization's records amount to, revisions and nonces aside."""
    async with database.reading() as connection:
        rows = await connection.execute(
            sa.select(records.c.organization_id, records.c.position, records.c.payload).order_by(
                records.c.organization_id, records.c.position
            )
        )
        return {f"{row.organization_id}/{row.position}": row.payload.hex() for row in rows}


# --- the records -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "organizations"), [(1, 1), (5, 5), (7, 3), (100, 30), (1_000_000, 30)])
def test_organizations_share_all_records_and_get_one_at_least(number: int, organizations: int) -> None:
    sizes = [item.records for item in plan(number, organizations, 1)]
    assert (sum(sizes), len(sizes)) == (number, organizations)
    assert min(sizes) >= 1
    assert sizes == sorted(sizes, reverse=True)


def test_a_million_records_make_large_and_many_small_organizations() -> None:
    sizes = [item.records for item in plan(1_000_000, 30, 1)]
    assert sizes[0] == 60_000
    assert sum(size < 10_000 for size in sizes) >= 8


def organization(size: int = 2_000) -> PlannedOrganization:
    return PlannedOrganization("GEN01", "Generated", "EUR", "UTC", size, "1/0")


def test_every_record_obeys_the_rules() -> None:
    for drawn in draw(organization(), 0):
        assert broken_rules(drawn.values) == []
        assert drawn.base is None or broken_rules(drawn.base) == []


def test_an_edited_record_differs_from_pems_in_the_fields_that_it_names() -> None:
    edited = [drawn for drawn in draw(organization(), 0) if drawn.base is not None]
    assert 5 <= len(edited) <= 60
    for drawn in edited:
        assert drawn.base is not None
        differing = [name for name, value in drawn.base.items() if drawn.values[name] != value]
        assert differing
        assert sorted(differing) == sorted(drawn.values["modified_fields"])
        assert drawn.values["sync_state"] in ("modified", "sync_error")


def test_frequencies_are_those_of_an_export() -> None:
    counts: Counter[str] = Counter()
    for drawn in draw(organization(5_000), 0):
        values = drawn.values
        counts.update(name for name in ("contract", "equipment", "plan_start", "area_silo") if values[name] is None)
        counts.update(name for name in ("is_actualized", "is_discontinued") if values[name])
        counts[values["source"]] += 1
    shares = {name: number / 5_000 for name, number in counts.items()}
    wanted = {"contract": 0.3, "equipment": 0.31, "plan_start": 0.03, "area_silo": 0.01, "is_actualized": 0.61}
    wanted |= {"is_discontinued": 0.06, "rental": 0.71, "purchase": 0.29}
    assert shares == pytest.approx(wanted, abs=0.03)


def test_a_batch_is_the_same_whichever_were_drawn_before() -> None:
    planned = organization(2 * BATCH_RECORDS + 10)
    assert list(draw(planned, 2)) == list(draw(planned, 2))
    assert len(list(draw(planned, 2))) == 10


def no_uses() -> dict[str, Counter[str | None]]:
    return {field.name: Counter() for field in FIELDS if field.named}


def in_rows(parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of parts in columns."""
    return [dict(zip(part, row, strict=True)) for part in parts for row in zip(*part.values(), strict=True)]


# --- their stored form -----------------------------------------------------------------------------------------------


def test_joined_fragments_are_the_bytes_that_the_encoder_gives() -> None:
    encoder = FragmentEncoder("GEN01", "EUR")
    odd = make_values("ü" * 300, area_silo="", description="x" * 70_000, monthly_rate=0, modified_at=None)
    odd["id"] = ""
    small = make_values("2", id="2", purchase_price=-1, monthly_rate=9_999, plan_start=date(2026, 1, 1))
    zero = {field.name: None for field in FIELDS} | {"sync_retry_count": 0}
    values = [*(one.values for one in draw(organization(), 0)), odd, small, zero]
    for revision in (0, 3):
        encoded = encoder.encode(columns_of(values), revision)
        for payload, one in zip(encoded, values, strict=True):
            assert payload == encode(one, organization_id="GEN01", currency="EUR", revision=revision)


def test_a_record_alone_is_encoded_as_among_others() -> None:
    values = [one.values for one in draw(organization(300), 0)]
    together, alone = FragmentEncoder("GEN01", "EUR"), FragmentEncoder("GEN01", "EUR")
    expected = list(together.encode(columns_of(values), 1))
    assert [payload for one in values for payload in alone.encode(columns_of([one]), 1)] == expected


async def test_a_row_is_the_one_that_the_write_path_makes(tmp_path: Path) -> None:
    database = await prepared(f"sqlite:///{tmp_path}/pfa.sqlite3")
    planned = organization()
    created: Organization = await create_organization(database, "GEN01", currency_code="EUR")
    await database.close()
    drawn = list(draw(planned, 0))
    rows = in_rows(DrawnRows(planned).columns(draw_columns(planned, 0), 100, 4, no_uses()))
    stored = [
        StoredRecord(
            one.values | {"id": record_id("GEN01", one.values["pfa_id"])}, one.base, row["seen_digest"], position
        )
        for position, (one, row) in enumerate(zip(drawn, rows, strict=True), start=100)
    ]
    assert rows == to_rows(stored, created, 4)


def test_a_row_for_copy_is_the_row_itself_in_the_form_of_copy() -> None:
    planned = organization()
    maker = DrawnRows(planned)
    columns = [column_maker(records.c[name]) for name in COLUMNS]
    assert set(COLUMNS) == set(records.columns.keys())
    counted, copied_uses = no_uses(), no_uses()
    rows = in_rows(maker.columns(draw_columns(planned, 0), 7, 4, counted))
    for copied, row in zip(maker.copied(draw_columns(planned, 0), 7, 4, copied_uses), rows, strict=True):
        parts = [make(row[name]) for name, make in zip(COLUMNS, columns, strict=True)]
        assert copied == row_head(len(COLUMNS)) + b"".join(parts)
    assert counted == copied_uses


# --- a database of them ----------------------------------------------------------------------------------------------


async def test_what_was_generated_is_sound(database_url: str) -> None:
    database = await prepared(database_url)
    summary = await generate(database_url, **SMALL)
    assert (summary.written, sum(summary.organizations.values())) == (1_200, 1_200)
    for code in summary.organizations:
        report = await examine(database, code)
        assert report.findings == []
        assert report.records == summary.organizations[code]
    await database.close()


async def test_several_processes_give_what_one_gives(postgresql_url: str, tmp_path: Path) -> None:
    one, several = await prepared(f"sqlite:///{tmp_path}/pfa.sqlite3"), await prepared(postgresql_url)
    await generate(f"sqlite:///{tmp_path}/pfa.sqlite3", **SMALL)
    told: list[tuple[int, int]] = []
    await generate(postgresql_url, processes=2, progress=lambda done, total: told.append((done, total)), **SMALL)
    assert await digests(one) == await digests(several)
    assert (told[0], told[-1]) == ((0, 1_200), (1_200, 1_200))
    await one.close()
    await several.close()


async def test_another_seed_gives_other_records(tmp_path: Path) -> None:
    payloads = []
    for seed in (1, 2):
        database = await prepared(f"sqlite:///{tmp_path}/{seed}.sqlite3")
        await generate(f"sqlite:///{tmp_path}/{seed}.sqlite3", records=50, organizations=1, seed=seed)
        payloads.append(await digests(database))
        await database.close()
    assert payloads[0] != payloads[1]


@pytest.mark.parametrize(("transaction", "kept"), [(BATCH_RECORDS, BATCH_RECORDS), (2 * BATCH_RECORDS, 0)])
async def test_a_run_that_was_stopped_is_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, transaction: int, kept: int
) -> None:
    """Stopped after its first batch: between transactions, or within one."""
    monkeypatch.setattr(generating, "_TRANSACTION_RECORDS", transaction)
    url, whole = f"sqlite:///{tmp_path}/pfa.sqlite3", f"sqlite:///{tmp_path}/whole.sqlite3"
    size = BATCH_RECORDS + 100
    database, other = await prepared(url), await prepared(whole)
    planned = plan(size, 1, 1)[0]
    await create_organization(
        database, planned.organization_id, display_name=planned.display_name, currency_code=planned.currency_code
    )
    told: list[int] = []
    assert await fill(database, planned, stop=lambda: bool(told), wrote=told.append) == kept
    assert told == [BATCH_RECORDS]
    assert (await generate(url, records=size, organizations=1, seed=1)).written == size - kept
    await generate(whole, records=size, organizations=1, seed=1)
    async with database.reading() as ours, other.reading() as theirs:
        # The history tells when each was written, and in how many transactions.
        same = [replace(await contents(each, "GEN01"), others="") for each in (ours, theirs)]
        assert same[0] == same[1]
        named = [[rows async for rows in table_rows(each, field_values, "GEN01")] for each in (ours, theirs)]
        assert named[0] == named[1]
    assert (await generate(url, records=size, organizations=1, seed=1)).written == 0
    await database.close()
    await other.close()


async def test_a_run_that_was_killed_leaves_whole_batches_and_no_process(postgresql_url: str) -> None:
    numbers = ["--records", "24000", "--organizations", "3", "--seed", "1"]
    command = [sys.executable, "-c", "from pfa_rpc.cli.main import run; run()", "generate", *numbers]
    command += ["--database", postgresql_url, "--processes", "2"]
    database = await prepared(postgresql_url)
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    async with asyncio.timeout(60):
        while not await _written(database):  # noqa: ASYNC110 (another process is waited for)
            await asyncio.sleep(0.05)
    process.kill()
    await process.wait()
    written = await _settled(database)
    assert 0 < written < 24_000
    async with database.reading() as connection:
        for code in ("GEN01", "GEN02", "GEN03"):
            size = (await get_organization(connection, code)).record_count
            planned = {item.organization_id: item.records for item in plan(24_000, 3, 1)}[code]
            assert size % BATCH_RECORDS == 0 or size == planned
    summary = await generate(postgresql_url, records=24_000, organizations=3, seed=1)
    assert summary.written == 24_000 - written
    assert [(await examine(database, code)).findings for code in summary.organizations] == [[], [], []]
    await database.close()


async def _written(database: Database) -> int:
    async with database.reading() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(records)) or 0)


async def _settled(database: Database) -> int:
    """Return the number of records once it stays the same: those who write have ended."""
    seen = -1
    while (now := await _written(database)) != seen:
        seen = now
        await asyncio.sleep(1.0)
    return seen


async def test_other_data_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/pfa.sqlite3"
    database = await prepared(url)
    await generate(url, **SMALL)
    with pytest.raises(OtherData, match="'GEN01' with 720 records"):
        await generate(url, records=1_300, organizations=3, seed=7)
    with pytest.raises(OtherData, match="'GEN01'"):
        await generate(url, records=10, organizations=100, seed=7)
    await database.close()


def test_the_command_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "generate",
        "--records",
        "300",
        "--organizations",
        "2",
        "--database",
        f"sqlite:///{tmp_path}/a.sqlite3",
    ]
    assert main([*arguments, "--json"]) == exits.OK
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (document["records"], document["written"]) == (300, 300)
    assert list(document["organizations"]) == ["GEN01", "GEN02"]
    assert main(arguments) == exits.OK
    assert "Every record was there already." in capsys.readouterr().out
    assert main([*arguments[:2], "1", *arguments[3:]]) == exits.USAGE
    assert main([*arguments[:2], "301", *arguments[3:]]) == exits.CONFLICT
    assert "name an empty database" in capsys.readouterr().err
