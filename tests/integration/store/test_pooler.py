"""Behind a pooler that changes servers between transactions, as PgBouncer does: `statement_cache_size` in the URL."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from pfa_rpc.errors import SetupError
from pfa_rpc.store.database import Database
from pfa_rpc.store.limits import Limits
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import create_organization, list_organizations
from tests.servers.finding import Binaries
from tests.servers.postgresql import PostgreSQL
from tests.servers.processes import Server, Workplace

PROGRAM: Final = shutil.which("pgbouncer")
STARTUP: Final = "statement_timeout,lock_timeout,idle_in_transaction_session_timeout,jit"
"""What our connections ask for at their start, and PgBouncer would refuse."""


class PgBouncer(Server):
    """A pooler with fewer connections than its clients, which get another one for each transaction."""

    name = "pgbouncer"
    end_by = signal.SIGKILL

    def __init__(self, workplace: Workplace, binaries: Binaries, postgresql: PostgreSQL) -> None:
        super().__init__(workplace, binaries)
        self._behind = postgresql

    def command(self) -> list[str | Path]:
        """Return what starts it."""
        users, file = self.folder / "users.txt", self.folder / "pgbouncer.ini"
        users.write_text('"postgres" ""\n')
        lines = (
            "[databases]",
            f"* = host={self._behind.host} port={self._behind.port}",
            "[pgbouncer]",
            f"listen_addr = {self.host}",
            f"listen_port = {self.port}",
            "unix_socket_dir =",
            "auth_type = trust",
            f"auth_file = {users}",
            "pool_mode = transaction",
            "default_pool_size = 2",
            f"ignore_startup_parameters = {STARTUP}",
        )
        file.write_text("\n".join(lines) + "\n")
        for path in (users, file):
            path.chmod(0o644)
        assert PROGRAM is not None
        return [PROGRAM, file]

    def is_ready(self) -> bool:
        """Tell whether it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0


@pytest.fixture
def pooled_url(workplace: Workplace, own_postgresql: PostgreSQL) -> Iterator[str]:
    """The URL of an empty database behind PgBouncer."""
    if PROGRAM is None:
        pytest.skip("there is no pgbouncer on PATH")
    pooler = PgBouncer(workplace, own_postgresql.binaries, own_postgresql)
    pooler.start()
    yield urlsplit(own_postgresql.url())._replace(netloc=f"postgres@{pooler.host}:{pooler.port}").geturl()
    pooler.stop()


async def prepared(database: Database) -> int:
    """Return how many statements are prepared on a connection after it has read something."""
    async with database.reading() as connection:
        await connection.execute(sa.text("SELECT 1"))
        count: int = (await connection.execute(sa.text("SELECT count(*) FROM pg_prepared_statements"))).scalar_one()
        return count


@pytest.mark.parametrize(
    "query",
    [
        "statement_cache_size=0",
        "prepared_statement_cache_size=0",
        "prepared_statement_cache_size=0&statement_cache_size=0",
    ],
)
async def test_no_statement_stays_prepared_where_the_url_says_so(postgresql_url: str, query: str) -> None:
    database = Database(f"{postgresql_url}?{query}")
    assert await prepared(database) == 0
    await database.close()


async def test_statements_stay_prepared_where_it_says_nothing(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    assert await prepared(database) > 0
    await database.close()


@pytest.mark.parametrize("size", ["none", "-1", "1.5"])
def test_a_size_that_is_no_number_is_refused_with_what_would_be_right(size: str) -> None:
    with pytest.raises(SetupError, match="0 behind PgBouncer"):
        Database(f"postgresql://pfa@127.0.0.1/pfa?statement_cache_size={size}")


async def test_many_clients_share_few_connections_of_pgbouncer(pooled_url: str, own_postgresql: PostgreSQL) -> None:
    behind = Database(own_postgresql.url())
    await migrate(behind)  # which holds a lock from one transaction to the next
    await behind.close()
    url = f"{pooled_url}?statement_cache_size=0"
    databases = [Database(url, Limits(pool_size=4)) for _ in range(3)]

    async def codes(database: Database) -> set[str]:
        async with database.reading() as connection:
            return {each.organization_id for each in await list_organizations(connection, limit=100)}

    async def work(number: int) -> None:
        database = databases[number % len(databases)]
        await create_organization(database, f"ORG{number}")
        for _ in range(5):
            assert f"ORG{number}" in await codes(database)

    try:
        await asyncio.gather(*map(work, range(24)))
        assert len(await codes(databases[0])) == 24
    finally:
        for database in databases:
            await database.close()
