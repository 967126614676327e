"""Languages of organizations: `Languages` keeps them prepared, and reads questions without holding others up."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Final

from nlq.completion.suggest import Suggestion
from nlq.errors import LanguageError
from nlq.interpretation import Interpretation
from nlq.pipeline import Language
from nlq.query import Query
from nlq.vocabulary import Vocabulary
from pfa_rpc.cache.interface import Cache
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.asking.vocabularies import Vocabularies
from pfa_rpc.services.requests import language_error
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, current_organization

_ANY_QUESTION: Final = "how many xyzzy are there"
"""Has a word that nobody knows: what is near it is looked for in lists that are made once."""
LANGUAGES_KEPT: Final = 64
"""Organizations whose vocabulary is kept prepared."""
READINGS_KEPT: Final = 4_096
"""Readings that are remembered, of all organizations together."""
CHARACTERS_KEPT: Final = 400_000
"""Characters that the questions of the remembered readings have, at most: a reading grows with its question."""
SHORT_QUESTION: Final = 200
"""Longest question that is read on the event loop, in characters: below 3 ms; longer ones would hold up other calls."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The language of an organization as of a revision."""

    organization: Organization
    vocabulary: Vocabulary
    language: Language
    serial: int
    """Names the language among all of this process; it stays while vocabulary and currency do."""


class Languages:
    """The prepared languages of the organizations used last; one is made anew when its vocabulary has changed."""

    def __init__(self, database: Database, cache: Cache) -> None:
        self._database = database
        self._vocabularies = Vocabularies(database, cache)
        self._prepared: OrderedDict[str, Prepared] = OrderedDict()
        self._lock = asyncio.Lock()
        self._serials = itertools.count()
        self._memo = _Memo()

    async def get(self, organization_id: str) -> Prepared:
        """Return the language of an organization, at least as new as this call. Raises OrganizationNotFound."""
        known = await self._current(organization_id)
        if known is not None:
            return known
        async with self._lock:  # one at a time: preparing takes the processor, and others may wait for the same
            return await self._prepare(organization_id)

    async def prepare(self, organization_id: str) -> bool:
        """Prepare the language of an organization unless it is; return whether it was not."""
        if await self._current(organization_id) is not None:
            return False
        await self.get(organization_id)
        return True

    async def read(self, prepared: Prepared, question: str, today: date, context: Query | None) -> Interpretation:
        """Return the reading of a question; `context` is the query of the one before it. Raises InvalidQuestion."""
        key = (prepared.serial, question, today, context)
        reading = self._memo.get(key)
        if reading is None:
            try:
                if len(question) > SHORT_QUESTION:
                    reading = await asyncio.to_thread(prepared.language.interpret, question, today, context)
                else:
                    reading = prepared.language.interpret(question, today, context)
            except LanguageError as error:
                raise language_error("question", error) from error
            self._memo.put(key, reading)
        return reading

    async def suggest(self, prepared: Prepared, text: str, caret: int, context: Query | None) -> tuple[Suggestion, ...]:
        """Return what can stand at a caret; `context` is the query of the question before."""
        suggest = partial(prepared.language.suggest, text, caret, context)
        # With words behind the caret, or a question before, the text is read with each suggestion.
        is_long = len(text) > SHORT_QUESTION or caret < len(text) or context is not None
        return await asyncio.to_thread(suggest) if is_long else suggest()

    async def _current(self, organization_id: str) -> Prepared | None:
        return self._known(await current_organization(self._database, organization_id))

    def _known(self, organization: Organization) -> Prepared | None:
        """Return the language of an organization as it is; None where it has changed since, or was never prepared."""
        known = self._prepared.get(organization.organization_id)
        if known is None or _words(known.organization) != _words(organization):
            return None
        self._prepared.move_to_end(organization.organization_id)
        return replace(known, organization=organization)

    async def _prepare(self, organization_id: str) -> Prepared:
        organization = await current_organization(self._database, organization_id)
        known = self._known(organization)  # by another call, while this one waited for its turn
        if known is not None:
            return known
        organization, vocabulary = await self._vocabularies.get(organization)
        language = await asyncio.to_thread(_language, vocabulary, organization.currency_code)
        prepared = Prepared(organization, vocabulary, language, next(self._serials))
        self._prepared[organization_id] = prepared
        self._prepared.move_to_end(organization_id)
        while len(self._prepared) > LANGUAGES_KEPT:
            self._prepared.popitem(last=False)
        return prepared


def _language(vocabulary: Vocabulary, currency: str) -> Language:
    """Return a language that has read a question and completed one: what the first make takes some 100 ms."""
    language = Language(SCHEMA, vocabulary, currency)
    language.interpret(_ANY_QUESTION, date(2000, 1, 1))
    language.suggest("", 0)
    return language


def _words(organization: Organization) -> tuple[int, str]:
    """Return what names the words of an organization: equal ones mean the same language."""
    return organization.vocabulary_nonce, organization.currency_code


_Key = tuple[int, str, date, Query | None]


class _Memo:
    """The readings used last."""

    def __init__(self) -> None:
        self._readings: OrderedDict[_Key, Interpretation] = OrderedDict()
        self._characters = 0

    def get(self, key: _Key) -> Interpretation | None:
        reading = self._readings.get(key)
        if reading is not None:
            self._readings.move_to_end(key)
        return reading

    def put(self, key: _Key, reading: Interpretation) -> None:
        if key not in self._readings:  # two calls may have read the same question at once
            self._characters += len(key[1])
        self._readings[key] = reading
        while len(self._readings) > READINGS_KEPT or self._characters > CHARACTERS_KEPT:
            (_, question, *_), _ = self._readings.popitem(last=False)
            self._characters -= len(question)
