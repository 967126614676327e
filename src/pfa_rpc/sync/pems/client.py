"""The client of PEMS: `PemsClient`, a session that reads an organization's rows and reads and writes single records."""

from __future__ import annotations

import asyncio
import functools
import itertools
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pfa_rpc.sync.pems.answers import result_of
from pfa_rpc.sync.pems.columns import Columns
from pfa_rpc.sync.pems.errors import MalformedAnswer, ObjectNotFound, UnknownOutcome
from pfa_rpc.sync.pems.grid_requests import Filter, GridRequests
from pfa_rpc.sync.pems.row_reader import RowReader
from pfa_rpc.sync.pems.rows import cut, rows_at
from pfa_rpc.sync.pems.screen import RemoteObject, Screen, Updated
from pfa_rpc.sync.pems.seen import SeenRows
from pfa_rpc.sync.pems.settings import PemsSettings
from pfa_rpc.sync.pems.sweep import Sweep, count_of
from pfa_rpc.sync.pems.transport import GRID_PATH, SCREEN_PATH, Link, Transport


class PemsClient:
    """One session with PEMS. An async context manager; several tasks may use it at once.

    Every method raises PemsError; reading is tried again where that may help, writing never.

    Args:
        settings: where PEMS is, and what it is like.
        link: what all clients of the process share; without one, this client keeps to pace alone.
    """

    def __init__(self, settings: PemsSettings, link: Link | None = None) -> None:
        self._settings = settings
        self._transport = Transport(settings, link or Link(settings))
        self._requests = GridRequests(settings)
        self._screen = Screen(settings)
        self._columns: Columns | None = None
        self._asking_columns = asyncio.Lock()
        self._sweeps: list[Sweep] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session: its sweeps, then its connections."""
        for sweep in self._sweeps:
            await sweep.aclose()
        await self._transport.close()

    async def columns(self, organization: str) -> Columns:
        """Return the columns of the grid, with its drift; asked for once a session. The organization is who asks."""
        async with self._asking_columns:
            if self._columns is None:
                body = await self._transport.read(GRID_PATH, organization, self._requests.head())
                grid = result_of(cut(body, None).frame).get("GRID")
                if not isinstance(grid, Mapping):
                    raise MalformedAnswer("PEMS answered a head request without a grid")
                self._columns = Columns.of(grid, self._settings)
            return self._columns

    async def count(self, organization: str, since: datetime | None = None) -> int:
        """Return how many rows an organization has, of those changed at a time (aware) or later."""
        body = await self._transport.read(
            GRID_PATH, organization, self._requests.count(self._filters(organization, since))
        )
        return count_of(body)

    def pages(
        self,
        organization: str,
        since: datetime | None = None,
        after: str | None = None,
        *,
        within: tuple[str | None, str | None] = (None, None),
        seen: SeenRows | None = None,
    ) -> Sweep:
        """Return the pages of an organization's rows, as an async iterator: `async for page in client.pages(…)`.

        Args:
            organization: its code; rows of others are never among them.
            since: only rows changed at this time (aware) or later.
            after: `last_id` of the last page of a sweep that was stopped, to go on from there.
            within: a range of `key_ranges`, to read only that.
            seen: the rows as they came last, so that those which come again so need not be read.

        Raises:
            SchemaDrift: with the first page, where the grid lacks columns without which no row can be taken in.
        """
        filters = self._filters(organization, since)
        start, until = within
        if start is not None:
            filters.append(self._requests.behind_id(start))
        if until is not None:
            filters.append(self._requests.to_id(until))
        sweep = Sweep(
            functools.partial(self._transport.read, GRID_PATH, organization),
            self._requests,
            functools.partial(self._row_reader, organization),
            filters,
            after=after,
            seen=seen,
        )
        self._sweeps = [running for running in self._sweeps if not running.is_ended] + [sweep]
        return sweep

    @property
    def ranges(self) -> int:
        """How many ranges of an organization's rows may be read at once: each needs its share of the pace."""
        return min(self._settings.ranges, max(1, int(self._settings.requests_per_second)))

    async def key_ranges(
        self, organization: str, parts: int, since: datetime | None = None
    ) -> list[tuple[str | None, str | None]]:
        """Return about equal ranges of an organization's rows, for sweeps at the same time.

        A range is the id behind which it begins and its last one, None for no bound. Every row is in one, those that
        are added later too, and in no other where PEMS compares ids as it sorts them. There are fewer than asked for
        where there are few rows.
        """
        columns = await self.columns(organization)
        columns.check()
        reader = RowReader(columns, self._settings, organization)
        total = await self.count(organization, since)
        places = sorted({total * part // parts for part in range(1, parts)} - {0})
        filters = self._filters(organization, since)
        found: list[str | None] = []
        for place in places:
            request = self._requests.page(filters, cursor=place, rows=1)
            body = await self._transport.read(GRID_PATH, organization, request)
            last = cut(body, rows_at(body)).last
            found.append(reader.id_of(last) if last else None)
        return list(itertools.pairwise([None, *filter(None, dict.fromkeys(found)), None]))

    async def get(self, organization: str, pfa_id: str) -> RemoteObject | None:
        """Return a record as PEMS' screen has it now, with its lock; None where PEMS says that there is none."""
        request = self._screen.get(organization, pfa_id)
        try:
            body = await self._transport.read(SCREEN_PATH, organization, request)
            return self._screen.object_of(organization, pfa_id, result_of(cut(body, None).frame))
        except ObjectNotFound:
            return None

    async def update(self, remote: RemoteObject, changes: Mapping[str, Any], recordid: str | None = None) -> Updated:
        """Write changed fields over a record as it was read, everything else untouched. Sent once, whatever happens.

        Args:
            remote: what `get` gave; an UPDATE replaces the whole object, so that all of it is sent back.
            changes: field → value, in the forms of the table of fields; None empties a field.
            recordid: the lock, where it is not that of `remote`.

        Raises:
            StaleLock: somebody else has changed the record since it was read.
            UnknownOutcome: PEMS may have written it or not; read the record back.
            TooFine, NotOnScreen: PEMS cannot keep a value; nothing was sent.
            Transient, PermanentFailure: it was not written.
        """
        request = self._screen.update(remote, changes, remote.recordid if recordid is None else recordid)
        try:
            body = await self._transport.write(SCREEN_PATH, remote.organization_id, request)
            return self._screen.updated_of(result_of(cut(body, None).frame))
        except MalformedAnswer as error:
            raise UnknownOutcome(f"PEMS may have written the record or not: {error.message}") from error

    async def _row_reader(self, organization: str) -> RowReader:
        columns = await self.columns(organization)
        columns.check()
        return RowReader(columns, self._settings, organization)

    def _filters(self, organization: str, since: datetime | None) -> list[Filter]:
        filters = [self._requests.of(organization)]
        if since is not None:
            filters.append(self._requests.since(since))
        return filters
