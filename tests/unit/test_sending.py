"""Work on one connection goes on while more is made, one piece at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from pfa_rpc.store.sending import Sending


class Connection:
    """Notes what is done on it, and that no two pieces are under way at once."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self.under_way = 0

    async def piece(self, name: str, error: Exception | None = None, seconds: float = 0.01) -> None:
        self.under_way += 1
        assert self.under_way == 1
        try:
            await asyncio.sleep(seconds)
            if error is not None:
                raise error
            self.noted.append(name)
        except asyncio.CancelledError:
            self.noted.append(f"{name} cancelled")
            raise
        finally:
            self.under_way -= 1


async def send(*pieces: Coroutine[Any, Any, None], error: Exception | None = None) -> None:
    """Send some pieces, and raise an error at last while the last of them is under way."""
    async with Sending() as sending:
        for piece in pieces:
            await sending.begin(piece)
        if error is not None:
            await asyncio.sleep(0)
            raise error


async def test_a_piece_goes_on_while_the_next_is_made_and_is_done_before_the_next_begins() -> None:
    connection = Connection()
    async with Sending() as sending:
        for name in "abc":
            await sending.begin(connection.piece(name))
            connection.noted.append(f"made after {name} began")
    assert connection.noted == ["made after a began", "a", "made after b began", "b", "made after c began", "c"]


async def test_nothing_is_under_way_once_it_is_done() -> None:
    connection = Connection()
    async with Sending() as sending:
        await sending.done()
        await sending.begin(connection.piece("a"))
        await sending.done()
        assert connection.noted == ["a"]
        await connection.piece("ours")
    assert connection.noted == ["a", "ours"]


async def test_what_a_piece_raises_comes_before_the_next_begins() -> None:
    connection = Connection()
    with pytest.raises(ValueError, match="lost"):
        await send(connection.piece("a", ValueError("lost")), connection.piece("b"))
    assert connection.noted == []


async def test_what_the_last_piece_raises_comes_at_the_end() -> None:
    connection = Connection()
    with pytest.raises(ValueError, match="lost"):
        await send(connection.piece("a"), connection.piece("b", ValueError("lost")))
    assert connection.noted == ["a"]


async def test_an_error_elsewhere_stops_what_is_under_way_and_waits_for_it() -> None:
    connection = Connection()
    with pytest.raises(KeyError):
        await send(connection.piece("a", seconds=60), error=KeyError())
    assert connection.noted == ["a cancelled"]
    assert connection.under_way == 0


async def test_who_is_cancelled_leaves_nothing_under_way() -> None:
    connection = Connection()
    task = asyncio.create_task(send(connection.piece("a", seconds=60), connection.piece("b")))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert connection.noted == ["a cancelled"]
