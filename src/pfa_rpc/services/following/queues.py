"""What waits for watchers: `Subscription`, the queue of one, and `Backlog`, what all of a process may take together.

Memory is bounded twice. What waits in queues is shared by who wants the same, and counts once; where it is too much,
who is furthest behind loses its queue, and reads from the database. What is being written counts for each; where there
is no room, writes wait, and a client that holds its room without reading is ended.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from pfa_rpc.errors import SlowClient
from pfa_rpc.records.revision import Revision

if TYPE_CHECKING:
    from pfa_rpc.services.following.views import View

QUEUE_BYTES: Final = 4 << 20
"""Most bytes that wait for one watcher; they are shared with others of the same filter."""
QUEUE_BATCHES: Final = 256
BACKLOG_BYTES: Final = 64 << 20
"""Most bytes that wait for, and are being written to, all watchers, unless it is set otherwise."""
PATIENCE_SECONDS: Final = 2.0
"""How long a client may leave a message unread while others wait for room."""


@dataclass(eq=False, slots=True)
class Batch:
    """Messages that tell a view of changes."""

    messages: Sequence[bytes]
    revision: Revision
    """What the organization was at when the changes were read."""
    is_last: bool
    """Whether everything up to that revision has been told with it."""
    size: int = field(init=False)
    waiters: int = field(default=0, init=False)
    """In how many queues it is."""

    def __post_init__(self) -> None:
        self.size = sum(map(len, self.messages))


class Followed(Protocol):
    """What a subscription is to."""

    through: Revision
    """What was read last."""

    @property
    def at_rest(self) -> Revision | None:
        """What everybody was told of; None while changes are handed out."""


class Backlog:
    """What waits for the watchers of a process, and is being written to them.

    Args:
        limit: most bytes of both together, a half for each; less than a message that is the only one still passes.
    """

    def __init__(self, limit: int = BACKLOG_BYTES) -> None:
        self._half = limit // 2
        self.waiting = 0
        """Bytes in queues; a batch that is in several counts once."""
        self.writing = 0
        """Bytes that clients have not taken yet."""
        self._queued: set[Subscription] = set()
        self._writers: set[Subscription] = set()
        self._turns: deque[tuple[int, asyncio.Future[None]]] = deque()

    def queue(self, subscription: Subscription, batch: Batch) -> None:
        """Count a batch that begins to wait for a subscription."""
        self._queued.add(subscription)
        batch.waiters += 1
        if batch.waiters == 1:
            self.waiting += batch.size
            if self.waiting > self._half:
                self._shorten()

    def _shorten(self) -> None:
        """Take the longest queues away, until what is left is not too much."""
        for subscription in sorted(self._queued, key=lambda each: each.length, reverse=True)[:-1]:
            subscription.drop()
            if self.waiting <= self._half:
                return

    def unqueue(self, subscription: Subscription, batch: Batch, *, is_empty: bool) -> None:
        """Count a batch off that waits for a subscription no longer."""
        batch.waiters -= 1
        if not batch.waiters:
            self.waiting -= batch.size
        if is_empty:
            self._queued.discard(subscription)

    async def enter(self, subscription: Subscription, size: int) -> None:
        """Make room for what is to be written, when there is some."""
        if self._turns or not self._fits(size):
            await self._turn(size)
        else:
            self.writing += size
        subscription.room = size
        self._writers.add(subscription)

    def leave(self, subscription: Subscription) -> None:
        """Give the room of a subscription back."""
        self.writing -= subscription.room
        subscription.room = 0
        self._writers.discard(subscription)
        if self._turns:
            self._call_up()

    def _fits(self, size: int) -> bool:
        return not self.writing or self.writing + size <= self._half

    async def _turn(self, size: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._turns.append((size, turn))
        try:
            while not turn.done():
                self._end_slowest()
                await asyncio.wait([turn], timeout=PATIENCE_SECONDS / 2)
        except asyncio.CancelledError:
            if turn.done():
                self.writing -= size
            turn.cancel()
            self._call_up()
            raise

    def _call_up(self) -> None:
        """Let in whose turn it is."""
        while self._turns:
            size, turn = self._turns[0]
            if not turn.cancelled():
                if not self._fits(size):
                    return
                self.writing += size
                turn.set_result(None)
            self._turns.popleft()

    def _end_slowest(self) -> None:
        """End who has left a message unread for longest, if that is too long."""
        late = asyncio.get_running_loop().time() - PATIENCE_SECONDS
        slow = [writer for writer in self._writers if writer.writes_since is not None and writer.writes_since < late]
        if slow:
            min(slow, key=lambda writer: writer.writes_since or 0.0).end()


@dataclass(eq=False)
class Subscription:
    """What waits for one watcher."""

    followed: Followed
    view: View
    backlog: Backlog
    room: int = 0
    """Bytes that it takes of the room for what is being written."""
    writes_since: float | None = None
    """Since when a message waits for the client to take it, by the loop's clock; None: none does."""
    is_behind: bool = False
    """Whether something was dropped: the watcher has to `rejoin`, and to read from the database what it has missed."""
    _queue: deque[Batch] = field(default_factory=deque)
    _size: int = 0
    _waiter: asyncio.Future[None] | None = None
    _until: float = 0.0
    """When it has waited long enough."""
    _timer: asyncio.TimerHandle | None = None
    _lasts: asyncio.Timeout | None = None

    @property
    def length(self) -> int:
        """How many batches wait."""
        return len(self._queue)

    def put(self, batch: Batch) -> None:
        """Add a batch, or drop all where it is too much."""
        if self.is_behind:
            return
        if len(self._queue) >= QUEUE_BATCHES or (self._queue and self._size + batch.size > QUEUE_BYTES):
            self.drop()
            return
        self._queue.append(batch)
        self._size += batch.size
        self.backlog.queue(self, batch)
        self._wake()

    def drop(self) -> None:
        """Drop what waits: the watcher has to read from the database."""
        self.is_behind = True
        while self._queue:
            self._take()
        self._wake()

    def rejoin(self) -> None:
        """Take part in the feed again: what was missed until now is read from the database next."""
        self.is_behind = False

    async def next(self, seconds: float) -> Batch | None:
        """Return the next batch; None where none came for some seconds, or where the watcher is behind."""
        if not self._queue and not self.is_behind:
            await self._wait(seconds)
        return self._take() if self._queue else None

    async def _wait(self, seconds: float) -> None:
        # This is done for every watcher of every change: a future and one timer for all waits, which rarely runs out.
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        self._until = loop.time() + seconds
        if self._timer is None or self._timer.when() > self._until:
            self._set_timer(loop)
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(self._until, self._run_out, loop)

    def _run_out(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        if loop.time() < self._until:
            self._set_timer(loop)
        else:
            self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self) -> Batch:
        batch = self._queue.popleft()
        self._size -= batch.size
        self.backlog.unqueue(self, batch, is_empty=not self._queue)
        return batch

    @property
    def through(self) -> Revision | None:
        """What the feed has come to, where nothing of it is waiting here or being handed out; else None."""
        return None if self._queue or self.is_behind else self.followed.at_rest

    async def write(self, message: bytes, write: Callable[[bytes], Awaitable[None]]) -> None:
        """Write a message to the client, when there is room for it."""
        has_room = self.room > 0
        if not has_room:
            await self.backlog.enter(self, len(message))
        try:
            self.writes_since = asyncio.get_running_loop().time()
            await write(message)
        finally:
            self.writes_since = None
            if not has_room:
                self.backlog.leave(self)

    @asynccontextmanager
    async def room_for(self, size: int) -> AsyncIterator[None]:
        """Run the body when there is room for as much as it is going to write."""
        await self.backlog.enter(self, size)
        try:
            yield
        finally:
            self.backlog.leave(self)

    @asynccontextmanager
    async def lasting(self) -> AsyncIterator[None]:
        """Run the body until the subscription is ended. Raises SlowClient then."""
        try:
            async with asyncio.timeout(None) as self._lasts:
                yield
        except TimeoutError:
            if self._lasts is not None and self._lasts.expired():
                raise SlowClient from None
            raise
        finally:
            self._lasts = None

    def end(self) -> None:
        """End the watch, or where it has not begun to follow changes yet, drop what waits for it."""
        self.backlog.leave(self)
        self.drop()
        if self._lasts is not None:
            self._lasts.reschedule(asyncio.get_running_loop().time())

    def close(self) -> None:
        """Let go of everything: the watcher has left."""
        self.backlog.leave(self)
        self.drop()
        if self._timer is not None:
            self._timer.cancel()
