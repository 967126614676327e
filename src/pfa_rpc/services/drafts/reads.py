"""Reads of records as a draft would have them: `DraftReads`. Never from a cache, and nothing of them goes into one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa.v1.record_service_pb2 import AggregateRecordsResponse
from pfa_rpc.services.drafts.edits import DraftEdits
from pfa_rpc.services.reading.answers import Answer
from pfa_rpc.services.reading.figures import FiguresRequest, read_figures
from pfa_rpc.services.reading.pages import FramedPage, PageRequest, framed_page, read_page
from pfa_rpc.services.reading.single import read_record
from pfa_rpc.services.requests import revision_token
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.drafts.drafts import Draft, find_draft, is_outdated, take_draft
from pfa_rpc.store.drafts.view import see
from pfa_rpc.store.organizations import Organization, get_organization

_ATTEMPTS: Final = 5
"""How often a draft is laid over its records before it is read as it is: they may change all the time."""


@dataclass(frozen=True, slots=True)
class DraftName:
    """A draft, and who asks for it."""

    organization_id: str
    draft_id: str
    owner: str


@dataclass(frozen=True, slots=True)
class DraftSnapshot:
    """A connection that sees the records as a draft has them."""

    connection: AsyncConnection
    organization: Organization
    draft: Draft


class DraftReads:
    """Reads through drafts."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    @asynccontextmanager
    async def reading(self, name: DraftName) -> AsyncIterator[DraftSnapshot]:
        """Give a snapshot of the records as a draft has them. Raises DraftNotFound, OrganizationNotFound."""
        for left in reversed(range(_ATTEMPTS)):
            async with self._database.reading() as connection:
                organization = await get_organization(connection, name.organization_id)
                draft = await find_draft(connection, name.organization_id, name.draft_id, name.owner)
                if not left or not await is_outdated(connection, draft, organization.revision.number):
                    edits = DraftEdits(connection, organization, draft, draft.changed_at)
                    await see(connection, edits.view)
                    yield DraftSnapshot(connection, organization, draft)
                    return
            await self._lay_over(name)

    async def _lay_over(self, name: DraftName) -> None:
        async with self._database.writing() as connection:
            draft = await take_draft(connection, name.organization_id, name.draft_id, name.owner)
            organization = await get_organization(connection, name.organization_id)
            await DraftEdits(connection, organization, draft, datetime.now(UTC)).lay_over()

    async def record(self, name: DraftName, field: str, value: str) -> Answer:
        """Return the payload of a record, b"" where there is none."""
        async with self.reading(name) as seen:
            return Answer(
                seen.organization.revision, await read_record(seen.connection, name.organization_id, field, value)
            )

    async def page(self, name: DraftName, page: PageRequest) -> FramedPage:
        """Return a page of records."""
        async with self.reading(name) as seen:
            stored = await read_page(seen.connection, name.organization_id, page)
            return framed_page(Answer(seen.organization.revision, stored))

    async def figures(self, name: DraftName, asked: FiguresRequest) -> bytes:
        """Return a serialized AggregateRecordsResponse."""
        async with self.reading(name) as seen:
            figures = await read_figures(seen.connection, seen.organization, asked)
        token = revision_token(self._tokens, name.organization_id, seen.organization.revision)
        return figures + AggregateRecordsResponse(revision_token=token).SerializeToString()
