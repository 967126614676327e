"""What comes late, twice, or at the same time: pulls that meet pushes, old pages, updates that are delivered twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from pfa_rpc.simulator.faults import Delay, Drop, Match, Refuse
from pfa_rpc.simulator.faults import Run as RunFunction
from pfa_rpc.simulator.settings import SCREEN_PATH
from pfa_rpc.store.syncing.runs import Counts, Direction, RunState, list_runs
from pfa_rpc.store.syncing.tables import sync_log
from tests.integration.pems.conftest import PHRASE
from tests.integration.store.conftest import make_migrated
from tests.integration.sync.pushing_site import PushSite, pushing_site
from tests.servers.stock import Stock

UPDATE = Match(call="UPDATE")
DATA = Match(call="DATA")


@pytest.fixture
async def site(database_kind: str, stock: Stock, tmp_path: Path) -> AsyncIterator[PushSite]:
    """A PEMS of 30 rows, all of them pulled."""
    with stock.copy(database_kind, tmp_path, make_migrated) as (url, _):
        async with pushing_site(url) as site:
            yield site


async def test_a_pull_leaves_a_record_that_is_being_written_and_nothing_of_its_row_is_lost(site: PushSite) -> None:
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    site.simulator.faults.add(Delay(1.5, when="after"), UPDATE, times=1)
    await site.stop_in_mid_update(site.make_runner(lease=0.5))
    site.simulator.edit(first, {"pfs_f_area": "Silo 88"})
    run = await site.go(Direction.PULL)
    assert (run.counts.deferred, run.counts.conflicts) == (1, 0)
    record = await site.values(first)
    assert (record["sync_state"], record["model"]) == ("pending_sync", "MINE")
    await site.go(Direction.BOTH, runner=site.make_runner(patience=timedelta(seconds=5)))
    record = await site.values(first)
    assert (record["model"], record["area_silo"]) == ("MINE", "Silo 88")
    assert (site.remote(first, "pfs_f_model"), site.remote(first, "pfs_f_area")) == ("MINE", "Silo 88")
    assert (len(site.writes(first)), await site.states(), await site.conflicts()) == (1, {}, [])


async def test_an_older_page_that_comes_after_the_acknowledgement_takes_nothing_back(site: PushSite) -> None:
    first = site.ids()[0]
    rows, key = site.simulator.rows, (site.organization_id, first)
    old = rows.get(*key)
    site.simulator.clock.advance(timedelta(minutes=5))
    await site.edit(first, model="MINE")
    await site.go()
    new = rows.get(*key)
    assert (old.values["pfs_f_model"] == "MINE", new.values["pfs_f_model"]) == (False, "MINE")

    site.simulator.faults.add(RunFunction(lambda _: rows.replace(old), when="before"), DATA, times=1)
    site.simulator.faults.add(RunFunction(lambda _: rows.replace(new), when="after"), DATA, times=1)
    run = await site.go(Direction.PULL)
    assert run.counts.unchanged == run.counts.fetched
    assert (await site.values(first))["model"] == "MINE"
    await site.both()
    assert (site.remote(first, "pfs_f_model"), await site.states(), await site.conflicts()) == ("MINE", {}, [])
    assert len(site.writes(first)) == 1


async def test_an_update_that_is_delivered_twice_is_made_once(site: PushSite) -> None:
    """By a gateway, which loses the first answer and gets another for the second: that somebody has changed it."""
    first = site.ids()[0]
    await site.edit(first, model="ONCE")
    delivered: list[asyncio.Task[httpx.Response]] = []

    headers = {"tenant": "DEMO", "organization": site.organization_id}
    async with httpx.AsyncClient(auth=("pfa", PHRASE), headers=headers, trust_env=False) as gateway:

        def twice(call: Any) -> None:
            again = gateway.post(f"{site.simulator.url}{SCREEN_PATH}", json=dict(call.body))
            delivered.append(asyncio.create_task(again))

        site.simulator.faults.add(RunFunction(twice), UPDATE, times=1)
        site.simulator.faults.add(Drop("after"), UPDATE, times=1)
        run = await site.go()
        assert [answer.status_code for answer in await asyncio.gather(*delivered)] == [400]
    assert (run.state, run.message) == (RunState.SUCCEEDED, "")
    assert [entry.after["pfs_f_model"] for entry in site.writes(first)] == ["ONCE"]
    assert (await site.states(), await site.conflicts()) == ({}, [])


async def test_the_log_tells_all_that_became_of_each_record_in_order(site: PushSite) -> None:
    good, lost, refused, clashing = site.ids()[:4]
    for pfa_id in (good, lost, refused, clashing):
        await site.edit(pfa_id, model="NEW")
    site.simulator.edit(clashing, {"pfs_f_model": "THEIRS"})
    site.simulator.faults.add(Drop("before"), Match(call="UPDATE", pfa_id=lost), times=1)
    site.simulator.faults.add(Refuse(), Match(call="UPDATE", pfa_id=refused))
    run = await site.go()
    async with site.database.reading() as connection:
        entries = list(await connection.execute(sa.select(sync_log).order_by(sync_log.c.revision, sync_log.c.ordinal)))
    names = {(await site.values(pfa_id))["id"]: pfa_id for pfa_id in site.ids()}
    told: dict[str, list[str]] = {}
    for entry in entries:
        assert entry.run_id == run.run_id
        told.setdefault(names[entry.record_id], []).append(entry.action)
    assert told.pop(good) == ["acknowledged"]
    assert told.pop(lost) == ["failed", "found_unapplied", "acknowledged"]
    assert told.pop(refused) == ["gave_up"]
    assert set(told) <= {clashing}
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)


async def test_each_row_that_came_is_in_one_count_of_its_run(site: PushSite) -> None:
    edited, clashing, changed, rejected = site.ids()[:4]
    await site.edit(edited, model="MINE")
    await site.edit(clashing, model="MINE")
    site.simulator.edit(edited, {"pfs_f_area": "Silo 88"})
    site.simulator.edit(clashing, {"pfs_f_model": "THEIRS"})
    site.simulator.edit(changed, {"pfs_f_model": "NEWS"})
    site.simulator.force(rejected, "pfs_f_startdate", "soon")
    for direction in (Direction.PULL, Direction.BOTH, Direction.PULL):
        await site.go(direction)
    async with site.database.reading() as connection:
        runs = await list_runs(connection, site.organization_id, limit=10)
    assert [run.number for run in runs] == [4, 3, 2, 1]
    assert [run.started_at for run in runs] == sorted((run.started_at for run in runs), reverse=True)
    pull = runs[2].counts
    assert (pull.merged, pull.conflicts, pull.updated, pull.rejected) == (1, 1, 1, 1)
    assert all(_sorted_out(run.counts) == run.counts.fetched for run in runs if run.direction is Direction.PULL)


def _sorted_out(counts: Counts) -> int:
    kinds = (counts.inserted, counts.updated, counts.unchanged, counts.merged, counts.conflicts, counts.deferred)
    return sum(kinds) + counts.rejected
