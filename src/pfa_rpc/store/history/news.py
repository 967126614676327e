"""Which organizations have changed: `CommitNews` tells those who follow, after every commit.

Writes of this process are told at once. On PostgreSQL they are also sent to the other processes by NOTIFY, after the
commit and beside it, and theirs are received. News only wakes followers up: what has changed they read themselves, and
since news can be lost they look now and then without any.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import asyncpg

_CHANNEL: Final = "pfa_commits"
_SEND: Final = "SELECT pg_notify($1, code) FROM unnest($2::text[]) AS code"
RETRY_SECONDS: Final = 5.0
"""How long a lost connection is left alone; until then nothing is sent and received."""
SEND_SECONDS: Final = 5.0

Follower = Callable[[str], None]
"""Is told the code of an organization that has changed."""


class CommitNews:
    """News of commits.

    Args:
        arguments: those of asyncpg.connect; None: what other processes write is not heard of.
    """

    def __init__(self, arguments: dict[str, Any] | None) -> None:
        self._arguments = arguments
        self._followers: set[Follower] = set()
        self._unsent: set[str] = set()
        self._wake = asyncio.Event()
        self._carrier: asyncio.Task[None] | None = None

    @contextmanager
    def followed(self, follower: Follower) -> Iterator[None]:
        """Tell a follower of every commit while the context lasts."""
        self._followers.add(follower)
        self._carry()
        try:
            yield
        finally:
            self._followers.discard(follower)

    def tell(self, organization_id: str) -> None:
        """Tell that an organization has changed."""
        self._hear(organization_id)
        if self._arguments is not None:
            self._unsent.add(organization_id)
            self._wake.set()
            self._carry()

    async def close(self) -> None:
        """End."""
        if self._carrier is not None:
            self._carrier.cancel()
            with suppress(asyncio.CancelledError):
                await self._carrier
            self._carrier = None

    def _hear(self, organization_id: str) -> None:
        for follower in tuple(self._followers):
            follower(organization_id)

    def _carry(self) -> None:
        """See to it that news goes to and fro, from the first commit or follower on."""
        if self._arguments is not None and (self._carrier is None or self._carrier.done()):
            self._carrier = asyncio.create_task(self._carry_on(self._arguments))

    async def _carry_on(self, arguments: dict[str, Any]) -> None:
        while True:
            try:
                connection = await asyncpg.connect(**arguments)
                try:
                    await self._exchange(connection)
                finally:
                    connection.terminate()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError):
                self._unsent.clear()
                await asyncio.sleep(RETRY_SECONDS)

    async def _exchange(self, connection: asyncpg.Connection) -> None:
        """Receive and send until the connection is lost."""
        own = connection.get_server_pid()

        def received(_connection: object, sender: int, _channel: str, organization_id: object) -> None:
            if sender != own:
                self._hear(str(organization_id))

        await connection.add_listener(_CHANNEL, received)
        connection.add_termination_listener(lambda _: self._wake.set())
        while not connection.is_closed():
            await self._wake.wait()
            self._wake.clear()
            if self._unsent:
                codes = sorted(self._unsent)
                self._unsent.clear()
                await connection.execute(_SEND, _CHANNEL, codes, timeout=SEND_SECONDS)
