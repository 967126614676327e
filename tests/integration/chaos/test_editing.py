"""Editors get into each other's way, and servers are killed: no edit is lost, none is half done, none is made twice.

PFA_CHAOS_SECONDS says how long it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

import asyncpg
import grpc
import sqlalchemy as sa
from google.protobuf.field_mask_pb2 import FieldMask

from pfa.v1.change_pb2 import Change, ChangeOperation, DateShift
from pfa.v1.mutation_pb2 import MutateRecordsRequest, MutateRecordsResponse, Mutation, MutationOperation
from pfa.v1.proposal_pb2 import ApplyChangeRequest, ApplyChangeResponse, ProposeChangeRequest
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import GetRecordRequest, ListRecordsRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.records import new_record, save_records
from pfa_rpc.store.tables import organization_commits
from tests.acceptance.service import serving
from tests.causes import CAUSE
from tests.fixtures.records import make_values
from tests.servers.processes import free_port
from tests.servers.stock import Stock
from tests.wire import failure

SECONDS: Final = float(os.environ.get("PFA_CHAOS_SECONDS", "5"))
EDITORS: Final = 50
SHARED: Final = 6
"""Records that all editors edit."""
MOVED: Final = 200
"""Records that a bulk change moves."""
FIRST_END: Final = date(2026, 6, 1)
UPDATE: Final = MutationOperation.MUTATION_OPERATION_UPDATE
STEPS: Final = (
    "organization_revisions",
    "records",
    "record_chunks",
    "record_changes",
    "request_results",
    "organization_commits",
)
"""Tables in the order in which a write comes to them; where one is locked, the write waits there."""

Answer = TypeVar("Answer")


async def fill(url: str) -> None:
    """Make RIO: the records that editors share, areas that are changed three at a time, and those that are moved."""
    database = Database(url)
    await migrate(database)
    organization = await create_organization(database, "RIO")
    dates = {"forecast_start": date(2026, 3, 1), "forecast_end": FIRST_END}
    records = [
        new_record(
            "RIO", str(number), make_values(str(number), **dates, contract="0", is_actualized=False, category=kind)
        )
        for number, kind in enumerate(["Shared"] * SHARED + ["Three"] * 3 + ["Moved"] * MOVED)
    ]
    async with database.write("RIO", CAUSE) as write:
        await save_records(write, organization, [(None, record) for record in records])
    await database.close()


async def commits(url: str) -> list[Any]:
    """Return every commit of RIO, the first one first."""
    database = Database(url)
    async with database.reading() as connection:
        query = sa.select(organization_commits).order_by(organization_commits.c.revision)
        rows = list(await connection.execute(query))
    await database.close()
    return rows


def update(name: dict[str, Any], etag: str = "", **values: Any) -> Mutation:
    return Mutation(operation=UPDATE, record=Record(**name, **values), update_mask=FieldMask(paths=values), etag=etag)


async def listed(stub: Any, category: str) -> list[Record]:
    request = ListRecordsRequest(organization_id="RIO", filter=f'category = "{category}"', page_size=1_000)
    return list((await stub.ListRecords(request)).records)


# --- editors


@dataclass
class Tally:
    """What editors have done."""

    edits: Counter[str] = field(default_factory=Counter)
    """pfa_id → edits that were made."""
    mismatches: int = 0
    others: Counter[str] = field(default_factory=Counter)
    """Every other error."""


async def count_up(stub: Any, tally: Tally, until: float) -> None:
    """Count shared records up, one after the other, each on the version that was read."""
    while time.monotonic() < until:
        pfa_id = str(random.randrange(SHARED))
        try:
            record = (await stub.GetRecord(GetRecordRequest(organization_id="RIO", pfa_id=pfa_id))).record
            mutation = update({"id": record.id}, record.etag, contract=str(int(record.contract) + 1))
            await stub.MutateRecords(MutateRecordsRequest(organization_id="RIO", mutations=[mutation]))
            tally.edits[pfa_id] += 1
        except grpc.aio.AioRpcError as error:
            told = failure(error)
            if told.status is not None and told.info.reason == "ETAG_MISMATCH":
                tally.mismatches += 1
            else:
                tally.others[f"{told.code} {told.message}"] += 1


async def test_fifty_editors_lose_no_edit_and_leave_no_gap(database_kind: str, stock: Stock, tmp_path: Path) -> None:
    with stock.copy(database_kind, tmp_path, fill) as (url, _):
        settings = Settings.load(database_url=url, listen="127.0.0.1:0", stop_seconds=1)
        tally = Tally()
        async with (
            running(settings) as one,
            running(settings) as other,
            grpc.aio.insecure_channel(one.target) as first,
            grpc.aio.insecure_channel(other.target) as second,
        ):
            stubs = itertools.cycle([RecordServiceStub(first), RecordServiceStub(second)])
            until = time.monotonic() + SECONDS
            async with asyncio.TaskGroup() as tasks:
                for _ in range(EDITORS):
                    tasks.create_task(count_up(next(stubs), tally, until))
            records = await listed(next(stubs), "Shared")
        sys.stdout.write(f"{EDITORS} editors on {database_kind}, {SECONDS:g} s: {tally}\n")
        assert not tally.others
        assert tally.mismatches > 0, "they got into each other's way"
        assert {record.pfa_id: int(record.contract) for record in records} == {
            str(number): tally.edits[str(number)] for number in range(SHARED)
        }
        assert all(record.sync.local_version == 1 + tally.edits[record.pfa_id] for record in records)
        written = await commits(url)
        assert [row.revision for row in written] == list(range(1, 2 + tally.edits.total()))
        assert all(row.changed == 1 for row in written[1:])


# --- servers that are killed


@asynccontextmanager
async def served(folder: Path, url: str, port: int) -> AsyncIterator[None]:
    """Let a server run on the port, and kill it in the end."""
    with contextlib.ExitStack() as stack:
        settings = {"database_url": url, "listen": f"127.0.0.1:{port}"}
        service = await asyncio.to_thread(stack.enter_context, serving(folder, **settings))
        try:
            yield
        finally:
            service.process.kill()
            await asyncio.to_thread(service.process.wait, 30)


@asynccontextmanager
async def client(port: int) -> AsyncIterator[Any]:
    """Give a stub that finds a server on the port again, soon after it is up."""
    options = [("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 200)]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        yield RecordServiceStub(channel)


async def insisting(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer of a call, made again as long as no server answers it."""
    while True:
        try:
            return await call()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            await asyncio.sleep(0.05)


async def set_three(stub: Any, area: str, name: str) -> MutateRecordsResponse:
    """Give three records an area, by a request of this name."""
    mutations = [update({"pfa_id": str(number)}, area_silo=area) for number in range(SHARED, SHARED + 3)]
    request = MutateRecordsRequest(organization_id="RIO", mutations=mutations, request_id=name)
    answer: MutateRecordsResponse = await insisting(lambda: stub.MutateRecords(request))
    return answer


async def proposal_token(stub: Any) -> str:
    """Return the token of a proposal that moves the end of the forecasts by a day."""
    day = Change(field="forecast_end", operation=ChangeOperation.CHANGE_OPERATION_SHIFT, shift=DateShift(days=1))
    request = ProposeChangeRequest(organization_id="RIO", filter='category = "Moved"', changes=[day])
    token: str = (await insisting(lambda: stub.ProposeChange(request))).proposal.proposal_token
    return token


async def apply(stub: Any, token: str, name: str) -> ApplyChangeResponse:
    """Carry a proposal out, by a request of this name."""
    request = ApplyChangeRequest(organization_id="RIO", proposal_token=token, request_id=name)
    answer: ApplyChangeResponse = await insisting(lambda: stub.ApplyChange(request))
    return answer


async def require_whole(stub: Any, area: str | None, days: int) -> None:
    """Check that the three have one area, and that all that are moved were moved by so many days."""
    three = {record.area_silo for record in await listed(stub, "Three")}
    assert len(three) == 1
    assert area is None or three == {area}
    ends = {record.forecast.end_date.SerializeToString() for record in await listed(stub, "Moved")}
    assert len(ends) == 1
    [record, *_] = await listed(stub, "Moved")
    end = date(record.forecast.end_date.year, record.forecast.end_date.month, record.forecast.end_date.day)
    assert (end - FIRST_END).days == days


def require_once(rows: list[Any]) -> None:
    """Check that no request was carried out twice, and that no revision is missing."""
    names = Counter(row.request_id for row in rows if row.request_id is not None)
    assert set(names.values()) <= {1}
    assert [row.revision for row in rows] == list(range(1, len(rows) + 1))


async def test_a_server_that_is_killed_at_any_moment_leaves_nothing_half_done_or_done_twice(
    database_kind: str, stock: Stock, tmp_path: Path
) -> None:
    with stock.copy(database_kind, tmp_path, fill) as (url, _):
        port, done, areas = free_port(), Counter[str](), itertools.count()
        over = asyncio.Event()

        async def edit(stub: Any) -> None:
            while not over.is_set():
                await set_three(stub, f"Area {next(areas)}", str(uuid.uuid4()))
                done["edits"] += 1

        async def move(stub: Any) -> None:
            while not over.is_set():
                answer = await apply(stub, await proposal_token(stub), str(uuid.uuid4()))
                assert answer.changed == MOVED
                done["moves"] += 1

        until, kills = time.monotonic() + SECONDS, 0
        async with client(port) as stub:
            workers = [asyncio.create_task(edit(stub)), asyncio.create_task(move(stub))]
            while time.monotonic() < until or kills < 2:
                async with served(tmp_path, url, port):
                    await insisting(lambda: listed(stub, "Three"))
                    await asyncio.sleep(random.uniform(0.05, 1.5))
                kills += 1
            sys.stdout.write(f"{kills} kills on {database_kind}, {SECONDS:g} s: {dict(done)}\n")
            over.set()
            async with served(tmp_path, url, port):
                await asyncio.gather(*workers)
                await require_whole(stub, None, done["moves"])
        assert done["edits"]
        require_once(await commits(url))


async def test_a_server_that_is_killed_at_each_step_of_a_write_leaves_nothing_of_it(
    stock: Stock, tmp_path: Path
) -> None:
    with stock.copy("postgresql", tmp_path, fill) as (url, _):
        port = free_port()
        async with client(port) as stub:
            for number, table in enumerate(STEPS):
                names = f"edit {number}", f"move {number}"
                async with held(url, table) as waiting, served(tmp_path, url, port):
                    token = await proposal_token(stub)
                    calls = [set_three(stub, f"Area {number}", names[0]), apply(stub, token, names[1])]
                    asked = [asyncio.create_task(call) for call in calls]
                    await waiting(2)
                async with served(tmp_path, url, port):
                    edited: Any
                    moved: Any
                    edited, moved = await asyncio.gather(*asked)
                    assert moved.changed == MOVED
                    assert await set_three(stub, f"Area {number}", names[0]) == edited
                    assert await apply(stub, token, names[1]) == moved
                    await require_whole(stub, f"Area {number}", number + 1)
        rows = await commits(url)
        require_once(rows)
        assert len(rows) == 1 + 2 * len(STEPS)


@asynccontextmanager
async def held(url: str, table: str) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Lock a table against writes until the body ends; give what waits until so many transactions wait for a lock."""
    holder, observer = await asyncpg.connect(url), await asyncpg.connect(url)

    async def waiting(number: int) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        async with asyncio.timeout(20):
            while await observer.fetchval(query) < number:  # noqa: ASYNC110 (a lock tells nobody)
                await asyncio.sleep(0.02)

    transaction = holder.transaction()
    await transaction.start()
    try:
        await holder.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
        yield waiting
    finally:
        # The server is dead by now; its transactions end as soon as the database finds out.
        await transaction.rollback()
        await asyncio.gather(holder.close(), observer.close())
