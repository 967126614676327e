"""Follows a run of the synchronization to its end, with a bar on the terminal: `follow`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pfa.v1 import sync_service_pb2 as pb
from pfa_rpc.cli.connection import Connection
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.streaming import persistently

Tell = Callable[[pb.SyncRun], None]
_WORDS: Final = {"pulling": "reading PEMS", "confirming": "looking for vanished records", "pushing": "writing to PEMS"}


def follow(connection: Connection, organization: str, run: pb.SyncRun) -> pb.SyncRun:
    """Return a run as it ended; goes on where the connection broke. Raises ServerError."""
    request = pb.WatchSyncRequest(organization_id=organization, sync_id=run.sync_id)

    def begin() -> Iterator[pb.WatchSyncResponse]:
        return connection.stream(connection.syncs.WatchSync, request, endless=True)

    with _bar() as tell:
        for message in persistently(begin, resumable=lambda: True):
            run = message.sync
            request.after_sequence = run.sequence
            tell(run)
    return run


def require_succeeded(run: pb.SyncRun) -> None:
    """Raise CommandError where a run did not do what it was to do."""
    if run.state != pb.SYNC_RUN_STATE_SUCCEEDED:
        state = pb.SyncRunState.Name(run.state).removeprefix("SYNC_RUN_STATE_").lower()
        raise CommandError(f"the run {state}: {run.message or 'nothing says why'}")


@contextmanager
def _bar() -> Iterator[Tell]:
    """Give a bar on the terminal of standard error; without one nothing is told."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from pfa_rpc.cli.render import make_console

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[done]}"), TimeRemainingColumn())
    with Progress(*columns, console=make_console(sys.stderr), transient=True) as bar:
        task = bar.add_task("starting", total=None, done="")

        def tell(run: pb.SyncRun) -> None:
            counts = run.counts
            done = counts.fetched + counts.pushed + counts.failed
            speed = bar.tasks[task].speed
            total = run.total if run.HasField("total") else None
            shown = f"{done:,} of {total:,}" if total is not None else f"{done:,}"
            shown += f", {speed:,.0f}/s" if speed else ""
            bar.update(
                task,
                completed=done,
                total=total,
                done=shown,
                description=_WORDS.get(run.phase, run.phase or "starting"),
            )

        yield tell
