"""One process runs the synchronization of an organization; one that is stopped or killed loses nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pfa_rpc.simulator.running import Simulator, running_simulator
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, current_organization
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun, Run, RunState, list_runs
from pfa_rpc.sync.runner import Runner, SyncAlreadyRunning
from tests.integration.pems.conftest import PHRASE, organization_of, settings_for

ROWS = 100
LEASE = 1.5
SCRIPT = Path(__file__).parents[2] / "fixtures" / "sync_process.py"


class Site:
    """A PEMS whose pages come slowly, and a database that several processes pull into."""

    def __init__(self, simulator: Simulator, url: str, organization_id: str) -> None:
        self.simulator = simulator
        self.url = url
        self.organization_id = organization_id
        self.database = Database(url)
        settings = settings_for(simulator.url, page_rows=10)
        self.runner = Runner(self.database, settings, lease_seconds=LEASE)

    @contextmanager
    def other_process(self) -> Iterator[subprocess.Popen[bytes]]:
        """Begin a pull in a process of its own; it is gone at the end of the block."""
        arguments = [
            sys.executable,
            str(SCRIPT),
            self.url,
            self.simulator.url,
            PHRASE,
            self.organization_id,
            str(LEASE),
        ]
        process = subprocess.Popen(arguments)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    async def until_page(self, number: int) -> None:
        """Wait until a pull has so many pages behind it, and waits for the next one."""
        async with asyncio.timeout(20):
            while not (log := await self.log()) or log[-1].counts.pages < number:  # noqa: ASYNC110 (another process')
                await asyncio.sleep(0.02)

    async def count(self) -> int:
        """Return how many records there are."""
        return (await current_organization(self.database, self.organization_id)).record_count

    async def pull(self) -> Run:
        """Pull in this process, as soon as it is let."""
        new = NewRun(Direction.PULL, Mode.INCREMENTAL, "anna", self.runner.holder)
        async with asyncio.timeout(20):
            while True:
                try:
                    begun = await self.runner.start(self.organization_id, new)
                    return await self.runner.finished(self.organization_id, begun.run_id)
                except SyncAlreadyRunning:
                    await asyncio.sleep(0.1)

    async def log(self) -> list[Run]:
        """Return the runs, the first one first."""
        async with self.database.reading() as connection:
            return (await list_runs(connection, self.organization_id, limit=10))[::-1]


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    """A site on each kind of database."""
    async with running_simulator(Settings(records=ROWS, users={"pfa": PHRASE})) as simulator:
        database = Database(database_url)
        await migrate(database)
        code = organization_of(simulator)
        await create_organization(database, code)
        await database.close()
        site = Site(simulator, database_url, code)
        yield site
        await site.runner.close()
        await site.database.close()


async def test_a_pull_that_is_killed_is_gone_on_with(site: Site) -> None:
    site.simulator.faults.add("delay seconds=0.5 call=DATA")
    with site.other_process() as process:
        await site.until_page(3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    site.simulator.faults.clear()
    before = await site.count()
    assert before < ROWS
    asked = site.simulator.requests["grid DATA"]
    run = await site.pull()
    assert run.state is RunState.SUCCEEDED
    assert run.counts.inserted == ROWS - before
    assert site.simulator.requests["grid DATA"] - asked < 11  # not from the first page on
    killed, _ = await site.log()
    assert (killed.state, killed.reason) == (RunState.FAILED, "SYNC_LOST")
    assert await site.count() == ROWS


async def test_a_process_that_was_stopped_for_long_finds_its_run_taken_and_changes_nothing(site: Site) -> None:
    site.simulator.faults.add("delay seconds=0.5 call=DATA")
    with site.other_process() as process:
        await site.until_page(3)
        os.kill(process.pid, signal.SIGSTOP)
        site.simulator.faults.clear()
        assert (await site.pull()).state is RunState.SUCCEEDED
        revision = (await current_organization(site.database, site.organization_id)).revision
        log = await site.log()
        os.kill(process.pid, signal.SIGCONT)
        assert await asyncio.to_thread(process.wait, 20) == 0
    assert (await current_organization(site.database, site.organization_id)).revision == revision
    assert await site.log() == log
    assert [run.state for run in log] == [RunState.FAILED, RunState.SUCCEEDED]
    assert await site.count() == ROWS


async def test_a_second_process_waits_for_its_turn(site: Site) -> None:
    site.simulator.faults.add("delay seconds=0.2 call=DATA")
    with site.other_process() as process:
        await site.until_page(1)
        with pytest.raises(SyncAlreadyRunning) as refused:
            await site.runner.start(site.organization_id, NewRun(Direction.PULL, Mode.FULL, "anna", site.runner.holder))
        (running,) = await site.log()
        assert refused.value.metadata["run_id"] == running.run_id
        await site.runner.cancel(site.organization_id, running.run_id, "ben")
        assert await asyncio.to_thread(process.wait, 20) == 0
    (cancelled,) = await site.log()
    assert (cancelled.state, cancelled.cancelled_by) == (RunState.CANCELLED, "ben")
