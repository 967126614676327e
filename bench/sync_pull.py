"""Pulls from PEMS compared with reading the same pages and throwing them away: `python -m bench.sync_pull`.

The simulator runs in a process of its own without latency. Printed are seconds and seconds of this process' processor,
of a bare httpx that reads the pages, and of pulls of everything, of everything again, and of 100 changes; and what
bounds a full pull: the JSON of the pages decoded by Python, and the same rows written by the driver alone. Then, with
the latency that PEMS has, pulls one page after another and in several ranges of ids at once.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final

import httpx
import structlog

from bench.bare_writes import written_bare
from bench.timing import Timed
from pfa_rpc.simulator.running import running_simulator
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization
from pfa_rpc.store.syncing.runs import Direction, Mode, NewRun, Run, RunState
from pfa_rpc.sync.pems import PemsSettings
from pfa_rpc.sync.pems.grid_requests import GridRequests
from pfa_rpc.sync.pems.transport import GRID_PATH
from pfa_rpc.sync.runner import Runner
from tests.servers.finding import postgresql_binaries
from tests.servers.postgresql import running_postgresql
from tests.servers.processes import Workplace

CODE: Final = "GEN01"
CHANGED: Final = 100
PAGE_SECONDS: Final = 5.1
"""What PEMS takes for a page of 10,000 rows."""
PASSWORD: Final = "pfa-demo"  # noqa: S105 (of the simulator)


@contextmanager
def simulator(records: int, latency_per_row: float = 0.0) -> Iterator[tuple[str, Connection]]:
    """Run a simulator in a process of its own; what is sent to it is a list of rows to be edited."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_simulate, args=(records, latency_per_row, there), daemon=True)
    process.start()
    try:
        yield here.recv(), here
    finally:
        here.send(None)
        process.join(10)


def _simulate(records: int, latency_per_row: float, pipe: Connection) -> None:
    asyncio.run(_simulating(records, latency_per_row, pipe))


async def _simulating(records: int, latency_per_row: float, pipe: Connection) -> None:
    async with running_simulator(Settings(records=records, latency_per_row=latency_per_row)) as running:
        pipe.send(running.url)
        while (ids := await asyncio.to_thread(pipe.recv)) is not None:
            for pfa_id in ids:
                running.edit(pfa_id, {"pfs_f_model": f"M-{time.monotonic_ns()}"}, organization=CODE)
            pipe.send("done")


def settings_for(url: str, **more: Any) -> PemsSettings:
    """Return settings of the simulator."""
    return PemsSettings.load(
        base_url=url, tenant="DEMO", user="pfa", password=PASSWORD, requests_per_second=1000, retry_seconds=0.01, **more
    )


async def read_pages(settings: PemsSettings, take: Callable[[bytes], object]) -> None:
    """Read every page by httpx, and give it away."""
    requests = GridRequests(settings)
    headers = {"tenant": settings.tenant, "organization": CODE}
    async with httpx.AsyncClient(auth=("pfa", PASSWORD), headers=headers, timeout=60) as http:
        cursor = 1
        while True:
            body = requests.page([requests.of(CODE)], cursor=cursor)
            answer = await http.post(settings.base_url + GRID_PATH, json=body)
            take(answer.content)
            if b'"MORERECORDPRESENT":"+"' not in answer.content.replace(b" ", b""):
                return
            cursor += settings.page_rows


async def parsed(settings: PemsSettings) -> Timed:
    """Return how long Python takes to decode the JSON of all pages, which is not what a pull does."""
    pages: list[bytes] = []
    await read_pages(settings, pages.append)
    return await timed(lambda: asyncio.to_thread(lambda: [json.loads(page) is None for page in pages]))


async def timed(work: Callable[[], Awaitable[object]]) -> Timed:
    """Return how long something took."""
    began, used = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - began, time.process_time() - used


@asynccontextmanager
async def runner_at(url: str, settings: PemsSettings) -> AsyncIterator[Callable[[Mode], Awaitable[Run]]]:
    """Give what pulls into a database, as another process than the one before."""
    database = Database(url)
    runner = Runner(database, settings)

    async def run(mode: Mode) -> Run:
        begun = await runner.start(CODE, NewRun(Direction.PULL, mode, "bench", runner.holder))
        ended = await runner.finished(CODE, begun.run_id)
        if ended.state is not RunState.SUCCEEDED:
            raise SystemExit(f"a pull failed: {ended.message}")
        return ended

    yield run
    await runner.close()
    await database.close()


async def longest_hold(work: Awaitable[Any]) -> float:
    """Return the longest time in seconds that the event loop did nothing else, while something runs."""
    longest, stop = 0.0, False

    async def watch() -> None:
        nonlocal longest
        while not stop:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - began - 0.001)

    watching = asyncio.create_task(watch())
    await work
    stop = True
    await watching
    return longest


async def prepared(url: str) -> None:
    """Make a database with an empty organization."""
    database = Database(url)
    await migrate(database)
    await create_organization(database, CODE)
    await database.close()


async def measure_latency(place: Path, pems_url: str, records: int) -> None:
    """Print how long a pull of everything takes from a PEMS as slow as real ones, in order and in ranges at once."""
    alone = records * PAGE_SECONDS / 10_000
    print(
        f"\nsqlite, {PAGE_SECONDS} s a page of 10,000 rows: seconds, and how many times what PEMS takes for the pages"
    )
    print_row("the pages, one after another", (alone, 0.0), (alone, 1.0))
    for ranges in (1, 4):
        target = f"sqlite:///{place / f'ranges{ranges}.sqlite3'}"
        await prepared(target)
        async with runner_at(target, settings_for(pems_url, ranges=ranges)) as run:
            took = await timed(lambda run=run: run(Mode.FULL))  # type: ignore[misc] # mypy knows no such lambda
        print_row(f"full pull, ranges at once: {ranges}", took, (alone, took[1]))


async def measure(url: str, settings: PemsSettings, pipe: Connection, runs: int) -> None:
    """Print the table of one database."""
    await prepared(url)
    bare = min([await timed(lambda: read_pages(settings, len)) for _ in range(runs)])
    print_row("read the pages and drop them", bare, bare)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    async with runner_at(url, settings) as run:
        first = await timed(lambda: run(Mode.FULL))
        print_row("full pull into an empty organization", first, bare)
        again = min([await timed(lambda: run(Mode.FULL)) for _ in range(runs)])
        print_row("again, unchanged", again, bare)
    async with runner_at(url, settings) as run:
        started = await timed(lambda: run(Mode.FULL))
        print_row("again, unchanged, by a process that was just started", started, bare)
        pipe.send([str(70_001 + 7 * number) for number in range(CHANGED)])
        await asyncio.to_thread(pipe.recv)
        counts: list[Run] = []

        async def incremental() -> None:
            counts.append(await run(Mode.INCREMENTAL))

        print_row(f"incremental, {CHANGED} changed", await timed(incremental), bare)
        print(f"    it fetched {counts[0].counts.fetched} rows and updated {counts[0].counts.updated}")
        print(f"    the event loop was held {1000 * await longest_hold(run(Mode.FULL)):.0f} ms at most by a full pull")
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    print(f"    peak memory grew by {grown / 1024:.0f} MB")
    print_row("what bounds a full pull: the JSON decoded by Python", await parsed(settings), bare)
    print_row("and the same rows written by the driver alone", await written_bare(url), bare)


def print_row(what: str, took: Timed, bare: Timed) -> None:
    """Print a line of the table."""
    print(f"{what:54} {took[0]:7.2f} s {took[0] / bare[0]:6.2f}   {took[1]:7.2f} s of CPU {took[1] / bare[1]:6.2f}")


def main() -> None:
    """Measure on SQLite and on PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=60_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    with Workplace() as workplace, tempfile.TemporaryDirectory() as place, simulator(options.records) as (url, pipe):
        settings = settings_for(url)
        for kind in options.database or ["sqlite", "postgresql"]:
            print(f"\n{kind}, {options.records:,} records: seconds, and how many times those of reading alone")
            if kind == "sqlite":
                target = f"sqlite:///{Path(place) / 'pfa.sqlite3'}"
                asyncio.run(measure(target, settings, pipe, options.runs))
            else:
                with running_postgresql(workplace, postgresql_binaries()) as server:
                    asyncio.run(measure(server.url(), settings, pipe, options.runs))
    with tempfile.TemporaryDirectory() as place, simulator(options.records, PAGE_SECONDS / 10_000) as (url, _):
        asyncio.run(measure_latency(Path(place), url, options.records))


if __name__ == "__main__":
    main()
