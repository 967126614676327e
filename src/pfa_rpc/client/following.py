"""Follows an organization over any number of connections: `RecordClient`."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status

from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa.v1.watch_pb2 import WatchRecordsRequest, WatchRecordsResponse
from pfa_rpc.client.replica import Change, Replica

SILENCE_SECONDS: Final = 30.0
"""How long a server may say nothing before the connection counts as lost; it breaks its silence every ten seconds."""
FIRST_WAIT: Final = 0.2
"""Seconds before the first attempt to connect again; each further one waits about twice as long."""
LONGEST_WAIT: Final = 30.0
ATTEMPTS: Final = 5
"""How often in a row a watch fails for what hardly passes by waiting, or breaks before all records that match came."""
_AWAY: Final = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
"""What passes: a server that is away, or is too busy to answer."""
_BUSY: Final = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})
"""What passes where the server says when to come again."""
_DOUBTFUL: Final = frozenset({grpc.StatusCode.ABORTED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, *_BUSY})
"""What may pass, but not for ever: a client that is too slow once, a defect that a deployment has brought."""
_OUTDATED: Final = frozenset({"REVISION_COMPACTED", "INVALID_TOKEN"})
"""Reasons after which a replica has to be compared with all that there is."""


class RecordClient:
    """Calls of RecordService that take more than a stub.

    Args:
        channel: an open channel of grpc.aio.
        token: the bearer token that the server asks for; None: none is sent.
        waiting: is told the error and the seconds to wait, before each attempt to connect again.
    """

    def __init__(
        self,
        channel: grpc.aio.Channel,
        *,
        token: str | None = None,
        waiting: Callable[[grpc.aio.AioRpcError, float], None] | None = None,
    ) -> None:
        self._records = RecordServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),) if token else ()
        self._waiting = waiting

    async def follow(
        self,
        organization_id: str,
        *,
        filter: str = "",  # noqa: A002 (its name in the API)
        read_mask: FieldMask | None = None,
        replica: Replica | None = None,
    ) -> AsyncGenerator[Change, None]:
        """Yield every change of the records that match a filter, keeping a replica in step, for as long as it is asked.

        A new replica gets the records that match first; one with a token goes on where it was. A connection that is
        lost is made again. Where the history does not reach back to the replica's token, everything is read anew and
        compared: the caller sees what has changed, and nothing else.

        Raises grpc.aio.AioRpcError for what waiting does not mend, such as a filter that cannot be read; and after some
        attempts for what it might, such as a defect of the server or records that never come to their end. A server
        that is away is waited for.
        """
        replica = replica if replica is not None else Replica()
        if not replica.token:
            replica.restart()
        request = WatchRecordsRequest(organization_id=organization_id, filter=filter, read_mask=read_mask)
        patience = _Patience()
        while True:
            request.revision_token = replica.token
            try:
                # Closed at once when the caller stops: the server would go on until the garbage is collected.
                async with aclosing(self._messages(request)) as messages:
                    async for message in messages:
                        patience.note(message)
                        for change in replica.apply(message):
                            yield change
            except grpc.aio.AioRpcError as error:
                reason, delay = _details(error)
                if replica.token and reason in _OUTDATED:
                    replica.restart()
                else:
                    patience.check(error, delay)
                await self._wait(error, patience.next_wait(delay))
                if not replica.token:
                    replica.restart()

    async def _wait(self, error: grpc.aio.AioRpcError, seconds: float) -> None:
        if self._waiting is not None:
            self._waiting(error, seconds)
        await asyncio.sleep(seconds)

    async def _messages(self, request: WatchRecordsRequest) -> AsyncGenerator[WatchRecordsResponse, None]:
        """Yield the messages of one watch. Raises AioRpcError at its end, whichever way it ends."""
        call = self._records.WatchRecords(request, metadata=self._metadata)
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await call.read()
                if not isinstance(message, WatchRecordsResponse):
                    raise _lost("the server ended the watch")
                yield message
        except TimeoutError:
            raise _lost(f"the server said nothing for {SILENCE_SECONDS:g} seconds") from None
        finally:
            call.cancel()


class _Patience:
    """How often a watch has failed, and whether it is worth going on."""

    def __init__(self) -> None:
        self._failures = 0
        """In a row, without a message in between."""
        self._doubtful = 0
        """In a row, of those that hardly pass."""
        self._broken = 0
        """Listings in a row that began and never came to their end."""
        self._is_listing = False

    def note(self, message: WatchRecordsResponse) -> None:
        """Note a message: something passes."""
        self._failures = 0
        if message.changes_through:
            self._is_listing = False
            self._doubtful = self._broken = 0
        elif message.is_current:
            self._is_listing = True

    def check(self, error: grpc.aio.AioRpcError, delay: float) -> None:
        """Raise the error where waiting does not mend it, or has not until now."""
        code = error.code()
        if self._is_listing:
            self._is_listing = False
            self._broken += 1
        if code in _AWAY or (code in _BUSY and delay):
            is_over = self._broken >= ATTEMPTS
        else:
            self._doubtful += 1
            is_over = code not in _DOUBTFUL or self._doubtful >= ATTEMPTS
        if is_over:
            raise error

    def next_wait(self, delay: float) -> float:
        """Return the seconds to wait, as the server asks or longer each time."""
        self._failures += 1
        own = random.uniform(0.5, 1.0) * FIRST_WAIT * 2.0 ** min(self._failures - 1, 30)
        return min(delay or own, LONGEST_WAIT)


def _lost(why: str) -> grpc.aio.AioRpcError:
    nothing = grpc.aio.Metadata()
    return grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, details=why)


def _details(error: grpc.aio.AioRpcError) -> tuple[str, float]:
    """Return the reason of an error of the service, "" for another, and the seconds that it asks to wait, or 0."""
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # an AioRpcError has what it reads
    reason, seconds = "", 0.0
    for detail in status.details if status is not None else ():
        info, retry = ErrorInfo(), RetryInfo()
        if detail.Unpack(info):
            reason = info.reason
        elif detail.Unpack(retry):
            seconds = retry.retry_delay.ToTimedelta().total_seconds()
    return reason, seconds
