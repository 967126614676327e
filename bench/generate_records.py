"""Records a second of `pfa generate` into PostgreSQL, by one process and by two, beside a bare COPY of the same rows.

Every run gets a database of its own, on a PostgreSQL that is started for it with the settings of docker-compose.yml
but for durability, or on the server that the URL names, whose user may create databases:

    python -m bench.generate_records [RECORDS] [ORGANIZATIONS] [URL]

The bare COPY is what the database itself takes: rows that are made already, by one connection, in batches of the same
size, without vocabulary or chunks. CPU is what a record takes of the processors, here and, where the server is our own,
in PostgreSQL: it tells what the others on the machine leave of the records a second.
"""

from __future__ import annotations

import asyncio
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from bench.databases import DeployedPostgreSQL
from pfa_rpc.records.generating import BATCH_RECORDS, draw_columns, plan
from pfa_rpc.store.bulk import copy_rows
from pfa_rpc.store.copied_rows import COLUMNS
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.tables import records as table
from pfa_rpc.store.updating import NAMED
from pfa_rpc.store.upkeep.generating import DrawnRows, generate
from tests.servers.finding import postgresql_binaries
from tests.servers.processes import Workplace

RECORDS_A_SECOND = 25_000
_NAME = "pfa_bench_generate"
Seconds = Callable[[], float]


async def empty_database(server: str) -> str:
    """Return the URL of a new database with our tables."""
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {_NAME} WITH (FORCE)")
        await connection.execute(f"CREATE DATABASE {_NAME}")
    finally:
        await connection.close()
    url = urlunsplit(urlsplit(server)._replace(path=f"/{_NAME}"))
    database = Database(url)
    await migrate(database)
    await database.close()
    return url


def cpu_seconds() -> float:
    """Return what this process and those it has waited for have used."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )


@contextmanager
def measured(name: str, records: int, server_cpu: Seconds) -> Iterator[None]:
    """Print how long the body took for a number of records."""
    began, cpu, server = time.perf_counter(), cpu_seconds(), server_cpu()
    yield
    seconds, cpu, server = time.perf_counter() - began, cpu_seconds() - cpu, server_cpu() - server
    print(
        f"{name:<28}{records:>10,} records{seconds:>8.1f} s{records / seconds:>10,.0f} records/s"
        f"{cpu / records * 1e6:>8.1f} us of CPU here and {server / records * 1e6:.1f} in PostgreSQL a record",
        flush=True,
    )


async def bare_copy(url: str, records: int, organizations: int, server_cpu: Seconds) -> None:
    """COPY rows of the largest organization, made beforehand."""
    planned = plan(records, organizations, 1)[0]
    maker = DrawnRows(planned)
    number = min(4, -(-planned.records // BATCH_RECORDS))
    uses = {name: Counter[str | None]() for name in NAMED}
    batches = [list(maker.copied(draw_columns(planned, at), at * BATCH_RECORDS, 1, uses)) for at in range(number)]
    database = Database(url)
    with measured("bare COPY", sum(map(len, batches)), server_cpu):
        for rows in batches:
            async with database.writing() as connection:
                await copy_rows(connection, table, COLUMNS, rows)
    await database.close()


async def run(server: str, records: int, organizations: int, server_cpu: Seconds = lambda: 0.0) -> bool:
    """Measure all; tell whether two processes are fast enough."""
    await bare_copy(await empty_database(server), records, organizations, server_cpu)
    rate = 0.0
    for processes in (1, 2):
        url = await empty_database(server)
        with measured(f"pfa generate, {processes} process{'es'[: 2 * (processes - 1)]}", records, server_cpu):
            summary = await generate(url, records=records, organizations=organizations, seed=1, processes=processes)
        rate = summary.records_per_second
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"wanted: {RECORDS_A_SECOND:,} records/s: {'yes' if rate >= RECORDS_A_SECOND else 'NO'}")
    return rate >= RECORDS_A_SECOND


def main() -> None:
    """Measure on the server of the command line, or on one of our own."""
    numbers = [int(text) for text in sys.argv[1:3]]
    records, organizations = numbers + [200_000, 30][len(numbers) :]
    if len(sys.argv) > 3:
        sys.exit(0 if asyncio.run(run(sys.argv[3], records, organizations)) else 1)
    with Workplace() as place:
        server = DeployedPostgreSQL(place, postgresql_binaries())
        server.start()
        try:
            is_fast = asyncio.run(run(server.url(), records, organizations, server.cpu_seconds))
        finally:
            server.stop()
    sys.exit(0 if is_fast else 1)


if __name__ == "__main__":
    main()
