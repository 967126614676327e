"""Streams of records: `RecordStreams` writes one, whole organizations from cached chunks, filtered ones by SQL.

A stream runs in order of insertion, which never changes. It holds no database connection while its client reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar

from google.protobuf.duration_pb2 import Duration
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition
from pfa.v1.record_service_pb2 import StreamRecordsResponse
from pfa_rpc.records.revision import CHUNK_RECORDS, Revision, chunk_of
from pfa_rpc.services.call import Call
from pfa_rpc.services.drafts.reads import DraftName
from pfa_rpc.services.reading.answers import FRESH, Answer, Need
from pfa_rpc.services.reading.chunk_reads import ChunkPairs, Fetching
from pfa_rpc.services.reading.framing import BATCH_BYTES, frame_records, frames_length, split_by_bytes, split_frames
from pfa_rpc.services.reading.modified import unsynced_states
from pfa_rpc.services.requests import Mask, revision_token
from pfa_rpc.services.sources import Sources
from pfa_rpc.store import reads
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.sending import Sending

STRETCH: Final = 2_000
"""Records that a filtered stream reads from the database at once."""
DRAFT_STRETCH: Final = 10_000
"""The same through a draft, where the database sorts all that is left for each stretch."""
WINDOW: Final = 8
"""Chunks that a whole stream fetches at once, after the first."""
FIRST_BATCH: Final = 50
"""Records of a whole stream's first message: a client sees them while the bulk is still on its way."""
HEARTBEAT_SECONDS: Final = 10.0
"""How long a stream may be silent."""

_T = TypeVar("_T")


@dataclass(slots=True)
class Stream:
    """What a stream was asked for, and where it stands."""

    organization_id: str
    condition: Condition | None
    mask: Mask
    batch_size: int
    request_digest: bytes
    need: Need = FRESH
    position: int = -1
    """Position of the last record sent."""
    revision: Revision | None = None
    """Revision of the first batch."""
    revision_token: str = ""
    """Names that revision; empty until the first batch is written."""
    age: Duration | None = None
    """How old what is read was when the stream began; None: it is read for it."""
    draft: DraftName | None = None
    """The draft that the records are seen through; None: they are read as they are."""
    other_trailer: Callable[[Stream], bytes] | None = None
    """Makes the fields of a message besides its records, for a stream that is part of another call."""

    def resume(self, content: list[int]) -> None:
        """Go on where a resume token says."""
        self.position, number, nonce = content
        self.revision = Revision(number, nonce)
        if not self.need.is_fresh:
            # What was sent already, and what is asked for now: the newer of both, or else a fresh read.
            both = (self.revision, self.need.at_least or self.revision)
            self.need = Need(at_least=next((one for one in both if all(map(one.shows, both))), None))

    def read_from(self, answer: Answer) -> None:
        """Note what is read, once that is known."""
        self.revision = self.revision or answer.revision
        self.age = answer.age


class RecordStreams:
    """Writes streams."""

    def __init__(self, sources: Sources) -> None:
        self._database = sources.database
        self._chunks = sources.chunks
        self._pairs = ChunkPairs(sources.database, sources.answers)
        self._tokens = sources.tokens
        self._modified = sources.modified
        self._drafts = sources.drafts

    async def write(self, stream: Stream, call: Call) -> None:
        """Write a stream to its end. One that matches nothing is one message without records."""
        began_at = stream.position
        if stream.draft is not None:
            await self._write_filtered(stream, call)
        elif stream.condition is None:
            await self._write_whole(stream, call)
        elif not await self._write_modified(stream, call):
            await self._write_filtered(stream, call)
        if stream.position == began_at:
            await call.write(self._trailer(stream))

    # --- modified records --------------------------------------------------------------------------------------------

    async def _write_modified(self, stream: Stream, call: Call) -> bool:
        """Write modified records, if that is what was asked for and they are kept together; else return False."""
        states = unsynced_states(stream.condition)
        if states is None:
            return False
        getting = self._modified.get(stream.organization_id, states, stream.need)
        modified = await self._while_alive(getting, stream, call)
        if modified is None:
            return False
        stream.read_from(modified.answer)
        await self._write_records(stream, modified.stretch(stream.position), call)
        return True

    # --- by SQL ------------------------------------------------------------------------------------------------------

    async def _write_filtered(self, stream: Stream, call: Call) -> None:
        while True:
            stretch = await self._while_alive(self._read_stretch(stream), stream, call)
            await self._write_records(stream, stretch, call)
            if len(stretch) < stretch_of(stream):
                return

    async def _read_stretch(self, stream: Stream) -> Sequence[tuple[int, bytes]]:
        async with self._reading(stream) as connection:
            if stream.revision is None:
                stream.revision = (await get_organization(connection, stream.organization_id)).revision
            return await reads.read_stretch(
                connection, stream.organization_id, stream.condition, after=stream.position, limit=stretch_of(stream)
            )

    @asynccontextmanager
    async def _reading(self, stream: Stream) -> AsyncIterator[AsyncConnection]:
        if stream.draft is None:
            async with self._database.reading() as connection:
                yield connection
        else:
            async with self._drafts.reading(stream.draft) as seen:
                yield seen.connection

    # --- from chunks -------------------------------------------------------------------------------------------------

    async def _write_whole(self, stream: Stream, call: Call) -> None:
        # Nothing can be said before this: there is no revision yet that a sign of life could name.
        answer, pairs = await self._pairs.get(stream.organization_id, stream.need)
        stream.read_from(answer)
        first = chunk_of(stream.position + 1)
        wanted = [number for number in pairs if number >= first]
        last = max(pairs, default=0)
        windows = ({number: pairs[number] for number in window} for window in _windows(wanted))
        async with Sending() as keeping, Fetching(self._chunks, stream.organization_id, windows) as fetching:
            while (fetched := await self._while_alive(fetching.next(), stream, call)) is not None:
                for number, framed in fetched.framed.items():
                    await self._write_chunk(stream, number, framed, call, is_last=number == last)
                # What a client waits for is sent by now, and goes on being so.
                await keeping.begin(self._chunks.keep(stream.organization_id, fetched))

    async def _write_chunk(self, stream: Stream, number: int, framed: bytes, call: Call, *, is_last: bool) -> None:
        first = number * CHUNK_RECORDS
        is_cut = stream.position >= first or stream.batch_size < CHUNK_RECORDS or len(framed) > BATCH_BYTES
        if is_cut or stream.mask:
            positioned = list(enumerate(split_frames(framed), start=first))
            await self._write_records(stream, [pair for pair in positioned if pair[0] > stream.position], call)
            return
        # Positions have no gaps: no chunk but the last can be other than full.
        end = first + (len(split_frames(framed)) if is_last else CHUNK_RECORDS) - 1
        if not stream.revision_token and end - first >= FIRST_BATCH:
            head = frames_length(framed, FIRST_BATCH)
            stream.position = first + FIRST_BATCH - 1
            await call.write(framed[:head] + self._trailer(stream))
            framed = framed[head:]
        stream.position = end
        await call.write(framed + self._trailer(stream))

    # --- both --------------------------------------------------------------------------------------------------------

    async def _write_records(self, stream: Stream, stretch: Sequence[tuple[int, bytes]], call: Call) -> None:
        """Write records as messages of at most a batch and BATCH_BYTES each."""
        start = 0
        while start < len(stretch):
            part = stretch[start : start + stream.batch_size]
            payloads = await stream.mask.apply_all([payload for _, payload in part])
            fitting = split_by_bytes(payloads, BATCH_BYTES)
            stream.position = part[fitting - 1][0]
            await call.write(frame_records(payloads[:fitting]) + self._trailer(stream))
            start += fitting

    def _trailer(self, stream: Stream) -> bytes:
        """Return the fields of a message besides its records."""
        revision = stream.revision
        if revision is None:
            raise AssertionError("a stream writes after its first read only")
        if stream.other_trailer is not None:
            return stream.other_trailer(stream)
        resume_token = self._tokens.seal(
            "resume",
            stream.organization_id,
            stream.request_digest,
            [stream.position, revision.number, revision.nonce],
        )
        if not stream.revision_token:
            stream.revision_token = revision_token(self._tokens, stream.organization_id, revision)
        trailer = StreamRecordsResponse(resume_token=resume_token, revision_token=stream.revision_token, age=stream.age)
        return trailer.SerializeToString()

    async def _while_alive(self, work: Awaitable[_T], stream: Stream, call: Call) -> _T:
        """Await work, and give a sign of life whenever HEARTBEAT_SECONDS pass meanwhile."""
        task = asyncio.ensure_future(work)
        try:
            while not (await asyncio.wait([task], timeout=HEARTBEAT_SECONDS))[0]:
                if stream.revision is not None:
                    await call.write(self._trailer(stream))
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])


def stretch_of(stream: Stream) -> int:
    """Return how many records a filtered stream reads from the database at once."""
    return STRETCH if stream.draft is None else DRAFT_STRETCH


def _windows(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield what is fetched at once: the first by itself, so that it is on its way soon, then WINDOW at a time."""
    if numbers:
        yield numbers[:1]
    for start in range(1, len(numbers), WINDOW):
        yield numbers[start : start + WINDOW]
