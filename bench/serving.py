"""What benchmarks of reads talk to: `Ours`, a client of a real `pfa serve`, and the `floor`, calls that do nothing."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import asyncpg
import grpc
import uvloop
from google.protobuf.message import Message

from pfa.v1.cache_service_pb2 import ClearCacheRequest
from pfa.v1.organization_service_pb2 import ListOrganizationsRequest, ListOrganizationsResponse
from pfa.v1.query_service_pb2 import AskRequest, AskResponse
from pfa.v1.record_service_pb2 import ListRecordsRequest, StreamRecordsRequest

NOTHING: Final = "/bench.Floor/Nothing"
CALL_SECONDS: Final = 120
_OPTIONS: Final = [("grpc.max_receive_message_length", -1)]


def keep_bytes(raw: bytes) -> bytes:
    """Decode nothing."""
    return raw


class Ours:
    """A client that takes answers as bytes; what decodes them is given by name."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)

    def unary(self, method: str, request: Message, decode: Callable[[bytes], Any] = keep_bytes) -> Any:
        """Return the answer to `Service/Method`."""
        call: Any = self._channel.unary_unary(f"/pfa.v1.{method}", None, decode)
        return call(request.SerializeToString(), timeout=CALL_SECONDS)

    def streamed(self, method: str, request: Message, decode: Callable[[bytes], Any] = keep_bytes) -> Iterator[Any]:
        """Yield the messages of a stream."""
        call: Any = self._channel.unary_stream(f"/pfa.v1.{method}", None, decode)
        yield from call(request.SerializeToString(), timeout=CALL_SECONDS)

    def list_records(self, code: str, decode: Callable[[bytes], Any] = keep_bytes, **more: Any) -> Any:
        """Return a page."""
        return self.unary("RecordService/ListRecords", ListRecordsRequest(organization_id=code, **more), decode)

    def ask(
        self, code: str, question: str, decode: Callable[[bytes], Any] = AskResponse.FromString, **more: Any
    ) -> list[Any]:
        """Return every message of an answer."""
        request = AskRequest(organization_id=code, question=question, **more)
        return list(self.streamed("QueryService/Ask", request, decode))

    def stream_records(self, code: str) -> int:
        """Read a whole organization; return its bytes."""
        return sum(map(len, self.streamed("RecordService/StreamRecords", StreamRecordsRequest(organization_id=code))))

    def clear(self, code: str) -> None:
        """Let every cache forget an organization."""
        self.unary("CacheService/ClearCache", ClearCacheRequest(organization_id=code))

    def organizations(self, currency: str | None = None) -> dict[str, int]:
        """Return code → number of records, the largest first; only those of a currency, if one is named."""
        found: dict[str, int] = {}
        request = ListOrganizationsRequest(page_size=1_000)
        while True:
            page = self.unary("OrganizationService/ListOrganizations", request, ListOrganizationsResponse.FromString)
            items = [item for item in page.organizations if currency in (None, item.currency_code)]
            found |= {item.organization_id: item.record_count for item in items}
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


@dataclass(frozen=True, slots=True)
class Floor:
    """What a call and a query take that do nothing."""

    call: Callable[[], object]
    """A unary call of a grpc.aio server on uvloop, in a process of its own."""
    select: Callable[[], object]
    """SELECT 1 over a dedicated connection of asyncpg."""


def serve_nothing(pipe: Connection) -> None:
    """Run a server whose one call gives back what it got, until the pipe says stop."""

    async def nothing(request: bytes, _context: object) -> bytes:
        return request

    async def main() -> None:
        server = grpc.aio.server()
        service, method = NOTHING.strip("/").split("/")
        handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(nothing)}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        await run_until_told(server, pipe)

    uvloop.run(main())


async def run_until_told(server: grpc.aio.Server, pipe: Connection) -> None:
    """Run a server, whose port the pipe is sent, until the pipe says stop."""
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    pipe.send(port)
    await asyncio.to_thread(pipe.recv)
    await server.stop(None)


@contextmanager
def in_process(serve: Callable[[Connection], None]) -> Iterator[str]:
    """Give the address of a server that runs in a process of its own."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=serve, args=(there,), daemon=True)
    process.start()
    try:
        yield f"127.0.0.1:{here.recv()}"
    finally:
        here.send("stop")
        process.join(10)


@contextmanager
def floor(url: str) -> Iterator[Floor]:
    """Give the floor beside a database."""
    with in_process(serve_nothing) as address, asyncio.Runner() as runner:
        channel = grpc.insecure_channel(address)
        nothing: Any = channel.unary_unary(NOTHING)
        connection = runner.run(asyncpg.connect(url))
        try:
            yield Floor(lambda: nothing(b""), lambda: runner.run(connection.fetchval("SELECT 1")))
        finally:
            runner.run(connection.close())
            channel.close()
