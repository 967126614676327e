"""Runs the synchronization of organizations in this process: `Runner`, which begins, renews, cancels and ends runs.

One run of an organization at a time, in whatever process: its lease is in the database, and is renewed while it runs. A
run whose process is gone is found by the next one, and gone on with.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import sqlalchemy as sa
import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import DatabaseUnavailable, PfaError, RequestIdReused
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import current_organization
from pfa_rpc.store.syncing.leases import Lease, LeaseLost, release_lease, running_now, take_lease
from pfa_rpc.store.syncing.runs import (
    Direction,
    NewRun,
    Run,
    RunState,
    begin_run,
    change_run,
    end_others,
    find_request,
    find_run,
    log_skipped,
)
from pfa_rpc.store.syncing.settings import SyncSettings, read_sync_settings
from pfa_rpc.sync.merge import Policy, Terms
from pfa_rpc.sync.metrics import PAGES, RUN_SECONDS, RUNS
from pfa_rpc.sync.ongoing import Ongoing, SyncCancelled
from pfa_rpc.sync.pems import Link, PemsClient, PemsSettings
from pfa_rpc.sync.precision import money_steps
from pfa_rpc.sync.pull import pull
from pfa_rpc.sync.seen_rows import SeenCopies

LEASE_SECONDS: Final = 60.0
"""How long a process may be silent before its run counts as gone."""
_log: Final = structlog.stdlib.get_logger("pfa")

Phase = Callable[[Ongoing, PemsClient], Awaitable[None]]
"""A part of a run: it works on the organization of the run, and reports to it."""


class SyncAlreadyRunning(PfaError):
    """The organization is being synchronized already."""

    status = "FAILED_PRECONDITION"
    reason = "SYNC_ALREADY_RUNNING"


class SyncNotConfigured(PfaError):
    """There is no PEMS to be in step with: set PFA_PEMS_BASE_URL and what goes with it."""

    status = "FAILED_PRECONDITION"
    reason = "SYNC_NOT_CONFIGURED"


class SyncSuspended(PfaError):
    """The synchronization of the organization is suspended, or only reads."""

    status = "FAILED_PRECONDITION"
    reason = "SYNC_SUSPENDED"


class PushNotAvailable(PfaError):
    """This version of the service does not write to PEMS."""

    status = "UNIMPLEMENTED"
    reason = "SYNC_NOT_CONFIGURED"


class SyncNotFound(PfaError):
    """The organization has no such run."""

    status = "NOT_FOUND"
    reason = "SYNC_NOT_FOUND"


@dataclass(slots=True)
class _Task:
    """A run of this process."""

    ongoing: Ongoing
    task: asyncio.Task[None]


class Runner:
    """The runs of this process.

    Args:
        database: of the records.
        settings: of PEMS; an attribute too.
        push: the phase that writes local edits to PEMS; None: there is none yet.
        lease_seconds: how long this process may be silent before its runs count as gone.
    """

    def __init__(
        self,
        database: Database,
        settings: PemsSettings,
        *,
        push: Phase | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self.settings = settings
        self._push = push
        self._lease_seconds = lease_seconds
        self._link = Link(settings)
        self._copies = SeenCopies()
        self._tasks: dict[str, _Task] = {}
        self.holder = f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"

    async def close(self) -> None:
        """End the runs of this process; the log says that it was stopped, and the next run goes on from there."""
        tasks = [running.task for running in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_configured(self) -> bool:
        """Whether there is a PEMS."""
        return self.settings.is_configured

    @property
    def can_push(self) -> bool:
        """Whether local edits can be written to PEMS."""
        return self._push is not None

    async def start(self, organization_id: str, new: NewRun) -> Run:
        """Begin a run, and return it; a request that was made before returns the run that it has begun.

        Raises:
            SyncAlreadyRunning: another run of the organization is under way; the metadata name it.
            SyncSuspended: the organization is suspended, or its synchronization only reads and this would write.
            SyncNotConfigured: there is no PEMS.
            PushNotAvailable: it would write to PEMS.
            RequestIdReused: the request_id was used for another request.
            OrganizationNotFound: there is no such organization.
        """
        await current_organization(self._database, organization_id)
        if not self.is_configured:
            raise SyncNotConfigured
        if new.direction is not Direction.PULL and self._push is None:
            raise PushNotAvailable
        async with self._database.reading() as connection:
            earlier = await _earlier(connection, organization_id, new)
            settings = await read_sync_settings(connection, organization_id)
        if earlier is not None:
            return earlier
        _check_allowed(settings, new.direction, organization_id)
        run, lease = await self._begin(organization_id, new)
        terms = self.terms(settings)
        ongoing = Ongoing(self._database, run, lease, terms, lease_seconds=self._lease_seconds)
        task = asyncio.create_task(self._execute(ongoing), name=f"sync of {organization_id}")
        self._tasks[run.run_id] = _Task(ongoing, task)
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))
        return run

    async def finished(self, organization_id: str, run_id: str) -> Run:
        """Wait for a run of this process; return it as it ended. Raises SyncNotFound."""
        running = self._tasks.get(run_id)
        if running is not None:
            await asyncio.wait([running.task])
        return await self.find(organization_id, run_id)

    async def find(self, organization_id: str, run_id: str) -> Run:
        """Return a run as it is. Raises SyncNotFound."""
        async with self._database.reading() as connection:
            run = await find_run(connection, organization_id, run_id)
        if run is None:
            metadata = {"organization_id": organization_id, "run_id": run_id}
            raise SyncNotFound(f"organization {organization_id!r} has no run {run_id[:100]!r}", metadata=metadata)
        return run

    async def cancel(self, organization_id: str, run_id: str, by: str) -> Run:
        """Ask a run to end, in whatever process it is; one that is over stays as it is. Raises SyncNotFound."""
        await self.find(organization_id, run_id)
        async with self._database.writing() as connection:
            await change_run(connection, organization_id, run_id, cancelled_by=by)
        running = self._tasks.get(run_id)
        if running is not None:
            running.ongoing.cancelled_by = by
            running.task.cancel()
            await asyncio.wait([running.task])
        return await self.find(organization_id, run_id)

    async def skip(self, organization_id: str, new: NewRun, error: PfaError) -> None:
        """Log that a run was due and could not begin."""
        async with self._database.writing() as connection:
            message, reason = error.message, error.reason
            await log_skipped(connection, organization_id, new, datetime.now(UTC), message=message, reason=reason)
        RUNS.labels(RunState.SKIPPED.value).inc()

    async def _begin(self, organization_id: str, new: NewRun) -> tuple[Run, Lease]:
        at = datetime.now(UTC)
        until = at + timedelta(seconds=self._lease_seconds)
        try:
            async with self._database.writing() as connection:
                lease = await take_lease(
                    connection, organization_id, holder=self.holder, run_id=new.run_id, at=at, until=until
                )
                if lease is not None:
                    await end_others(connection, organization_id, new.run_id, at)
                    return await begin_run(connection, organization_id, new, at), lease
        except sa.exc.IntegrityError:
            pass  # somebody has begun another one, or the very same, at this moment
        raise await self._already_running(organization_id)

    async def _already_running(self, organization_id: str) -> SyncAlreadyRunning:
        async with self._database.reading() as connection:
            run_id = await running_now(connection, organization_id, datetime.now(UTC))
            run = None if run_id is None else await find_run(connection, organization_id, run_id)
        if run is None:
            return SyncAlreadyRunning(metadata={"organization_id": organization_id})
        return SyncAlreadyRunning(
            f"run {run.run_id} of {run.requested_by}, begun at {run.started_at:%H:%M:%S} UTC, is under way",
            metadata={"organization_id": organization_id, "run_id": run.run_id, "requested_by": run.requested_by},
        )

    def terms(self, settings: SyncSettings) -> Terms:
        """Return the terms of an organization, by its settings and those of PEMS."""
        policies = {name: Policy(side) for name, side in settings.policies.items()}
        return Terms(steps=money_steps(self.settings.money_decimals), policies=policies)

    async def _execute(self, ongoing: Ongoing) -> None:
        """Carry a run out and log how it ended."""
        began = time.monotonic()
        renewing = asyncio.create_task(self._renew(ongoing, asyncio.current_task()))
        state, error = RunState.SUCCEEDED, PfaError("")
        try:
            await self._phases(ongoing)
        except LeaseLost:
            _log.warning("another process has taken over", organization=ongoing.organization_id)
            return
        except SyncCancelled as cancelled:
            state, error = RunState.CANCELLED, cancelled
        except PfaError as failure:
            state, error = RunState.FAILED, failure
        except asyncio.CancelledError:
            if ongoing.cancelled_by is None:
                await self._end(ongoing, RunState.FAILED, _Stopped())
                raise
            state, error = RunState.CANCELLED, SyncCancelled(f"{ongoing.cancelled_by} cancelled it")
        except Exception:
            _log.exception("a run of the synchronization failed", run_id=ongoing.run.run_id)
            state, error = RunState.FAILED, PfaError("a defect of the service; its log has the trace")
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            RUN_SECONDS.observe(time.monotonic() - began)
        await self._end(ongoing, state, error)

    async def _phases(self, ongoing: Ongoing) -> None:
        direction = ongoing.run.direction
        async with PemsClient(self.settings, self._link) as client:
            if direction is not Direction.PUSH:
                await pull(ongoing, client, self._copies)
                PAGES.inc(ongoing.counts.pages)
            if direction is not Direction.PULL and self._push is not None:
                await ongoing.enter("pushing")
                await self._push(ongoing, client)

    async def _renew(self, ongoing: Ongoing, task: asyncio.Task[None] | None) -> None:
        """Renew the lease until the run is over; end the run where it was cancelled elsewhere, or the lease is lost."""
        while True:
            await asyncio.sleep(self._lease_seconds / 4)
            try:
                async with self._database.writing() as connection:
                    await ongoing.hold(connection)
                    run = await find_run(connection, ongoing.organization_id, ongoing.run.run_id)
            except LeaseLost:
                _end_lost(ongoing, task)
                return
            except DatabaseUnavailable as error:
                _log.warning("the lease cannot be renewed", why=error.message)
                continue
            if run is not None and run.cancelled_by is not None and task is not None:
                ongoing.cancelled_by = run.cancelled_by
                task.cancel()
                return

    async def _end(self, ongoing: Ongoing, state: RunState, error: PfaError) -> None:
        at = datetime.now(UTC)
        has_failed = state is not RunState.SUCCEEDED
        try:
            async with self._database.writing() as connection:
                await ongoing.hold(connection)
                await ongoing.report(
                    connection,
                    state=state.value,
                    phase="done",
                    ended_at=at,
                    message=error.message if has_failed else "",
                    reason=error.reason if has_failed else "",
                )
                await release_lease(connection, ongoing.lease, at)
        except LeaseLost:
            return  # the next holder has logged it
        except DatabaseUnavailable as failure:
            _log.warning("the end of a run cannot be logged", run_id=ongoing.run.run_id, why=failure.message)
        RUNS.labels(state.value).inc()
        _log.info(
            "synchronized" if not has_failed else "synchronization ended",
            organization=ongoing.organization_id,
            run_id=ongoing.run.run_id,
            state=state.value,
            why=error.message if has_failed else "",
            fetched=ongoing.counts.fetched,
            inserted=ongoing.counts.inserted,
            updated=ongoing.counts.updated,
        )


class _Stopped(PfaError):
    """The process that ran it was stopped; the next run goes on from where it was."""

    reason = "SHUTTING_DOWN"


async def _earlier(connection: AsyncConnection, organization_id: str, new: NewRun) -> Run | None:
    """Return the run that the very same request has begun before. Raises RequestIdReused."""
    if new.request_id is None:
        return None
    run = await find_request(connection, organization_id, new.requested_by, new.request_id)
    if run is not None and run.request_digest != new.request_digest:
        raise RequestIdReused(metadata={"request_id": new.request_id})
    return run


def _end_lost(ongoing: Ongoing, task: asyncio.Task[None] | None) -> None:
    _log.warning("another process has taken over", organization=ongoing.organization_id, run_id=ongoing.run.run_id)
    if task is not None:
        task.cancel()


def _check_allowed(settings: SyncSettings, direction: Direction, organization_id: str) -> None:
    """Raise SyncSuspended where the organization's settings do not allow a run."""
    why = f": {settings.why}" if settings.why else ""
    metadata = {"organization_id": organization_id}
    if settings.is_suspended:
        by = f" by {settings.updated_by}" if settings.updated_by else ""
        raise SyncSuspended(f"synchronization is suspended{by}{why}", metadata=metadata)
    if settings.is_read_only and direction is not Direction.PULL:
        raise SyncSuspended(
            f"synchronization only reads: a run may pull, and nothing is written to PEMS{why}", metadata=metadata
        )
