"""What a server does by itself now and then goes on whatever happens, and stops when the server does."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import pytest

from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.server import housekeeping
from pfa_rpc.server.housekeeping import keeping_house
from pfa_rpc.store.database import Database

SECONDS = 15.0


@pytest.mark.parametrize("error", [DatabaseUnavailable("it is away"), ZeroDivisionError()])
async def test_a_failure_is_told_and_the_next_turn_comes(
    error: Exception, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    turns = asyncio.Queue[datetime]()

    async def fails(_database: Any, before: datetime) -> None:
        turns.put_nowait(before)
        raise error

    monkeypatch.setattr(housekeeping, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(housekeeping, "drop_old_history", fails)
    database = Database("sqlite://")
    async with asyncio.timeout(SECONDS), keeping_house(database, history_days=1):
        assert await turns.get() < await turns.get()
    await database.close()
    assert "old history stays for now" in capsys.readouterr().out
