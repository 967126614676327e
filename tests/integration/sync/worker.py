"""A process that synchronizes, and dies where it is told to: `python -m tests.integration.sync.worker`.

Arguments: URL of the database, URL of PEMS, organization, direction, seconds of its leases, and the point at which it
kills itself; `forever` synchronizes again and again.
"""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any, Final

from pfa_rpc.errors import PfaError
from pfa_rpc.store.database import Database
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun
from pfa_rpc.sync import pages
from pfa_rpc.sync.batch import SyncBatch
from pfa_rpc.sync.ongoing import Ongoing
from pfa_rpc.sync.pems import PemsClient
from pfa_rpc.sync.push import Pushing
from pfa_rpc.sync.runner import Runner
from tests.integration.pems.conftest import settings_for

FOREVER: Final = "forever"


def die(*_: object) -> None:
    """End as if the machine was gone."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying(owner: Any, name: str, *, call: int = 1, before: bool = False) -> None:
    """Let this process die in a call of a function, before or after the function itself; one that raises is none."""
    function: Callable[..., Awaitable[Any]] = getattr(owner, name)
    calls = 0

    @functools.wraps(function)
    async def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        if before:
            die()
        result = await function(*arguments, **named)
        calls += 1
        if calls == call:
            die()
        return result

    setattr(owner, name, wrapped)


def dying_once_counted(call: int) -> None:
    """Let this process die right after a commit of the push; the first one claims, the third acknowledges."""
    count, calls = Ongoing.count, 0

    def counted(self: Ongoing, more: Any) -> None:
        nonlocal calls
        calls += 1
        count(self, more)
        if calls == call:
            die()

    Ongoing.count = counted  # type: ignore[method-assign]


POINTS: Final[dict[str, Callable[[], None]]] = {
    "before the claim is committed": lambda: dying(SyncBatch, "save"),
    "after the claim is committed": lambda: dying(PemsClient, "get", before=True),
    "after the record was read": lambda: dying(PemsClient, "get"),
    "before the sending is committed": lambda: dying(SyncBatch, "save", call=2),
    "before the update is sent": lambda: dying(PemsClient, "update", before=True),
    "after the answer was read": lambda: dying(PemsClient, "update"),
    "before the acknowledgement is committed": lambda: dying(SyncBatch, "save", call=3),
    "after the acknowledgement is committed": lambda: dying_once_counted(3),
    "between the rows of a page and the cursor": lambda: dying(pages, "save_cursor", before=True),
    "nowhere": lambda: None,
    FOREVER: lambda: None,
}


async def main(words: Sequence[str]) -> None:
    """Synchronize."""
    database_url, pems_url, organization_id, direction, lease, point = words
    POINTS[point]()
    database, settings = Database(database_url), settings_for(pems_url, page_rows=20)
    seconds = float(lease)
    pushing = Pushing(settings, lease=timedelta(seconds=seconds), first_delay=timedelta(0))
    runner = Runner(database, settings, push=pushing, lease_seconds=seconds)
    while True:
        try:
            new = NewRun(Direction(direction), Mode.INCREMENTAL, "worker", runner.holder)
            run = await runner.start(organization_id, new)
            await runner.finished(organization_id, run.run_id)
        except PfaError as error:
            sys.stderr.write(f"{error.message}\n")
            await asyncio.sleep(0.05)
        if point != FOREVER:
            break
    await runner.close()
    await database.close()


def work(words: Sequence[str]) -> None:
    """Synchronize, in a process that begins with this."""
    asyncio.run(main(words))


if __name__ == "__main__":
    work(sys.argv[1:])
