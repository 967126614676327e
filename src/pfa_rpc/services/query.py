"""QueryService: Interpret, Ask, Suggest, and the calls about the vocabulary."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from nlq.completion.suggest import Suggestion
from nlq.interpretation import Interpretation, InterpretationKind
from nlq.query import Aggregate, Aggregation, Function
from pfa.v1.query_service_pb2 import (
    AddSynonymRequest,
    AddSynonymResponse,
    AskRequest,
    AskResponse,
    InterpretRequest,
    InterpretResponse,
    ListVocabularyRequest,
    ListVocabularyResponse,
    RecordBatch,
    RemoveSynonymRequest,
    RemoveSynonymResponse,
    SuggestionKind,
    SuggestRequest,
    SuggestResponse,
)
from pfa.v1.query_service_pb2 import Suggestion as SuggestionMessage
from pfa_rpc.errors import InvalidQuestion, InvalidRequest
from pfa_rpc.schema import BY_NAME
from pfa_rpc.services.asking.change_questions import ChangeQuestions, about_changes
from pfa_rpc.services.asking.contexts import open_context, seal_context
from pfa_rpc.services.asking.hiding import visible_context, visible_suggestions
from pfa_rpc.services.asking.interpretations import interpretation_message
from pfa_rpc.services.asking.languages import Prepared
from pfa_rpc.services.asking.questions import read_question
from pfa_rpc.services.asking.vocabulary import VocabularyCalls
from pfa_rpc.services.call import Call
from pfa_rpc.services.editing.applying import Asked
from pfa_rpc.services.editing.proposals import Proposals
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.answers import Need
from pfa_rpc.services.reading.figures import FiguresRequest, require_spreadable
from pfa_rpc.services.reading.framing import BATCH_BYTES, embed, frame_records, split_by_bytes, split_frames
from pfa_rpc.services.reading.pages import FramedPage, PageRequest
from pfa_rpc.services.requests import (
    MAX_PAGE,
    Mask,
    authorize,
    bounded,
    read_need,
    revision_token,
)
from pfa_rpc.services.sources import Sources
from pfa_rpc.store import reads
from pfa_rpc.store.organizations import Organization

DEFAULT_RECORDS: Final = 1_000
MAX_RECORDS: Final = 100_000
DEFAULT_SUGGESTIONS: Final = 10
MAX_SUGGESTIONS: Final = 20
_RECORDS_FIELD: Final = AskResponse.RECORDS_FIELD_NUMBER
_HISTORY_LIMITS: Final = (
    "The history can be asked for the changes by one person, in one span of time, of any of some fields."
)
_COUNT: Final = Aggregate((Aggregation(Function.COUNT),))


class QueryService:
    """Reads questions, and answers them."""

    def __init__(self, sources: Sources) -> None:
        self._tokens = sources.tokens
        self._languages = sources.languages
        self._proposals = Proposals(sources)
        self._vocabulary = VocabularyCalls(sources.database, sources.tokens, self._languages)
        self._changes = ChangeQuestions(sources.database, sources.tokens)
        self._pages = sources.pages
        self._figures = sources.figures

    async def prepare(self, organization_id: str) -> bool:
        """Make an organization ready for questions; return whether there was anything to do. OrganizationNotFound."""
        return await self._languages.prepare(organization_id)

    async def interpret(self, request: InterpretRequest, call: Call) -> InterpretResponse:
        """Return the reading of a question."""
        prepared, reading = await self._read(request, call)
        organization = prepared.organization
        return InterpretResponse(
            interpretation=interpretation_message(reading, organization.currency_code),
            context_token=self._context_token(organization, reading) if reading.complete else "",
        )

    async def ask(self, request: AskRequest, call: Call) -> None:
        """Write the reading of a question, then its answer where every word was understood."""
        most = bounded("max_records", request.max_records, default=DEFAULT_RECORDS, most=MAX_RECORDS)
        prepared, reading = await self._read(request, call)
        organization = prepared.organization
        need = read_need(request.consistency, self._tokens, organization.organization_id)
        need = replace(need, seen=organization.revision)
        is_answered = _is_answered(reading, request)
        sought = about_changes(reading.query)
        if is_answered and reading.query.history and sought is None:
            raise InvalidQuestion(_HISTORY_LIMITS)
        token = self._context_token(organization, reading) if is_answered else ""
        message = interpretation_message(reading, organization.currency_code)
        await call.write(AskResponse(interpretation=message, context_token=token))
        if not is_answered:
            return
        code = organization.organization_id
        if reading.kind is InterpretationKind.CHANGE:
            await self._write_proposal(organization, reading, need, call)
        elif sought is not None and await self._changes.write(code, reading.query, sought, call):
            pass
        elif reading.query.aggregate is not None:
            await self._write_figures(organization, reading, reading.query.aggregate, need, call)
        else:
            await self._write_records(code, reading, most, need, call)

    async def suggest(self, request: SuggestRequest, call: Call) -> SuggestResponse:
        """Return what can stand at a place of a question."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        most = bounded("max_suggestions", request.max_suggestions, default=DEFAULT_SUGGESTIONS, most=MAX_SUGGESTIONS)
        if not 0 <= request.caret <= len(request.text):
            raise InvalidRequest.of("caret", f"{request.caret} is outside the text, which ends at {len(request.text)}")
        prepared = await self._languages.get(organization_id)
        context = visible_context(call.principal, open_context(self._tokens, organization_id, request.context_token))
        found = await self._languages.suggest(prepared, request.text, request.caret, context)
        if not call.principal.may(Permission.SEE_MONEY):
            found = await asyncio.to_thread(visible_suggestions, prepared.language, request.text, found, context)
        return SuggestResponse(suggestions=map(_suggestion_message, found[:most]))

    async def list_vocabulary(self, request: ListVocabularyRequest, call: Call) -> ListVocabularyResponse:
        """Return the words of an organization."""
        return await self._vocabulary.list_page(request, call)

    async def add_synonym(self, request: AddSynonymRequest, call: Call) -> AddSynonymResponse:
        """Add a synonym."""
        return await self._vocabulary.add(request, call)

    async def remove_synonym(self, request: RemoveSynonymRequest, call: Call) -> RemoveSynonymResponse:
        """Remove a synonym."""
        return await self._vocabulary.remove(request, call)

    async def _read(self, request: InterpretRequest | AskRequest, call: Call) -> tuple[Prepared, Interpretation]:
        return await read_question(request, call, self._languages, self._tokens)

    def _context_token(self, organization: Organization, reading: Interpretation) -> str:
        """Return the token that the next question can go on from; "" where this one asked for nothing."""
        if reading.kind is InterpretationKind.REFUSED or reading.question_back:
            return ""
        return seal_context(self._tokens, organization.organization_id, reading.query)

    async def _write_proposal(
        self, organization: Organization, reading: Interpretation, need: Need, call: Call
    ) -> None:
        """Write what a change would do."""
        asked = Asked(reading.query.where, reading.changes)
        proposal = await self._proposals.proposal(organization, asked, call.principal, need=need)
        await call.write(AskResponse(proposal=proposal))

    async def _write_figures(
        self, organization: Organization, reading: Interpretation, spec: Aggregate, need: Need, call: Call
    ) -> None:
        require_spreadable(spec)
        asked = FiguresRequest(
            organization.organization_id,
            reading.query.where,
            spec,
            include_transferable="is_funds_transferable" in spec.including,
            limit=reading.query.limit,
        )
        await call.write(embed(AskResponse.FIGURES_FIELD_NUMBER, await self._figures.get(asked, need)))

    async def _write_records(
        self, organization_id: str, reading: Interpretation, most: int, need: Need, call: Call
    ) -> None:
        """Write at most `most` records in pages; no connection is held while the client reads."""
        query = reading.query
        left = most if query.limit is None else min(most, query.limit)
        mask = Mask((), hide_money=not call.principal.may(Permission.SEE_MONEY))
        after: reads.PageKey | None = None
        is_first = True
        while is_first or (after is not None and left > 0):
            asked = PageRequest(
                organization_id, query.where, query.sort, min(left, MAX_PAGE), mask, after, with_total=is_first
            )
            page = await self._pages.get(asked, need)
            await self._write_page(page, organization_id, call)
            left -= page.count
            after, is_first = page.next_key, False

    async def _write_page(self, page: FramedPage, organization_id: str, call: Call) -> None:
        """Write a page as one message, or as several where it is larger than a message should be."""
        token = revision_token(self._tokens, organization_id, page.revision)
        total = page.total
        framed = [page.framed] if len(page.framed) <= BATCH_BYTES else _cut(page.framed)
        for part in framed:
            trailer = RecordBatch(total_size=total, revision_token=token, age=page.age).SerializeToString()
            await call.write(embed(_RECORDS_FIELD, part + trailer))
            total = None


def _cut(framed: bytes) -> Iterator[bytes]:
    """Yield framed records in parts of at most BATCH_BYTES."""
    payloads = split_frames(framed)
    start = 0
    while start < len(payloads):
        fitting = split_by_bytes(payloads[start:], BATCH_BYTES)
        yield frame_records(payloads[start : start + fitting])
        start += fitting


def _is_answered(reading: Interpretation, request: AskRequest) -> bool:
    """Return whether a reading is looked up. Raises InvalidRequest where a change is to be read in part."""
    if reading.kind is InterpretationKind.REFUSED or reading.question_back:
        return False
    if reading.kind is InterpretationKind.CHANGE:
        if request.allow_partial:
            raise InvalidRequest.of("allow_partial", "is not possible for a change, which must be understood in full")
        return reading.complete and (request.confirm_corrections or not reading.confirm)
    return reading.complete or request.allow_partial


def _suggestion_message(suggestion: Suggestion) -> SuggestionMessage:
    field = BY_NAME.get(suggestion.field)
    return SuggestionMessage(
        text=suggestion.text,
        start=suggestion.start,
        end=suggestion.end,
        description=field.label if field is not None else suggestion.kind.value,
        kind=SuggestionKind.Value(f"SUGGESTION_KIND_{suggestion.kind.name}"),
        field=suggestion.field,
        guessed=suggestion.guessed,
    )
