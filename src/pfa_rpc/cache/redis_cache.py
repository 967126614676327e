"""The cache in Redis: `RedisCache`. Needs Redis 6.2 or later: a single server, Sentinels or a cluster.

Keys of an organization, here RIO; the braces are literal and keep them on one node of a cluster:

    pfa:{RIO}:records        hash, chunk number → entry; gone 15 minutes after its last use
    pfa:{RIO}:query:HASH     entry; gone after 5 minutes
    pfa:{RIO}:modified       hash, 0 → entry; stays
    pfa:{RIO}:vocabulary     hash, 0 → entry; gone after 15 minutes

What is too large for one entry is in several fields of its hash: chunk 7 in 7, 7/1, 7/2 and so on.

Nothing is ever invalidated: an entry is valid if its pair equals the one that the database shows. So Redis may lose,
keep, or bring back whatever it likes.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from redis import exceptions

from pfa_rpc.cache.breaker import Breaker
from pfa_rpc.cache.entries import EntryFormat, Unpacked, place
from pfa_rpc.cache.interface import (
    CHUNK_SECONDS,
    CHUNKS,
    MAX_PARTS,
    MAX_VALUE_BYTES,
    CacheStatus,
    Entry,
    FamilyStatus,
    Kind,
    LayerStatus,
)
from pfa_rpc.cache.metrics import Counts, ReadResult, WriteResult
from pfa_rpc.cache.patience import Patience
from pfa_rpc.cache.redis_client import connect, disconnect
from pfa_rpc.cache.redis_commands import UNREACHABLE, Command, batches, is_wrong_type, reason_of, slices
from pfa_rpc.cache.redis_keys import FIRST, SCAN_COUNT, key_name, parse_key, part_field, scan
from pfa_rpc.cache.urls import Target
from pfa_rpc.records.revision import Revision

WAIT_SECONDS: Final = 0.08
"""How long an operation waits for Redis in all; what came by then is used."""
SLICE_SECONDS: Final = 0.01
"""How much longer, for every slice of chunks that came or went: a large answer is no slow one."""
ADMIN_SECONDS: Final = 10.0
"""How long operations of an operator may take."""
SLICE_CHUNKS: Final = 8
"""Most chunks in one reply: some 2 MB."""
SLICE_PARTS: Final = 2
"""Most parts of a value in one reply: 2 MB."""
MAX_OPERATIONS: Final = 32
"""Most operations at a time; more wait for these, within their limit."""


class RedisCache:
    """A `Cache` in Redis. A failing Redis is given a rest by two breakers: one for all it does, one for writes only."""

    def __init__(
        self, target: Target, entries: EntryFormat, *, link: Breaker | None = None, writes: Breaker | None = None
    ) -> None:
        self._target = target
        self._entries = entries
        self._client = connect(target)
        self._link = link or Breaker("link")
        self._writes = writes or Breaker("writes")
        self._turns = asyncio.Semaphore(MAX_OPERATIONS)
        self._counts = Counts("redis")
        self._probe: asyncio.Task[None] | None = None
        self._closed = False
        self.attempts = 0
        """How often Redis was asked for something, probes aside."""

    @property
    def is_resting(self) -> bool:
        """Whether Redis is not asked for anything now."""
        return self._closed or self._link.is_open

    async def get_chunks(self, organization_id: str, pairs: Mapping[int, Revision]) -> dict[int, bytes]:
        """See `Cache`."""
        key = key_name(organization_id, CHUNKS)
        found: dict[int, bytes] = {}
        cut: dict[int, Unpacked] = {}
        patience = Patience(WAIT_SECONDS)
        refresh: list[Command] = [("EXPIRE", key, CHUNK_SECONDS)]
        unread = len(pairs)
        for numbers in batches(list(pairs), SLICE_CHUNKS):
            answers = await self._ask([("HMGET", key, *numbers), *refresh], patience)
            if answers is None:
                break
            refresh = []
            values = answers[0]
            if isinstance(values, Exception):
                await self._remove_if_wrong_type(key, values, patience)
                break
            unread -= len(numbers)
            self._take(organization_id, pairs, zip(numbers, values, strict=True), found, cut)
            patience.extend(SLICE_SECONDS)
        self._counts.read(CHUNKS, ReadResult.ERROR, unread)
        for number, first in cut.items():
            value = await self._whole(key, place(organization_id, CHUNKS, number), number, first, patience)
            self._counts.read(CHUNKS, ReadResult.MISS if value is None else ReadResult.HIT)
            if value is not None:
                found[number] = value
        return found

    async def put_chunks(self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]) -> None:
        """See `Cache`."""
        key = key_name(organization_id, CHUNKS)
        patience = Patience(WAIT_SECONDS)
        for fields in slices(self._pack_chunks(organization_id, chunks)):
            number = len(fields) // 2
            stored = await self._write(key, [("HSET", key, *fields), ("EXPIRE", key, CHUNK_SECONDS)], patience)
            self._counts.write(CHUNKS, stored, number)
            patience.extend(SLICE_SECONDS)

    async def get(self, organization_id: str, kind: Kind, key: str, wanted: Revision | None = None) -> Entry | None:
        """See `Cache`."""
        name, where = key_name(organization_id, kind.value, key), place(organization_id, kind.value, key)
        patience = Patience(WAIT_SECONDS)
        # An answer is bounded, whatever somebody has put there.
        read = ("HGET", name, FIRST) if kind.may_have_parts else ("GETRANGE", name, 0, MAX_VALUE_BYTES)
        answers = await self._ask([read], patience)
        if answers is None or isinstance(answers[0], Exception):
            self._counts.read(kind.value, ReadResult.ERROR)
            if answers is not None:
                await self._remove_if_wrong_type(name, answers[0], patience)
            return None
        entry = self._entries.unpack(where, answers[0])
        if entry is not None and wanted is not None and entry.revision != wanted:
            self._counts.read(kind.value, ReadResult.STALE)
            return None
        value = None if entry is None else await self._whole(name, where, FIRST, entry, patience)
        if entry is None or value is None:
            self._counts.read(kind.value, ReadResult.MISS)
            return None
        self._counts.read(kind.value, ReadResult.HIT)
        return Entry(entry.revision, value, max(0.0, time.time() - entry.made))

    async def put(self, organization_id: str, kind: Kind, key: str, revision: Revision, value: bytes) -> None:
        """See `Cache`."""
        name, where = key_name(organization_id, kind.value, key), place(organization_id, kind.value, key)
        parts = self._entries.pack(where, revision, value, time.time(), MAX_PARTS if kind.may_have_parts else 1)
        if not parts:
            self._counts.write(kind.value, WriteResult.SKIPPED)
            return
        if kind.may_have_parts:
            stored = await self._put_parts(name, kind, parts)
        else:
            stored = await self._write(name, [("SET", name, parts[0], "EX", kind.seconds or 0)], Patience(WAIT_SECONDS))
        self._counts.write(kind.value, stored)

    async def _put_parts(self, name: str, kind: Kind, parts: Sequence[bytes]) -> WriteResult:
        """Put the parts of a value into a hash of its own, in place of what was there."""
        patience = Patience(WAIT_SECONDS)
        expiry: list[Command] = [] if kind.seconds is None else [("EXPIRE", name, kind.seconds)]
        before: list[Command] = [("UNLINK", name)]
        for fields in slices([(FIRST, parts)]):
            stored = await self._write(name, [*before, ("HSET", name, *fields), *expiry], patience)
            if stored is not WriteResult.STORED:
                return stored
            before = []
            patience.extend(SLICE_SECONDS)
        return WriteResult.STORED

    async def _whole(self, name: str, where: bytes, field: int, first: Unpacked, patience: Patience) -> bytes | None:
        """Return the value that begins with a part which was read; None where the other parts are not of its fill."""
        if first.parts == 1:
            return first.value
        others: list[object] = []
        for numbers in batches(range(1, first.parts), SLICE_PARTS):
            answers = await self._ask([("HMGET", name, *(part_field(field, number) for number in numbers))], patience)
            if answers is None or isinstance(answers[0], Exception):
                return None
            others += answers[0]
            patience.extend(SLICE_SECONDS)
        return self._entries.join(where, first, others)

    async def clear(self, organization_id: str) -> int:
        """See `Cache`."""
        patience = Patience(ADMIN_SECONDS)
        chunks, names = await self._inventory(organization_id, patience)
        for batch in batches(names, SCAN_COUNT):
            await self._ask([("UNLINK", name) for name in batch], patience)
        records = key_name(organization_id, CHUNKS).encode()
        return chunks + sum(name != records for name in names)

    async def status(self, organization_id: str) -> CacheStatus:
        """See `Cache`."""
        patience = Patience(ADMIN_SECONDS)
        chunks, names = await self._inventory(organization_id, patience)
        entries, sizes = Counter({CHUNKS: chunks}), Counter[str]()
        for batch in batches(names, SCAN_COUNT):
            answers = await self._ask([("MEMORY", "USAGE", name) for name in batch], patience)
            for name, size in zip(batch, answers or (), strict=False):
                family, _ = parse_key(name)
                entries[family] += family != CHUNKS
                sizes[family] += size if isinstance(size, int) else 0
        # Asked for, since an organization without entries looks like no answer, and one failure gives it no rest.
        is_reachable = await self._ask([("EXISTS", key_name(organization_id, CHUNKS))], patience) is not None
        layer = LayerStatus(
            name="redis",
            reachable=is_reachable,
            families=tuple(FamilyStatus(str(name), entries[name], sizes[name]) for name in (CHUNKS, *Kind)),
            hits=self._counts.hits,
            misses=self._counts.misses,
            stale=self._counts.stale,
            errors=self._counts.errors,
        )
        return CacheStatus((layer,))

    async def close(self) -> None:
        """See `Cache`."""
        self._closed = True
        if self._probe is not None:
            self._probe.cancel()
            await asyncio.wait((self._probe,))
        with contextlib.suppress(Exception):
            async with asyncio.timeout(1.0):
                await disconnect(self._client)

    def _take(
        self,
        organization_id: str,
        pairs: Mapping[int, Revision],
        answers: Iterable[tuple[int, object]],
        found: dict[int, bytes],
        cut: dict[int, Unpacked],
    ) -> None:
        """Add to `found` the chunks that are sound and of their pair, and to `cut` the first parts of such."""
        results = dict.fromkeys(ReadResult, 0)
        for number, answer in answers:
            entry = self._entries.unpack(place(organization_id, CHUNKS, number), answer)
            if entry is None:
                results[ReadResult.MISS] += 1
            elif entry.revision != pairs[number]:
                results[ReadResult.STALE] += 1
            elif entry.parts > 1:
                cut[number] = entry
            else:
                results[ReadResult.HIT] += 1
                found[number] = entry.value
        for result, number in results.items():
            self._counts.read(CHUNKS, result, number)

    def _pack_chunks(
        self, organization_id: str, chunks: Mapping[int, tuple[Revision, bytes]]
    ) -> Iterator[tuple[int, Sequence[bytes]]]:
        """Yield number and entries of each chunk that can be kept."""
        for number, (revision, value) in chunks.items():
            where = place(organization_id, CHUNKS, number)
            parts = self._entries.pack(where, revision, value, time.time(), MAX_PARTS)
            if parts:
                yield number, parts
            else:
                self._counts.write(CHUNKS, WriteResult.SKIPPED)

    async def _write(self, key: str, commands: Sequence[Command], patience: Patience) -> WriteResult:
        """Run commands that fill a key; it is removed first where something of another type stands in their way."""
        if self.is_resting or not self._writes.allows():
            return WriteResult.SKIPPED
        answers = None
        try:
            answers = await self._ask(commands, patience)
            if answers is not None and is_wrong_type(answers[0]):
                answers = await self._ask([("UNLINK", key), *commands], patience)
        finally:
            if answers is None:
                self._writes.gave_up()
        if answers is None:
            return WriteResult.ERROR
        refusal = next((answer for answer in answers if isinstance(answer, Exception)), None)
        if refusal is not None:
            self._writes.failed(reason_of(refusal))
            return WriteResult.ERROR
        self._writes.succeeded()
        return WriteResult.STORED

    async def _remove_if_wrong_type(self, key: str, error: object, patience: Patience) -> None:
        """Make way for the entry that belongs under a key."""
        if is_wrong_type(error):
            await self._ask([("UNLINK", key)], patience)

    async def _inventory(self, organization_id: str, patience: Patience) -> tuple[int, list[bytes]]:
        """Return the number of chunks, and the names of all keys, of an organization; none if Redis is away."""
        key = key_name(organization_id, CHUNKS)
        answers = await self._ask([("HLEN", key)], patience)
        if answers is None:
            return 0, []
        names = set[bytes]()
        try:
            async with self._turn(key, patience):
                async for name in scan(self._client, organization_id, CHUNKS):
                    names.add(name)
        except _Unanswered:
            return 0, []
        return answers[0] if isinstance(answers[0], int) else 0, sorted(names)

    async def _ask(self, commands: Sequence[Command], patience: Patience) -> list[Any] | None:
        """Return an answer, or the exception that Redis answered with, for each command; None if it did not answer.

        All keys are one organization's.
        """
        if self.is_resting or patience.is_over:
            return None
        try:
            async with self._turn(str(commands[0][1]), patience):
                pipeline = self._client.pipeline(transaction=False)
                for command in commands:
                    pipeline.execute_command(*command)
                answers: list[Any] = await pipeline.execute(raise_on_error=False)
                for answer in answers:
                    if isinstance(answer, UNREACHABLE):
                        raise answer
        except _Unanswered:
            return None
        return answers

    @contextlib.asynccontextmanager
    async def _turn(self, key: str, patience: Patience) -> AsyncIterator[None]:
        """Run a block that asks Redis for something. Raises _Unanswered if that comes to nothing, and notes it."""
        sent = False
        try:
            async with patience.limit(), self._turns:
                self._require_awake()  # others may have found it away while this one waited for its turn
                sent = True
                self.attempts += 1
                yield
        except _Unanswered:
            raise
        except TimeoutError as error:
            # One that waited for its turn only tells nothing of Redis that those before it do not.
            if sent:
                self._failed(key, "it did not answer in time", at_once=True)
            raise _Unanswered from error
        except Exception as error:
            self._failed(key, reason_of(error), at_once=isinstance(error, exceptions.TimeoutError))
            raise _Unanswered from error
        self._link.succeeded()

    def _require_awake(self) -> None:
        if self.is_resting:
            raise _Unanswered

    def _failed(self, key: str, why: str, *, at_once: bool) -> None:
        self._link.failed(why, at_once=at_once)
        if self._link.is_open and not self._closed and (self._probe is None or self._probe.done()):
            self._probe = asyncio.create_task(self._probe_until_it_answers(key))

    async def _probe_until_it_answers(self, key: str) -> None:
        """Ask Redis now and then, so that no reader has to, for the key that got no answer: in a cluster its node."""
        while self._link.is_open:
            await asyncio.sleep(self._link.rest_seconds)
            if not self._link.allows():
                continue
            try:
                async with asyncio.timeout(1.0):
                    await self._client.execute_command("EXISTS", key)  # connects, which may take its time
                async with asyncio.timeout(WAIT_SECONDS / 2):
                    await self._client.execute_command("EXISTS", key)
            except Exception as error:
                self._link.failed(reason_of(error))
            else:
                self._link.succeeded()


class _Unanswered(Exception):
    """Redis gave no answer."""
