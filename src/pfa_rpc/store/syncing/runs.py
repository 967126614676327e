"""The log of the synchronization: `Run`, `begin_run`, `change_run`, `find_run`, `list_runs`, `log_skipped`."""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.store.syncing.tables import sync_runs


class RunState(enum.StrEnum):
    """How a run is going, or how it ended."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"  # it was due and not begun


class Direction(enum.StrEnum):
    """What a run does."""

    PULL = "pull"
    PUSH = "push"
    BOTH = "both"


class Mode(enum.StrEnum):
    """Which rows a pull reads."""

    INCREMENTAL = "incremental"  # those changed since the last one
    FULL = "full"  # all; it finds those that are gone


@dataclass(slots=True)
class Counts:
    """What a run has done so far. Each row that was fetched is in one of the counts from inserted to rejected."""

    pages: int = 0
    fetched: int = 0
    """Rows that PEMS sent."""
    inserted: int = 0
    updated: int = 0
    """Records that took PEMS' values."""
    unchanged: int = 0
    merged: int = 0
    """Records with local edits that took in what PEMS changed beside them."""
    conflicts: int = 0
    """Records that are in conflict after their row was looked at."""
    deferred: int = 0
    """Records to be looked at again, since a write of them was under way."""
    rejected: int = 0
    """Rows that cannot be taken in."""
    vanished: int = 0
    """Records that PEMS has no more."""
    pushed: int = 0
    """Records that were written to PEMS."""
    failed: int = 0
    """Records whose write to PEMS failed."""

    def add(self, other: Counts) -> None:
        """Add what a part of the run has done."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))


COUNTS: Final = tuple(one.name for one in fields(Counts))


@dataclass(frozen=True, slots=True)
class Run:
    """One run, as the log has it."""

    organization_id: str
    run_id: str
    number: int
    """Order in which the organization's runs were begun, from 1 on."""
    direction: Direction
    mode: Mode
    state: RunState
    phase: str
    """What it is doing: "starting", "pulling", "confirming", "pushing", "done"."""
    requested_by: str
    request_id: str | None
    request_digest: bytes | None
    holder: str
    """The process that runs it."""
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
    sequence: int
    """Counts its changes."""
    total: int | None
    """Rows and records to be gone through, as far as it is known."""
    counts: Counts = field(default_factory=Counts)
    message: str = ""
    """Why it failed, was cancelled or skipped."""
    reason: str = ""
    notes: tuple[str, ...] = ()
    cancelled_by: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing of it will change any more."""
        return self.state is not RunState.RUNNING


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run that is to be begun."""

    direction: Direction
    mode: Mode
    requested_by: str
    holder: str
    request_id: str | None = None
    request_digest: bytes | None = None
    run_id: str = field(default_factory=lambda: str(uuid.uuid4()))


async def begin_run(connection: AsyncConnection, organization_id: str, new: NewRun, at: datetime) -> Run:
    """Log the begin of a run. Raises IntegrityError where another is begun at the same moment, or has its request."""
    await _insert(connection, organization_id, new, at, state=RunState.RUNNING, phase="starting")
    return _found(await find_run(connection, organization_id, new.run_id))


async def log_skipped(
    connection: AsyncConnection, organization_id: str, new: NewRun, at: datetime, *, message: str, reason: str
) -> None:
    """Log that a run was due and was not begun. The last entry is renewed where it says the same."""
    table = sync_runs.c
    last = await _last(connection, organization_id)
    if last is not None and (last.state, last.reason) == (RunState.SKIPPED.value, reason):
        changes = {"updated_at": at, "ended_at": at, "message": message, "sequence": last.sequence + 1}
        where = table.organization_id == organization_id, table.run_id == last.run_id
        await connection.execute(sa.update(sync_runs).where(*where).values(changes))
        return
    more = {"ended_at": at, "message": message, "reason": reason}
    await _insert(connection, organization_id, new, at, state=RunState.SKIPPED, phase="done", **more)


async def _insert(
    connection: AsyncConnection,
    organization_id: str,
    new: NewRun,
    at: datetime,
    *,
    state: RunState,
    phase: str,
    **more: Any,
) -> None:
    last = await _last(connection, organization_id)
    values: dict[str, Any] = {
        "organization_id": organization_id,
        "run_id": new.run_id,
        "number": 1 if last is None else last.number + 1,
        "direction": new.direction.value,
        "mode": new.mode.value,
        "state": state.value,
        "phase": phase,
        "requested_by": new.requested_by,
        "request_id": new.request_id,
        "request_digest": new.request_digest,
        "holder": new.holder,
        "started_at": at,
        "updated_at": at,
        "sequence": 1,
        "message": "",
        "reason": "",
        "notes": "",
    }
    await connection.execute(sa.insert(sync_runs).values(values | asdict(Counts()) | more))


async def _last(connection: AsyncConnection, organization_id: str) -> Any:
    table = sync_runs.c
    query = sa.select(sync_runs).where(table.organization_id == organization_id).order_by(table.number.desc()).limit(1)
    return (await connection.execute(query)).one_or_none()


async def change_run(connection: AsyncConnection, organization_id: str, run_id: str, **changes: Any) -> None:
    """Change a run that is running; one that is over stays as it is. `counts` are the counts from now on."""
    table = sync_runs.c
    counts: Counts | None = changes.pop("counts", None)
    columns: Mapping[str, Any] = changes | (asdict(counts) if counts is not None else {})
    where = table.organization_id == organization_id, table.run_id == run_id, table.state == RunState.RUNNING.value
    await connection.execute(sa.update(sync_runs).where(*where).values(**columns, sequence=table.sequence + 1))


async def end_others(connection: AsyncConnection, organization_id: str, run_id: str, at: datetime) -> None:
    """Log of runs that still count as running, though another has taken their lease, that their process is gone."""
    table = sync_runs.c
    where = table.organization_id == organization_id, table.state == RunState.RUNNING.value, table.run_id != run_id
    message = "the process that ran it stopped answering; the next run goes on from where it was"
    changes = {"state": RunState.FAILED.value, "phase": "done", "message": message, "reason": "SYNC_LOST"}
    times = {"updated_at": at, "ended_at": at, "sequence": table.sequence + 1}
    await connection.execute(sa.update(sync_runs).where(*where).values(changes | times))


async def find_run(connection: AsyncConnection, organization_id: str, run_id: str) -> Run | None:
    """Return a run; None where the organization has none of this id."""
    table = sync_runs.c
    query = sa.select(sync_runs).where(table.organization_id == organization_id, table.run_id == run_id)
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _run(row)


async def find_request(
    connection: AsyncConnection, organization_id: str, requested_by: str, request_id: str
) -> Run | None:
    """Return the run that a request has begun before."""
    table = sync_runs.c
    query = sa.select(sync_runs).where(
        table.organization_id == organization_id, table.requested_by == requested_by, table.request_id == request_id
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else _run(row)


async def list_runs(
    connection: AsyncConnection, organization_id: str, *, limit: int, before: int | None = None
) -> list[Run]:
    """Return runs, the latest first; those with a number below `before`."""
    table = sync_runs.c
    query = sa.select(sync_runs).where(table.organization_id == organization_id)
    if before is not None:
        query = query.where(table.number < before)
    return [_run(row) for row in await connection.execute(query.order_by(table.number.desc()).limit(limit))]


def _run(row: Any) -> Run:
    plain = {name: getattr(row, name) for name in _PLAIN}
    return Run(
        **plain,
        direction=Direction(row.direction),
        mode=Mode(row.mode),
        state=RunState(row.state),
        counts=Counts(**{name: getattr(row, name) for name in COUNTS}),
        notes=tuple(row.notes.splitlines()),
    )


_PLAIN: Final = tuple(
    one.name for one in fields(Run) if one.name not in {"direction", "mode", "state", "counts", "notes"}
)


def _found(run: Run | None) -> Run:
    if run is None:
        raise AssertionError("a run that was just logged is there")
    return run
