"""Two processes synchronize while people edit on both sides, and are killed at random: nothing is lost, nothing twice.

PFA_CHAOS_SECONDS says how long it goes on. A seed that failed is printed; PFA_CHAOS_SEED takes it up.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Final

import pytest
import sqlalchemy as sa

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.deltas import decode_partial
from pfa_rpc.simulator.faults import Delay, Drop, Match, Reply
from pfa_rpc.simulator.ledger import Effect, Origin
from pfa_rpc.store.syncing.runs import Direction
from pfa_rpc.store.syncing.tables import sync_conflicts
from pfa_rpc.store.tables import record_changes
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.events import Keep, Resolved, RetryAsked
from tests.integration.store.conftest import make_migrated
from tests.integration.sync.pushing_site import pushing_site
from tests.integration.sync.test_crashes import Crashing
from tests.integration.sync.worker import FOREVER, work
from tests.servers.stock import Stock

SECONDS: Final = float(os.environ.get("PFA_CHAOS_SECONDS", "5"))
SEED: Final = int(os.environ.get("PFA_CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 1_000_000)
WORKERS: Final = 2
LEAST_WRITES: Final = 10
"""Writes that PEMS must have applied, however slow the machine is: else nothing was tried."""
MORE_SECONDS: Final = 60.0
"""How much longer it goes on for these."""
FORKING: Final = multiprocessing.get_context("forkserver")
"""Where workers come from that have everything imported: they work at once, and so are killed at work."""
FORKING.set_forkserver_preload(["tests.integration.sync.worker"])
COLUMNS: Final = {"model": "pfs_f_model", "area_silo": "pfs_f_area", "manufacturer": "pfs_f_manufacturer"}
"""The fields that are edited, and what PEMS calls them."""
SCREEN: Final = Match(service="screen")


class Chaos:
    """Edits on both sides, and processes that are killed."""

    def __init__(self, site: Crashing) -> None:
        self.site = site
        self.random = random.Random(SEED)
        self.ids = site.ids()[:12]
        self.numbers = iter(range(1_000_000))
        self.local: dict[tuple[str, str], str] = {}
        """The last local value of each field of each record."""
        self.remote: dict[tuple[str, str], str] = {}
        self.workers: list[BaseProcess] = []
        self.done = Counter[str]()
        self.ends = 0.0

    async def run(self) -> None:
        """Go on for a while, then come to rest."""
        self.ends = time.monotonic() + SECONDS
        self.site.simulator.faults.add(Drop("after"), Match(call="UPDATE"), probability=0.1)
        self.site.simulator.faults.add(Drop("before"), SCREEN, probability=0.05)
        self.site.simulator.faults.add(Reply(500), SCREEN, probability=0.05)
        self.site.simulator.faults.add(Reply(429, retry_after="0"), SCREEN, probability=0.05)
        self.site.simulator.faults.add(Delay(0.05), SCREEN, probability=0.2)
        self.workers = [self._begin() for _ in range(WORKERS)]
        tasks = [asyncio.create_task(one()) for one in (self._edit_here, self._edit_there, self._kill)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for worker in self.workers:
                worker.kill()
                await asyncio.to_thread(worker.join)
        self.site.simulator.faults.clear()

    @property
    def applied(self) -> int:
        """How many writes of ours PEMS has applied."""
        entries = self.site.simulator.ledger.entries
        return sum(entry.origin is Origin.SERVICE and entry.effect is Effect.CHANGED for entry in entries)

    def _goes_on(self) -> bool:
        left = self.ends - time.monotonic()
        return left > 0 or (left > -MORE_SECONDS and self.applied < LEAST_WRITES)

    def _begin(self) -> BaseProcess:
        worker = FORKING.Process(target=work, args=(self.site.words(FOREVER, Direction.BOTH),))
        worker.start()
        return worker

    async def _edit_here(self) -> None:
        while self._goes_on():
            pfa_id, field = self.random.choice(self.ids), self.random.choice(list(COLUMNS))
            value = f"L{next(self.numbers)}"
            try:
                await self.site.edit(pfa_id, **{field: value})
            except DatabaseUnavailable:
                continue
            self.local[pfa_id, field] = value
            self.done["edits here"] += 1
            await asyncio.sleep(self.random.uniform(0, 0.2))

    async def _edit_there(self) -> None:
        while self._goes_on():
            pfa_id, field = self.random.choice(self.ids), self.random.choice(list(COLUMNS))
            value = f"R{next(self.numbers)}"
            self.site.simulator.edit(pfa_id, {COLUMNS[field]: value})
            self.remote[pfa_id, field] = value
            self.done["edits in PEMS"] += 1
            await asyncio.sleep(self.random.uniform(0, 0.6))

    async def _kill(self) -> None:
        while self._goes_on():
            await self._work(self.random.randrange(1, 25))
            await asyncio.sleep(self.random.uniform(0, 0.2))
            number = self.random.randrange(WORKERS)
            self.workers[number].kill()
            self.done["kills"] += 1
            await asyncio.to_thread(self.workers[number].join)
            self.workers[number] = self._begin()

    async def _work(self, requests: int) -> None:
        """Wait until so many more requests have reached PEMS: however slow the machine is, workers die at work."""
        enough = self.site.simulator.requests.total() + requests
        while self._goes_on() and self.site.simulator.requests.total() < enough:  # noqa: ASYNC110 (it tells nobody)
            await asyncio.sleep(0.01)

    async def rest(self) -> None:
        """Synchronize until nothing is left to be done but decisions."""
        await asyncio.sleep(1.3)  # the leases of who was killed
        for _ in range(10):
            run = await self.site.go(Direction.BOTH, runner=self.site.make_runner(lease=30.0))
            await self._retry()
            waiting = {state for state in (await self.site.states()).values() if state != "modified"}
            if not waiting and not run.counts.pushed and not run.message:
                return
        pytest.fail(f"it does not come to rest: {await self.site.states()}")

    async def _retry(self) -> None:
        async with self.site.database.write(self.site.organization_id, Cause(How.SYNC, "anna")) as write:
            batch = await SyncBatch.begin(write)
            await batch.read("pfa_id", self.ids)
            for pfa_id in self.ids:
                record = batch.find(pfa_id)
                assert record is not None
                if record.values["sync_state"] == "sync_error":
                    batch.step(record.values["id"], RetryAsked("anna", write.at))
            await batch.save()

    async def decide(self) -> None:
        """Settle every open conflict, by PEMS or by the local value."""
        async with self.site.database.write(self.site.organization_id, Cause(How.SYNC, "anna")) as write:
            batch = await SyncBatch.begin(write)
            await batch.read("pfa_id", self.ids)
            for pfa_id in self.ids:
                record = batch.find(pfa_id)
                assert record is not None
                if record.conflicts:
                    choices = {one.field: self.random.choice(list(Keep)) for one in record.conflicts}
                    batch.step(record.values["id"], Resolved(choices, "anna", write.at))
            await batch.save()


@pytest.fixture(params=["sqlite", "postgresql"])
async def chaos(request: pytest.FixtureRequest, stock: Stock, tmp_path: Path) -> AsyncIterator[Chaos]:
    """A PEMS of 30 rows, all of them pulled."""
    with stock.copy(request.param, tmp_path, make_migrated) as (url, _):
        async with pushing_site(url) as plain:
            site = Crashing(plain.simulator, plain.database, plain.runner, plain.organization_id, plain.make_runner)
            site.url = url
            yield Chaos(site)


async def test_nothing_is_lost_and_nothing_written_twice_while_processes_are_killed(chaos: Chaos) -> None:
    sys.stdout.write(f"PFA_CHAOS_SEED={SEED}\n")
    await chaos.run()
    assert chaos.applied >= LEAST_WRITES, "nothing was tried"
    await chaos.rest()
    sys.stdout.write(f"{_counted(chaos)}\n")
    shown = await _shown(chaos)
    local = {(*where, value) for where, value in chaos.local.items()}
    remote = {(*where, value) for where, value in chaos.remote.items()}
    assert local - shown.here - shown.written - shown.mine == set(), "local edits that are lost"
    assert remote - shown.there - shown.theirs == set(), "edits in PEMS that were overwritten by who had not seen them"
    await chaos.decide()
    await chaos.rest()
    assert (await chaos.site.states(), await chaos.site.conflicts()) == ({}, [])
    for pfa_id in chaos.ids:
        record = await chaos.site.values(pfa_id)
        here = {field: record[field] for field in COLUMNS}
        assert here == {field: chaos.site.remote(pfa_id, column) for field, column in COLUMNS.items()}
    assert _written(chaos) - (await _wanted(chaos)) == Counter(), "values that PEMS was given once more than wanted"


def _counted(chaos: Chaos) -> str:
    """Say how much has happened: what was found is worth as much as was tried."""
    counted = {**chaos.done, "writes that PEMS applied": chaos.applied}
    return f"in {SECONDS:g} s: " + ", ".join(f"{number} {what}" for what, number in counted.items())


def _written(chaos: Chaos) -> Counter[tuple[str, str, str]]:
    """Return how often PEMS was given each local value."""
    return Counter(
        (entry.pfa_id, field, str(entry.after[column]))
        for entry in chaos.site.simulator.ledger.entries
        for field, column in COLUMNS.items()
        if entry.origin is Origin.SERVICE and column in entry.after
    )


async def _wanted(chaos: Chaos) -> Counter[tuple[str, str, str]]:
    """Return how often it may have been: once for the edit, and once more where a person decided for it."""
    async with chaos.site.database.reading() as connection:
        decided = await connection.execute(sa.select(sync_conflicts).where(sync_conflicts.c.settlement == "mine"))
        names = {(await chaos.site.values(pfa_id))["id"]: pfa_id for pfa_id in chaos.ids}
        again = Counter(
            (names[row.record_id], row.field, str(decode_partial(row.mine, [row.field])[row.field])) for row in decided
        )
    return again + Counter(set(_written(chaos)))


@dataclass(frozen=True)
class Shown:
    """Values of each field of each record that are to be found somewhere."""

    mine: set[tuple[str, str, str]]
    """Local ones that a person was asked about."""
    theirs: set[tuple[str, str, str]]
    """Those of PEMS that were shown here, in the record or in a conflict."""
    written: set[tuple[str, str, str]]
    """Local ones that PEMS was given."""
    here: set[tuple[str, str, str]]
    """Those of the records now."""
    there: set[tuple[str, str, str]]
    """Those of PEMS now."""


async def _shown(chaos: Chaos) -> Shown:
    """Return what is to be found where."""
    site = chaos.site
    async with site.database.reading() as connection:
        conflicts = list(await connection.execute(sa.select(sync_conflicts)))
        changes = list(await connection.execute(sa.select(record_changes)))
    values = {pfa_id: await site.values(pfa_id) for pfa_id in chaos.ids}
    names = {record["id"]: pfa_id for pfa_id, record in values.items()}

    def found(record_id: str, part: bytes, fields: Iterable[str]) -> set[tuple[str, str, str]]:
        decoded = decode_partial(part, [field for field in fields if field in COLUMNS])
        return {(names[record_id], field, str(value)) for field, value in decoded.items()}

    mine, theirs = set[tuple[str, str, str]](), set[tuple[str, str, str]]()
    for conflict in conflicts:
        mine |= found(conflict.record_id, conflict.mine, [conflict.field])
        theirs |= found(conflict.record_id, conflict.theirs, [conflict.field])
    for change in changes:
        theirs |= found(change.record_id, change.new, change.fields)
    written = set(_written(chaos))
    here = {(pfa_id, field, str(record[field])) for pfa_id, record in values.items() for field in COLUMNS}
    there = {
        (pfa_id, field, str(site.remote(pfa_id, column))) for pfa_id in chaos.ids for field, column in COLUMNS.items()
    }
    return Shown(mine, theirs, written, here, there)
