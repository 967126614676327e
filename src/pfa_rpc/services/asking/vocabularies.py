"""What questions of organizations can name, through the cache: `Vocabularies`."""

from __future__ import annotations

import asyncio
import json

from nlq.vocabulary import Synonym, Vocabulary
from pfa_rpc.cache.interface import Cache, Kind
from pfa_rpc.cache.metrics import filling
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, get_organization


class Vocabularies:
    """The vocabularies of organizations, which many processes make from one read."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._cache = cache

    async def get(self, organization: Organization) -> tuple[Organization, Vocabulary]:
        """Return the vocabulary of an organization as it is here or later, and the organization as it was then."""
        code = organization.organization_id
        entry = await self._cache.get(code, Kind.VOCABULARY, "", organization.revision)
        if entry is not None:
            # Tens of thousands of values where records have tags of their own: other calls go on meanwhile.
            return organization, await asyncio.to_thread(from_bytes, entry.value)
        with filling(Kind.VOCABULARY.value):
            async with self._database.reading() as connection:
                organization = await get_organization(connection, code)
                vocabulary = await reads.read_vocabulary(connection, code)
        value = await asyncio.to_thread(to_bytes, vocabulary)
        await self._cache.put(code, Kind.VOCABULARY, "", organization.revision, value)
        return organization, vocabulary


def to_bytes(vocabulary: Vocabulary) -> bytes:
    """Return a vocabulary as it is cached."""
    # With their uses: what a word most likely means must not hang on which process reads the question.
    terms = [[term.field, term.spelling, term.uses] for term in vocabulary]
    synonyms = [[synonym.phrase, synonym.field, synonym.value] for synonym in vocabulary.synonyms]
    return json.dumps([terms, synonyms], ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def from_bytes(value: bytes) -> Vocabulary:
    """Return the vocabulary that `to_bytes` wrote."""
    terms, synonyms = json.loads(value.decode("utf-8", "surrogatepass"))
    return Vocabulary(terms, [Synonym(*parts) for parts in synonyms])
