"""A simulator at work: `running_simulator` starts one on a free port and ends it; `Simulator` is what tests hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from pfa_rpc.simulator.admin import Admin
from pfa_rpc.simulator.calls import Answer
from pfa_rpc.simulator.clock import Clock
from pfa_rpc.simulator.columns import ID, ORGANIZATION
from pfa_rpc.simulator.exchange import Exchange
from pfa_rpc.simulator.faults import Faults
from pfa_rpc.simulator.http_server import HttpServer, Request
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.layout import Layout
from pfa_rpc.simulator.ledger import Ledger
from pfa_rpc.simulator.rows import Image, Rows
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.simulator.sources import rows_of
from pfa_rpc.simulator.values import Value


class Simulator:
    """A PEMS on loopback. Made by `running_simulator`, or by `await start()` and `await close()`."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.installation = Installation(settings)
        self._exchange = Exchange(self.installation)
        self._admin = Admin(self.installation, self._exchange)
        self._server = HttpServer(self._answer)
        self.url = ""
        """Address to call, such as http://127.0.0.1:40123, once it has started."""
        for values, recordid in rows_of(settings):
            self.installation.load(values, recordid)

    async def start(self) -> None:
        """Begin to listen. Raises OSError where the port is taken."""
        # The name can stand for two addresses, of which each would be given another free port.
        host = "127.0.0.1" if self.settings.host == "localhost" else self.settings.host
        port = await self._server.start(host, self.settings.port)
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        await self._server.close()

    async def _answer(self, request: Request) -> Answer:
        if request.target.startswith("/simulator"):
            return self._admin.answer(request)
        return await self._exchange.answer(request)

    @property
    def rows(self) -> Rows:
        """What PEMS holds."""
        return self.installation.rows

    @property
    def ledger(self) -> Ledger:
        """Every write that was applied."""
        return self.installation.ledger

    @property
    def clock(self) -> Clock:
        """The time that PEMS believes it is."""
        return self.installation.clock

    @property
    def now(self) -> datetime:
        """The time that PEMS believes it is (aware, UTC); assigning sets its clock."""
        return self.clock.now()

    @now.setter
    def now(self, moment: datetime) -> None:
        self.clock.set(moment)

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self._exchange.faults

    @property
    def requests(self) -> Counter[str]:
        """Calls so far by service and action: "grid HEAD", "grid DATA", "grid COUNT", "screen GET", "screen UPDATE"."""
        return self._exchange.requests

    @property
    def statuses(self) -> Counter[int]:
        """Answers so far by status; 0 for broken connections."""
        return self._exchange.statuses

    def row(self, pfa_id: str, organization: str | None = None) -> Image:
        """Return what a row holds. Raises RowNotFound."""
        return self.rows.get(self._code(organization), pfa_id)

    def edit(
        self, pfa_id: str, values: Mapping[str, Any], *, organization: str | None = None, by: str = "okafor"
    ) -> Image:
        """Change columns of a row as a person in PEMS does: its stamp and update counter change too.

        Args:
            pfa_id: the row.
            values: by column of the grid, or lower-case name of a field that only the screen has: Decimal, date, bool,
                str, None, or text as the grid shows it.
            organization: code; the first of the installation where it is not given.
            by: who does it.

        Raises:
            RowNotFound: there is no such row.
            KeyError: there is no such column.
            NotValid: a text is no value of its column.
        """
        code = self._code(organization)
        return self.installation.change(code, pfa_id, self.installation.typed(values), by=by)

    def force(self, pfa_id: str, alias: str, text: str, *, organization: str | None = None) -> Image:
        """Put text into a column that it is no value of, such as a date that is none. Raises RowNotFound."""
        return self.installation.change(self._code(organization), pfa_id, {alias: text}, by="okafor")

    def add(
        self, pfa_id: str, values: Mapping[str, Any], *, organization: str | None = None, by: str = "okafor"
    ) -> Image:
        """Add a row as a person in PEMS does; arguments as for `edit`. Raises RowExists."""
        key: dict[str, Value] = {ID: pfa_id, ORGANIZATION: self._code(organization)}
        return self.installation.add(self.installation.typed(values) | key, by=by)

    def delete(self, pfa_id: str, *, organization: str | None = None, by: str = "okafor") -> Image:
        """Take a row away as a person in PEMS does. Raises RowNotFound."""
        return self.installation.delete(self._code(organization), pfa_id, by=by)

    def end_sessions(self) -> None:
        """Forget every session, and what each had kept of its last result."""
        self._exchange.sessions.end()

    def drop_connections(self) -> None:
        """Break every connection, whatever it is doing."""
        self._server.drop_connections()

    def show_columns(self, *, hidden: Iterable[str] = (), seed: int | None = None) -> None:
        """Lay the grid out anew: some columns vanish, and with another seed all get other numbers."""
        number = self.settings.seed if seed is None else seed
        self._exchange.grid.layout = Layout(self.settings, self.installation.locale, hidden, number)

    def _code(self, organization: str | None) -> str:
        return organization or next(iter(self.rows.organizations), "RIO")


@asynccontextmanager
async def running_simulator(settings: Settings | None = None) -> AsyncIterator[Simulator]:
    """Run a simulator for as long as the block lasts."""
    simulator = Simulator(settings or Settings())
    await simulator.start()
    try:
        yield simulator
    finally:
        await simulator.close()
