"""Writes to PEMS compared with the bare round trips of GET and UPDATE: `python -m bench.sync_push`.

The simulator runs in a process of its own without latency. Both sides make eight requests at a time at most. Printed
are milliseconds a record, of the clock and of this process' processor, and what is beyond the bare trips, in trips.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
from collections.abc import Sequence
from typing import Any

import httpx
import sqlalchemy as sa
import structlog

from bench.sync_pull import CODE, PASSWORD, settings_for, simulator, timed
from bench.timing import Timed
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.tracking import marked_edited
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, get_organization
from pfa_rpc.store.records import read_for_write, save_records
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun, RunState
from pfa_rpc.store.tables import records as stored
from pfa_rpc.sync.pems import PemsSettings
from pfa_rpc.sync.pems.screen import Screen
from pfa_rpc.sync.pems.transport import SCREEN_PATH
from pfa_rpc.sync.push import REQUESTS, Pushing
from pfa_rpc.sync.runner import Runner
from tests.servers.finding import postgresql_binaries
from tests.servers.postgresql import running_postgresql
from tests.servers.processes import Workplace

_MODELS = itertools.count(1)


async def bare_trips(settings: PemsSettings, pfa_ids: Sequence[str]) -> None:
    """Read and write records by httpx alone, with bodies that were made before."""
    screen, slots = Screen(settings), asyncio.Semaphore(REQUESTS)
    headers = {"tenant": settings.tenant, "organization": CODE}
    limits = httpx.Limits(max_connections=REQUESTS, max_keepalive_connections=REQUESTS)
    async with httpx.AsyncClient(auth=("pfa", PASSWORD), headers=headers, timeout=60, limits=limits) as http:

        async def one(pfa_id: str) -> None:
            async with slots:
                url = settings.base_url + SCREEN_PATH
                found = (await http.post(url, json=screen.get(CODE, pfa_id))).json()["Result"]["ResultData"]
                content: dict[str, Any] = found["UserDefinedScreenService"]
                content["USERDEFINEDSERVICEACTION"] = "UPDATE"
                (await http.post(url, json=content)).raise_for_status()

        await asyncio.gather(*map(one, pfa_ids))


async def edit(database: Database, pfa_ids: Sequence[str]) -> None:
    """Edit every record, as a person does."""
    model = f"BENCH-{next(_MODELS)}"
    async with database.write(CODE, Cause(How.EDIT, "bench")) as write:
        organization = await get_organization(write.connection, CODE)
        changes = []
        for before in (await read_for_write(write, pfa_ids)).values():
            values, base = marked_edited(before.values, before.base, before.values | {"model": model}, "b", write.at)
            changes.append((before, before.edited(values, base)))
        await save_records(write, organization, changes)


async def run(runner: Runner, direction: Direction) -> int:
    """Synchronize; return how many records were written to PEMS."""
    begun = await runner.start(CODE, NewRun(direction, Mode.INCREMENTAL, "bench", runner.holder))
    ended = await runner.finished(CODE, begun.run_id)
    if ended.state is not RunState.SUCCEEDED:
        raise SystemExit(f"a run failed: {ended.message}")
    return ended.counts.pushed


async def measure(url: str, settings: PemsSettings, records: int, runs: int, paced: int) -> None:
    """Print the table of one database."""
    database = Database(url)
    await migrate(database)
    await create_organization(database, CODE)
    runner = Runner(database, settings, push=Pushing(settings))
    await run(runner, Direction.PULL)
    async with database.reading() as connection:
        query = sa.select(stored.c.pfa_id).where(stored.c.organization_id == CODE).order_by(stored.c.pfa_id)
        pfa_ids = list(await connection.scalars(query.limit(records)))
    bare = min([await timed(lambda: bare_trips(settings, pfa_ids)) for _ in range(runs)])
    print_row("GET and UPDATE by httpx alone", bare, records, bare)
    pushed: list[Timed] = []
    for _ in range(runs):
        await edit(database, pfa_ids)
        pushed.append(await timed(lambda: run(runner, Direction.PUSH)))
    print_row("write-back, no limit (1,000 requests/s)", min(pushed), records, bare)
    slow = settings.model_copy(update={"requests_per_second": 50.0})
    limited = Runner(database, slow, push=Pushing(slow))
    await edit(database, pfa_ids[:paced])
    took = await timed(lambda: run(limited, Direction.PUSH))
    print(f"{paced} records at 50 requests/s: {took[0]:.2f} s; the limit alone takes {2 * paced / 50:.2f} s")
    await runner.close()
    await limited.close()
    await database.close()


def print_row(what: str, took: Timed, records: int, bare: Timed) -> None:
    """Print a line of the table."""
    clock, cpu = (1_000 * seconds / records for seconds in took)
    trips = [(mine - its) / (its / 2) for mine, its in zip(took, bare, strict=True)]
    print(f"{what:42} {clock:6.2f} ms {trips[0]:+6.2f} trips   {cpu:6.2f} ms of CPU {trips[1]:+6.2f} trips")


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--paced", type=int, default=100, help="records that are written under a limit")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    given = options.records, options.runs, options.paced
    with Workplace() as workplace, tempfile.TemporaryDirectory() as place, simulator(options.records) as (url, _):
        settings = settings_for(url)
        print(f"sqlite, {options.records:,} records")
        asyncio.run(measure(f"sqlite:///{place}/pfa.sqlite3", settings, *given))
        with running_postgresql(workplace, postgresql_binaries()) as server:
            print(f"postgresql, {options.records:,} records")
            asyncio.run(measure(server.url(), settings, *given))


if __name__ == "__main__":
    main()
