"""RecordService: GetRecord, ListRecords, StreamRecords, AggregateRecords."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from nlq.query import Condition
from pfa.v1.record_service_pb2 import (
    AggregateRecordsRequest,
    GetRecordRequest,
    GetRecordResponse,
    ListRecordsRequest,
    ListRecordsResponse,
    StreamRecordsRequest,
    StreamRecordsResponse,
)
from pfa_rpc.errors import InvalidRequest, RecordNotFound
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.call import Call
from pfa_rpc.services.figures import figures_message, read_aggregate
from pfa_rpc.services.framing import embed, frame_records, split_by_bytes
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import (
    DEFAULT_PAGE,
    MAX_PAGE,
    Mask,
    authorize,
    bounded,
    canonical,
    read_filter,
    read_mask,
    read_order,
    require_visible,
    revision_token,
)
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store import aggregates, reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import get_organization

BATCH_BYTES: Final = 1 << 20
"""Most bytes of records in one message."""
DEFAULT_BATCH: Final = 500
MAX_BATCH: Final = 5_000
STRETCH: Final = 2_000
"""Records that a stream reads from the database at once; it holds no connection between."""
HEARTBEAT_SECONDS: Final = 10.0
"""How long a stream may be silent."""
MAX_SKIP: Final = 10_000_000
_ID_LENGTH: Final = 200

_T = TypeVar("_T")


class RecordService:
    """Reads records as payloads: bytes from the database to the client."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    async def get_record(self, request: GetRecordRequest, call: Call) -> bytes:
        """Return the record that the request names by id or pfa_id."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        field, value = _record_name(request)
        mask = read_mask(request.read_mask, call.principal)
        async with self._database.reading() as connection:
            organization = await get_organization(connection, organization_id)
            payload = await reads.get_payload(connection, organization_id, field, value)
        if payload is None:
            raise RecordNotFound(
                f"organization {organization_id!r} has no record whose {field} is {value[:100]!r}",
                metadata={"organization_id": organization_id, field: value},
            )
        token = revision_token(self._tokens, organization_id, organization.revision)
        record = embed(1, mask.apply(payload) if mask else payload)
        return record + GetRecordResponse(revision_token=token).SerializeToString()

    async def list_records(self, request: ListRecordsRequest, call: Call) -> bytes:
        """Return a page of records."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        order = read_order(request.order_by, call.principal)
        page_size = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        skip = bounded("skip", request.skip, default=0, most=MAX_SKIP)
        mask = read_mask(request.read_mask, call.principal)
        request_digest = digest("ListRecords", *canonical(condition, order))
        after: reads.PageKey | None = None
        if request.page_token:
            after = self._tokens.open("page", request.page_token, organization_id, request_digest)
        async with self._database.reading() as connection:
            organization = await get_organization(connection, organization_id)
            page = await reads.list_page(
                connection, organization_id, condition, sort=order, limit=page_size, after=after, skip=skip
            )
            total = None
            if request.include_total_size:
                total = await reads.count(connection, organization_id, condition)
        response = ListRecordsResponse(
            total_size=total, revision_token=revision_token(self._tokens, organization_id, organization.revision)
        )
        if page.next_key is not None:
            response.next_page_token = self._tokens.seal("page", organization_id, request_digest, page.next_key)
        return frame_records(await mask.apply_all(page.payloads)) + response.SerializeToString()

    async def stream_records(self, request: StreamRecordsRequest, call: Call) -> None:
        """Write every record that matches, in batches."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        stream = _Stream(
            organization_id,
            condition,
            read_mask(request.read_mask, call.principal),
            bounded("batch_size", request.batch_size, default=DEFAULT_BATCH, most=MAX_BATCH),
            digest("StreamRecords", canonical(condition)[0]),
        )
        if request.resume_token:
            stream.resume(self._tokens.open("resume", request.resume_token, organization_id, stream.request_digest))
        is_first = True
        while True:
            stretch = await self._while_alive(self._read_stretch(stream), lambda: self._heartbeat(stream, call))
            await self._write_stretch(stream, stretch, call, even_if_empty=is_first)
            is_first = False
            if len(stretch) < STRETCH:
                return

    async def aggregate_records(self, request: AggregateRecordsRequest, call: Call) -> bytes:
        """Return figures over the records that match."""
        organization_id = authorize(call, Permission.READ, request.organization_id)
        condition = await read_filter(request.filter, call.principal)
        spec = read_aggregate(request)
        require_visible(call.principal, (item.field for item in spec.aggregations if item.field))
        async with self._database.reading() as connection:
            organization = await get_organization(connection, organization_id)
            matched = await reads.count(connection, organization_id, condition)
            groups = await aggregates.aggregate(
                connection,
                organization_id,
                condition,
                spec,
                await reads.read_vocabulary(connection, organization_id, fields=spec.group_by),
                include_transferable=request.include_transferable,
            )
        token = revision_token(self._tokens, organization_id, organization.revision)
        return await figures_message(groups, spec, organization.currency_code, matched, token)

    # --- streams -----------------------------------------------------------------------------------------------------

    async def _read_stretch(self, stream: _Stream) -> Sequence[tuple[int, bytes]]:
        async with self._database.reading() as connection:
            if stream.revision is None:
                stream.revision = (await get_organization(connection, stream.organization_id)).revision
            return await reads.read_stretch(
                connection, stream.organization_id, stream.condition, after=stream.position, limit=STRETCH
            )

    async def _write_stretch(
        self, stream: _Stream, stretch: Sequence[tuple[int, bytes]], call: Call, *, even_if_empty: bool
    ) -> None:
        """Write a stretch as messages of at most a batch and BATCH_BYTES each."""
        start = 0
        while start < len(stretch) or (even_if_empty and start == 0):
            part = stretch[start : start + stream.batch_size]
            payloads = await stream.mask.apply_all([payload for _, payload in part])
            fitting = split_by_bytes(payloads, BATCH_BYTES)
            if part:
                stream.position = part[fitting - 1][0]
            await call.write(frame_records(payloads[:fitting]) + self._stream_trailer(stream))
            start += max(fitting, 1)

    async def _heartbeat(self, stream: _Stream, call: Call) -> None:
        if stream.revision is not None:
            await call.write(self._stream_trailer(stream))

    def _stream_trailer(self, stream: _Stream) -> bytes:
        revision = stream.revision
        if revision is None:
            raise AssertionError("a stream writes after its first read only")
        resume_token = self._tokens.seal(
            "resume",
            stream.organization_id,
            stream.request_digest,
            [stream.position, revision.number, revision.nonce],
        )
        trailer = StreamRecordsResponse(
            resume_token=resume_token,
            revision_token=revision_token(self._tokens, stream.organization_id, revision),
        )
        return trailer.SerializeToString()

    async def _while_alive(self, work: Awaitable[_T], beat: Callable[[], Awaitable[None]]) -> _T:
        """Await work, and beat whenever HEARTBEAT_SECONDS pass meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=HEARTBEAT_SECONDS))[0]:
                await beat()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])


@dataclass(slots=True)
class _Stream:
    """Where a stream stands."""

    organization_id: str
    condition: Condition | None
    mask: Mask
    batch_size: int
    request_digest: bytes
    position: int = -1
    """Position of the last record sent."""
    revision: Revision | None = None
    """Revision of the first batch."""

    def resume(self, content: list[int]) -> None:
        """Go on where a resume token says."""
        self.position, number, nonce = content
        self.revision = Revision(number, nonce)


def _record_name(request: GetRecordRequest) -> tuple[str, str]:
    """Return the field that names the record, and its value."""
    field = request.WhichOneof("name")
    if field == "id":
        try:
            return "id", str(uuid.UUID(request.id))
        except ValueError as error:
            shown = request.id[:100]
            raise InvalidRequest.of("id", f"{shown!r} is not a UUID; PEMS' own ids go into pfa_id") from error
    if field == "pfa_id" and 0 < len(request.pfa_id) <= _ID_LENGTH:
        return "pfa_id", request.pfa_id
    if field == "pfa_id":
        raise InvalidRequest.of("pfa_id", f"has {len(request.pfa_id)} characters; ids have 1 to {_ID_LENGTH}")
    raise InvalidRequest.of("name", "is missing; give id or pfa_id")
