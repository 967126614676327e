"""A full pull that reads several ranges of ids at once brings what one that reads them in order brings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.store.syncing.cursors import read_cursor
from pfa_rpc.store.syncing.runs import Mode, RunState
from pfa_rpc.store.tables import records
from pfa_rpc.sync import reading
from tests.integration.store.conftest import database_kind, make_migrated  # noqa: F401 (a fixture)
from tests.integration.sync.test_pull import ROWS, Site, site_at
from tests.servers.stock import Stock


@pytest.fixture(autouse=True)
def small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ten rows be worth a range."""
    monkeypatch.setattr(reading, "RANGE_ROWS", 10)


@pytest.fixture
def url(database_kind: str, stock: Stock, tmp_path: Path) -> Any:  # noqa: F811
    with stock.copy(database_kind, tmp_path, make_migrated) as (url, _):
        yield url


@pytest.fixture
async def site(url: str) -> AsyncIterator[Site]:
    """A PEMS of 60 rows that is read in four ranges, four rows a page."""
    async with site_at(url, page_rows=4, ranges=4) as site:
        yield site


async def stored_ids(site: Site) -> list[str]:
    async with site.database.reading() as connection:
        return sorted(await connection.scalars(sa.select(records.c.pfa_id).where(sa.not_(records.c.deleted_in_pems))))


async def test_every_row_comes_once(site: Site) -> None:
    run = await site.run()
    assert (run.state, run.counts.fetched, run.counts.inserted) == (RunState.SUCCEEDED, ROWS, ROWS)
    assert await stored_ids(site) == site.ids()
    again = await site.run(Mode.FULL)
    assert (again.counts.fetched, again.counts.unchanged, again.counts.vanished) == (ROWS, ROWS, 0)


async def test_what_is_gone_is_known_once_all_ranges_are_read(site: Site) -> None:
    await site.run()
    gone = [site.ids()[place] for place in (0, 14, 15, 30, 59)]
    for pfa_id in gone:
        site.simulator.delete(pfa_id)
    run = await site.run(Mode.FULL)
    assert run.counts.vanished == len(gone)
    assert await stored_ids(site) == site.ids()


async def test_a_load_that_was_stopped_goes_on_in_each_of_its_ranges(site: Site) -> None:
    site.simulator.faults.add("reply status=401 call=DATA after=12")
    stopped = await site.run()
    assert stopped.state is RunState.FAILED
    assert 0 < stopped.counts.inserted < ROWS
    async with site.database.reading() as connection:
        cursor = await read_cursor(connection, site.organization_id)
    assert len(cursor.ranges) == 4
    assert sum(one.after_id is not None for one in cursor.ranges) > 1
    site.simulator.faults.clear()
    resumed = await site.run()
    assert (resumed.state, resumed.counts.inserted) == (RunState.SUCCEEDED, ROWS - stopped.counts.inserted)
    assert await stored_ids(site) == site.ids()
    async with site.database.reading() as connection:
        assert (await read_cursor(connection, site.organization_id)).ranges == ()


async def test_nothing_slips_past_while_rows_move(site: Site) -> None:
    site.simulator.faults.add("move service=grid call=DATA edit=2 add=1 delete=1")
    run = await site.run()
    assert run.state is RunState.SUCCEEDED
    site.simulator.faults.clear()
    await site.run(Mode.FULL)
    await site.run(Mode.FULL)
    assert await stored_ids(site) == site.ids()


async def test_a_pems_that_sorts_otherwise_than_it_compares_is_read_whole(url: str) -> None:
    order = {"records": 1, "sort_collation": "natural", "filter_collation": "binary"}
    async with site_at(url, simulator=order, page_rows=4, ranges=4) as site:
        image = next(site.simulator.rows.rows(site.organization_id)).image
        values = {name: value for name, value in image.values.items() if name.startswith("pfs_f_")}
        for number in range(2, 80):
            site.simulator.add(str(number), values)
        run = await site.run()
        assert run.state is RunState.SUCCEEDED
        assert await stored_ids(site) == site.ids()
        assert (await site.run(Mode.FULL)).counts.vanished == 0


async def test_a_small_organization_is_read_in_order(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "RANGE_ROWS", ROWS)
    await site.run()
    asked = site.simulator.requests["grid DATA"]
    await site.run(Mode.FULL)
    assert site.simulator.requests["grid DATA"] - asked <= 1 + -(-ROWS // 3)  # pages of four, the first row again
