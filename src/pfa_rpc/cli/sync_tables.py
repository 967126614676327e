"""Runs of the synchronization, rejected rows and settings as tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pfa.v1 import sync_service_pb2 as pb
from pfa_rpc.cli.render import new_table, pairs_table
from pfa_rpc.cli.text import count, moment, plain

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from pfa_rpc.cli.render import Output

_COUNTS: Final = tuple(field.name for field in pb.SyncCounts.DESCRIPTOR.fields if field.name != "pages")
_HINTS: Final = {
    "conflicts": "`pfa conflicts list` shows what was changed on both sides",
    "rejected": "`pfa sync rejected` says why rows cannot be taken in",
    "failed": "`pfa list --filter 'sync_state = SYNC_ERROR' --columns pfa_id,sync_error_message` says why",
}
"""By count: where to look, where it is not zero."""
_POLICIES: Final = {pb.CONFLICT_POLICY_PEMS: "PEMS wins", pb.CONFLICT_POLICY_LOCAL: "the local edit wins"}


def state_of(run: pb.SyncRun) -> str:
    """Return how a run is going: "succeeded"."""
    return pb.SyncRunState.Name(run.state).removeprefix("SYNC_RUN_STATE_").lower()


def what_of(run: pb.SyncRun) -> str:
    """Return what a run does: "pull, full"."""
    direction = pb.SyncDirection.Name(run.direction).removeprefix("SYNC_DIRECTION_").lower()
    is_full = run.mode == pb.SYNC_MODE_FULL and run.direction != pb.SYNC_DIRECTION_PUSH
    return f"{direction}, full" if is_full else direction


def counted(run: pb.SyncRun) -> str:
    """Return what a run has done: "100 fetched, 3 updated"; the counts that are not zero."""
    found = [f"{getattr(run.counts, name):,} {name}" for name in _COUNTS if getattr(run.counts, name)]
    return ", ".join(found) or "nothing yet"


def took(run: pb.SyncRun) -> str:
    """Return how long a run took, or takes so far."""
    end = run.end_time.ToDatetime(UTC) if run.HasField("end_time") else datetime.now(UTC)
    return lasting(end - run.start_time.ToDatetime(UTC))


def lasting(span: timedelta) -> str:
    """Return a length of time: "3.2 s", "4 min 10 s", "2 h 5 min"."""
    seconds = max(0.0, span.total_seconds())
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def show_run(output: Output, run: pb.SyncRun) -> None:
    """Write one run."""
    pairs = [
        ("run", plain(run.sync_id)),
        ("what", what_of(run)),
        ("state", state_of(run) if run.end_time.seconds else f"{state_of(run)}, {run.phase}"),
        ("begun", f"{_time(run.start_time)} by {plain(run.requested_by)}"),
        ("took", took(run)),
        ("done", counted(run)),
    ]
    if run.message:
        pairs.append(("why", plain(run.message)))
    if run.HasField("estimated_remaining"):
        pairs.append(("left", lasting(run.estimated_remaining.ToTimedelta())))
    pairs += [("note", plain(note)) for note in run.notes]
    pairs += [("see", hint) for name, hint in _HINTS.items() if getattr(run.counts, name)]
    output.show(pairs_table(pairs))


def show_runs(output: Output, runs: Sequence[pb.SyncRun]) -> None:
    """Write runs, one a line."""
    table = new_table()
    for heading in ("begun (UTC)", "what", "by", "state", "took", "done"):
        table.add_column(heading)
    for run in runs:
        done = counted(run) if not run.message else f"{counted(run)}; {run.message}"
        table.add_row(
            _time(run.start_time), what_of(run), plain(run.requested_by), state_of(run), took(run), plain(done)
        )
    output.show(table)


def show_rejected(output: Output, rows: Sequence[pb.RejectedRow]) -> None:
    """Write rejected rows, a line for each fault."""
    table = new_table()
    for heading in ("PFA id", "column", "value", "what is wrong"):
        table.add_column(heading)
    for row in rows:
        for number, fault in enumerate(row.faults):
            name = plain(row.pfa_id or "none") if number == 0 else ""
            table.add_row(name, plain(fault.column or "row"), plain(fault.value), plain(fault.reason))
    output.show(table)


def show_settings(output: Output, settings: pb.SyncSettings) -> None:
    """Write settings."""
    state = "suspended" if settings.suspended else "read only" if settings.read_only else "on"
    every = "as the service is set"
    if settings.HasField("interval"):
        seconds = settings.interval.seconds
        every = f"every {lasting(timedelta(seconds=seconds))}" if seconds else "never by itself"
    pairs = [("synchronization", state), ("begins", every)]
    pairs += [("note", plain(settings.note))] if settings.note else []
    pairs += [(plain(name), _POLICIES.get(policy, "ask")) for name, policy in sorted(settings.policies.items())]
    if settings.updated_by:
        pairs.append(("set", f"{_time(settings.update_time)} by {plain(settings.updated_by)}"))
    output.show(pairs_table(pairs))


def summary(run: pb.SyncRun) -> str:
    """Return the end of a run in one line."""
    pushed = f", {count(run.counts.pushed, 'record')} written to PEMS" if run.counts.pushed else ""
    return f"{what_of(run)} {state_of(run)} in {took(run)}: {count(run.counts.fetched, 'row')} read{pushed}"


def _time(stamp: Timestamp) -> str:
    return moment(stamp.ToDatetime())
