"""A PEMS and a database that runs write to in both directions, without long waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from pfa_rpc.simulator.ledger import Entry, Origin
from pfa_rpc.simulator.running import running_simulator
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun, Run
from pfa_rpc.store.syncing.tables import sync_conflicts, sync_log
from pfa_rpc.store.tables import records
from pfa_rpc.sync.push import Pushing
from pfa_rpc.sync.runner import Runner
from tests.integration.pems.conftest import PHRASE, organization_of, settings_for
from tests.integration.sync.test_pull import Site

ROWS = 30


@dataclass
class PushSite(Site):
    """A site whose runs write to PEMS."""

    make_runner: Callable[..., Runner]
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def go(self, direction: Direction = Direction.PUSH, runner: Runner | None = None) -> Run:
        """Synchronize, to the end."""
        runner = runner or self.runner
        begun = await runner.start(self.organization_id, NewRun(direction, Mode.INCREMENTAL, "anna", runner.holder))
        return await runner.finished(self.organization_id, begun.run_id)

    def later(self, pfa_id: str, **updates: Any) -> None:
        """Edit a record as soon as there is time for it."""
        self.tasks.append(asyncio.create_task(self.edit(pfa_id, **updates)))

    async def stop_in_mid_update(self, runner: Runner) -> None:
        """Let a runner begin to push, and stop it once PEMS has an update of it."""
        await runner.start(self.organization_id, NewRun(Direction.PUSH, Mode.INCREMENTAL, "anna", runner.holder))
        async with asyncio.timeout(10):
            while not self.simulator.requests["screen UPDATE"]:  # noqa: ASYNC110 (it counts, and tells nobody)
                await asyncio.sleep(0.01)
        await runner.close()

    async def both(self) -> Run:
        """Pull and push."""
        return await self.go(Direction.BOTH)

    def writes(self, pfa_id: str) -> list[Entry]:
        """Return what the service has written of a row."""
        return self.simulator.ledger.of(pfa_id, origin=Origin.SERVICE)

    def remote(self, pfa_id: str, column: str) -> Any:
        """Return what PEMS has in a column of a row."""
        return self.simulator.row(pfa_id).values[column]

    async def actions(self) -> list[str]:
        """Return the log of what happened to single records, in order."""
        async with self.database.reading() as connection:
            query = sa.select(sync_log.c.action).order_by(sync_log.c.revision, sync_log.c.ordinal)
            return list(await connection.scalars(query))

    async def conflicts(self) -> list[Any]:
        """Return the open conflicts."""
        async with self.database.reading() as connection:
            return list(await connection.execute(sa.select(sync_conflicts).where(sync_conflicts.c.closed_at.is_(None))))

    async def states(self) -> dict[str, str]:
        """Return the state of each record that is not pristine."""
        async with self.database.reading() as connection:
            query = sa.select(records.c.pfa_id, records.c.sync_state).where(records.c.sync_state != "pristine")
            return {row.pfa_id: row.sync_state for row in await connection.execute(query)}


@asynccontextmanager
async def pushing_site(
    url: str, *, simulator: dict[str, Any] | None = None, lease: float = 60.0, **settings: Any
) -> AsyncIterator[PushSite]:
    """Give a site whose records were pulled already."""
    installation: dict[str, Any] = {"records": ROWS, "users": {"pfa": PHRASE}} | (simulator or {})
    database = Database(url)
    async with running_simulator(Settings(**installation)) as pems:
        made: list[Runner] = []

        def make_runner(lease: float = lease, **given: Any) -> Runner:
            known = settings_for(pems.url, **settings)
            pushing = Pushing(known, **{"lease": timedelta(seconds=lease), "first_delay": timedelta(0)} | given)
            runner = Runner(database, known, push=pushing, lease_seconds=lease)
            made.append(runner)
            return runner

        organization_id = organization_of(pems)
        await create_organization(database, organization_id)
        site = PushSite(pems, database, make_runner(), organization_id, make_runner)
        try:
            await site.run()
            yield site
        finally:
            for runner in made:
                await runner.close()
            await database.close()
