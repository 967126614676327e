"""WatchSync: a run as it goes on, in whatever process it is: `watch_run`."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from pfa.v1.sync_service_pb2 import WatchSyncResponse
from pfa_rpc.services.call import Call
from pfa_rpc.services.syncing.messages import run_message
from pfa_rpc.sync.runner import Runner

LOOK_SECONDS: Final = 0.25
"""How often the log is looked at: a run may be another process'."""
SILENT_SECONDS: Final = 10.0
"""How long a watcher is told nothing, at most."""


async def watch_run(runner: Runner, organization_id: str, run_id: str, after_sequence: int, call: Call) -> None:
    """Write a run whenever it has changed, and at last as it ended. Raises SyncNotFound and SlowClient."""
    seen, told_at = after_sequence, time.monotonic()
    while True:
        run = await runner.find(organization_id, run_id)
        is_silent = time.monotonic() - told_at >= SILENT_SECONDS
        if run.sequence > seen or is_silent:
            await call.write(WatchSyncResponse(sync=run_message(run, call.principal)))
            seen, told_at = run.sequence, time.monotonic()
        if run.is_over:
            return
        await asyncio.sleep(LOOK_SECONDS)
