"""One record by its name, as new as is needed: `SingleRecords`."""

from __future__ import annotations

import json
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.services.reading.answers import Answer, Answers, Need
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, get_organization

RECORD: Final = "record"
"""First word of the name of a record in the cache."""


class SingleRecords:
    """Records by id or pfa_id."""

    def __init__(self, database: Database, answers: Answers) -> None:
        self._database = database
        self._answers = answers

    async def get(self, organization_id: str, field: str, value: str, need: Need) -> Answer:
        """Return the payload of the record whose field has a value, b"" where there is none. OrganizationNotFound.

        A fresh one is read: that is as quick as to look whether a cached one is fresh.
        """
        if need.is_fresh:
            async with self._database.reading() as connection:
                organization = await get_organization(connection, organization_id)
                return Answer(organization.revision, await read_record(connection, organization_id, field, value))

        async def fill(connection: AsyncConnection, _: Organization) -> bytes:
            return await read_record(connection, organization_id, field, value)

        return await self._answers.get(organization_id, json.dumps([RECORD, field, value]), need, fill)


async def read_record(connection: AsyncConnection, organization_id: str, field: str, value: str) -> bytes:
    """Return the payload of a record as it is cached: b"" where there is none."""
    return await reads.get_payload(connection, organization_id, field, value) or b""
