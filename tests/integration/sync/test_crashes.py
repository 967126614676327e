"""A process that dies at any point of a push or a pull loses nothing, and nothing is written twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pytest

from pfa_rpc.simulator.faults import Delay, Match
from pfa_rpc.simulator.faults import Run as RunFunction
from pfa_rpc.store.syncing.runs import Direction, RunState
from tests.integration.store.conftest import make_migrated
from tests.integration.sync.pushing_site import PushSite, pushing_site
from tests.integration.sync.worker import POINTS
from tests.servers.stock import Stock

LEASE = 1.0
PATIENCE = 120.0
"""Seconds that a worker may take to begin and to end, however busy the machine is."""
UPDATE = Match(call="UPDATE")
OF_PUSH = [name for name in POINTS if name.startswith(("before", "after"))]


class Crashing(PushSite):
    """A site with workers that die."""

    url = ""

    async def worker(self, point: str, direction: Direction = Direction.PUSH) -> Process:
        """Begin a worker."""
        words = self.words(point, direction)
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.sync.worker", *words, stderr=PIPE
        )

    def words(self, point: str, direction: Direction) -> tuple[str, ...]:
        """Return the arguments of a worker."""
        return self.url, self.simulator.url, self.organization_id, direction.value, str(LEASE), point

    async def recovered(self, direction: Direction = Direction.PUSH) -> None:
        """Wait until the leases of a worker have run out, and synchronize."""
        await asyncio.sleep(LEASE + 0.3)
        run = await self.go(direction, runner=self.make_runner(lease=30.0))
        assert (run.state, run.message) == (RunState.SUCCEEDED, "")


@pytest.fixture(params=["sqlite", "postgresql"])
async def site(request: pytest.FixtureRequest, stock: Stock, tmp_path: Path) -> AsyncIterator[Crashing]:
    """A PEMS of 30 rows, all of them pulled."""
    with stock.copy(request.param, tmp_path, make_migrated) as (url, _):
        async with pushing_site(url) as plain:
            site = Crashing(plain.simulator, plain.database, plain.runner, plain.organization_id, plain.make_runner)
            site.url = url
            yield site


async def dead(worker: Process) -> None:
    """Wait until a worker has killed itself, or was killed."""
    async with asyncio.timeout(PATIENCE):
        _, errors = await worker.communicate()
    assert worker.returncode == -signal.SIGKILL, errors.decode()


@pytest.mark.parametrize("point", OF_PUSH)
async def test_a_push_that_dies_is_gone_on_with_and_writes_once(site: Crashing, point: str) -> None:
    first, second = site.ids()[:2]
    await site.edit(first, model="ONCE")
    await dead(await site.worker(point))
    await site.edit(second, model="ALSO")
    await site.recovered()
    assert (site.remote(first, "pfs_f_model"), site.remote(second, "pfs_f_model")) == ("ONCE", "ALSO")
    assert [len(site.writes(pfa_id)) for pfa_id in (first, second)] == [1, 1]
    assert (await site.states(), await site.conflicts()) == ({}, [])


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_worker_killed_while_pems_works_on_its_update_leaves_one_write(
    site: Crashing, when: Literal["before", "after"]
) -> None:
    first = site.ids()[0]
    await site.edit(first, model="ONCE")
    worker = await site.worker("nowhere")
    kill = RunFunction(lambda _: os.kill(worker.pid, signal.SIGKILL), when=when)
    site.simulator.faults.add(kill, UPDATE, times=1)
    site.simulator.faults.add(Delay(0.2), UPDATE, times=1)
    await dead(worker)
    await site.recovered()
    assert (site.remote(first, "pfs_f_model"), len(site.writes(first))) == ("ONCE", 1)
    assert (await site.states(), await site.conflicts()) == ({}, [])


async def test_a_worker_that_died_and_an_edit_in_pems_meanwhile_lose_neither_value(site: Crashing) -> None:
    first = site.ids()[0]
    await site.edit(first, model="MINE")
    await dead(await site.worker("after the answer was read"))
    site.simulator.edit(first, {"pfs_f_model": "THEIRS"})
    await site.recovered()
    assert (await site.values(first))["model"] == site.remote(first, "pfs_f_model") == "THEIRS"
    (conflict,) = await site.conflicts()
    assert (conflict.field, conflict.ambiguous) == ("model", True)
    assert len(site.writes(first)) == 1


async def test_a_worker_that_was_stopped_finds_its_leases_taken_and_does_no_harm(site: Crashing) -> None:
    first = site.ids()[0]
    await site.edit(first, model="ONCE")
    worker = await site.worker("nowhere")
    stop = RunFunction(lambda _: os.kill(worker.pid, signal.SIGSTOP), when="after")
    site.simulator.faults.add(stop, UPDATE, times=1)
    async with asyncio.timeout(PATIENCE):
        while not site.writes(first):  # noqa: ASYNC110 (the ledger tells nobody)
            await asyncio.sleep(0.05)
    await site.recovered()
    await site.edit(first, model="LATER")
    os.kill(worker.pid, signal.SIGCONT)
    async with asyncio.timeout(PATIENCE):
        await worker.communicate()
    await site.go(runner=site.make_runner())
    assert [entry.after["pfs_f_model"] for entry in site.writes(first)] == ["ONCE", "LATER"]
    assert (await site.states(), await site.conflicts()) == ({}, [])


async def test_a_pull_that_dies_between_a_page_and_its_cursor_reads_the_page_again(site: Crashing) -> None:
    first, *others = site.ids()
    site.simulator.edit(first, {"pfs_f_model": "NEWS"})
    for pfa_id in others[:3]:
        site.simulator.edit(pfa_id, {"pfs_f_area": "Silo 50"})
    await dead(await site.worker("between the rows of a page and the cursor", Direction.PULL))
    await site.recovered(Direction.PULL)
    assert (await site.values(first))["model"] == "NEWS"
    assert [(await site.values(pfa_id))["area_silo"] for pfa_id in others[:3]] == ["Silo 50"] * 3
    assert await site.states() == {}


async def test_two_workers_at_once_write_each_edit_once(site: Crashing) -> None:
    for pfa_id in site.ids():
        await site.edit(pfa_id, model=f"M-{pfa_id}")
    workers = [await site.worker("nowhere") for _ in range(2)]
    for worker in workers:
        await worker.communicate()
    await site.recovered()
    assert all(len(site.writes(pfa_id)) == 1 for pfa_id in site.ids())
    assert await site.states() == {}
