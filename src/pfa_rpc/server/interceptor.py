"""The one interceptor: every call passes `CallInterceptor`, those of health and reflection too.

It reads the request, names the call, finds out who makes it, hands it on with a `Call`, turns what goes wrong into a
status, and writes one line into the log.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn

import grpc
import structlog
from google.protobuf.message import Message

from pfa_rpc.errors import LimitExceeded, MalformedRequest, PfaError, SetupError
from pfa_rpc.server.authentication import Authenticator, Metadata
from pfa_rpc.server.gate import Gate
from pfa_rpc.server.metrics import CALLS
from pfa_rpc.server.registration import ServiceMethod
from pfa_rpc.server.status import DETAILS_KEY, InternalError, code_of, to_status
from pfa_rpc.server.write_limit import WriteLimit, first_message
from pfa_rpc.services.call import is_endless
from pfa_rpc.services.principal import Principal

REQUEST_ID_KEY: Final = "x-request-id"
"""Key of the metadata that names a call, in both directions."""
HEALTH_PREFIX: Final = "/grpc.health.v1.Health/"

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_QUERY_FIELDS: Final = ("filter", "order_by", "question")
"""Fields of requests that only the debug log shows."""

Context = grpc.aio.ServicerContext[Any, Any]
_log: Final = structlog.stdlib.get_logger("pfa")


@dataclass(slots=True)
class Exchange:
    """What is known of a call while it runs."""

    method: str
    request_id: str
    metadata: Metadata
    peer: str = ""
    principal: Principal | None = None
    organization_id: str | None = None
    code: grpc.StatusCode = grpc.StatusCode.OK
    started: float = field(default_factory=time.perf_counter)

    @property
    def is_health(self) -> bool:
        """Whether this is a health check: let in without a token, not counted, not logged as information."""
        return self.method.startswith(HEALTH_PREFIX)

    def note_request(self, request: object) -> None:
        """Keep what the log says of a request."""
        organization_id = getattr(request, "organization_id", None)
        self.organization_id = organization_id if isinstance(organization_id, str) else None
        texts = {name: getattr(request, name) for name in _QUERY_FIELDS if getattr(request, name, "")}
        if texts:
            _log.debug("request", method=self.method, request_id=self.request_id, **texts)

    def log(self) -> None:
        """Write the line of the call, and count it."""
        # A method that does not exist is whatever its caller wrote: each name would stay in memory for good.
        is_known = self.code is not grpc.StatusCode.UNIMPLEMENTED
        CALLS.labels(self.method if is_known else "unknown", self.code.name).inc()
        write = _log.debug if self.is_health else _log.info
        write(
            "call",
            method=self.method,
            code=self.code.name,
            milliseconds=round((time.perf_counter() - self.started) * 1000, 1),
            request_id=self.request_id,
            principal=self.principal.name if self.principal else None,
            organization_id=self.organization_id,
            peer=self.peer,
        )


class ServerCall:
    """The `Call` that a method of a service is given."""

    __slots__ = ("_context", "_has_begun", "_write_limit", "peer", "principal", "request_id")

    def __init__(self, context: Context, principal: Principal, exchange: Exchange, write_limit: WriteLimit) -> None:
        self._context = context
        self._write_limit = write_limit
        self._has_begun = False
        self.principal = principal
        self.request_id = exchange.request_id
        self.peer = exchange.peer

    async def write(self, response: Message | bytes) -> None:
        """Send one message of a stream. Raises SlowClient where the client does not take it in time."""
        writing = self._context.write(_to_bytes(response))
        if not self._has_begun:
            self._has_begun = True
            writing = first_message(writing)
        await self._write_limit.run(writing)


class CallInterceptor(grpc.aio.ServerInterceptor):
    """Stands around every call.

    Args:
        authenticator: Makes the principal of a call.
        gate: Holds the running calls.
        write_seconds: How long a stream waits for its client.
        max_request_bytes: Largest request.
    """

    def __init__(
        self, authenticator: Authenticator, gate: Gate, *, write_seconds: float, max_request_bytes: int
    ) -> None:
        self._authenticator = authenticator
        self._gate = gate
        self._write_limit = WriteLimit(write_seconds)
        self._max_request_bytes = max_request_bytes

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Return the handler with everything of this class around it.

        It takes raw bytes and parses them inside: bytes that are no request would otherwise give the client UNKNOWN and
        the text of the parser.
        """
        handler = await continuation(handler_call_details)
        metadata = tuple(handler_call_details.invocation_metadata or ())
        exchange = Exchange(handler_call_details.method, request_id(metadata), metadata)
        if handler is None:
            exchange.code = grpc.StatusCode.UNIMPLEMENTED
            exchange.log()
            return None
        return self._surround(handler, exchange)

    def _surround(
        self, handler: grpc.RpcMethodHandler[Any, Any], exchange: Exchange
    ) -> grpc.RpcMethodHandler[Any, Any]:
        async def unary(raw: bytes, context: Context) -> Any:
            return await self._guard(handler, exchange, context, raw)

        async def stream(raw: Any, context: Context) -> None:
            await self._guard(handler, exchange, context, raw)

        makers: dict[tuple[bool, bool], Callable[..., grpc.RpcMethodHandler[Any, Any]]] = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
            (True, True): grpc.stream_stream_rpc_method_handler,
        }
        make = makers[bool(handler.request_streaming), bool(handler.response_streaming)]
        behavior = stream if handler.response_streaming else unary
        return make(behavior, request_deserializer=None, response_serializer=handler.response_serializer)

    async def _guard(
        self, handler: grpc.RpcMethodHandler[Any, Any], exchange: Exchange, context: Context, raw: Any
    ) -> Any:
        """Run a call; whatever it raises becomes a status, and the call becomes a line of the log."""
        exchange.peer = context.peer()
        context.set_trailing_metadata(((REQUEST_ID_KEY, exchange.request_id),))
        try:
            return await self._admit(handler, exchange, context, raw)
        except asyncio.CancelledError:
            exchange.code = _code_of_cancellation(context)
            raise
        except grpc.aio.AbortError:
            exchange.code = _code_set_on(context)
            raise
        except grpc.aio.BaseError:
            # A client that leaves while something is written to it shows in more ways than a cancellation.
            exchange.code = grpc.StatusCode.CANCELLED
            raise asyncio.CancelledError from None
        except Exception as error:
            failure = _as_known(error, exchange)
            exchange.code = code_of(failure)
        finally:
            exchange.log()
        # After the line is logged: a client that reads slowly takes its status only when it has read what came before.
        return await _abort(context, failure, exchange.request_id)

    async def _admit(
        self, handler: grpc.RpcMethodHandler[Any, Any], exchange: Exchange, context: Context, raw: Any
    ) -> Any:
        if not exchange.is_health:
            exchange.principal = self._authenticator.authenticate(exchange.metadata)
        behavior = _behavior(handler)
        endless = isinstance(behavior, ServiceMethod) and is_endless(behavior.method)
        async with self._gate.enter(counted=not exchange.is_health, endless=endless):
            return await self._run(handler, exchange, context, raw)

    async def _run(
        self, handler: grpc.RpcMethodHandler[Any, Any], exchange: Exchange, context: Context, raw: Any
    ) -> Any:
        request = (
            self._parse_each(handler, exchange, raw)
            if handler.request_streaming
            else self._parse(handler, exchange, raw)
        )
        behavior = _behavior(handler)
        if isinstance(behavior, ServiceMethod):
            return await self._run_ours(behavior, exchange, context, request, streams=bool(handler.response_streaming))
        result = behavior(request, context)
        if not hasattr(result, "__aiter__"):
            return await result
        async for response in result:
            await context.write(response)
        return None

    async def _run_ours(
        self, behavior: ServiceMethod, exchange: Exchange, context: Context, request: object, *, streams: bool
    ) -> bytes | None:
        assert exchange.principal is not None, "only health checks have no principal"  # noqa: S101 (for the type)
        call = ServerCall(context, exchange.principal, exchange, self._write_limit)
        response = await behavior.method(request, call)
        if streams:
            return None
        if response is None:
            raise TypeError(f"{exchange.method} returned nothing")
        return _to_bytes(response)

    def _parse(self, handler: grpc.RpcMethodHandler[Any, Any], exchange: Exchange, raw: bytes) -> Any:
        if len(raw) > self._max_request_bytes:
            raise LimitExceeded(
                f"the request has {len(raw)} bytes; at most {self._max_request_bytes} are allowed",
                metadata={"limit": "max_request_bytes"},
            )
        if handler.request_deserializer is None:
            return raw
        try:
            request = handler.request_deserializer(raw)
        except Exception as error:
            raise MalformedRequest(
                f"the bytes of the request are not the message that {exchange.method} takes",
                metadata={"method": exchange.method},
            ) from error
        exchange.note_request(request)
        return request

    async def _parse_each(
        self, handler: grpc.RpcMethodHandler[Any, Any], exchange: Exchange, raws: AsyncIterator[bytes]
    ) -> AsyncIterator[Any]:
        async for raw in raws:
            yield self._parse(handler, exchange, raw)


def request_id(metadata: Metadata) -> str:
    """Return the name that the caller gave the call, if it is 1 to 64 of [A-Za-z0-9._-], else a new one."""
    for key, value in metadata:
        if key == REQUEST_ID_KEY and isinstance(value, str) and _REQUEST_ID.fullmatch(value):
            return value
    return uuid.uuid4().hex


def _behavior(handler: grpc.RpcMethodHandler[Any, Any]) -> Any:
    return handler.unary_unary or handler.unary_stream or handler.stream_unary or handler.stream_stream


def _to_bytes(response: Message | bytes) -> bytes:
    return response if isinstance(response, bytes) else response.SerializeToString()


def _as_known(error: Exception, exchange: Exchange) -> PfaError:
    """Return the error that a client is told; a defect is told as a defect, and goes into the log with its trace."""
    if isinstance(error, PfaError) and not isinstance(error, SetupError) and error.status != "INTERNAL":
        return error
    _log.error(
        "failure", method=exchange.method, request_id=exchange.request_id, error=type(error).__name__, exc_info=error
    )
    return InternalError.of(exchange.request_id)


async def _abort(context: Context, error: PfaError, name: str) -> NoReturn:
    """End the call with a status; a client that is gone by then is as good as one that cancelled."""
    status = to_status(error)
    trailing = ((DETAILS_KEY, status.SerializeToString()), (REQUEST_ID_KEY, name))
    try:
        await context.abort(code_of(error), status.message, trailing)
    except grpc.aio.InternalError:
        raise asyncio.CancelledError from None


def _code_of_cancellation(context: Context) -> grpc.StatusCode:
    """Return whether the client left or its deadline did."""
    remaining = context.time_remaining()
    return grpc.StatusCode.DEADLINE_EXCEEDED if remaining is not None and remaining <= 0 else grpc.StatusCode.CANCELLED


def _code_set_on(context: Context) -> grpc.StatusCode:
    """Return the code that a handler aborted with."""
    code = context.code()
    if isinstance(code, grpc.StatusCode):
        return code
    return next((known for known in grpc.StatusCode if known.value[0] == code), grpc.StatusCode.UNKNOWN)
