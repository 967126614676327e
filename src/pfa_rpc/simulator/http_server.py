"""A small HTTP/1.1 server: `HttpServer` gives each request to a handler, and can break or starve a connection.

h11 reads and frames the messages; the connections are ours, so that faults can cut them wherever they like.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import h11

from pfa_rpc.simulator.calls import Answer

_log = logging.getLogger(__name__)
_READ_BYTES: Final = 1 << 16
_BODY_LIMIT: Final = 8 << 20
_IDLE_SECONDS: Final = 300.0
_DRIPS_A_SECOND: Final = 20


@dataclass(frozen=True, slots=True)
class Request:
    """A request that came in whole."""

    method: str
    target: str
    """Path and query."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes


class Dropped(Exception):
    """The connection is to be broken without an answer."""


Handler = Callable[[Request], Awaitable[Answer]]


class HttpServer:
    """Listens on one address. Use as: `await start()`, then `await close()`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen; return the port. Raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._accept, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def close(self) -> None:
        """Stop listening, and end every connection."""
        if self._server is not None:
            self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    def drop_connections(self) -> None:
        """End every connection, whatever it is doing."""
        for talk in list(self._talks):
            talk.cancel()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        talk = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Small answers would otherwise wait for the acknowledgement of the one before.
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self._converse(reader, writer)
            writer.close()
        except (Dropped, OSError, TimeoutError, h11.RemoteProtocolError):
            writer.transport.abort()
        except BaseException:
            writer.transport.abort()
            raise

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while (request := await _next_request(connection, reader)) is not None:
            answer = await self._answered(request)
            if request.method == "HEAD":
                answer.body = b""
            await _send(connection, writer, answer)
            if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
                return  # the client asked to close, or the answer was cut short
            connection.start_next_cycle()

    async def _answered(self, request: Request) -> Answer:
        """Return the handler's answer; a defect of it becomes an answer too, so that a test sees what it was."""
        try:
            return await self._handler(request)
        except Dropped:
            raise
        except Exception as error:
            _log.exception("%s %s failed", request.method, request.target)
            text = f"The simulator itself is at fault: {error!r}"
            return Answer(500, text.encode(), {"content-type": "text/plain; charset=utf-8"})


async def _next_request(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    """Return the next request, or None where the client has closed the connection."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            async with asyncio.timeout(_IDLE_SECONDS):
                connection.receive_data(await reader.read(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > _BODY_LIMIT:
                raise Dropped
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in head.headers}
            return Request(head.method.decode("latin-1"), head.target.decode("latin-1"), headers, bytes(body))
        else:
            return None


async def _send(connection: h11.Connection, writer: asyncio.StreamWriter, answer: Answer) -> None:
    headers = [*answer.headers.items(), ("content-length", str(len(answer.body)))]
    writer.write(connection.send(h11.Response(status_code=answer.status, headers=headers)) or b"")
    body = memoryview(answer.body)[: int(len(answer.body) * answer.sent_share)]
    if answer.bytes_per_second is None:
        writer.write(body)
    else:
        await _drip(writer, body, answer.bytes_per_second)
    await writer.drain()
    if answer.sent_share < 1:
        return
    connection.send_with_data_passthrough(h11.Data(data=answer.body))
    connection.send(h11.EndOfMessage())


async def _drip(writer: asyncio.StreamWriter, body: memoryview, bytes_per_second: float) -> None:
    step = max(1, int(bytes_per_second / _DRIPS_A_SECOND))
    for start in range(0, len(body), step):
        writer.write(body[start : start + step])
        await writer.drain()
        await asyncio.sleep(step / bytes_per_second)
