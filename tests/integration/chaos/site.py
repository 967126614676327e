"""Data that tells how old it is: `Site` writes it, and reads it back through servers under disturbance.

Every write counts up, and puts the count into the monthly rate and the area of each record that it touches: of all of
them, or of the tail, which is the second chunk. So an answer itself says which write it shows. Before a read the last
committed state is noted: an answer that shows less is stale, one that shows no state that ever was is torn.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import grpc
import sqlalchemy as sa

from pfa.v1.query_service_pb2 import AskRequest, ListVocabularyRequest
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsRequest,
    Aggregation,
    ListRecordsRequest,
    StreamRecordsRequest,
)
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.errors import DatabaseUnavailable
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.database import Database, Write
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import new_record, read_for_write, save_records
from pfa_rpc.store.tables import organization_commits, organization_revisions, record_changes
from tests.causes import CAUSE
from tests.fixtures.records import make_values

HEADS: Final = CHUNK_RECORDS
"""Records of the first chunk, which are cranes."""
TAILS: Final = 8
"""Records of the second chunk, which are pumps, and modified."""
UNIT: Final = 10_000
"""What a monthly rate of 1.00 is stored as."""
READERS: Final = 3
"""Readers of each server."""
WRITERS: Final = 2
PROCESS_BYTES: Final = (0, 300_000)
"""What the servers keep in their processes: nothing, and less than there is."""
QUIET_SECONDS: Final = 0.15
"""How long nothing is written before a restore, and after it."""


@dataclass(frozen=True, slots=True)
class State:
    """What the records of the first chunk, and those of the tail, say at a time."""

    head: int
    tail: int


@dataclass(frozen=True, slots=True)
class View:
    """What a read showed at once."""

    heads: Sequence[int]
    tails: Sequence[int]
    is_one_snapshot: bool = True
    """Whether heads and tails are of the same moment."""


class Reader:
    """Reads the data through one server, in every way there is; those that cost little more often."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._records = RecordServiceStub(channel)
        self._questions = QueryServiceStub(channel)
        self.ways: tuple[Callable[[], Awaitable[View]], ...] = (
            *(self.list_tail, self.list_tail),
            *(self.list_border, self.list_border),
            *(self.list_modified, self.list_modified),
            self.stream_modified,
            *(self.list_vocabulary, self.list_vocabulary),
            self.aggregate,
            self.ask,
            *(self.stream_whole, self.stream_whole),
            self.stream_filtered,
        )

    async def list_tail(self) -> View:
        """List the second chunk."""
        request = ListRecordsRequest(organization_id="RIO", filter='category = "Pumps"')
        return _view((await self._records.ListRecords(request)).records, heads=0)

    async def list_border(self) -> View:
        """List a page that has records of both chunks."""
        request = ListRecordsRequest(organization_id="RIO", skip=HEADS - 12, page_size=12 + TAILS)
        return _view((await self._records.ListRecords(request)).records, heads=12)

    async def list_modified(self) -> View:
        """List the modified records, which are the second chunk."""
        request = ListRecordsRequest(organization_id="RIO", filter="sync_state = MODIFIED")
        return _view((await self._records.ListRecords(request)).records, heads=0)

    async def list_vocabulary(self) -> View:
        """List the areas that questions can name: that of the first chunk, and that of the second if it is newer."""
        request = ListVocabularyRequest(organization_id="RIO", field="area_silo")
        values = (await self._questions.ListVocabulary(request)).values
        counts = [int(value.value.removeprefix("Area ")) for value in values]
        return View([min(counts)], [max(counts)])

    async def aggregate(self) -> View:
        """Compute the least and the greatest of each chunk."""
        functions = (AggregateFunction.AGGREGATE_FUNCTION_MIN, AggregateFunction.AGGREGATE_FUNCTION_MAX)
        aggregations = [Aggregation(function=function, field="monthly_rate") for function in functions]
        request = AggregateRecordsRequest(organization_id="RIO", aggregations=aggregations, group_by=["category"])
        groups = (await self._records.AggregateRecords(request)).groups
        figures = {group.keys[0].text: [value.money.units for value in group.values] for group in groups}
        return View(figures["Cranes"], figures["Pumps"])

    async def ask(self) -> View:
        """Ask for everything."""
        call = self._questions.Ask(AskRequest(organization_id="RIO", question="rentals", max_records=1_000))
        parts = [part async for part in call]
        assert parts[0].interpretation.complete
        return _view([record for part in parts[1:] for record in part.records.records])

    async def stream_whole(self) -> View:
        """Stream everything, from chunks: each is of one moment, and the two need not be of the same."""
        view = await self._stream("")
        return View(view.heads, view.tails, is_one_snapshot=False)

    async def stream_filtered(self) -> View:
        """Stream everything by SQL, which is one stretch."""
        return await self._stream("source = SOURCE_RENTAL")

    async def stream_modified(self) -> View:
        """Stream the modified records."""
        return await self._stream("sync_state = MODIFIED", heads=0)

    async def _stream(self, text: str, heads: int = HEADS) -> View:
        call = self._records.StreamRecords(StreamRecordsRequest(organization_id="RIO", filter=text))
        return _view([record async for batch in call for record in batch.records], heads)


def _view(records: Sequence[Record], heads: int = HEADS) -> View:
    ids = [int(record.pfa_id) for record in records]
    assert ids == list(range(HEADS + 1 - heads, HEADS + TAILS + 1)), "every record once, in order of insertion"
    rates = [record.monthly_rate.units for record in records]
    return View(rates[:heads], rates[heads:])


class Site:
    """The data, its writers and its readers. `violations` tells what was seen that must not be seen."""

    def __init__(self, database: Database, readers: Sequence[Reader], seed: int) -> None:
        self.database = database
        self.readers = readers
        self.violations: list[str] = []
        self.reads = self.writes = 0
        self.over = asyncio.Event()
        self.on_refusal: Callable[[Exception], None] = _raise
        """Is told of every read and write that fails; by default none may."""
        self._random = random.Random(seed)
        self._count = 0
        self._committed = State(0, 0)
        self._head_of = {0: 0}
        """What the first chunk says when the tail says so much, in every state that ever was."""
        self._may_read, self._may_write = asyncio.Event(), asyncio.Event()
        self._may_read.set()
        self._may_write.set()
        self._reading = 0

    async def run(self, seconds: float, *disturbances: Callable[[], Awaitable[None]]) -> None:
        """Let all of them work for a time, or until something was seen that must not be."""
        async with asyncio.TaskGroup() as tasks:
            for reader in self.readers:
                for _ in range(READERS):
                    tasks.create_task(self._read(reader))
            for _ in range(WRITERS):
                tasks.create_task(self._write())
            for disturbance in disturbances:
                tasks.create_task(_repeat(disturbance, self.over))
            await self.rest(seconds)
            self.over.set()

    async def rest(self, seconds: float) -> None:
        """Wait for a time, or until it is over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.over.wait()

    async def pause(self, most: float) -> None:
        """Wait for a random time of at most so many seconds."""
        await asyncio.sleep(self._random.random() * most)

    # --- writers -----------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        while not self.over.is_set():
            await self._may_write.wait()
            first = 0 if self._random.random() < 0.1 else HEADS
            try:
                async with self.database.write("RIO", CAUSE) as write:
                    state = await self._save(write, first)
            except DatabaseUnavailable as error:  # it may be committed all the same
                self.on_refusal(error)
            else:
                self._commit(state)
            await self.pause(0.04)

    async def restore(self) -> None:
        """Do what a restore does that lost the last revision: the next write has its number, and other data.

        It is read before, and cached, and for a moment after. No database is restored below running reads.
        """
        await self.rest(self._random.random())
        self._may_write.clear()
        await self.rest(QUIET_SECONDS)
        self._may_read.clear()
        while self._reading:  # noqa: ASYNC110 (a moment, a few times a test)
            await asyncio.sleep(0.005)
        async with self.database.write("RIO", CAUSE) as write:
            revisions = organization_revisions.c
            lost = sa.update(organization_revisions).where(revisions.organization_id == "RIO")
            await write.connection.execute(lost.values(revision=revisions.revision - 1))
            write.revision = Revision(write.revision.number - 1, write.revision.nonce)
            for table in (organization_commits, record_changes):
                forgotten = sa.and_(table.c.organization_id == "RIO", table.c.revision >= write.revision.number)
                await write.connection.execute(sa.delete(table).where(forgotten))
            state = await self._save(write, 0)
        self._commit(state)
        self._may_read.set()
        await self.rest(QUIET_SECONDS)
        self._may_write.set()

    async def _save(self, write: Write, first: int) -> State:
        """Write the next count into all records from a position on."""
        # The organization is held from here to the commit: counts are committed in their order.
        self._count += 1
        organization = await get_organization(write.connection, "RIO")
        ids = [str(number + 1) for number in range(first, HEADS + TAILS)]
        found = await read_for_write(write, ["1", *ids] if first else ids)
        # What is stored, not what was written: a commit that failed may have happened or not.
        head = found["1"].values["monthly_rate"] // UNIT if first else self._count
        changes = [(found[pfa_id], found[pfa_id].copy()) for pfa_id in ids]
        for _, after in changes:
            after.values |= {"monthly_rate": self._count * UNIT, "area_silo": f"Area {self._count}"}
        await save_records(write, organization, changes)
        await self.pause(0.01)
        state = State(head, self._count)
        self._head_of[state.tail] = state.head
        return state

    def _commit(self, state: State) -> None:
        self.writes += 1
        # The writer after this one may have been told of its commit first.
        self._committed = max(self._committed, state, key=lambda either: either.tail)

    # --- readers -----------------------------------------------------------------------------------------------------

    async def _read(self, reader: Reader) -> None:
        while not self.over.is_set():
            await self._may_read.wait()
            self._reading += 1
            try:
                way = self._random.choice(reader.ways)
                seen = self._committed
                self._check(way.__name__, seen, await way())
            except grpc.aio.AioRpcError as error:
                self.on_refusal(error)
            finally:
                self._reading -= 1
            await self.pause(0.01)

    def _check(self, way: str, seen: State, view: View) -> None:
        self.reads += 1
        values = {*view.heads}, {*view.tails}
        is_torn = any(len(value) > 1 for value in values)
        if not is_torn and all(values) and view.is_one_snapshot:
            is_torn = self._head_of.get(view.tails[0]) != view.heads[0]
        is_stale = min(view.heads, default=seen.head) < seen.head or min(view.tails) < seen.tail
        if is_torn or is_stale:
            what = "torn" * is_torn + "stale" * is_stale
            self.violations.append(f"{way} is {what}: {values} after {seen} was committed")
            self.over.set()


def _raise(error: Exception) -> None:
    raise error


async def _repeat(disturbance: Callable[[], Awaitable[None]], over: asyncio.Event) -> None:
    while not over.is_set():
        await disturbance()


@asynccontextmanager
async def running_site(database_url: str, redis_url: str) -> AsyncIterator[Site]:
    """Give the data in a database that is empty, read by two servers with one Redis."""
    database = Database(database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(database.close)
        await migrate(database)
        await make_data(database)
        readers = []
        for size in PROCESS_BYTES:
            settings = Settings.load(
                database_url=database_url,
                listen="127.0.0.1:0",
                redis_url=redis_url,
                cache_process_bytes=size,
                database_pool_size=10,
            )
            up = await stack.enter_async_context(running(settings))
            readers.append(Reader(await stack.enter_async_context(grpc.aio.insecure_channel(up.target))))
        yield Site(database, readers, seed=1)


async def make_data(database: Database) -> None:
    """Write the records, all of which say 0."""
    organization = await create_organization(database, "RIO")
    head = {"category": "Cranes", "sync_state": "pristine"}
    tail = {"category": "Pumps", "sync_state": "modified"}
    records = [
        new_record("RIO", str(number), make_values(str(number), monthly_rate=0, area_silo="Area 0", **values))
        for number, values in enumerate([head] * HEADS + [tail] * TAILS, 1)
    ]
    async with database.write("RIO", CAUSE) as write:
        await save_records(write, organization, [(None, record) for record in records])
