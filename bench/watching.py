"""How soon watchers hear of a change, and what they cost: WatchRecords beside streams and calls that do nothing else.

A real `pfa serve` on PostgreSQL with generated records; a process that holds the watchers, who take messages as bytes;
and this one, which makes the edits, as another server process would. Delivery is timed from the commit to the arrival
at each watcher. The floor is a server whose streams write a message of that size as soon as a call says so.

    python -m bench.watching [--records 20000] [--watchers 100] [--edits 100] [--many 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import asyncpg
import grpc
import sqlalchemy as sa
import uvloop

from bench.databases import Sizes, generated
from bench.editing import edit
from bench.memory import processor_seconds, resident
from bench.serving import Floor, Ours, floor, in_process
from bench.timing import HEADING, Times, row
from bench.watchers import SETTLE_SECONDS, TELL, WATCH, Heard, Streams, Watchers, serve_told
from pfa.v1.record_service_pb2 import ListRecordsRequest, ListRecordsResponse
from pfa.v1.watch_pb2 import WatchRecordsRequest
from pfa_rpc.store.database import Database
from pfa_rpc.store.limits import Limits
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.tables import records
from tests.acceptance.service import Service, serving
from tests.servers.processes import Workplace

CODE: Final = "GEN01"
FLOOR_ROUNDS: Final = 300
MOST_CALLS: Final = 20
"""Bare unary calls that the 99th percentile may take."""
MOST_MEMORY: Final = 200
"""MB that a thousand watchers may take."""
IDLE_SECONDS: Final = 10.0
WARM_UP: Final = 5
PAUSE_SECONDS: Final = 0.05
MESSAGE_BYTES: Final = 600
"""Size of the floor's messages, about that of one record with a token."""
RECORDS: Final = b"\n"
"""What a message with records begins with; a checkpoint does not."""


@dataclass(slots=True)
class Delivery:
    """How messages came to watchers."""

    each: Times = field(default_factory=Times)
    first: Times = field(default_factory=Times)
    last: Times = field(default_factory=Times)
    _client: list[float] = field(default_factory=list)
    _server: list[float] = field(default_factory=list)

    def add(self, began: float, heard: Heard, server: float) -> None:
        """Add a message that left at some time, with the processor seconds of the server until now."""
        self.each.seconds += [at - began for at in heard.at]
        self.first.seconds.append(min(heard.at) - began)
        self.last.seconds.append(max(heard.at) - began)
        self._client.append(heard.cpu)
        self._server.append(server)

    def print(self, name: str, watchers: int, unit: float) -> None:
        """Print its lines."""
        print(row(f"{name} → the first of {watchers} watchers", self.first, unit))
        print(row(f"{name} → one of {watchers} watchers", self.each, unit))
        print(row(f"{name} → the last of {watchers} watchers", self.last, unit))
        server, client = (
            (spent[-1] - spent[0]) * 1e6 / max(1, len(spent) - 1) / watchers for spent in (self._server, self._client)
        )
        print(f"  processor time of a delivery: {server:.0f} µs at the server, {client:.0f} µs at the client")


def deliver(watchers: Watchers, edits: int, make: Callable[[], float], server: Callable[[], float]) -> Delivery:
    """Return how what is made came to watchers; making it returns when it left."""
    delivery = Delivery()
    for number in range(-WARM_UP, edits):
        began = make()
        heard = watchers.heard()
        time.sleep(PAUSE_SECONDS)
        if number >= 0:
            delivery.add(began, heard, server())
    return delivery


def watch_request(address: str) -> bytes:
    """Return a serialized request for what changes from now on."""
    ours = Ours(address)
    listed = ListRecordsRequest(organization_id=CODE, page_size=1)
    page: ListRecordsResponse = ours.unary("RecordService/ListRecords", listed, ListRecordsResponse.FromString)
    ours.close()
    return WatchRecordsRequest(organization_id=CODE, revision_token=page.revision_token).SerializeToString()


def watching(address: str, number: int) -> Watchers:
    """Return watchers of the organization."""
    request = watch_request(address)
    return Watchers(Streams(address, "/pfa.v1.RecordService/WatchRecords", request, number, RECORDS))


def deliveries(url: str, service: Service, watchers: int, edits: int) -> Delivery:
    """Return how edits come to watchers."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        database = Database(url, Limits(direct_connections=1))
        organization, pfa_ids = runner.run(_editable(database))

        async def make() -> float:
            await edit(database, organization, random.choice(pfa_ids))
            committed = time.perf_counter()
            await asyncio.sleep(PAUSE_SECONDS)  # the news of the commit is sent from here
            return committed

        with watching(service.address, watchers) as held:
            cpu = partial(processor_seconds, service.process.pid)
            delivery = deliver(held, edits, lambda: runner.run(make()), cpu)
        runner.run(database.close())
    return delivery


async def _editable(database: Database) -> tuple[Any, list[str]]:
    async with database.reading() as connection:
        organization = await get_organization(connection, CODE)
        query = sa.select(records.c.pfa_id).where(records.c.organization_id == CODE).limit(500)
        return organization, list((await connection.execute(query)).scalars())


def told(watchers: int, edits: int) -> Delivery:
    """Return how messages come to streams whose server does nothing but write them."""
    spent = [0.0]
    with in_process(serve_told) as address, Watchers(Streams(address, WATCH, b"", watchers, RECORDS)) as held:
        channel = grpc.insecure_channel(address)
        tell: Any = channel.unary_unary(TELL)

        def make() -> float:
            began = time.perf_counter()
            spent[0] = float(tell(RECORDS.ljust(MESSAGE_BYTES)))
            return began

        delivery = deliver(held, edits, make, lambda: spent[0])
        channel.close()
    return delivery


def bare_calls(at: Floor) -> Times:
    """Return what calls take that do nothing."""
    bare = Times()
    for _ in range(FLOOR_ROUNDS):
        began = time.perf_counter()
        at.call()
        bare.seconds.append(time.perf_counter() - began)
    return bare


async def costs(url: str, service: Service, many: int) -> tuple[float, float]:
    """Return what many idle watchers take: MB of the server, and transactions of the database in a second."""
    connection = await asyncpg.connect(url)

    async def transactions() -> int:
        count: int = await connection.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        return count

    with watching(service.address, 1):
        before = resident(service.process.pid)
    with watching(service.address, many):
        await asyncio.sleep(SETTLE_SECONDS)
        memory = resident(service.process.pid) - before
        began = await transactions()
        await asyncio.sleep(IDLE_SECONDS)
        a_second = (await transactions() - began) / IDLE_SECONDS
    await connection.close()
    return memory, a_second


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--watchers", type=int, default=100)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--many", type=int, default=1_000)
    chosen = parser.parse_args()
    with ExitStack() as stack:
        place = stack.enter_context(Workplace())
        url = stack.enter_context(generated(place, Sizes(chosen.records, 1)))
        settings = {"database_url": url, "max_watchers": str(chosen.many + 100)}
        service = stack.enter_context(serving(place.new_folder("serve"), **settings))
        at = stack.enter_context(floor(url))
        bare = bare_calls(at)
        unit = bare.p50
        silent = told(chosen.watchers, chosen.edits)
        delivery = deliveries(url, service, chosen.watchers, chosen.edits)
        print(HEADING)
        print(row("a bare unary call", bare, unit))
        silent.print("told", chosen.watchers, unit)
        delivery.print("commit", chosen.watchers, unit)
        calls = delivery.each.p99 / unit
        print(
            f"p99 of a delivery is {calls:.1f} bare unary calls (at most {MOST_CALLS}), "
            f"{delivery.each.p99 / silent.each.p99:.2f} of streams that do nothing else"
        )
        memory, a_second = uvloop.run(costs(url, service, chosen.many))
        print(
            f"{chosen.many:,} idle watchers take {memory:.0f} MB of the server (at most {MOST_MEMORY}), "
            f"and all of them together {a_second:.1f} transactions of the database a second"
        )


if __name__ == "__main__":
    main()
