"""Between what is stored of the synchronization and the messages that tell of it."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, TypeVar

from google.protobuf.duration_pb2 import Duration

from pfa.v1 import sync_service_pb2 as pb
from pfa.v1.error_reason_pb2 import ErrorReason
from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.encode import timestamp_message
from pfa_rpc.records.quoting import without_amounts
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.store.syncing.cursors import RejectedRow
from pfa_rpc.store.syncing.runs import Direction, Mode, Run, RunState
from pfa_rpc.store.syncing.settings import SyncSettings
from pfa_rpc.sync.merge import Policy

_Kind = TypeVar("_Kind", bound=enum.Enum)


class Numbers(Generic[_Kind]):
    """Numbers of an enum of the API, and what they mean."""

    def __init__(self, meanings: Mapping[int, _Kind], default: _Kind) -> None:
        self._meanings = meanings
        self._numbers = {meaning: number for number, meaning in meanings.items()}
        self._default = default

    def read(self, number: int, field: str) -> _Kind:
        """Return what a number in a request means. Raises InvalidRequest."""
        if number == 0:
            return self._default
        if number not in self._meanings:
            raise InvalidRequest.of(field, f"{number} is no value of it; write 1 to {max(self._meanings)}")
        return self._meanings[number]

    def of(self, meaning: _Kind) -> int:
        """Return the number of a meaning."""
        return self._numbers[meaning]


DIRECTIONS: Final = Numbers(
    {
        pb.SYNC_DIRECTION_PULL: Direction.PULL,
        pb.SYNC_DIRECTION_PUSH: Direction.PUSH,
        pb.SYNC_DIRECTION_BOTH: Direction.BOTH,
    },
    Direction.BOTH,
)
MODES: Final = Numbers({pb.SYNC_MODE_INCREMENTAL: Mode.INCREMENTAL, pb.SYNC_MODE_FULL: Mode.FULL}, Mode.INCREMENTAL)
STATES: Final = Numbers(
    {
        pb.SYNC_RUN_STATE_RUNNING: RunState.RUNNING,
        pb.SYNC_RUN_STATE_SUCCEEDED: RunState.SUCCEEDED,
        pb.SYNC_RUN_STATE_FAILED: RunState.FAILED,
        pb.SYNC_RUN_STATE_CANCELLED: RunState.CANCELLED,
        pb.SYNC_RUN_STATE_SKIPPED: RunState.SKIPPED,
    },
    RunState.RUNNING,
)
POLICIES: Final = {pb.CONFLICT_POLICY_PEMS: Policy.PEMS.value, pb.CONFLICT_POLICY_LOCAL: Policy.LOCAL.value}
_POLICY_NUMBERS: Final = {side: number for number, side in POLICIES.items()}
_LEAST_DONE: Final = 0.01
"""Share of the work from which on the rest can be estimated."""


def run_message(run: Run, principal: Principal) -> pb.SyncRun:
    """Return the message of a run; PEMS' own words come without amounts to who may not see money."""
    is_quoted = run.reason.startswith("PEMS_") and not principal.may(Permission.SEE_MONEY)
    reason = f"ERROR_REASON_{run.reason}"
    return pb.SyncRun(
        sync_id=run.run_id,
        number=run.number,
        direction=DIRECTIONS.of(run.direction),  # type: ignore[arg-type]  # mypy-protobuf wants its own int
        mode=MODES.of(run.mode),  # type: ignore[arg-type]
        state=STATES.of(run.state),  # type: ignore[arg-type]
        phase=run.phase,
        requested_by=run.requested_by,
        start_time=timestamp_message(run.started_at),
        end_time=None if run.ended_at is None else timestamp_message(run.ended_at),
        sequence=run.sequence,
        counts=pb.SyncCounts(**asdict(run.counts)),
        total=run.total,
        estimated_remaining=_remaining(run, datetime.now(UTC)),
        message=without_amounts(run.message) if is_quoted else run.message,
        reason=ErrorReason.Value(reason) if reason in ErrorReason.keys() else 0,  # type: ignore[arg-type]  # noqa: SIM118
        notes=run.notes,
        cancelled_by=run.cancelled_by or "",
    )


def _remaining(run: Run, now: datetime) -> Duration | None:
    """Return how long a run will take at the pace that it had so far; None where that cannot be told."""
    done = run.counts.fetched + run.counts.pushed + run.counts.failed
    if run.is_over or not run.total or done < _LEAST_DONE * run.total:
        return None
    left = max(0, run.total - done)
    return _duration((now - run.started_at) * left / done)


def _duration(delta: timedelta) -> Duration:
    message = Duration()
    message.FromTimedelta(delta)
    return message


def rejected_message(row: RejectedRow, hidden: Collection[str]) -> pb.RejectedRow:
    """Return the message of a rejected row, without what stands in the columns that are hidden."""
    return pb.RejectedRow(
        pfa_id=row.pfa_id,
        faults=[
            pb.RowFault(column=column, value="" if column in hidden else value, reason=reason)
            for column, value, reason in row.faults
        ],
        cells={column: text for column, text in row.cells.items() if column not in hidden},
        pems_stamp=None if row.stamp is None else timestamp_message(row.stamp),
        reject_time=timestamp_message(row.rejected_at),
        sync_id=row.run_id,
    )


def settings_message(settings: SyncSettings) -> pb.SyncSettings:
    """Return the message of settings."""
    interval = settings.interval_seconds
    return pb.SyncSettings(
        suspended=settings.is_suspended,
        read_only=settings.is_read_only,
        note=settings.why,
        interval=None if interval is None else _duration(timedelta(seconds=interval)),
        policies={name: _POLICY_NUMBERS[side] for name, side in settings.policies.items()},
        updated_by=settings.updated_by,
        update_time=None if settings.updated_at is None else timestamp_message(settings.updated_at),
    )
