"""Answers through the cache: `Answers` gives one that is as new as is needed, made once for all who wait for it.

With an answer to a query what was asked is kept, so that it can be asked again and compared: `take_apart`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from google.protobuf.duration_pb2 import Duration
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.cache.interface import Cache, Entry, Kind
from pfa_rpc.cache.metrics import filling
from pfa_rpc.cache.single_flight import SingleFlight
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.tokens import digest
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, get_organization
from pfa_rpc.store.revisions import get_revision

ANY_AGE_SECONDS: Final = Kind.QUERY.seconds or 0
"""How old an answer may be where any will do, in seconds, also one that is kept for longer."""
_LENGTH_BYTES: Final = 4

Fill = Callable[[AsyncConnection, Organization], Awaitable[bytes]]
"""Makes an answer from one snapshot."""


@dataclass(frozen=True, slots=True)
class Need:
    """How new an answer must be. Neither of the first two: as new as the database when the call began."""

    at_least: Revision | None = None
    any_age: bool = False
    seen: Revision | None = None
    """What the call has seen the organization at already, so that it need not be read again."""

    @property
    def is_fresh(self) -> bool:
        """Whether an answer must be as new as the database."""
        return self.at_least is None and not self.any_age


FRESH = Need()


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer, and what it was made from."""

    revision: Revision
    value: bytes
    age_seconds: float | None = None
    """How old it is; None: it was made for this call."""

    @property
    def age(self) -> Duration | None:
        """The age as a message."""
        if self.age_seconds is None:
            return None
        message = Duration()
        message.FromTimedelta(timedelta(seconds=self.age_seconds))
        return message


class Answers:
    """Answers of organizations, by a key that names all that was asked for and what the caller may see."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache
        self._flights: SingleFlight[Answer] = SingleFlight()

    async def get(self, organization_id: str, asked: str, need: Need, fill: Fill, kind: Kind = Kind.QUERY) -> Answer:
        """Return an answer from the cache, or made by `fill`. Raises OrganizationNotFound.

        `asked` says of a query all that was asked for and what the caller may see; it is "" for other kinds.
        """
        known = await self.known(organization_id, asked, need, kind)
        if known is not None:
            return known
        seen = need.seen or await get_revision(self._database, organization_id)
        entry = await self._cache.get(organization_id, kind, key_of(asked), seen)
        if entry is not None:
            return _answer(entry, kind)
        flight = (organization_id, kind, asked)
        return await self._flights.run(flight, seen, lambda: self._fill(organization_id, kind, asked, fill))

    async def known(self, organization_id: str, asked: str, need: Need, kind: Kind = Kind.QUERY) -> Answer | None:
        """Return an answer that is cached and new enough without a look at the database; None for a fresh need."""
        if need.is_fresh:
            return None
        entry = await self._cache.get(organization_id, kind, key_of(asked))
        return _answer(entry, kind) if entry is not None and _is_enough(entry, need) else None

    async def _fill(self, organization_id: str, kind: Kind, asked: str, fill: Fill) -> tuple[Revision, Answer]:
        with filling(kind.value):
            async with self._database.reading() as connection:
                organization = await get_organization(connection, organization_id)
                value = await fill(connection, organization)
        await self.keep(organization_id, asked, organization.revision, value, kind)
        return organization.revision, Answer(organization.revision, value)

    async def keep(
        self, organization_id: str, asked: str, revision: Revision, value: bytes, kind: Kind = Kind.QUERY
    ) -> None:
        """Put an answer into the cache, with the revision that the snapshot which it was made from showed."""
        kept = _put_together(asked, value) if kind is Kind.QUERY else value
        await self._cache.put(organization_id, kind, key_of(asked), revision, kept)


def key_of(asked: str) -> str:
    """Return what names an answer in the cache."""
    return digest("answer", asked).hex() if asked else ""


def take_apart(value: bytes) -> tuple[str, bytes]:
    """Return what was asked and the answer, of the cached value of a query."""
    end = _LENGTH_BYTES + int.from_bytes(value[:_LENGTH_BYTES], "big")
    return value[_LENGTH_BYTES:end].decode(), value[end:]


def _put_together(asked: str, answer: bytes) -> bytes:
    said = asked.encode()
    return b"".join((len(said).to_bytes(_LENGTH_BYTES, "big"), said, answer))


def _answer(entry: Entry, kind: Kind) -> Answer:
    value = take_apart(entry.value)[1] if kind is Kind.QUERY else entry.value
    return Answer(entry.revision, value, entry.age_seconds)


def _is_enough(entry: Entry, need: Need) -> bool:
    if need.any_age:
        return entry.age_seconds <= ANY_AGE_SECONDS
    return need.at_least is not None and entry.revision.shows(need.at_least)
