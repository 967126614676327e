"""QueryService: Interpret, Ask."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from nlq.errors import LanguageError
from nlq.interpretation import Assumption, Interpretation, Piece
from nlq.pipeline import Language
from nlq.query import Aggregate, fields_of
from nlq.vocabulary import Vocabulary
from pfa.v1.query_service_pb2 import (
    AggregateSpec,
    AskRequest,
    AskResponse,
    InterpretRequest,
    InterpretResponse,
    PieceRole,
    RecordBatch,
)
from pfa.v1.query_service_pb2 import Assumption as AssumptionMessage
from pfa.v1.query_service_pb2 import Interpretation as InterpretationMessage
from pfa.v1.query_service_pb2 import Piece as PieceMessage
from pfa.v1.record_service_pb2 import AggregateFunction, Aggregation
from pfa_rpc.cache.interface import Cache
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.answers import Answers, Need
from pfa_rpc.services.call import Call
from pfa_rpc.services.figures import Figures, FiguresRequest
from pfa_rpc.services.framing import embed, frame_records, split_by_bytes, split_frames
from pfa_rpc.services.pages import FramedPage, PageRequest, RecordPages
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import (
    MAX_PAGE,
    Mask,
    authorize,
    bounded,
    language_error,
    read_date,
    read_need,
    require_visible,
    revision_token,
)
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, get_organization

DEFAULT_RECORDS: Final = 1_000
MAX_RECORDS: Final = 100_000
LANGUAGES_KEPT: Final = 64
"""Organizations whose vocabulary is kept prepared."""
_BATCH_BYTES: Final = 1 << 20
_RECORDS_FIELD: Final = AskResponse.RECORDS_FIELD_NUMBER


@dataclass(frozen=True, slots=True)
class _Prepared:
    """The language of an organization as of a revision."""

    organization: Organization
    vocabulary: Vocabulary
    language: Language


class QueryService:
    """Reads questions, and answers them."""

    def __init__(self, database: Database, tokens: Tokens, cache: Cache) -> None:
        self._tokens = tokens
        self._languages = _Languages(database)
        answers = Answers(database, cache)
        self._pages = RecordPages(answers)
        self._figures = Figures(answers, tokens)

    async def prepare(self, organization_id: str) -> bool:
        """Make an organization ready for questions; return whether there was anything to do. OrganizationNotFound."""
        return await self._languages.prepare(organization_id)

    async def interpret(self, request: InterpretRequest, call: Call) -> InterpretResponse:
        """Return the reading of a question."""
        _, reading = await self._read(request, call)
        return InterpretResponse(interpretation=interpretation_message(reading))

    async def ask(self, request: AskRequest, call: Call) -> None:
        """Write the reading of a question, then its answer where every word was understood."""
        most = bounded("max_records", request.max_records, default=DEFAULT_RECORDS, most=MAX_RECORDS)
        prepared, reading = await self._read(request, call)
        need = read_need(request.consistency, self._tokens, prepared.organization.organization_id)
        await call.write(AskResponse(interpretation=interpretation_message(reading)))
        if not (reading.complete or request.allow_partial):
            return
        organization_id = prepared.organization.organization_id
        spec = reading.query.aggregate
        if spec is None:
            await self._write_records(organization_id, reading, most, need, call)
            return
        asked = FiguresRequest(
            organization_id,
            reading.query.where,
            spec,
            include_transferable="is_funds_transferable" in spec.including,
            limit=reading.query.limit,
        )
        await call.write(embed(AskResponse.FIGURES_FIELD_NUMBER, await self._figures.get(asked, need)))

    async def _read(self, request: InterpretRequest | AskRequest, call: Call) -> tuple[_Prepared, Interpretation]:
        organization_id = authorize(call, Permission.READ, request.organization_id)
        prepared = await self._languages.get(organization_id)
        today = _today(request, prepared.organization)
        try:
            reading = prepared.language.interpret(request.question, today)
        except LanguageError as error:
            raise language_error("question", error) from error
        query = reading.query
        figures = query.aggregate.aggregations if query.aggregate else ()
        named = {*fields_of(query.where), *(term.field for term in query.sort)}
        require_visible(call.principal, named | {item.field for item in figures if item.field is not None})
        return prepared, reading

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
        framed = [page.framed] if len(page.framed) <= _BATCH_BYTES else _cut(page.framed)
        for part in framed:
            trailer = RecordBatch(total_size=total, revision_token=token, age=page.age).SerializeToString()
            await call.write(embed(_RECORDS_FIELD, part + trailer))
            total = None


def _cut(framed: bytes) -> Iterator[bytes]:
    """Yield framed records in parts of at most _BATCH_BYTES."""
    payloads = split_frames(framed)
    start = 0
    while start < len(payloads):
        fitting = split_by_bytes(payloads[start:], _BATCH_BYTES)
        yield frame_records(payloads[start : start + fitting])
        start += fitting


class _Languages:
    """The prepared languages of the organizations used last; one is made anew when its organization has changed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._prepared: OrderedDict[str, _Prepared] = OrderedDict()
        self._lock = asyncio.Lock()

    async def get(self, organization_id: str) -> _Prepared:
        """Return the language of an organization, at least as new as this call."""
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

    async def _current(self, organization_id: str) -> _Prepared | None:
        async with self._database.reading() as connection:
            return self._known(await get_organization(connection, organization_id))

    def _known(self, organization: Organization) -> _Prepared | None:
        """Return the language of an organization as it is; None where it has changed since, or was never prepared."""
        known = self._prepared.get(organization.organization_id)
        if known is None or known.organization != organization:
            return None
        self._prepared.move_to_end(organization.organization_id)
        return known

    async def _prepare(self, organization_id: str) -> _Prepared:
        async with self._database.reading() as connection:
            organization = await get_organization(connection, organization_id)
            known = self._known(organization)  # by another call, while this one waited for its turn
            if known is not None:
                return known
            vocabulary = await reads.read_vocabulary(connection, organization_id)
        language = await asyncio.to_thread(Language, SCHEMA, vocabulary, organization.currency_code)
        prepared = _Prepared(organization, vocabulary, language)
        self._prepared[organization_id] = prepared
        self._prepared.move_to_end(organization_id)
        while len(self._prepared) > LANGUAGES_KEPT:
            self._prepared.popitem(last=False)
        return prepared


def _today(request: InterpretRequest | AskRequest, organization: Organization) -> date:
    if request.HasField("today"):
        return read_date("today", request.today)
    return datetime.now(organization.zone).date()


# --- readings as messages --------------------------------------------------------------------------------------------


def interpretation_message(reading: Interpretation) -> InterpretationMessage:
    """Return the message of a reading."""
    query = reading.query
    message = InterpretationMessage(
        filter=reading.filter,
        sentence=reading.sentence,
        order_by=reading.order_by,
        limit=query.limit or 0,
        pieces=[_piece_message(piece) for piece in reading.pieces],
        defaults=_assumption_messages(reading.defaults),
        ambiguities=_assumption_messages(reading.ambiguities),
        complete=reading.complete,
        warnings=reading.warnings,
    )
    if query.aggregate is not None:
        message.aggregate.CopyFrom(_spec_message(query.aggregate))
    return message


def _spec_message(spec: Aggregate) -> AggregateSpec:
    figures = [
        Aggregation(
            function=AggregateFunction.Value(f"AGGREGATE_FUNCTION_{item.function.name}"), field=item.field or ""
        )
        for item in spec.aggregations
    ]
    return AggregateSpec(aggregations=figures, group_by=spec.group_by)


def _piece_message(piece: Piece) -> PieceMessage:
    return PieceMessage(
        start=piece.start,
        end=piece.end,
        text=piece.text,
        role=PieceRole.Value(f"PIECE_ROLE_{piece.role.name}"),
        meaning=piece.meaning,
        suggestions=piece.suggestions,
    )


def _assumption_messages(assumptions: Iterable[Assumption]) -> list[AssumptionMessage]:
    return [
        AssumptionMessage(
            text=item.text, start=item.start, end=item.end, chosen=item.chosen, alternatives=item.alternatives
        )
        for item in assumptions
    ]
