"""What a server does now and then by itself: `keeping_house` drops history that is too old."""

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
from pfa_rpc.store.history.audit import prune_history
from pfa_rpc.store.organizations import list_organizations

PAUSE_SECONDS: Final = 3_600.0
_PAGE: Final = 1_000
_log: Final = structlog.stdlib.get_logger("pfa")


@asynccontextmanager
async def keeping_house(database: Database, *, history_days: int) -> AsyncIterator[None]:
    """Drop what is older than so many days, every hour while the context lasts; with 0 nothing is dropped.

    Several servers may do so at once: what one has dropped, another does not find.
    """
    if not history_days:
        yield
        return
    task = asyncio.create_task(_keep_house(database, timedelta(days=history_days)))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _keep_house(database: Database, kept: timedelta) -> None:
    while True:
        # Servers that were started together do not all begin at once.
        await asyncio.sleep(PAUSE_SECONDS * random.uniform(0.01, 0.1))
        try:
            await drop_old_history(database, datetime.now(UTC) - kept)
        except PfaError as error:
            _log.warning("old history stays for now", error=error.message)
        except Exception:
            _log.exception("old history stays for now")
        await asyncio.sleep(PAUSE_SECONDS)


async def drop_old_history(database: Database, before: datetime) -> None:
    """Drop the history of every organization from before a time."""
    after = ""
    while True:
        async with database.reading() as connection:
            page = await list_organizations(connection, limit=_PAGE, after=after)
        for organization in page:
            after = organization.organization_id
            dropped = await prune_history(database, after, before)
            if dropped:
                _log.info("dropped old history", organization_id=after, writes=dropped)
        if len(page) < _PAGE:
            return
