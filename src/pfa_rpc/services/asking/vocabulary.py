"""The vocabulary of an organization over the API: `VocabularyCalls` lists it, and adds and removes synonyms."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date
from heapq import nsmallest
from typing import Final

from nlq.natural_order import natural
from nlq.normalize import Kind, keys, tokenize
from nlq.schema import FieldType
from nlq.tagging.fuzzy import nearest
from nlq.vocabulary import Synonym, Term, Vocabulary
from pfa.v1.query_service_pb2 import (
    AddSynonymRequest,
    AddSynonymResponse,
    ListVocabularyRequest,
    ListVocabularyResponse,
    RemoveSynonymRequest,
    RemoveSynonymResponse,
    VocabularyValue,
)
from pfa.v1.query_service_pb2 import Synonym as SynonymMessage
from pfa_rpc.errors import InvalidRequest, SynonymExists
from pfa_rpc.records.encode import timestamp_message
from pfa_rpc.schema import BY_NAME, Field
from pfa_rpc.services.asking.languages import Languages, Prepared
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import authorize, bounded, is_visible, require_visible, revision_token
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store.database import Database
from pfa_rpc.store.synonyms import StoredSynonym, add_synonym, read_synonyms, remove_synonym

PHRASE_LENGTH: Final = 100
"""Longest phrase of a synonym, in characters."""
PHRASE_WORDS: Final = 8
"""Most words and numbers in one."""
VALUE_LENGTH: Final = 1_000
MAX_VALUES: Final = 10_000
DEFAULT_VALUES: Final = 1_000
_SHOWN: Final = 100


class VocabularyCalls:
    """The calls of QueryService that are about words."""

    def __init__(self, database: Database, tokens: Tokens, languages: Languages) -> None:
        self._database = database
        self._tokens = tokens
        self._languages = languages

    async def list_page(self, request: ListVocabularyRequest, call: Call) -> ListVocabularyResponse:
        """Return a page of a vocabulary, the synonyms on the first."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        size = bounded("page_size", request.page_size, default=DEFAULT_VALUES, most=MAX_VALUES)
        if request.field:
            require_visible(call.principal, [_field("field", request.field).name])
        request_digest = digest("ListVocabulary", request.field)
        after = None
        if request.page_token:
            after = tuple(self._tokens.open("page", request.page_token, organization_id, request_digest))
        prepared = await self._languages.get(organization_id)
        response = ListVocabularyResponse(
            revision_token=revision_token(self._tokens, organization_id, prepared.organization.revision)
        )
        if after is None:
            response.synonyms.extend(map(_message, await self._synonyms(organization_id, request.field, call)))
        if not request.synonyms_only:
            page = await asyncio.to_thread(_values, prepared.vocabulary, request.field, after, size + 1)
            response.values.extend(VocabularyValue(field=term.field, value=term.spelling) for term in page[:size])
            if len(page) > size:
                last = [page[size - 1].field, page[size - 1].key]
                response.next_page_token = self._tokens.seal("page", organization_id, request_digest, last)
        return response

    async def _synonyms(self, organization_id: str, field: str, call: Call) -> list[StoredSynonym]:
        """Return the synonyms of a field, or of all, without those of fields that the caller may not see."""
        asked_for = (each for each in await self._stored(organization_id) if field in ("", each.synonym.field))
        return [each for each in asked_for if is_visible(call.principal, each.synonym.field)]

    async def _stored(self, organization_id: str) -> Sequence[StoredSynonym]:
        async with self._database.reading() as connection:
            return await read_synonyms(connection, organization_id)

    async def add(self, request: AddSynonymRequest, call: Call) -> AddSynonymResponse:
        """Add a synonym, where its words are free and mean something that there is."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        phrase = _phrase("synonym.phrase", request.synonym.phrase)
        prepared = await self._languages.get(organization_id)
        field = _field("synonym.field", request.synonym.field)
        require_visible(call.principal, [field.name])
        synonym = Synonym(phrase, field.name, _value(field, request.synonym.value, prepared.vocabulary))
        await _require_free(phrase, prepared)
        stored, revision = await add_synonym(self._database, organization_id, synonym, call.principal.name)
        return AddSynonymResponse(
            synonym=_message(stored), revision_token=revision_token(self._tokens, organization_id, revision)
        )

    async def remove(self, request: RemoveSynonymRequest, call: Call) -> RemoveSynonymResponse:
        """Remove a synonym."""
        organization_id = authorize(call, Permission.EDIT, request.organization_id)
        phrase = _phrase("phrase", request.phrase)
        named = [each.synonym for each in await self._stored(organization_id)]
        require_visible(call.principal, [each.field for each in named if keys(each.phrase) == keys(phrase)])
        stored, revision = await remove_synonym(self._database, organization_id, phrase, call.principal.name)
        return RemoveSynonymResponse(
            synonym=_message(stored), revision_token=revision_token(self._tokens, organization_id, revision)
        )


def _phrase(path: str, text: str) -> str:
    """Return the phrase of a request, its spaces as one. Raises InvalidRequest where it is none."""
    if len(text) > PHRASE_LENGTH:
        raise InvalidRequest.of(path, f"has {len(text):,} characters; at most {PHRASE_LENGTH} are possible")
    phrase = " ".join(text.split())
    if not phrase.isprintable():
        raise InvalidRequest.of(path, f"{phrase!r} holds a control character; write words")
    tokens = tokenize(phrase)
    if not any(token.kind is Kind.WORD for token in tokens):
        raise InvalidRequest.of(path, f"{phrase!r} holds no word; write what people say, such as “cherry pickers”")
    if any(token.kind not in (Kind.WORD, Kind.NUMBER) for token in tokens):
        raise InvalidRequest.of(path, f"{phrase!r} holds signs; write words and numbers only")
    if len(tokens) > PHRASE_WORDS:
        raise InvalidRequest.of(path, f"{phrase!r} has {len(tokens)} words; at most {PHRASE_WORDS} are possible")
    return phrase


def _field(path: str, name: str) -> Field:
    field = BY_NAME.get(name)
    if field is None or not field.filterable:
        near = " or ".join(nearest(name[:_SHOWN], tuple(BY_NAME)))
        hint = f"did you mean {near}?" if near else "write one such as category"
        raise InvalidRequest.of(path, f"{name[:_SHOWN]!r} is not a field; {hint}")
    return field


def _value(field: Field, text: str, vocabulary: Vocabulary) -> str | None:
    """Return the value that a synonym means, as records have it; None for the field itself. Raises InvalidRequest."""
    if not text:
        return None
    match field.type:
        case FieldType.ENUM:
            value = _enum_value(field, text)
        case FieldType.BOOL:
            value = text.casefold() if text.casefold() in ("true", "false") else None
        case FieldType.TEXT if field.named:
            value = vocabulary.spelling(field.name, text[:VALUE_LENGTH])
        case _:
            raise InvalidRequest.of(
                "synonym.value", f"{field.name} has no values that words can mean; leave it out to mean the field"
            )
    if value is None:
        raise InvalidRequest.of("synonym.value", _unknown_value(field, text[:_SHOWN], vocabulary))
    return value


def _enum_value(field: Field, text: str) -> str | None:
    return next(
        (item.name for item in field.values if text.casefold() in (item.name.lower(), item.label.lower())), None
    )


def _unknown_value(field: Field, text: str, vocabulary: Vocabulary) -> str:
    match field.type:
        case FieldType.ENUM:
            known: tuple[str, ...] = tuple(item.name for item in field.values)
        case FieldType.BOOL:
            known = ("true", "false")
        case _:
            known = nearest(text, [term.spelling for term in vocabulary if term.field == field.name])
    hint = f"; did you mean {' or '.join(known)}?" if known else ""
    return f"{text!r} is no value of {field.name} in this organization{hint}"


async def _require_free(phrase: str, prepared: Prepared) -> None:
    """Raise SynonymExists where questions understand the phrase already: then it would mean two things."""
    taken = await asyncio.to_thread(prepared.language.meaning_of, phrase, date.today())  # noqa: DTZ011 (any day does)
    if taken is not None:
        raise SynonymExists(
            f"“{phrase}” is understood already, as {taken}",
            metadata={"organization_id": prepared.organization.organization_id, "phrase": phrase},
        )


def _values(vocabulary: Vocabulary, field: str, after: tuple[str, str] | None, most: int) -> list[Term]:
    """Return the first values, by field and as people count, of those that come after a (field, key)."""

    def place(field: str, key: str) -> tuple[str, object, str]:
        return field, natural(key), key

    terms = (term for term in vocabulary if field in ("", term.field))
    left = [term for term in terms if after is None or place(term.field, term.key) > place(*after)]
    return nsmallest(most, left, key=lambda term: place(term.field, term.key))


def _message(stored: StoredSynonym) -> SynonymMessage:
    synonym = stored.synonym
    return SynonymMessage(
        phrase=synonym.phrase,
        field=synonym.field,
        value=synonym.value or "",
        added_by=stored.added_by,
        add_time=timestamp_message(stored.added_at),
    )
