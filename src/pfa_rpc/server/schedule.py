"""Begins runs of the synchronization by themselves: `scheduling`, for as long as a server is up.

Every process looks at every organization now and then, and begins a run where the last one is long enough ago; the
lease lets one of them. A run that cannot begin is logged as skipped.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from pfa_rpc.errors import PfaError
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import list_organizations
from pfa_rpc.store.syncing.cursors import read_cursor
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun, Run, RunState, list_runs
from pfa_rpc.store.syncing.settings import read_sync_settings
from pfa_rpc.store.syncing.unsynced import oldest_unsynced
from pfa_rpc.sync.metrics import OLDEST_UNSYNCED
from pfa_rpc.sync.runner import Runner, SyncAlreadyRunning

REQUESTED_BY: Final = "schedule"
LOOK_SECONDS: Final = 15.0
"""How often a process looks for runs that are due."""
JITTER: Final = 0.1
"""By which share of the interval a run may be late, so that organizations do not all begin at once."""
_PAGE: Final = 1_000
_log: Final = structlog.stdlib.get_logger("pfa")


@asynccontextmanager
async def scheduling(database: Database, runner: Runner, *, look_seconds: float = LOOK_SECONDS) -> AsyncIterator[None]:
    """Begin runs that are due while the context lasts; without a PEMS nothing is."""
    if not runner.is_configured:
        yield
        return
    task = asyncio.create_task(_look_now_and_then(database, runner, look_seconds))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _look_now_and_then(database: Database, runner: Runner, look_seconds: float) -> None:
    while True:
        await asyncio.sleep(look_seconds * random.uniform(0.5, 1.5))
        try:
            await begin_due(database, runner)
        except PfaError as error:
            _log.warning("synchronization waits", error=error.message)
        except Exception:
            # Whatever is wrong with one round, the next one may do without.
            _log.exception("a round of the schedule failed")


async def begin_due(database: Database, runner: Runner) -> None:
    """Begin the run of every organization whose last one is long enough ago, and measure what waits for PEMS."""
    after, oldest = "", timedelta(0)
    while True:
        async with database.reading() as connection:
            page = await list_organizations(connection, limit=_PAGE, after=after)
        for organization in page:
            after = organization.organization_id
            oldest = max(oldest, await _look(database, runner, after))
        if len(page) < _PAGE:
            OLDEST_UNSYNCED.set(oldest.total_seconds())
            return


async def _look(database: Database, runner: Runner, organization_id: str) -> timedelta:
    """Begin an organization's run where it is due; return the age of its oldest edit that PEMS does not have."""
    now = datetime.now(UTC)
    async with database.reading() as connection:
        settings = await read_sync_settings(connection, organization_id)
        runs = await list_runs(connection, organization_id, limit=1)
        cursor = await read_cursor(connection, organization_id)
        edited_at = await oldest_unsynced(connection, organization_id)
    interval = settings.interval_seconds
    seconds = runner.settings.sync_seconds if interval is None else interval
    if seconds and (not runs or _is_due(runs[0], seconds, now)):
        full = timedelta(hours=runner.settings.full_sync_hours)
        is_old = cursor.swept_at is None or now - cursor.swept_at >= full
        mode = Mode.FULL if is_old else Mode.INCREMENTAL
        await _begin(runner, organization_id, mode, read_only=settings.is_read_only)
    return timedelta(0) if edited_at is None else max(timedelta(0), now - edited_at)


def _is_due(last: Run, seconds: float, now: datetime) -> bool:
    """Tell whether the next run is due. One that counts as running is tried: its process may be gone."""
    # The same for all processes that look at this run.
    wait = timedelta(seconds=seconds * (1 + JITTER * random.Random(last.run_id).random()))
    began = last.updated_at if last.state is RunState.SKIPPED else last.started_at
    return now - began >= wait


async def _begin(runner: Runner, organization_id: str, mode: Mode, *, read_only: bool) -> None:
    direction = Direction.BOTH if runner.can_push and not read_only else Direction.PULL
    new = NewRun(direction, mode, REQUESTED_BY, runner.holder)
    try:
        await runner.start(organization_id, new)
    except SyncAlreadyRunning:
        return  # another process was quicker
    except PfaError as error:
        await runner.skip(organization_id, new, error)
