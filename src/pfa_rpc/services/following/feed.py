"""The change feed of a process: `ChangeFeed` follows each watched organization once, however many watch it.

What changed is read once, each filter is applied once, each batch is framed once; a watcher costs a place in a queue.
A watcher who falls behind loses its queue and reads from the database until it has caught up: nothing waits for it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

import structlog

from nlq.query import Condition
from pfa.v1.watch_pb2 import LeftRecord, WatchRecordsResponse
from pfa_rpc.errors import PfaError
from pfa_rpc.records.encode import Values
from pfa_rpc.records.matching import matcher
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.reading.framing import embed, frame_records, split_by_bytes
from pfa_rpc.services.reading.streams import BATCH_BYTES
from pfa_rpc.services.requests import Mask, canonical, revision_token
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.history.feed import ChangedRecord, Place, Stretch, read_changes
from pfa_rpc.store.revisions import get_revision

STRETCH: Final = 1_000
"""Changed records that are read, and looked at, together."""
BATCH_RECORDS: Final = 512
QUEUE_BYTES: Final = 4 << 20
"""Most bytes that wait for one watcher; they are shared with others of the same filter."""
QUEUE_BATCHES: Final = 256
LOOK_SECONDS: Final = 1.0
"""How long a change may stay unseen whose news was lost, or that a process wrote which sends none."""
RETRY_SECONDS: Final = 1.0
_AT_ONCE: Final = 200
"""Records, each in each of its states, that filters are applied to before other calls get their turn."""
_VIEWS_AT_ONCE: Final = 100
"""Views that are told of a few records before other calls get their turn."""
_LEFT_FIELD: Final = WatchRecordsResponse.LEFT_FIELD_NUMBER

_log: Final = structlog.stdlib.get_logger("pfa")


class View:
    """What a watcher wants to see of each change; equal views are worked out once."""

    def __init__(self, condition: Condition | None, mask: Mask) -> None:
        self.key = (canonical(condition)[0], mask)
        self.condition = condition
        self.mask = mask
        self._matches: Callable[[Values], bool] | None = None if condition is None else matcher(condition)

    @property
    def is_whole(self) -> bool:
        """Whether every record is in it."""
        return self._matches is None

    async def messages(self, changes: Sequence[ChangedRecord], through: str, *, is_begun: bool = False) -> list[bytes]:
        """Return the messages that tell of changes, the last with `through`; none where nothing is to be told.

        `is_begun`: messages were sent that `through` is still to come for.
        """
        matching: list[bytes] = []
        left: list[bytes] = []
        done = 0
        for change in changes:
            done += 1
            if self._matches is None or self._matches(change.values):
                matching.append(change.payload)
            else:
                done += len(change.deltas)
                if any(map(self._matches, change.earlier())):
                    left.append(LeftRecord(id=change.record_id, pfa_id=change.pfa_id).SerializeToString())
            if done >= _AT_ONCE:
                done = 0
                await asyncio.sleep(0)
        payloads = await self.mask.apply_all(matching)
        bodies = [frame_records(part) for part in _parts(payloads)]
        bodies += [_frame_left(left[start : start + BATCH_RECORDS]) for start in range(0, len(left), BATCH_RECORDS)]
        if through and is_begun and not bodies:
            bodies.append(b"")
        if bodies:
            bodies[-1] += WatchRecordsResponse(changes_through=through).SerializeToString()
        return bodies


def _parts(payloads: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    start = 0
    while start < len(payloads):
        part = payloads[start : start + BATCH_RECORDS]
        part = part[: split_by_bytes(part, BATCH_BYTES)]
        yield part
        start += len(part)


def _frame_left(left: Sequence[bytes]) -> bytes:
    return b"".join(embed(_LEFT_FIELD, message) for message in left)


@dataclass(frozen=True, slots=True)
class Batch:
    """Messages that tell a view of changes."""

    messages: Sequence[bytes]
    revision: Revision
    """What the organization was at when the changes were read."""
    is_last: bool
    """Whether everything up to that revision has been told with it."""
    size: int


@dataclass(eq=False)
class Subscription:
    """What waits for one watcher."""

    followed: _Followed
    view: View
    _queue: deque[Batch] = field(default_factory=deque)
    _size: int = 0
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    is_behind: bool = False
    """Whether something was dropped: the watcher has to `rejoin`, and to read from the database what it has missed."""

    def put(self, batch: Batch) -> None:
        """Add a batch, or drop all where it is too much."""
        if self.is_behind:
            return
        if len(self._queue) >= QUEUE_BATCHES or (self._queue and self._size + batch.size > QUEUE_BYTES):
            self.drop()
            return
        self._queue.append(batch)
        self._size += batch.size
        self._ready.set()

    def drop(self) -> None:
        """Drop what waits: the watcher has to read from the database."""
        self._queue.clear()
        self._size = 0
        self.is_behind = True
        self._ready.set()

    def rejoin(self) -> None:
        """Take part in the feed again: what was missed until now is read from the database next."""
        self.is_behind = False

    async def next(self, seconds: float) -> Batch | None:
        """Return the next batch; None where none came for some seconds, or where the watcher is behind."""
        if not self._queue and not self.is_behind:
            self._ready.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._ready.wait()
            except TimeoutError:
                return None
        if not self._queue:
            return None
        batch = self._queue.popleft()
        self._size -= batch.size
        return batch

    @property
    def through(self) -> Revision | None:
        """What the feed has come to, where nothing of it is waiting here or being handed out; else None."""
        return None if self._queue or self.is_behind else self.followed.at_rest


class ChangeFeed:
    """Follows the organizations that are watched."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens
        self._followed: dict[str, _Followed] = {}

    @asynccontextmanager
    async def subscribed(self, organization_id: str, view: View) -> AsyncIterator[Subscription]:
        """Give a subscription to what changes from now on. Raises OrganizationNotFound."""
        followed = self._followed.get(organization_id)
        if followed is None:
            # The first to come asks what it is at; who comes meanwhile asks too, and takes what the first has made.
            through = await get_revision(self._database, organization_id)
            followed = self._followed.get(organization_id)
            if followed is None:
                followed = self._followed[organization_id] = _Followed(
                    self._database, self._tokens, organization_id, through
                )
                followed.start()
        subscription = Subscription(followed, view)
        followed.add(subscription)
        try:
            yield subscription
        finally:
            followed.remove(subscription)
            if followed.is_idle:
                self._followed.pop(organization_id, None)
                await followed.stop()


class _Followed:
    """One organization, and who watches it."""

    def __init__(self, database: Database, tokens: Tokens, organization_id: str, through: Revision) -> None:
        self._database = database
        self._tokens = tokens
        self._organization_id = organization_id
        self._by_view: dict[object, tuple[View, set[Subscription]]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_moving = False
        self.through = through

    @property
    def at_rest(self) -> Revision | None:
        """What everybody was told of; None while changes are handed out: who comes now comes too late for some."""
        return None if self._is_moving else self.through

    @property
    def is_idle(self) -> bool:
        return not self._by_view

    def add(self, subscription: Subscription) -> None:
        self._by_view.setdefault(subscription.view.key, (subscription.view, set()))[1].add(subscription)

    def remove(self, subscription: Subscription) -> None:
        _, subscriptions = self._by_view[subscription.view.key]
        subscriptions.discard(subscription)
        if not subscriptions:
            del self._by_view[subscription.view.key]

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _hear(self, organization_id: str) -> None:
        if organization_id == self._organization_id:
            self._wake.set()

    async def _run(self) -> None:
        with self._database.news.followed(self._hear):
            while True:
                try:
                    async with asyncio.timeout(LOOK_SECONDS):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
                try:
                    await self._advance()
                except PfaError as error:
                    _log.warning("the change feed waits", organization_id=self._organization_id, error=error.message)
                    await asyncio.sleep(RETRY_SECONDS)
                except Exception:
                    # Those who watch read from the database: either that does better, or they are told.
                    _log.exception("the change feed failed", organization_id=self._organization_id)
                    self._drop_all()
                    await asyncio.sleep(RETRY_SECONDS)

    async def _advance(self) -> None:
        """Read what has changed since the last time, and hand it to everybody."""
        now = await get_revision(self._database, self._organization_id)
        if now == self.through:
            return
        if not now.shows(self.through):
            self.through = now
            self._drop_all()  # restored: each finds out by itself that its history has ended
            return
        self._is_moving = True
        try:
            self.through = await self._hand_out()
        finally:
            self._is_moving = False

    async def _hand_out(self) -> Revision:
        """Hand what has changed to everybody; return what that comes to."""
        after: Place | None = None
        begun: set[object] = set()
        while True:
            with_earlier = any(not view.is_whole for view, _ in self._views())
            async with self._database.reading() as connection:
                stretch = await read_changes(
                    connection,
                    self._organization_id,
                    self.through.number,
                    after=after,
                    limit=STRETCH,
                    with_earlier=with_earlier,
                )
            await self._distribute(stretch, begun, with_earlier=with_earlier)
            after = stretch.end
            if after is None:
                return stretch.revision

    async def _distribute(self, stretch: Stretch, begun: set[object], *, with_earlier: bool) -> None:
        """Hand a stretch to everybody; `begun` has the keys of the views that were told of one before."""
        is_last = stretch.end is None
        through = revision_token(self._tokens, self._organization_id, stretch.revision) if is_last else ""
        for number, (view, subscriptions) in enumerate(self._views(), start=1):
            if number % _VIEWS_AT_ONCE == 0:
                await asyncio.sleep(0)
            if not (view.is_whole or with_earlier):
                _drop(subscriptions)  # it came while the others' changes were read
                continue
            try:
                messages = await view.messages(stretch.changes, through, is_begun=view.key in begun)
            except Exception:
                _log.exception("a view of the change feed failed", organization_id=self._organization_id)
                _drop(subscriptions)
                continue
            if messages:
                begun.add(view.key)
                batch = Batch(messages, stretch.revision, is_last, sum(map(len, messages)))
                for subscription in tuple(subscriptions):
                    subscription.put(batch)

    def _views(self) -> list[tuple[View, set[Subscription]]]:
        return list(self._by_view.values())

    def _drop_all(self) -> None:
        for _, subscriptions in self._views():
            _drop(subscriptions)


def _drop(subscriptions: Iterable[Subscription]) -> None:
    for subscription in subscriptions:
        subscription.drop()
