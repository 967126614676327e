"""The one door to the database: `Database` gives connections for reading, and `write`, the only way to change anything.

Every failure of a driver becomes one error: DatabaseUnavailable, with a sentence that says what to do.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import OrganizationNotFound
from pfa_rpc.records.cause import Cause
from pfa_rpc.records.revision import DRAWN_BITS, HISTORY_BITS, Revision
from pfa_rpc.store.chunks import leave_marks
from pfa_rpc.store.direct import DirectConnections, DirectError, SmallRead
from pfa_rpc.store.driver_errors import connecting, translated
from pfa_rpc.store.ending import Ending
from pfa_rpc.store.engines import BEGIN_READ, BEGIN_WRITE, create_engine, direct_arguments
from pfa_rpc.store.history.news import CommitNews
from pfa_rpc.store.limits import DEFAULT_LIMITS, Limits
from pfa_rpc.store.migrating.turn import take_turn
from pfa_rpc.store.sheets.reading import KeptSheets, reading_through
from pfa_rpc.store.tables import organization_commits, organization_revisions
from pfa_rpc.store.turns import WriteTurns
from pfa_rpc.store.types import UtcTime

_WRITERS: Final = {"sqlite": 1, "postgresql": 2}
"""Writers that a process sends to the database at once: one that writes, and where it can wait there, the next."""
_ALL: Final = ""


@dataclass(slots=True)
class Write:
    """A write transaction that holds its organization: everything it does commits as one revision."""

    connection: AsyncConnection
    ending: Ending
    """Takes what nothing in the write reads again."""
    organization_id: str
    revision: Revision
    next_position: int
    cause: Cause
    at: datetime
    """When it is committed, as everything that it writes has it; never before the write that it follows."""
    changed: int = 0
    """How many records it has changed that were there."""
    vocabulary_changed: bool = False
    """Whether other values, or synonyms, can be named after it; whoever changes that says so."""
    chunks: set[int] = field(default_factory=set)
    """Chunks of the records that it has written: they are put at its revision."""
    _reserved: int = 0

    def reserve_positions(self, count: int) -> int:
        """Return the first of `count` new positions."""
        first = self.next_position + self._reserved
        self._reserved += count
        return first

    @property
    def reserved(self) -> int:
        """How many positions this write has taken."""
        return self._reserved


class Database:
    """A database, by its URL: `postgresql://USER@HOST/NAME`, `sqlite:///PATH`, or in memory `sqlite://`."""

    def __init__(self, url: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._engine = create_engine(url, limits)
        arguments = direct_arguments(url, limits) if limits.direct_connections else None
        self._direct = DirectConnections(arguments, limits.direct_connections) if arguments else None
        self._turns = WriteTurns(_WRITERS[self.dialect], limits.lock_seconds)
        self._sheets = KeptSheets()
        self.news = CommitNews(arguments)
        """Tells which organizations have changed, of this process at once, of others where the database can tell."""

    async def close(self) -> None:
        """Close every connection."""
        await self.news.close()
        if self._direct is not None:
            await self._direct.close()
        await self._engine.dispose()

    @property
    def dialect(self) -> str:
        """Name of the database's kind: sqlite or postgresql."""
        return self._engine.dialect.name

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection whose statements see one snapshot, and which cannot write."""
        async with self._transaction(BEGIN_READ) as connection:
            yield connection

    async def read_small(self, read: SmallRead[Any], organization_id: str, **more: object) -> Sequence[Sequence[Any]]:
        """Return the rows of one small statement, by the shortest way there is; `more` are further parameters of it."""
        parameters = {"organization_id": organization_id, **more}
        if self._direct is not None:
            try:
                return await self._direct.fetch(read.text, *read.arguments(parameters))
            except DirectError:
                pass  # it is counted; the pool waits longer, and says what is wrong
        async with self.reading() as connection:
            rows = (await connection.execute(read.statement, parameters)).all()
        return cast("Sequence[Sequence[Any]]", rows)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a write transaction outside any organization's revisions: organizations themselves, instance keys."""
        async with AsyncExitStack() as stack:
            if self.dialect == "sqlite":  # whose writers wait for each other whatever they write
                await stack.enter_async_context(self._turns.taken(_ALL))
            yield await stack.enter_async_context(self._transaction(BEGIN_WRITE))

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that may change the schema. One caller at a time gets it.

        On SQLite it is in a transaction. On PostgreSQL it is in none: each step has its own, some run outside of any.
        """
        if self.dialect == "sqlite":
            async with self.writing() as connection:
                yield connection
            return
        async with self._connected(BEGIN_WRITE) as connection:
            try:
                await take_turn(connection)
                yield connection
            finally:
                # Its lock and its settings last as long as it does, and must not go back to the pool.
                await connection.invalidate()

    @asynccontextmanager
    async def _transaction(self, begin: Mapping[str, Any]) -> AsyncIterator[AsyncConnection]:
        async with self._connected(begin) as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def _connected(self, begin: Mapping[str, Any]) -> AsyncIterator[AsyncConnection]:
        async with AsyncExitStack() as stack:
            with connecting(self._limits.pool_seconds):
                connection = await stack.enter_async_context(self._engine.connect())
                await connection.execution_options(**begin[self.dialect], **reading_through(self._sheets))
            with translated():
                yield connection

    @asynccontextmanager
    async def _taking(self, organization_id: str) -> AsyncIterator[AsyncConnection]:
        """Give a write transaction when it is the turn of a writer of the organization."""
        if self.dialect == "sqlite":
            async with self.writing() as connection:
                yield connection
            return
        async with self._turns.taken(organization_id), self._transaction(BEGIN_WRITE) as connection:
            yield connection

    @asynccontextmanager
    async def write(self, organization_id: str, cause: Cause, *, new_history: bool = False) -> AsyncIterator[Write]:
        """Take the organization's revision row, bump it, and commit what the body writes as that revision.

        `cause` stays in the history. The row is held to the commit, so that the order of commits is the order of
        revisions. A body that turns out to change nothing raises `NothingChanged`: then nothing is committed and no
        revision is used. With `new_history` the revisions from this one on are not compared with those before.
        Raises OrganizationNotFound.
        """
        try:
            async with self._taking(organization_id) as connection:
                write = await _take_revision(connection, organization_id, cause, new_history=new_history)
                yield write
                await _store_changes(write)
        except NothingChanged:
            return
        self.news.tell(organization_id)


def _moving_on(nonce: sa.ColumnElement[int]) -> sa.UpdateBase:
    """Return the statement that takes an organization's row and moves it on."""
    table = organization_revisions.c
    now = sa.bindparam("now", type_=UtcTime())
    return (
        sa.update(organization_revisions)
        .where(table.organization_id == sa.bindparam("of", type_=table.organization_id.type))
        .values(
            revision=table.revision + 1,
            nonce=nonce,
            # The clocks of several servers differ, the history goes one way.
            changed_at=sa.case((table.changed_at > now, table.changed_at), else_=now),
        )
        .returning(table.revision, table.nonce, table.next_position, table.changed_at)
    )


# Made once: to put them together takes as long as to run them.
_NONCE: Final = sa.bindparam("nonce", type_=sa.BigInteger())
_BEGIN_HISTORY: Final = _moving_on(_NONCE)
_GO_ON: Final = _moving_on(organization_revisions.c.nonce.bitwise_and(HISTORY_BITS).bitwise_or(_NONCE))


class NothingChanged(Exception):
    """The body of a write found nothing to change."""


async def _take_revision(
    connection: AsyncConnection, organization_id: str, cause: Cause, *, new_history: bool
) -> Write:
    parameters: dict[str, Any] = {"of": organization_id, "now": datetime.now(UTC)}
    if new_history:
        statement, parameters["nonce"] = _BEGIN_HISTORY, secrets.randbits(63)
    else:
        statement, parameters["nonce"] = _GO_ON, secrets.randbits(DRAWN_BITS)
    row = (await connection.execute(statement, parameters)).one_or_none()
    if row is None:
        raise OrganizationNotFound(
            f"there is no organization {organization_id!r}", metadata={"organization_id": organization_id}
        )
    revision = Revision(row.revision, row.nonce)
    return Write(connection, Ending(connection), organization_id, revision, row.next_position, cause, row.changed_at)


async def _store_changes(write: Write) -> None:
    """Put down what the body of a write has changed of the organization itself, and that it was written."""
    if write.chunks:
        leave_marks(write.ending, write.organization_id, write.revision, write.chunks)
    values: dict[str, int] = {}
    if write.reserved:
        values["next_position"] = write.next_position + write.reserved
    if write.vocabulary_changed:
        values["vocabulary_nonce"] = write.revision.nonce
    if values:
        write.ending.update(organization_revisions, values, {"organization_id": write.organization_id})
    write.ending.insert(organization_commits, _commit_row(write))
    await write.ending.send()


def _commit_row(write: Write) -> dict[str, Any]:
    return {
        "organization_id": write.organization_id,
        "revision": write.revision.number,
        "nonce": write.revision.nonce,
        "committed_at": write.at,
        "how": write.cause.how.value,
        "changed_by": write.cause.by,
        "request_id": write.cause.request_id,
        "change_id": write.cause.change_id,
        "first_position": write.next_position,
        "created": write.reserved,
        "changed": write.changed,
    }
