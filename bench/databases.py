"""Databases to measure on: `generated` gives the URL of one with invented records, which a folder may keep."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import asyncpg

from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.upkeep.generating import generate
from tests.deployment import compose
from tests.servers.finding import postgresql_binaries
from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import Workplace

SEED: Final = 1
_SETTINGS: Final = {
    # A quarter of a small server's memory; the rest is the system's, which keeps files there.
    "shared_buffers": "2GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB",
}
_MAINTENANCE_SECONDS: Final = 3_600


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much data."""

    records: int = 1_000_000
    organizations: int = 30
    keep: Path | None = None
    """Folder that the data stays in for the next run; None: it goes when the run ends."""

    @classmethod
    def add_to(cls, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        parser.add_argument("--records", type=int, default=1_000_000, help="records in all (default 1,000,000)")
        parser.add_argument("--organizations", type=int, default=30, help="that share them (default 30)")
        parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the database here, and find it next time")

    @classmethod
    def of(cls, options: argparse.Namespace) -> Sizes:
        """Return what the options say."""
        return cls(options.records, options.organizations, options.keep and options.keep.resolve())


class DeployedPostgreSQL(PostgreSQL):
    """A server with the settings of docker-compose.yml, but for durability."""

    def command(self) -> list[str | Path]:
        """Return what starts it: the last of equal settings counts."""
        return [*super().command(), *compose()["services"]["postgres"]["command"][1:]]

    def cpu_seconds(self) -> float:
        """Return what its processes have used until now, those that have ended among them."""
        found = [_process(folder) for folder in Path("/proc").glob("[0-9]*")]
        return sum(
            own + ended if pid == self.pid else own for pid, parent, own, ended in found if self.pid in (pid, parent)
        )


def _process(folder: Path) -> tuple[int, int, float, float]:
    """Return a process, its parent, and the CPU seconds of itself and of its children that have ended."""
    try:
        pid, _, rest = (folder / "stat").read_text().partition(" ")
    except OSError:
        return 0, 0, 0.0, 0.0  # it has ended
    words = rest.rpartition(")")[2].split()
    user, system, ended_user, ended_system = map(int, words[11:15])
    ticks = os.sysconf("SC_CLK_TCK")
    return int(pid), int(words[1]), (user + system) / ticks, (ended_user + ended_system) / ticks


def process_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used until now."""
    return _process(Path(f"/proc/{pid}"))[2]


class KeptPostgreSQL(PostgreSQL):
    """A server of a fair size; its data may be in a folder that outlives it."""

    end_by = signal.SIGINT  # with a checkpoint: what is kept needs no recovery

    def __init__(self, workplace: Workplace, keep: Path | None) -> None:
        super().__init__(workplace, postgresql_binaries())
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            if workplace.user is not None:
                shutil.chown(keep, workplace.user)
            self.folder = keep

    def command(self) -> list[str | Path]:
        """Return what starts it."""
        return [*super().command(), *(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}"))]


@contextmanager
def generated(place: Workplace, sizes: Sizes) -> Iterator[str]:
    """Give the URL of a database with generated records; those that are there already stay."""
    server = KeptPostgreSQL(place, sizes.keep)
    server.start()
    try:
        asyncio.run(_fill(server.url(), sizes))
        yield server.url()
    finally:
        server.stop()


async def _fill(url: str, sizes: Sizes) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()
    summary = await generate(
        url,
        records=sizes.records,
        organizations=sizes.organizations,
        seed=SEED,
        processes=os.cpu_count() or 1,
    )
    if summary.written:
        print(f"{summary.written:,} records in {summary.seconds:.0f} s, {summary.records_per_second:,.0f} a second")
        await _vacuum(url)


async def _vacuum(url: str) -> None:
    """Do what PostgreSQL's autovacuum does some minutes after a load."""
    began = time.monotonic()
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM (ANALYZE)", timeout=_MAINTENANCE_SECONDS)
    await connection.execute("CHECKPOINT", timeout=_MAINTENANCE_SECONDS)
    await connection.close()
    print(f"vacuumed in {time.monotonic() - began:.0f} s")


async def sizes_of(url: str) -> dict[str, float]:
    """Return name → bytes: the table of records, its indexes, all of a record, the database."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(
            "SELECT pg_relation_size('records')::float8 AS rows, pg_indexes_size('records')::float8 AS indexes, "
            "pg_total_relation_size('records')::float8 / greatest((SELECT count(*) FROM records), 1) AS record, "
            "pg_database_size(current_database())::float8 AS database",
            timeout=_MAINTENANCE_SECONDS,
        )
    finally:
        await connection.close()
    return {name: float(size) for name, size in (row or {}).items()}
