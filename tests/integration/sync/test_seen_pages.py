"""A process that was just started knows pages that came before, and looks at whatever its records do not hold."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
import sqlalchemy as sa

from pfa_rpc.simulator.rows import Image
from pfa_rpc.store.syncing.runs import Mode, Run, RunState
from pfa_rpc.store.syncing.tables import sync_seen_pages
from pfa_rpc.sync.pems.row_reader import ReadPart, RowReader
from pfa_rpc.sync.runner import Runner
from pfa_rpc.sync.seen_rows import forget_rows
from tests.integration.sync.test_pull import ROWS, Site, site

__all__ = ["site"]  # a fixture


class Looked:
    """Counts the rows that are looked at: whose bytes are hashed, and which are read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hashed = self.read = 0
        hash_row, read_rows = RowReader.digest, RowReader.read

        def digest(reader: RowReader, row: bytes) -> bytes:
            self.hashed += 1
            return hash_row(reader, row)

        def read(reader: RowReader, rows: Sequence[bytes], digests: Sequence[bytes], head: bytes) -> ReadPart:
            self.read += len(rows)
            return read_rows(reader, rows, digests, head)

        monkeypatch.setattr(RowReader, "digest", digest)
        monkeypatch.setattr(RowReader, "read", read)


@asynccontextmanager
async def another_process(site: Site) -> AsyncIterator[Site]:
    """Give the site as a process has it that knows nothing but what is stored."""
    runner = Runner(site.database, site.runner.settings)
    try:
        yield Site(site.simulator, site.database, runner, site.organization_id)
    finally:
        await runner.close()


async def sweep(site: Site) -> Run:
    """Pull everything, in another process."""
    async with another_process(site) as other:
        return await other.run(Mode.FULL)


async def test_pages_that_came_before_are_not_cut_into_rows(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.run()
    revision = await site.revision()
    looked = Looked(monkeypatch)
    run = await sweep(site)
    assert (run.counts.fetched, run.counts.unchanged, run.counts.vanished) == (ROWS, ROWS, 0)
    assert (looked.hashed, looked.read, await site.revision()) == (0, 0, revision)


async def test_of_a_page_that_has_changed_the_rows_that_have_are_read(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pages that are kept are those of the last sweep; what comes back to what it was is read as well."""
    await site.run()
    first = site.ids()[0]
    original = site.simulator.row(first)
    looked = Looked(monkeypatch)
    site.simulator.edit(first, {"pfs_f_model": "Z-9"})
    assert (await sweep(site)).counts.updated == 1
    assert (looked.hashed, looked.read) == (20, 1)
    assert (await site.values(first))["model"] == "Z-9"
    later = Image({**site.simulator.row(first).values, "pfs_f_model": original.values["pfs_f_model"]}, 99)
    site.simulator.rows.replace(later)
    assert (await sweep(site)).counts.updated == 1
    assert (await site.values(first))["model"] == original.values["pfs_f_model"]
    looked.hashed = looked.read = 0
    await sweep(site)
    assert (looked.hashed, looked.read) == (0, 0)
    async with site.database.reading() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(sync_seen_pages)) == 4


async def test_a_row_that_was_forgotten_is_looked_at_again_on_a_page_that_is_known(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await site.run()
    async with site.database.writing() as connection:
        await forget_rows(connection, site.organization_id, [site.ids()[30]])
    looked = Looked(monkeypatch)
    run = await sweep(site)
    assert (run.counts.fetched, run.counts.unchanged) == (ROWS, ROWS)
    assert (looked.hashed, looked.read) == (20, 1)


async def test_a_row_that_was_rejected_meanwhile_is_taken_in_once_its_page_is_as_before(site: Site) -> None:
    """Of the rejection an incremental pull knows, which keeps no pages."""
    await site.run()
    first = site.ids()[0]
    before = site.simulator.row(first)
    site.simulator.force(first, "pfs_f_startdate", "soon")
    async with another_process(site) as other:
        assert (await other.run()).counts.rejected == 1
    assert (await site.values(first))["rejected_reason"] is not None
    site.simulator.rows.replace(before)
    run = await sweep(site)
    assert (run.state, run.counts.rejected) == (RunState.SUCCEEDED, 0)
    assert (await site.values(first))["rejected_reason"] is None


async def test_a_record_that_was_gone_and_is_back_as_it_was_is_taken_back(site: Site) -> None:
    await site.run()
    image = site.simulator.delete(site.ids()[0])
    assert (await sweep(site)).counts.vanished == 1
    site.simulator.rows.insert(image)  # with its stamp, and without a trace that it was ever gone
    assert (await sweep(site)).counts.vanished == 0
    assert not (await site.values(image.pfa_id))["deleted_in_pems"]


async def test_a_local_edit_makes_no_page_unknown_and_is_not_lost(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.run()
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    looked = Looked(monkeypatch)
    assert (await sweep(site)).counts.unchanged == ROWS
    assert looked.hashed == 0
    record = await site.values(first)
    assert (record["model"], record["modified_fields"]) == ("MINE", ("model",))


async def test_two_processes_that_take_turns_see_what_the_other_has_taken_in(site: Site) -> None:
    await site.run()
    first, second = site.ids()[:2]
    async with another_process(site) as other:
        for number, process in enumerate([other, site, other, site]):
            site.simulator.edit(first if number % 2 else second, {"pfs_f_model": f"M-{number}"})
            run = await process.run(Mode.FULL)
            assert (run.counts.updated, run.counts.unchanged) == (1, ROWS - 1)


async def test_equal_bytes_under_other_columns_are_read_anew(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.run()
    looked = Looked(monkeypatch)
    swapped = site.runner.settings.columns | {"description": "pfs_f_category", "category": "description"}
    runner = Runner(site.database, site.runner.settings.model_copy(update={"columns": swapped}))
    other = Site(site.simulator, site.database, runner, site.organization_id)
    assert (await other.run(Mode.FULL)).counts.updated == ROWS
    assert looked.read == ROWS
    await runner.close()
