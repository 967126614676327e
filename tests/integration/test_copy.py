"""A copy is equal to its source, goes on where it was stopped, and never writes over other data."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main
from pfa_rpc.records.editing import marked_edited
from pfa_rpc.store.bulk import insert_rows
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.audit import Sought, list_changes
from pfa_rpc.store.instance import shared_key
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from pfa_rpc.store.revisions import get_chunk_revisions
from pfa_rpc.store.tables import records
from pfa_rpc.store.upkeep import copying
from pfa_rpc.store.upkeep.contents import contents
from pfa_rpc.store.upkeep.copying import CopyDiffers, OtherData, copy
from pfa_rpc.store.upkeep.doctor import examine
from pfa_rpc.store.upkeep.generating import generate
from tests.causes import CAUSE
from tests.fixtures.records import make_values

CODES = ("GEN01", "GEN02", "GEN03")


@pytest.fixture
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy in batches of one chunk."""
    monkeypatch.setattr(copying, "BATCH_RECORDS", 512)


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    try:
        await migrate(database)
        yield database
    finally:
        await database.close()


@pytest.fixture
def source_url(tmp_path: Path) -> str:
    """The URL of an SQLite database with 2,000 records."""
    url = f"sqlite:///{tmp_path}/source.sqlite3"

    async def make() -> None:
        async with opened(url) as database:
            await generate(url, records=2_000, organizations=3, seed=1)
            await shared_key(database)

    asyncio.run(make())
    return url


async def edit(database: Database, code: str, pfa_ids: list[str], area: str) -> None:
    async with database.write(code, CAUSE) as write:
        organization = await get_organization(write.connection, code)
        changes = []
        for record in (await read_for_write(write, pfa_ids)).values():
            values = record.values | {"area_silo": area}
            values, base = marked_edited(record.values, record.base, values, "anna", write.at)
            changes.append((record, replace(record, values=values, base=base)))
        await save_records(write, organization, changes)


async def insert(database: Database, code: str, pfa_id: str) -> None:
    async with database.write(code, CAUSE) as write:
        organization = await get_organization(write.connection, code)
        await save_records(write, organization, [(None, new_record(code, pfa_id, make_values(pfa_id)))])


async def assert_equal(source: Database, target: Database) -> None:
    for code in CODES:
        async with source.reading() as ours, target.reading() as theirs:
            assert await contents(ours, code) == await contents(theirs, code)
            before, after = await get_organization(ours, code), await get_organization(theirs, code)
        assert before.revision.number == after.revision.number
        assert before.revision.nonce != after.revision.nonce
        assert (before.display_name, before.currency_code, before.created_at, before.record_count) == (
            after.display_name,
            after.currency_code,
            after.created_at,
            after.record_count,
        )
        assert (await examine(target, code)).findings == []


async def test_a_copy_is_equal_but_for_its_nonces(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        told: list[tuple[int, int]] = []
        summary = await copy(source, target, progress=lambda done, total: told.append((done, total)))
        assert sum(one.inserted for one in summary.organizations.values()) == 2_000
        assert summary.behind == []
        assert told[-1] == (4_000, 4_000)
        await assert_equal(source, target)
        assert await shared_key(source) == await shared_key(target)
        (_, ours_at), (_, theirs_at) = [await get_chunk_revisions(each, "GEN01") for each in (source, target)]
        assert ours_at.keys() == theirs_at.keys()
        assert not {pair.nonce for pair in ours_at.values()} & {pair.nonce for pair in theirs_at.values()}


async def test_there_and_back_nothing_is_lost(source_url: str, postgresql_url: str, tmp_path: Path) -> None:
    async with (
        opened(source_url) as source,
        opened(postgresql_url) as middle,
        opened(f"sqlite:///{tmp_path}/back.sqlite3") as back,
    ):
        await copy(source, middle)
        await copy(middle, back)
        await assert_equal(source, back)
        async with source.reading() as ours, back.reading() as theirs:
            query = sa.select(records).order_by(records.c.organization_id, records.c.position)
            assert (await ours.execute(query)).all() == (await theirs.execute(query)).all()


async def test_the_history_comes_over_and_goes_on(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await edit(source, "GEN01", ["70000", "70003"], "Silo 99")
        await copy(source, target)
        await edit(target, "GEN01", ["70003"], "Silo 98")
        async with target.reading() as connection:
            changes = await list_changes(connection, "GEN01", Sought(fields=("area_silo",)), limit=10)
        assert sorted(change.pfa_id for change in changes) == ["70000", "70003", "70003"]
        assert changes[0].pfa_id == "70003"


async def test_a_second_copy_brings_what_changed(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await copy(source, target)
        assert sum(one.inserted + one.replaced for one in (await copy(source, target)).organizations.values()) == 0
        await edit(source, "GEN01", ["70000", "70003", "70600"], "Silo 99")
        await insert(source, "GEN01", "new")
        summary = await copy(source, target)
        assert (summary.organizations["GEN01"].replaced, summary.organizations["GEN01"].inserted) == (3, 1)
        await assert_equal(source, target)


@pytest.mark.usefixtures("small_batches")
@pytest.mark.parametrize("batches", [1, 2, 4])
async def test_a_copy_that_was_stopped_goes_on(
    source_url: str, database_url: str, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await stop_after(batches, source, target, monkeypatch)
        # What is there already can change, too, before the copy goes on.
        await edit(source, "GEN01", ["70000", "70999"], "Silo 99")
        summary = await copy(source, target)
        assert 0 < sum(one.inserted for one in summary.organizations.values()) < 2_000
        await assert_equal(source, target)


async def stop_after(batches: int, source: Database, target: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Copy until some batches of records are written, then fail."""
    whole, written = insert_rows, 0

    async def insert_some(connection: Any, table: sa.Table, rows: Any) -> None:
        nonlocal written
        if table is records:
            if written == batches:
                raise KeyboardInterrupt
            written += 1
        await whole(connection, table, rows)

    with monkeypatch.context() as patch:
        patch.setattr(copying, "insert_rows", insert_some)
        with pytest.raises(KeyboardInterrupt):
            await copy(source, target)


async def test_a_killed_copy_goes_on(source_url: str, postgresql_url: str) -> None:
    command = ["copy", "--from", source_url, "--to", postgresql_url]
    script = (
        "import os, signal\n"
        "from pfa_rpc.store.upkeep import copying\n"
        "copying.BATCH_RECORDS = 512\n"
        "whole = copying.insert_rows\n"
        "async def insert(connection, table, rows):\n"
        "    await whole(connection, table, rows)\n"
        "    if rows[0].get('position', 0) >= 512: os.kill(os.getpid(), signal.SIGKILL)\n"
        "copying.insert_rows = insert\n"
        "from pfa_rpc.cli.main import run; run()\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", script, *command, stderr=subprocess.PIPE)
    await process.communicate()
    assert process.returncode == -9
    async with opened(source_url) as source, opened(postgresql_url) as target:
        async with target.reading() as connection:
            assert (await get_organization(connection, "GEN01")).record_count == 512
        summary = await copy(source, target)
        assert summary.organizations["GEN01"].inserted == summary.organizations["GEN01"].records - 512
        await assert_equal(source, target)


async def test_a_source_that_changes_meanwhile_is_told(
    source_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, changed = contents, False

    async def change_first(*arguments: Any, **options: Any) -> Any:
        nonlocal changed
        if not changed:
            changed = True
            await edit(source, "GEN01", ["70001"], "Silo 98")
        return await whole(*arguments, **options)

    monkeypatch.setattr(copying, "contents", change_first)
    async with opened(source_url) as source, opened(database_url) as target:
        assert (await copy(source, target)).behind == ["GEN01"]
        summary = await copy(source, target)
        assert (summary.behind, summary.organizations["GEN01"].replaced) == ([], 1)
        await assert_equal(source, target)


async def test_a_target_with_an_organization_of_its_own_is_refused(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await create_organization(target, "RIO")
        with pytest.raises(OtherData, match="'RIO' that the source has not"):
            await copy(source, target)


async def test_a_target_with_other_records_is_refused(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await create_organization(target, "GEN02")
        await insert(target, "GEN02", "mine")
        with pytest.raises(OtherData, match="1 records of organization 'GEN02' that no copy"):
            await copy(source, target)
        async with target.reading() as connection:
            assert await connection.scalar(sa.select(sa.func.count()).select_from(records)) == 1


async def test_a_target_that_was_written_to_since_is_refused(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await copy(source, target)
        await edit(target, "GEN02", ["70000"], "Silo 97")
        with pytest.raises(OtherData, match="'GEN02' was changed in the target"):
            await copy(source, target)


async def test_a_difference_is_found_and_both_sides_are_told(source_url: str, database_url: str) -> None:
    async with opened(source_url) as source, opened(database_url) as target:
        await copy(source, target)
        async with target.writing() as connection:
            await connection.execute(
                sa.update(records).where(records.c.pfa_id == "70002").values(monthly_rate=1, payload=b"")
            )
        with pytest.raises(CopyDiffers, match=r"Source: .* records, monthly_rate .*Target: .* records, monthly_rate"):
            await copy(source, target)


def test_the_command_has_a_status_for_each_failure(
    source_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = f"sqlite:///{tmp_path}/target.sqlite3"
    assert main(["copy", "--from", source_url, "--to", source_url]) == exits.USAGE
    assert main(["copy", "--from", f"sqlite:///{tmp_path}/none.sqlite3", "--to", target]) == exits.FAILURE
    assert not (tmp_path / "none.sqlite3").exists()
    assert main(["copy", "--from", source_url, "--to", "postgresql://nobody@127.0.0.1:1/none"]) == exits.UNAVAILABLE
    capsys.readouterr()
    assert main(["copy", "--from", source_url, "--to", target, "--json"]) == exits.OK
    document = json.loads(capsys.readouterr().out)
    assert (document["records"], document["inserted"], document["behind"]) == (2_000, 2_000, [])
    assert main(["copy", "--from", source_url, "--to", target]) == exits.OK
    assert "Both sides are equal." in capsys.readouterr().out

    async def damage() -> None:
        async with opened(target) as database, database.writing() as connection:
            await connection.execute(sa.update(records).where(records.c.pfa_id == "70002").values(payload=b""))

    asyncio.run(damage())
    assert main(["copy", "--from", source_url, "--to", target]) == exits.DAMAGED
    assert "is not the same in both databases" in capsys.readouterr().err
    other = f"sqlite:///{tmp_path}/other.sqlite3"
    assert main(["generate", "--records", "10", "--organizations", "1", "--database", other]) == exits.OK
    assert main(["copy", "--from", source_url, "--to", other]) == exits.CONFLICT
