"""How soon watchers hear of a change, and what they cost: WatchRecords beside a call that does nothing.

A real `pfa serve` on PostgreSQL with generated records. This process holds the watchers, who take messages as bytes,
and makes the edits, as another server process would. Delivery is timed from the commit to the arrival at each watcher.

    python -m bench.watching [--records 20000] [--watchers 100] [--edits 100] [--many 1000]
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from contextlib import ExitStack
from typing import Any, Final

import asyncpg
import grpc
import sqlalchemy as sa
import uvloop

from bench.databases import Sizes, generated
from bench.editing import edit
from bench.memory import resident
from bench.serving import floor
from bench.timing import HEADING, Times, row
from pfa.v1.record_service_pb2 import ListRecordsRequest
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
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
SETTLE_SECONDS: Final = 2.0
CHANNELS: Final = 10
"""A server lets a connection have a hundred calls at once."""


class Watchers:
    """Watchers of one organization, from one revision on."""

    def __init__(self, address: str, number: int) -> None:
        self._channels = [
            grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(CHANNELS)
        ]
        self._number = number
        self._tasks: list[asyncio.Task[None]] = []
        self.arrivals: list[float] = []
        self._heard = asyncio.Event()

    async def __aenter__(self) -> Watchers:
        listed = ListRecordsRequest(organization_id=CODE, page_size=1)
        page: Any = await RecordServiceStub(self._channels[0]).ListRecords(listed)
        request = WatchRecordsRequest(organization_id=CODE, revision_token=page.revision_token).SerializeToString()
        self._tasks = [asyncio.create_task(self._watch(number, request)) for number in range(self._number)]
        await asyncio.sleep(SETTLE_SECONDS)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for channel in self._channels:
            await channel.close()

    async def _watch(self, number: int, request: bytes) -> None:
        watch: Any = self._channels[number % CHANNELS].unary_stream("/pfa.v1.RecordService/WatchRecords")
        async for message in watch(request):
            if message[:1] == b"\n":  # with records: no checkpoint
                self.arrivals.append(time.perf_counter())
                if len(self.arrivals) >= self._number:
                    self._heard.set()

    async def all_heard(self) -> list[float]:
        """Return when each watcher heard of one change."""
        async with asyncio.timeout(30):
            await self._heard.wait()
        self._heard.clear()
        arrivals, self.arrivals = self.arrivals, []
        return arrivals


async def deliveries(url: str, address: str, watchers: int, edits: int) -> tuple[Times, Times]:
    """Return the seconds from a commit to each watcher, and to the last of them."""
    database = Database(url, Limits(direct_connections=1))
    async with database.reading() as connection:
        organization = await get_organization(connection, CODE)
        query = sa.select(records.c.pfa_id).where(records.c.organization_id == CODE).limit(500)
        pfa_ids = list((await connection.execute(query)).scalars())
    each, last = Times(), Times()
    async with Watchers(address, watchers) as held:
        for number in range(-5, edits):
            await edit(database, organization, random.choice(pfa_ids))
            committed = time.perf_counter()
            arrivals = await held.all_heard()
            if number >= 0:
                each.seconds += [arrival - committed for arrival in arrivals]
                last.seconds.append(max(arrivals) - committed)
            await asyncio.sleep(0.05)
    await database.close()
    return each, last


async def costs(url: str, service: Service, many: int) -> tuple[float, float]:
    """Return what many idle watchers take: MB of the server, and transactions of the database in a second."""
    connection = await asyncpg.connect(url)

    async def transactions() -> int:
        count: int = await connection.fetchval(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )
        return count

    async with Watchers(service.address, 1):
        before = resident(service.process.pid)
    async with Watchers(service.address, many):
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
        bare = Times()
        for _ in range(FLOOR_ROUNDS):
            began = time.perf_counter()
            at.call()
            bare.seconds.append(time.perf_counter() - began)
        unit = bare.p50
        each, last = uvloop.run(deliveries(url, service.address, chosen.watchers, chosen.edits))
        print(HEADING)
        print(row("a bare unary call", bare, unit))
        print(row(f"commit → one of {chosen.watchers} watchers", each, unit))
        print(row(f"commit → the last of {chosen.watchers} watchers", last, unit))
        print(f"p99 of a delivery is {each.p99 / unit:.1f} bare unary calls (at most {MOST_CALLS})")
        memory, a_second = uvloop.run(costs(url, service, chosen.many))
        print(
            f"{chosen.many:,} idle watchers take {memory:.0f} MB of the server (at most {MOST_MEMORY}), "
            f"and all of them together {a_second:.1f} transactions of the database a second"
        )


if __name__ == "__main__":
    main()
