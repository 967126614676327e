"""Synonyms of organizations: `read_synonyms`, `add_synonym`, `remove_synonym`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.normalize import keys
from nlq.query import fold
from nlq.vocabulary import Synonym
from pfa_rpc.errors import LimitExceeded, SynonymExists, SynonymNotFound
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.revision import Revision
from pfa_rpc.store.database import Database
from pfa_rpc.store.tables import organization_synonyms

MAX_SYNONYMS: Final = 1_000
"""Most synonyms of one organization."""


@dataclass(frozen=True, slots=True)
class StoredSynonym:
    """A synonym, and who added it."""

    synonym: Synonym
    added_by: str
    added_at: datetime


async def read_synonyms(connection: AsyncConnection, organization_id: str) -> list[StoredSynonym]:
    """Return the synonyms of an organization, ordered by their folded phrases."""
    table = organization_synonyms
    query = sa.select(table).where(table.c.organization_id == organization_id).order_by(table.c.phrase_key)
    return [_stored(row) for row in await connection.execute(query)]


async def add_synonym(
    database: Database, organization_id: str, synonym: Synonym, added_by: str
) -> tuple[StoredSynonym, Revision]:
    """Add a synonym; return it and the revision that has it.

    That its field and value exist is checked already. Raises SynonymExists for a phrase that is one already,
    LimitExceeded for more than MAX_SYNONYMS, OrganizationNotFound.
    """
    stored = StoredSynonym(synonym, added_by, datetime.now(UTC))
    async with database.write(organization_id, Cause(How.VOCABULARY, added_by)) as write:
        write.vocabulary_changed = True
        existing = await read_synonyms(write.connection, organization_id)
        same = _find(existing, synonym.phrase)
        if same is not None:
            raise SynonymExists(
                f"“{synonym.phrase}” is a synonym already, of {meaning_text(same.synonym)}; remove that first",
                metadata={"organization_id": organization_id, "phrase": synonym.phrase},
            )
        if len(existing) >= MAX_SYNONYMS:
            raise LimitExceeded(
                f"organization {organization_id!r} has {MAX_SYNONYMS:,} synonyms, and may have no more; "
                "remove one that is not used",
                metadata={"limit": "synonyms"},
            )
        values = {
            "organization_id": organization_id,
            "phrase_key": fold(synonym.phrase),
            "phrase": synonym.phrase,
            "field": synonym.field,
            "value": synonym.value,
            "added_by": added_by,
            "added_at": stored.added_at,
        }
        await write.connection.execute(sa.insert(organization_synonyms).values(values))
    return stored, write.revision


async def remove_synonym(
    database: Database, organization_id: str, phrase: str, removed_by: str
) -> tuple[StoredSynonym, Revision]:
    """Remove a synonym; return it as it was, and the revision that is without it.

    Raises SynonymNotFound, OrganizationNotFound.
    """
    table = organization_synonyms
    async with database.write(organization_id, Cause(How.VOCABULARY, removed_by)) as write:
        write.vocabulary_changed = True
        found = _find(await read_synonyms(write.connection, organization_id), phrase)
        if found is None:
            raise SynonymNotFound(
                f"organization {organization_id!r} has no synonym “{phrase}”",
                metadata={"organization_id": organization_id, "phrase": phrase},
            )
        await write.connection.execute(
            sa.delete(table).where(
                table.c.organization_id == organization_id, table.c.phrase_key == fold(found.synonym.phrase)
            )
        )
    return found, write.revision


def meaning_text(synonym: Synonym) -> str:
    """Return what a synonym means, in words: `category “Cranes”`, `the field area_silo`."""
    return f"the field {synonym.field}" if synonym.value is None else f"{synonym.field} “{synonym.value}”"


def _find(existing: Sequence[StoredSynonym], phrase: str) -> StoredSynonym | None:
    """Return the synonym whose words are those of a phrase as questions read them: plurals and hyphens aside."""
    sought = keys(phrase)
    return next((stored for stored in existing if keys(stored.synonym.phrase) == sought), None)


def _stored(row: sa.Row[Any]) -> StoredSynonym:
    return StoredSynonym(Synonym(row.phrase, row.field, row.value), row.added_by, row.added_at)
