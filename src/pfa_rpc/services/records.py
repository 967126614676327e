"""RecordService: each method checks its request, and hands it to the class that answers it."""

from __future__ import annotations

from typing import Final

from pfa.v1.draft_pb2 import (
    CommitDraftRequest,
    CreateDraftRequest,
    CreateDraftResponse,
    DiscardDraftRequest,
    DiscardDraftResponse,
    EditDraftRequest,
    EditDraftResponse,
    GetDraftRequest,
    GetDraftResponse,
    ListDraftsRequest,
    ListDraftsResponse,
)
from pfa.v1.history_pb2 import ListChangesRequest
from pfa.v1.mutation_pb2 import MutateRecordsRequest
from pfa.v1.proposal_pb2 import ApplyChangeRequest, ProposeChangeRequest, ProposeChangeResponse
from pfa.v1.record_service_pb2 import (
    AggregateRecordsRequest,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    StreamRecordsRequest,
)
from pfa.v1.undo_pb2 import ListUndoableRequest, ListUndoableResponse, RedoChangeRequest, UndoChangeRequest
from pfa.v1.watch_pb2 import WatchRecordsRequest
from pfa_rpc.errors import InvalidRequest, RecordNotFound
from pfa_rpc.records.revision import CHUNK_RECORDS
from pfa_rpc.services.call import Call, endless
from pfa_rpc.services.drafts.drafts import Drafts, read_draft_id
from pfa_rpc.services.drafts.reads import DraftName
from pfa_rpc.services.editing.mutations import Mutations
from pfa_rpc.services.editing.proposals import Proposals
from pfa_rpc.services.editing.undo import Undoing
from pfa_rpc.services.following.history import RecordHistory
from pfa_rpc.services.following.watching import RecordWatch
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.reading.answers import FRESH
from pfa_rpc.services.reading.figures import FiguresRequest, read_aggregate
from pfa_rpc.services.reading.framing import embed
from pfa_rpc.services.reading.pages import PageRequest
from pfa_rpc.services.reading.single import SingleRecords
from pfa_rpc.services.reading.streams import RecordStreams, Stream
from pfa_rpc.services.requests import (
    DEFAULT_PAGE,
    MAX_PAGE,
    authorize,
    bounded,
    canonical,
    read_filter,
    read_mask,
    read_name,
    read_need,
    read_order,
    read_time,
    require_visible,
    revision_token,
)
from pfa_rpc.services.sources import Sources
from pfa_rpc.services.tokens import digest
from pfa_rpc.store import reads

_OfDraft = GetRecordRequest | ListRecordsRequest | StreamRecordsRequest | AggregateRecordsRequest
MAX_BATCH: Final = 5_000
MAX_SKIP: Final = 10_000_000


class RecordService:
    """Reads records as payloads, bytes from the database to the client, and changes them."""

    def __init__(self, sources: Sources) -> None:
        self._tokens = sources.tokens
        self._single = SingleRecords(sources.database, sources.answers)
        self._streams = RecordStreams(sources)
        self._watch = RecordWatch(sources.database, sources.tokens, self._streams, sources.backlog)
        self._pages = sources.pages
        self._figures = sources.figures
        self._history = RecordHistory(sources.database, sources.tokens)
        self._mutations = Mutations(sources.database, sources.tokens)
        self._proposals = Proposals(sources)
        self._undoing = Undoing(sources)
        self._drafted = sources.drafts
        self._drafts = Drafts(sources)

    async def get_record(self, request: GetRecordRequest, call: Call) -> bytes:
        """Return the record that the request names by id or pfa_id."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        field, value = _record_name(request)
        mask = read_mask(request.read_mask, call.principal)
        need = read_need(request.consistency, self._tokens, organization_id)
        if request.HasField("as_of_time"):
            if request.draft_id:
                raise InvalidRequest.of("draft_id", "is of the present; leave it out with as_of_time")
            if request.HasField("consistency"):
                raise InvalidRequest.of("consistency", "says nothing of a past time; leave it out with as_of_time")
            at = read_time("as_of_time", request.as_of_time)
            answer = await self._history.record(organization_id, field, value, at)
        elif request.draft_id:
            answer = await self._drafted.record(_draft_name(request, call), field, value)
        else:
            answer = await self._single.get(organization_id, field, value, need)
        if not answer.value:
            raise RecordNotFound(
                f"organization {organization_id!r} has no record whose {field} is {value[:100]!r}",
                metadata={"organization_id": organization_id, field: value},
            )
        token = revision_token(self._tokens, organization_id, answer.revision)
        record = embed(1, mask.apply(answer.value) if mask else answer.value)
        return record + GetRecordResponse(revision_token=token, age=answer.age).SerializeToString()

    async def list_changes(self, request: ListChangesRequest, call: Call) -> bytes:
        """Return a page of the changes of records."""
        return await self._history.list(request, call)

    async def list_records(self, request: ListRecordsRequest, call: Call) -> bytes:
        """Return a page of records."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        order = read_order(request.order_by, call.principal)
        page_size = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        skip = bounded("skip", request.skip, default=0, most=MAX_SKIP)
        mask = read_mask(request.read_mask, call.principal)
        request_digest = digest("ListRecords", *canonical(condition, order), *_of_draft(request))
        after: reads.PageKey | None = None
        if request.page_token:
            after = self._tokens.open("page", request.page_token, organization_id, request_digest)
        need = read_need(request.consistency, self._tokens, organization_id)
        asked = PageRequest(
            organization_id, condition, order, page_size, mask, after, skip, with_total=request.include_total_size
        )
        page = (
            await self._drafted.page(_draft_name(request, call), asked)
            if request.draft_id
            else await self._pages.get(asked, need)
        )
        response = ListRecordsResponse(
            total_size=page.total,
            age=page.age,
            revision_token=revision_token(self._tokens, organization_id, page.revision),
        )
        if page.next_key is not None:
            response.next_page_token = self._tokens.seal("page", organization_id, request_digest, page.next_key)
        return page.framed + response.SerializeToString()

    async def stream_records(self, request: StreamRecordsRequest, call: Call) -> None:
        """Write every record that matches, in batches."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        stream = Stream(
            organization_id,
            condition,
            read_mask(request.read_mask, call.principal),
            bounded("batch_size", request.batch_size, default=CHUNK_RECORDS, most=MAX_BATCH),
            digest("StreamRecords", canonical(condition)[0], *_of_draft(request)),
            read_need(request.consistency, self._tokens, organization_id),
        )
        if request.draft_id:
            stream.draft, stream.need = _draft_name(request, call), FRESH
        if request.resume_token:
            stream.resume(self._tokens.open("resume", request.resume_token, organization_id, stream.request_digest))
        await self._streams.write(stream, call)

    @endless
    async def watch_records(self, request: WatchRecordsRequest, call: Call) -> None:
        """Write the records that match, and then every change of them."""
        await self._watch.write(request, call)

    async def aggregate_records(self, request: AggregateRecordsRequest, call: Call) -> bytes:
        """Return figures over the records that match."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        spec = read_aggregate(request)
        require_visible(call.principal, (item.field for item in spec.aggregations if item.field))
        asked = FiguresRequest(
            organization_id,
            condition,
            spec,
            include_transferable=request.include_transferable,
            with_totals=request.include_totals,
        )
        need = read_need(request.consistency, self._tokens, organization_id)
        if request.draft_id:
            return await self._drafted.figures(_draft_name(request, call), asked)
        return await self._figures.get(asked, need)

    async def mutate_records(self, request: MutateRecordsRequest, call: Call) -> bytes:
        """Change records one by one, all of them or none."""
        return await self._mutations.mutate(request, call)

    async def propose_change(self, request: ProposeChangeRequest, call: Call) -> ProposeChangeResponse:
        """Return what a change of many records would do."""
        return await self._proposals.propose(request, call)

    async def apply_change(self, request: ApplyChangeRequest, call: Call) -> bytes:
        """Carry out what was proposed."""
        return await self._proposals.apply(request, call)

    async def undo_change(self, request: UndoChangeRequest, call: Call) -> bytes:
        """Reverse a change of the caller."""
        return await self._undoing.undo(request, call)

    async def redo_change(self, request: RedoChangeRequest, call: Call) -> bytes:
        """Carry out again a change that was reversed."""
        return await self._undoing.redo(request, call)

    async def list_undoable(self, request: ListUndoableRequest, call: Call) -> ListUndoableResponse:
        """Return the changes of the caller that can be reversed, or carried out again."""
        return await self._undoing.list_undoable(request, call)

    async def create_draft(self, request: CreateDraftRequest, call: Call) -> CreateDraftResponse:
        """Begin a draft."""
        return await self._drafts.create(request, call)

    async def list_drafts(self, request: ListDraftsRequest, call: Call) -> ListDraftsResponse:
        """Return the drafts of the caller."""
        return await self._drafts.list(request, call)

    async def get_draft(self, request: GetDraftRequest, call: Call) -> GetDraftResponse:
        """Return what a draft would do."""
        return await self._drafts.get(request, call)

    async def edit_draft(self, request: EditDraftRequest, call: Call) -> EditDraftResponse:
        """Change records in a draft."""
        return await self._drafts.edit(request, call)

    async def commit_draft(self, request: CommitDraftRequest, call: Call) -> bytes:
        """Write what a draft changes."""
        return await self._drafts.commit(request, call)

    async def discard_draft(self, request: DiscardDraftRequest, call: Call) -> DiscardDraftResponse:
        """Drop a draft."""
        return await self._drafts.discard(request, call)


def _draft_name(request: _OfDraft, call: Call) -> DraftName:
    """Return the draft that a read names."""
    return DraftName(request.organization_id, read_draft_id(request.draft_id), call.principal.name)


def _of_draft(request: _OfDraft) -> list[str]:
    """Return what a token's digest says of the draft that a read names."""
    return [read_draft_id(request.draft_id)] if request.draft_id else []


def _record_name(request: GetRecordRequest) -> tuple[str, str]:
    """Return the field that names the record, and its value."""
    field = request.WhichOneof("name")
    if field is None:
        raise InvalidRequest.of("name", "is missing; give id or pfa_id")
    return read_name(field, getattr(request, field))
