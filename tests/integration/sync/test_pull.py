"""Pulls take in what PEMS holds, once, and lose nothing on either side."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.encode import Values
from pfa_rpc.simulator.faults import Match
from pfa_rpc.simulator.faults import Run as RunFunction
from pfa_rpc.simulator.running import Simulator, running_simulator
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import create_organization, current_organization, get_organization
from pfa_rpc.store.records import read_rows
from pfa_rpc.store.row_edits import RowEdit
from pfa_rpc.store.syncing.cursors import list_rejected, read_cursor
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun, Run, RunState, list_runs
from pfa_rpc.store.syncing.tables import sync_conflicts
from pfa_rpc.store.tables import records
from pfa_rpc.sync.batch import save_row_edits
from pfa_rpc.sync.runner import Runner
from tests.integration.pems.conftest import PHRASE, organization_of, settings_for
from tests.integration.store.conftest import make_migrated
from tests.servers.stock import Stock

ROWS = 60


@dataclass
class Site:
    """A PEMS, a database, and what runs the synchronization between them."""

    simulator: Simulator
    database: Database
    runner: Runner
    organization_id: str

    async def run(self, mode: Mode = Mode.INCREMENTAL, **new: Any) -> Run:
        """Pull, to its end."""
        begun = await self.runner.start(
            self.organization_id, NewRun(Direction.PULL, mode, "anna", self.runner.holder, **new)
        )
        return await self.runner.finished(self.organization_id, begun.run_id)

    async def values(self, pfa_id: str) -> Values:
        """Return a record as it is stored."""
        async with self.database.reading() as connection:
            rows = await read_rows(connection, self.organization_id, "pfa_id", [pfa_id])
        return rows[pfa_id].decoded().values

    async def edit(self, pfa_id: str, *, by: str = "anna", **updates: Any) -> None:
        """Edit a record as a person does."""
        async with self.database.write(self.organization_id, Cause(How.EDIT, by)) as write:
            organization = await get_organization(write.connection, self.organization_id)
            found = (await read_rows(write.connection, self.organization_id, "pfa_id", [pfa_id]))[pfa_id]
            await save_row_edits(write, organization, [RowEdit(found, updates)])

    async def revision(self) -> int:
        """Return the number of the organization's revision."""
        return (await current_organization(self.database, self.organization_id)).revision.number

    async def count(self) -> int:
        """Return how many records there are."""
        return (await current_organization(self.database, self.organization_id)).record_count

    def ids(self) -> list[str]:
        """Return the ids of the rows of PEMS."""
        return sorted(image.pfa_id for image in self.simulator.rows if image.organization == self.organization_id)


@pytest.fixture
async def site(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[Site]:
    """A PEMS of 60 rows, and an empty organization of its name."""
    with stock.copy(database_kind, tmp_path, make_migrated) as (url, _):
        async with site_at(url) as site:
            yield site


@asynccontextmanager
async def site_at(url: str, *, simulator: dict[str, Any] | None = None, **settings: Any) -> AsyncIterator[Site]:
    """Give a site on a database."""
    installation: dict[str, Any] = {"records": ROWS, "users": {"pfa": PHRASE}} | (simulator or {})
    database = Database(url)
    async with running_simulator(Settings(**installation)) as pems:
        runner = Runner(database, settings_for(pems.url, **({"page_rows": 20} | settings)))
        organization_id = organization_of(pems)
        await create_organization(database, organization_id)
        try:
            yield Site(pems, database, runner, organization_id)
        finally:
            await runner.close()
            await database.close()


async def test_a_first_pull_brings_every_row_and_the_next_one_nothing(site: Site) -> None:
    run = await site.run()
    assert (run.state, run.message) == (RunState.SUCCEEDED, "")
    assert run.mode is Mode.INCREMENTAL
    assert (run.counts.fetched, run.counts.inserted) == (ROWS, ROWS)
    assert run.counts.pages >= 3
    assert await site.count() == ROWS
    revision = await site.revision()
    again = await site.run(Mode.FULL)
    assert (again.counts.fetched, again.counts.unchanged) == (ROWS, ROWS)
    assert await site.revision() == revision
    assert (await site.run()).state is RunState.SUCCEEDED
    assert await site.revision() == revision


async def test_a_change_in_pems_comes_with_the_next_pull_alone(site: Site) -> None:
    await site.run()
    first = site.ids()[0]
    site.simulator.edit(first, {"pfs_f_model": "Z-9"})
    asked = site.simulator.requests.total()
    run = await site.run()
    assert site.simulator.requests.total() - asked == 3  # columns, count, one page
    assert (run.counts.updated, run.counts.inserted) == (1, 0)
    record = await site.values(first)
    assert (record["model"], record["pems_modified_by"]) == ("Z-9", "okafor")
    assert record["sync_state"] == "pristine"


async def test_equal_stamps_at_the_cursor_are_told_apart_by_what_the_rows_hold(site: Site) -> None:
    site.simulator.clock.stop()
    await site.run()
    first = site.ids()[0]
    for model in ("A-1", "A-2"):  # both in the very minute that the cursor stands at
        site.simulator.edit(first, {"pfs_f_model": model})
        await site.run()
        assert (await site.values(first))["model"] == model


@pytest.mark.parametrize("hours", [1, -1])
async def test_changes_are_found_while_pems_clock_is_wrong(site: Site, hours: int) -> None:
    await site.run()
    first, second = site.ids()[:2]
    site.simulator.now = site.simulator.now + timedelta(hours=hours)
    site.simulator.edit(first, {"pfs_f_model": "A-1"})
    await site.run()
    site.simulator.now = site.simulator.now - timedelta(hours=hours)
    site.simulator.edit(second, {"pfs_f_model": "A-2"})
    await site.run()
    assert (await site.values(first))["model"] == "A-1"
    assert (await site.values(second))["model"] == "A-2"


async def test_rows_edited_added_and_deleted_between_pages_lose_no_other(site: Site) -> None:
    site.simulator.faults.add("move service=grid call=DATA edit=2 add=1 delete=1")
    run = await site.run()
    assert run.state is RunState.SUCCEEDED
    site.simulator.faults.clear()
    await site.run(Mode.FULL)
    await site.run(Mode.FULL)
    async with site.database.reading() as connection:
        query = sa.select(records.c.pfa_id).where(sa.not_(records.c.deleted_in_pems))
        assert sorted(await connection.scalars(query)) == site.ids()


async def test_a_record_gone_from_pems_is_kept_and_marked_and_taken_back_when_it_returns(site: Site) -> None:
    await site.run()
    first = site.ids()[0]
    row = site.simulator.row(first)
    site.simulator.delete(first)
    await site.run()
    assert not (await site.values(first))["deleted_in_pems"]  # what changed since does not tell what is gone
    run = await site.run(Mode.FULL)
    assert run.counts.vanished == 1
    record = await site.values(first)
    assert record["deleted_in_pems"]
    assert record["sync_state"] == "pristine"
    revision = await site.revision()
    assert (await site.run(Mode.FULL)).counts.vanished == 0
    assert await site.revision() == revision
    site.simulator.add(first, {name: value for name, value in row.values.items() if name != "pfs_id"})
    await site.run()
    assert not (await site.values(first))["deleted_in_pems"]
    assert await site.count() == ROWS


async def test_a_row_missing_from_a_sweep_is_not_believed_gone_while_pems_shows_it(site: Site) -> None:
    await site.run()
    hidden = site.ids()[30]
    image = site.simulator.rows.get(site.organization_id, hidden)
    sweep = Match(call="DATA")
    key = (site.organization_id, hidden)
    hide = RunFunction(lambda _: site.simulator.rows.delete(*key), when="before")
    show = RunFunction(lambda _: site.simulator.rows.insert(image), when="after")
    for function in (hide, show):
        site.simulator.faults.add(function, sweep, after=1, times=1)
    run = await site.run(Mode.FULL)
    assert run.counts.vanished == 0
    assert site.simulator.requests["screen GET"] == 1
    assert not (await site.values(hidden))["deleted_in_pems"]


async def test_a_local_edit_stays_and_what_pems_changed_beside_it_is_merged(site: Site) -> None:
    await site.run()
    first = site.ids()[0]
    await site.edit(first, area_silo="Silo 99")
    site.simulator.edit(first, {"pfs_f_model": "Z-9"})
    run = await site.run()
    assert run.counts.merged == 1
    record = await site.values(first)
    assert (record["area_silo"], record["model"]) == ("Silo 99", "Z-9")
    assert record["modified_fields"] == ("area_silo",)
    assert record["sync_state"] == "modified"


async def test_the_same_field_changed_on_both_sides_is_a_conflict_that_is_listed_once(site: Site) -> None:
    await site.run()
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    site.simulator.edit(first, {"pfs_f_model": "THEIRS"})
    run = await site.run()
    assert run.counts.conflicts == 1
    record = await site.values(first)
    assert (record["model"], record["conflicting_fields"]) == ("MINE", ("model",))
    revision = await site.revision()
    assert (await site.run()).counts.conflicts == 1  # it is still open
    assert await site.revision() == revision
    async with site.database.reading() as connection:
        (row,) = (await connection.execute(sa.select(sync_conflicts))).all()
    assert (row.mine_by, row.theirs_by, row.closed_at) == ("anna", "okafor", None)


async def test_a_conflict_names_who_changed_each_field_and_nobody_where_nobody_did(site: Site) -> None:
    """The record knows its last editor alone; and PEMS may have changed one of two fields that a rule ties."""
    await site.run()
    first = site.ids()[0]
    before = await site.values(first)
    assert before["forecast_start"] is not None
    await site.edit(first, by="ben", model="MINE", forecast_end=before["forecast_end"] + timedelta(days=3))
    at = (await site.values(first))["modified_at"]
    await site.edit(first, by="carla", area_silo="Silo 99")
    moved = before["forecast_start"] - timedelta(days=3)
    site.simulator.edit(first, {"pfs_f_model": "THEIRS", "pfs_f_startdate": moved}, by="maria")
    await site.run()
    async with site.database.reading() as connection:
        rows = (await connection.execute(sa.select(sync_conflicts))).all()
    sides = {row.field: (row.mine_by, row.mine_at, row.theirs_by) for row in rows}
    assert sides == {
        "model": ("ben", at, "maria"),
        "forecast_start": (None, None, "maria"),
        "forecast_end": ("ben", at, None),
    }


async def test_a_row_that_cannot_be_taken_in_is_listed_and_its_record_keeps_its_last_good_values(site: Site) -> None:
    await site.run()
    first = site.ids()[0]
    before = await site.values(first)
    site.simulator.force(first, "pfs_f_startdate", "13/45/2026")
    run = await site.run()
    assert (run.counts.rejected, run.counts.vanished) == (1, 0)
    record = await site.values(first)
    assert record["forecast_start"] == before["forecast_start"]
    assert "forecast start is not a date" in record["rejected_reason"]
    async with site.database.reading() as connection:
        (row,) = await list_rejected(connection, site.organization_id, limit=10)
    assert (row.pfa_id, row.faults[0][:2]) == (first, ("pfs_f_startdate", "13/45/2026"))
    revision = await site.revision()
    again = await site.run(Mode.FULL)
    assert (again.counts.rejected, again.counts.vanished) == (1, 0)
    assert await site.revision() == revision
    site.simulator.edit(first, {"pfs_f_startdate": date(2026, 3, 1), "pfs_f_enddate": date(2026, 4, 1)})
    await site.run()
    record = await site.values(first)
    assert (record["rejected_reason"], record["forecast_start"]) == (None, date(2026, 3, 1))
    async with site.database.reading() as connection:
        assert await list_rejected(connection, site.organization_id, limit=10) == []


async def test_a_session_that_ends_in_mid_sweep_is_gone_on_with(site: Site) -> None:
    site.simulator.faults.add("expire call=DATA after=1 times=1")
    run = await site.run()
    assert (run.state, run.counts.inserted) == (RunState.SUCCEEDED, ROWS)


async def test_credentials_refused_in_mid_run_end_it_and_the_next_run_goes_on(site: Site) -> None:
    site.simulator.faults.add("reply status=401 call=DATA after=2")
    run = await site.run()
    assert run.state is RunState.FAILED
    assert run.reason == "PEMS_REFUSED"
    assert 0 < run.counts.inserted < ROWS
    site.simulator.faults.clear()
    again = await site.run()
    assert again.state is RunState.SUCCEEDED
    assert again.counts.inserted == ROWS - run.counts.inserted
    assert await site.count() == ROWS


async def test_a_row_gone_while_the_first_load_was_stopped_is_found_by_the_run_after_it(site: Site) -> None:
    """The load goes on where it was, and so does not know which rows came before; the next run reads them all."""
    site.simulator.faults.add("reply status=401 call=DATA after=2")
    stopped = await site.run()
    site.simulator.faults.clear()
    first = site.ids()[0]
    site.simulator.delete(first)
    resumed = await site.run()
    assert (resumed.state, resumed.counts.vanished) == (RunState.SUCCEEDED, 0)
    assert resumed.counts.inserted == ROWS - stopped.counts.inserted
    assert (await site.run()).counts.vanished == 1
    assert (await site.values(first))["deleted_in_pems"]
    asked = site.simulator.requests["grid DATA"]
    await site.run()
    assert site.simulator.requests["grid DATA"] - asked <= 2  # it is over: again what has changed alone


async def test_a_sweep_that_was_stopped_begins_anew_and_finds_what_is_gone(site: Site) -> None:
    await site.run()
    site.simulator.faults.add("reply status=401 call=DATA after=2")
    assert (await site.run(Mode.FULL)).state is RunState.FAILED
    site.simulator.faults.clear()
    first = site.ids()[0]
    site.simulator.delete(first)
    again = await site.run(Mode.FULL)
    assert (again.counts.fetched, again.counts.vanished) == (ROWS - 1, 1)
    assert (await site.values(first))["deleted_in_pems"]


async def test_an_import_is_known_by_the_first_pull(site: Site) -> None:
    await site.run()
    async with site.database.writing() as connection:
        await connection.execute(sa.text("DELETE FROM sync_seen_rows"))
        await connection.execute(sa.text("DELETE FROM sync_cursors"))
    revision = await site.revision()
    run = await site.run(Mode.FULL)
    assert (run.counts.unchanged, run.counts.updated) == (ROWS, 0)
    assert await site.revision() == revision


async def test_the_log_is_complete_and_in_order(site: Site) -> None:
    await site.run(request_id="one", request_digest=b"1")
    repeated = await site.run(request_id="one", request_digest=b"1")
    await site.run(Mode.FULL)
    async with site.database.reading() as connection:
        runs = await list_runs(connection, site.organization_id, limit=10)
        cursor = await read_cursor(connection, site.organization_id)
    assert [run.number for run in runs] == [2, 1]
    assert repeated.run_id == runs[1].run_id
    assert all(run.ended_at is not None and run.ended_at >= run.started_at for run in runs)
    assert cursor.mode is None
    assert cursor.swept_at is not None


@pytest.mark.parametrize(
    "fault",
    [
        "reply status=429 retry_after=0",
        "reply status=429",
        "reply status=429 retry_after=+1",
        "reply status=429 retry_after=soon",
        "reply status=503",
        "reply status=503 retry_after=0",
        "reply status=503 body=envelope",
        "reply status=500",
        "drop",
        "drop when=within",
    ],
)
async def test_what_passes_is_waited_for(site: Site, fault: str) -> None:
    site.simulator.faults.add(f"{fault} call=DATA after=1 times=2")
    run = await site.run()
    assert (run.state, run.counts.inserted) == (RunState.SUCCEEDED, ROWS)


async def test_rows_that_come_twice_are_taken_once(site: Site) -> None:
    site.simulator.faults.add("repeat rows=3 call=DATA")
    run = await site.run()
    assert run.counts.inserted == ROWS
    assert await site.count() == ROWS
