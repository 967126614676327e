"""Start and stop: `run` is the process, `serve` its coroutine, `running` the same for tests and embedding."""

from __future__ import annotations

import asyncio
import errno
import functools
import gc
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import grpc
import sqlalchemy as sa
import structlog
import uvloop
from grpc_health.v1 import health, health_pb2_grpc

from pfa_rpc.cache.factory import make_cache
from pfa_rpc.cache.interface import Cache
from pfa_rpc.errors import SetupError
from pfa_rpc.server import log
from pfa_rpc.server.addresses import Address
from pfa_rpc.server.authentication import Authenticator
from pfa_rpc.server.gate import Gate
from pfa_rpc.server.health import HealthService
from pfa_rpc.server.housekeeping import keeping_house
from pfa_rpc.server.interceptor import CallInterceptor
from pfa_rpc.server.metrics import serving_metrics
from pfa_rpc.server.reflection import add_reflection
from pfa_rpc.server.registration import add_services
from pfa_rpc.server.schedule import scheduling
from pfa_rpc.server.settings import Settings, unknown_variables, variable
from pfa_rpc.services.registry import build_services
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.instance import shared_key
from pfa_rpc.store.migrating.migrate import migrate, require_current
from pfa_rpc.sync.push import Pushing
from pfa_rpc.sync.runner import Runner

Build = Callable[[Database, Tokens, Cache], Mapping[str, object]]
"""Makes the services, by their full names."""

SPARE_CALLS: Final = 100
"""How many calls the core lets in beyond the limit: health checks, and those that are told of the limit."""
RECEIVE_FACTOR: Final = 2
"""The core takes requests up to this many times the limit, so that a somewhat larger one is refused with a reason."""
LAST_SECONDS: Final = 5.0
"""How long the last statuses may take to reach their clients after all calls were ended."""

_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_YOUNG_OBJECTS: Final = 20_000
"""New objects after which they are looked through for garbage: what a thousand edits need is freed without that."""
_log: Final = structlog.stdlib.get_logger("pfa")


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is up."""

    address: Address
    """With the port that was taken."""
    server: grpc.aio.Server
    gate: Gate
    health: HealthService

    @property
    def target(self) -> str:
        """What a client connects to: HOST:PORT."""
        return str(self.address)

    async def stop(self, seconds: float) -> None:
        """Stop: health says NOT_SERVING, nothing new comes in, running calls get some seconds, then all is over."""
        await self.health.enter_graceful_shutdown()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.server.stop(seconds + LAST_SECONDS))
            tasks.create_task(self.gate.drain(seconds))

    async def stop_at_once(self) -> None:
        """Stop without waiting for anything; a stop that is under way ends too."""
        self.gate.end_all()
        await self.server.stop(None)


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises SetupError, SchemaTooNew, DatabaseUnavailable where it cannot start."""
    log.configure(settings)
    gc.set_threshold(_YOUNG_OBJECTS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings))


async def serve(settings: Settings, *, ready: Callable[[int], None] | None = None) -> None:
    """Serve until SIGTERM or SIGINT; a second one ends it at once.

    For a process that does nothing else: it takes these signals, and leaves them ignored. `ready` is told the port once
    calls are answered. Raises what `running` does.
    """
    for name, nearest in unknown_variables(os.environ):
        hint = f"; did you mean {nearest}?" if nearest else ""
        _log.warning(f"{name} is not a setting of this service{hint}")
    stop = asyncio.Queue[None]()
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.put_nowait, None)
    try:
        async with running(settings, stop_seconds=None) as server:
            # What there is by now stays: looking through it for garbage would hold every call up for some 50 ms.
            gc.collect()
            gc.freeze()
            if ready is not None:
                ready(server.address.port)
            await stop.get()
            await _stop_gracefully(server, settings.stop_seconds, stop)
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
            # The process is about to end by itself; one more signal must not turn that into a death by signal.
            signal.signal(number, signal.SIG_IGN)


async def _stop_gracefully(server: Running, seconds: float, again: asyncio.Queue[None]) -> None:
    _log.info("stopping", seconds=seconds)
    stopping = asyncio.create_task(server.stop(seconds))
    asked_again = asyncio.create_task(again.get())
    await asyncio.wait((stopping, asked_again), return_when=asyncio.FIRST_COMPLETED)
    if not stopping.done():
        await server.stop_at_once()
    asked_again.cancel()
    await stopping
    _log.info("stopped")


@asynccontextmanager
async def running(
    settings: Settings, *, build: Build | None = None, stop_seconds: float | None = 0.0
) -> AsyncIterator[Running]:
    """Give a server that is up, and stop it afterwards, giving calls `stop_seconds` (None: it is stopped already).

    Raises SetupError where the address cannot be had or the database is not of this version, DatabaseUnavailable where
    the database cannot be used.
    """
    _probe(settings.address)  # before anything is touched
    async with AsyncExitStack() as stack:
        database = Database(settings.database_url, settings.database_limits)
        stack.push_async_callback(database.close)
        await _prepare(database)
        key = settings.token_key
        tokens = Tokens(key.get_secret_value().encode() if key else await shared_key(database))
        cache = _make_cache(settings)
        stack.push_async_callback(cache.close)
        await _serve_metrics(settings, stack)
        await stack.enter_async_context(keeping_house(database, history_days=settings.history_days))
        runner = Runner(database, settings.pems, push=Pushing(settings.pems))
        stack.push_async_callback(runner.close)
        await stack.enter_async_context(scheduling(database, runner))
        server = await _start(settings, (build or _build(settings, runner))(database, tokens, cache))
        try:
            yield server
        finally:
            if stop_seconds is not None:
                await server.stop(stop_seconds)
            else:
                await server.stop_at_once()


def _build(settings: Settings, runner: Runner) -> Build:
    return functools.partial(
        build_services,
        modified_records=settings.cache_modified_records,
        watch_bytes=settings.watch_bytes,
        runner=runner,
    )


def _make_cache(settings: Settings) -> Cache:
    url = settings.redis_url.get_secret_value() if settings.redis_url else None
    return make_cache(url, process_bytes=settings.cache_process_bytes)


async def _serve_metrics(settings: Settings, stack: AsyncExitStack) -> None:
    """Serve metrics until the stack is left. Raises SetupError."""
    address = settings.metrics_address
    if address is None:
        return
    _probe(address, "metrics_listen")
    try:
        await stack.enter_async_context(serving_metrics(address, settings.bearer_tokens))
    except OSError as error:
        raise _bind_error(address, error.errno or 0, "metrics_listen") from error


async def _prepare(database: Database) -> None:
    """Make the tables of an empty database; one that has tables must have this version's."""
    async with database.reading() as connection:
        tables = await connection.run_sync(lambda sync: sa.inspect(sync).get_table_names())
    if not tables:
        _, schema = await migrate(database)
        _log.info("made the tables of an empty database", schema=schema)
    await require_current(database)


async def _start(settings: Settings, services: Mapping[str, object]) -> Running:
    gate = Gate(settings.max_concurrent_calls, settings.max_watchers)
    server = _make_server(settings, gate)
    add_services(server, services)
    servicer = HealthService(services)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    add_reflection(server, [*services, health.SERVICE_NAME])
    address = _bind(server, settings.address)
    await server.start()
    await servicer.start()
    _log.info("serving", address=str(address), port=address.port, tokens=bool(settings.api_tokens))
    return Running(address, server, gate, servicer)


def _make_server(settings: Settings, gate: Gate) -> grpc.aio.Server:
    interceptor = CallInterceptor(
        Authenticator(settings.bearer_tokens),
        gate,
        write_seconds=settings.stream_write_seconds,
        max_request_bytes=settings.max_request_bytes,
    )
    return grpc.aio.server(
        interceptors=(interceptor,),
        maximum_concurrent_rpcs=settings.max_concurrent_calls + settings.max_watchers + SPARE_CALLS,
        options=(
            ("grpc.so_reuseport", 0),  # two servers on one port would share its calls at random
            ("grpc.max_receive_message_length", settings.max_request_bytes * RECEIVE_FACTOR),
            ("grpc.max_send_message_length", -1),
            # A client whose machine went away leaves its connection open: pings find that out.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ),
    )


def _bind(server: grpc.aio.Server, address: Address) -> Address:
    """Take the address. SetupError where another process was quicker than our probe."""
    try:
        return address.with_port(server.add_insecure_port(str(address)))
    except RuntimeError as error:
        raise _bind_error(address, errno.EADDRINUSE) from error


def _probe(address: Address, name: str = "listen") -> None:
    """Try the address with a socket of our own, which says why it cannot be had; the core only says that."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror:
        raise SetupError(
            f"{address.host!r} is no address of this machine; set {variable(name)} to one, such as 127.0.0.1:50051"
        ) from None
    for family, kind, protocol, _, target in found:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(target)
            except OSError as error:
                raise _bind_error(address, error.errno or 0, name) from None


def _bind_error(address: Address, number: int, name: str = "listen") -> SetupError:
    setting = variable(name)
    match number:
        case errno.EADDRINUSE:
            return SetupError(
                f"{address} is in use by another process; stop it or set {setting} to another port",
                metadata={"address": str(address)},
            )
        case errno.EACCES:
            return SetupError(f"{address} needs rights that this user lacks; set {setting} to a port above 1023")
        case errno.EADDRNOTAVAIL:
            return SetupError(f"{address.host} is no address of this machine; set {setting} to one that is")
        case _:
            return SetupError(f"{address} cannot be listened on: {os.strerror(number)}; set {setting} to another one")
