"""PostgreSQL for tests: `PostgreSQL`, a server of our own, and `Administrator`, who makes and drops databases."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Awaitable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import asyncpg

from tests.servers.finding import Binaries
from tests.servers.processes import Server, Workplace

SUPERUSER: Final = "postgres"
STATEMENT_SECONDS: Final = 30


class PostgreSQL(Server):
    """A server without durability: what it was told is lost with the machine, but with no process."""

    name = "postgresql"
    # Immediate: no checkpoint is awaited. Processes and shared memory go all the same, as they would not by SIGKILL.
    end_by = signal.SIGQUIT

    @property
    def data(self) -> Path:
        """Its data folder."""
        return self.folder / "data"

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database of it, for its superuser."""
        return f"postgresql://{SUPERUSER}@{self.host}:{self.port}/{database}"

    def start(self) -> None:
        """Start it, with an empty cluster the first time."""
        if not self.data.exists():
            # UTF-8 without a language's order: what sorts by the database's collation sorts by code point.
            options = ("-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
            self.workplace.run(self.programs / "initdb", "-D", self.data, "-U", SUPERUSER, *options)
        super().start()

    def crash(self) -> None:
        """End it without a checkpoint: its next start recovers."""
        self.stop(signal.SIGQUIT)

    def shut_down(self) -> None:
        """End it as an operator would: transactions are rolled back, connections closed."""
        self.stop(signal.SIGINT)

    def command(self) -> list[str | Path]:
        """Return what starts it."""
        settings = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "full_page_writes": "off",
            "max_wal_size": "256MB",
            "max_connections": 200,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self.programs / "postgres", "-D", self.data, *options]

    def is_ready(self) -> bool:
        """Tell whether it takes connections: the eighth line of its pid file says so."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The file may be the one of a crash.
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"


@contextmanager
def running_postgresql(workplace: Workplace, binaries: Binaries) -> Iterator[PostgreSQL]:
    """Give a server of one's own. Raises ServerFailedError."""
    server = PostgreSQL(workplace, binaries)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class Session:
    """A connection of a thread of its own: the test's own thread may be running a loop already."""

    def __init__(self, url: str) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._runner = asyncio.Runner()
        try:
            self._connection: asyncpg.Connection = self._run(asyncpg.connect(url, timeout=STATEMENT_SECONDS))
        except BaseException:
            self._end()
            raise

    def fetch(self, statement: str) -> object:
        """Run a statement; return the first value of its first row, or None."""
        return self._run(self._connection.fetchval(statement, timeout=STATEMENT_SECONDS))

    def close(self) -> None:
        """End it."""
        try:
            self._run(self._connection.close(timeout=STATEMENT_SECONDS))
        finally:
            self._end()

    def _end(self) -> None:
        self._thread.submit(self._runner.close).result()
        self._thread.shutdown()

    def _run(self, awaitable: Awaitable[Any]) -> Any:
        async def awaited() -> Any:
            return await awaitable

        return self._thread.submit(self._runner.run, awaited()).result()


@dataclass(frozen=True, slots=True)
class Administrator:
    """A superuser of a server, ours or not, for tests that are no coroutines."""

    url: str
    """With a database, which may be any."""
    end: ExitStack = field(default_factory=ExitStack)
    """Closed by who made this, before the server goes."""
    session: Session | None = None
    """What statements go through; without one each has its own, of which there may be thousands in a run."""

    def fetch(self, statement: str) -> object:
        """Run a statement outside of any transaction; return the first value of its first row, or None."""
        if self.session is not None:
            return self.session.fetch(statement)
        with closing(Session(self.url)) as session:
            return session.fetch(statement)

    def version(self) -> str:
        """Return the server's version, such as 17.2."""
        return str(self.fetch("SHOW server_version")).split()[0]

    def url_of(self, database: str) -> str:
        """Return the URL of another database of the server."""
        return urlsplit(self.url)._replace(path=f"/{database}").geturl()

    @contextmanager
    def new_database(self, template: str = "template0") -> Iterator[str]:
        """Give the URL of a copy of a database that nobody is connected to. It is dropped, with whoever is in it."""
        name = f"pfa_test_{secrets.token_hex(6)}"
        self.fetch(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
        try:
            yield self.url_of(name)
        finally:
            self.fetch(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def keep_database(self, template: str = "template0") -> str:
        """Return the URL of a copy of a database, empty if none is named, that is dropped at the end."""
        return self.end.enter_context(self.new_database(template))
