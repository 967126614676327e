"""Watchers in a process of their own: `Watchers` reads streams, and tells when messages came to each."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Final

import grpc
import uvloop

from bench.serving import run_until_told

WATCH: Final = "/bench.Floor/Watch"
TELL: Final = "/bench.Floor/Tell"
CHANNELS: Final = 10
"""A server lets a connection have a hundred calls at once."""
SETTLE_SECONDS: Final = 2.0
"""How long a server takes to know all streams, and to become quiet."""
_HEAR_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class Heard:
    """One message that came to every watcher."""

    at: list[float]
    """When it came to each, by time.perf_counter, which all processes share."""
    cpu: float
    """Seconds of processor time that the watchers' process has used until then."""


@dataclass(frozen=True, slots=True)
class Streams:
    """Streams of one method."""

    address: str
    method: str
    """Full name."""
    request: bytes
    number: int
    first: bytes
    """What the messages begin with that count."""


class Watchers:
    """Streams, read as bytes; a message counts as heard when it has come to each."""

    def __init__(self, streams: Streams) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process = spawn.Process(target=_hold, args=(streams, there), daemon=True)

    def __enter__(self) -> Watchers:
        self._process.start()
        self._here.recv()
        time.sleep(SETTLE_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join(10)

    def heard(self) -> Heard:
        """Return when the next message came to each. Raises TimeoutError."""
        if not self._here.poll(_HEAR_SECONDS):
            raise TimeoutError("the watchers have not heard")
        at, cpu = self._here.recv()
        return Heard(at, cpu)


def _hold(streams: Streams, pipe: Connection) -> None:
    uvloop.run(_read_all(streams, pipe))


async def _read_all(streams: Streams, pipe: Connection) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(streams.address, options=options) for _ in range(CHANNELS)]
    arrivals: list[float] = []

    async def read(channel: grpc.aio.Channel) -> None:
        stream: Any = channel.unary_stream(streams.method)
        async for message in stream(streams.request):
            if message.startswith(streams.first):
                arrivals.append(time.perf_counter())
                if len(arrivals) >= streams.number:
                    pipe.send((arrivals[:], time.process_time()))
                    arrivals.clear()

    async with asyncio.TaskGroup() as tasks:
        for place in range(streams.number):
            tasks.create_task(read(channels[place % CHANNELS]))
        pipe.send("begun")


def serve_told(pipe: Connection) -> None:
    """Run a server that writes what it is told by a call to every stream, and does nothing else."""

    async def main() -> None:
        told: set[asyncio.Event] = set()
        said = b""

        async def watch(_request: bytes, context: Any) -> None:
            event = asyncio.Event()
            told.add(event)
            while True:
                await event.wait()
                event.clear()
                await context.write(said)

        async def tell(request: bytes, _context: object) -> bytes:
            nonlocal said
            said = request
            for event in told:
                event.set()
            return repr(time.process_time()).encode()

        server = grpc.aio.server()
        handlers: dict[str, Any] = {
            "Watch": grpc.unary_stream_rpc_method_handler(watch),
            "Tell": grpc.unary_unary_rpc_method_handler(tell),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("bench.Floor", handlers),))
        await run_until_told(server, pipe)

    uvloop.run(main())
