"""The way to a server: `connect` gives a `Connection`, whose failures are `ServerError`; `pointing` shows their place.

A ServerError holds what the google.rpc.Status of the answer says, or, where the failure is on the way, a sentence that
names the address and what to try.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_status import rpc_status

from pfa.v1.cache_service_pb2_grpc import CacheServiceStub
from pfa.v1.organization_service_pb2_grpc import OrganizationServiceStub
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa.v1.sync_service_pb2_grpc import SyncServiceStub
from pfa_rpc.cli import exits
from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.text import caret, plain

ResponseT = TypeVar("ResponseT", bound=Message)

_MAX_RESPONSE_BYTES: Final = 64 << 20
_CHANNEL_OPTIONS: Final = (
    ("grpc.max_receive_message_length", _MAX_RESPONSE_BYTES),
    # A proxy for web pages is no way to a server that mostly is on this machine or next to it.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
)


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a server finds wrong with a request."""

    field: str
    description: str


class ServerError(CommandError):
    """A call failed."""

    def __init__(
        self,
        message: str,
        *,
        code: str,
        reason: str = "",
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_seconds: float | None = None,
    ) -> None:
        # A sentence that is made of its only violation would be said twice.
        notes = [f"{v.field}: {v.description}" for v in violations if v.description not in message]
        super().__init__(message, status=exits.for_code(code), notes=notes)
        self.code = code
        """Name of the grpc.StatusCode."""
        self.reason = reason
        """Name of the ErrorReason without its prefix; empty where the failure is not the server's own word."""
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_seconds = retry_seconds
        """After how long the server suggests to try again."""

    @property
    def position(self) -> int | None:
        """Where in a filter or order the fault is, in code points from 0; None where the server does not say."""
        text = self.metadata.get("position", "")
        return int(text) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, slots=True)
class Target:
    """Where to call, as whom, and how long to wait."""

    server: str
    """HOST:PORT, or unix:PATH."""
    token: str | None
    """Bearer token; None: none is sent."""
    timeout: float
    """Seconds that a call may take; of a stream without end, seconds between two signs of life."""


class Connection:
    """A channel to one server."""

    def __init__(self, channel: grpc.Channel, target: Target) -> None:
        self.records = RecordServiceStub(channel)
        self.questions = QueryServiceStub(channel)
        self.organizations = OrganizationServiceStub(channel)
        self.caches = CacheServiceStub(channel)
        self.syncs = SyncServiceStub(channel)
        self.health: Any = HealthStub(channel)  # the library's types know none of its methods
        self._target = target
        self._metadata = (("authorization", f"Bearer {target.token}"),) if target.token else ()

    def call(self, method: grpc.UnaryUnaryMultiCallable[Any, ResponseT], request: Message) -> ResponseT:
        """Return the answer to a request. Raises ServerError."""
        try:
            return method(request, timeout=self._target.timeout, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._failure(error, begun=False) from error

    def stream(
        self, method: grpc.UnaryStreamMultiCallable[Any, ResponseT], request: Message, *, endless: bool = False
    ) -> Iterator[ResponseT]:
        """Yield the messages of a stream. Raises ServerError.

        The time limit holds for the whole stream, or, where it is `endless`, from one message to the next.
        """
        timeout = None if endless else self._target.timeout
        call = method(request, timeout=timeout, metadata=self._metadata)
        watch = _Watch(call, self._target.timeout if endless else None)
        begun = False
        try:
            for message in call:
                watch.stop()
                begun = True
                yield message
                watch.start()
        except grpc.RpcError as error:
            raise self._too_late() if watch.expired else self._failure(error, begun=begun) from error
        finally:
            watch.stop()
            call.cancel()

    def _failure(self, error: grpc.RpcError, *, begun: bool) -> ServerError:
        """Return what a failed call means: the server's own word, or that of the way to it."""
        status = _status_of(error)
        if status is not None:
            told = _from_status(status)
            if told.reason == "UNAUTHENTICATED":
                told.message = _not_let_in(self._target)
            return told
        code = error.code().name if isinstance(error, grpc.Call) else "UNKNOWN"
        details = plain((error.details() if isinstance(error, grpc.Call) else None) or "")
        if code == "DEADLINE_EXCEEDED":
            return self._too_late()
        if code == "UNAVAILABLE":
            return ServerError(_unreachable(self._target.server, details, begun=begun), code=code)
        return ServerError(f"{self._target.server} answered {code}: {details or 'no reason given'}", code=code)

    def _too_late(self) -> ServerError:
        return ServerError(
            f"no answer from {self._target.server} within {self._target.timeout:g} seconds; --timeout allows more",
            code="DEADLINE_EXCEEDED",
        )


class _Watch:
    """Cancels a call that gives no sign of life for some seconds."""

    def __init__(self, call: grpc.Call, seconds: float | None) -> None:
        self._call = call
        self._seconds = seconds
        self._timer: threading.Timer | None = None
        self.expired = False
        self.start()

    def start(self) -> None:
        """Begin to wait."""
        if self._seconds is not None:
            self._timer = threading.Timer(self._seconds, self._expire)
            self._timer.daemon = True
            self._timer.start()

    def stop(self) -> None:
        """End the wait: a message came, or the stream is over."""
        if self._timer is not None:
            self._timer.cancel()

    def _expire(self) -> None:
        self.expired = True
        self._call.cancel()


@contextmanager
def pointing(*, filter_text: str = "", order_by: str = "") -> Iterator[None]:
    """Add to a ServerError about one of these texts the text itself, with a caret under the fault."""
    try:
        yield
    except ServerError as error:
        text = {"INVALID_FILTER": filter_text, "INVALID_ORDER_BY": order_by}.get(error.reason, "")
        if text and error.position is not None:
            error.notes = (*caret(text, error.position), *error.notes)
        raise


@contextmanager
def connect(target: Target) -> Iterator[Connection]:
    """Give a connection. Nothing is sent before its first call."""
    with grpc.insecure_channel(target.server, options=_CHANNEL_OPTIONS) as channel:
        yield Connection(channel, target)


def _unreachable(server: str, details: str, *, begun: bool) -> str:
    """Return the sentence for a call that did not reach a server, or lost it."""
    if begun:
        return f"the connection to {server} broke off"
    if "DNS resolution failed" in details or "name resolution" in details.lower():
        return f"there is no host for {server}; --server names another address"
    why = "" if "Connection refused" in details or not details else f" ({details.rpartition('last error: ')[2]})"
    return f"no server answers at {server}{why}; `pfa serve` starts one, --server names another address"


def _not_let_in(target: Target) -> str:
    """Return the sentence for a call without a token that the server takes, by the names that the command line has."""
    wrong = "does not take this token" if target.token else "wants a token"
    return f"the server {wrong}; give one of its PFA_API_TOKENS by --token or PFA_TOKEN"


def _status_of(error: grpc.RpcError) -> Any | None:
    """Return the google.rpc.Status that came with a failure, None where there is none that can be read."""
    try:
        return rpc_status.from_call(error) if isinstance(error, grpc.Call) else None
    except ValueError:  # it contradicts the call's own code or message, so it is not this service's
        return None


def _from_status(status: Any) -> ServerError:
    """Return the error that a google.rpc.Status tells of."""
    reason, metadata, violations, retry = "", {}, [], None
    for detail in status.details:
        info, request, retry_info = (
            error_details_pb2.ErrorInfo(),
            error_details_pb2.BadRequest(),
            error_details_pb2.RetryInfo(),
        )
        if detail.Unpack(info):
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(request):
            violations = [Violation(v.field, v.description) for v in request.field_violations]
        elif detail.Unpack(retry_info):
            retry = retry_info.retry_delay.ToTimedelta().total_seconds()
    code = next((c.name for c in grpc.StatusCode if c.value[0] == status.code), "UNKNOWN")
    return ServerError(
        status.message, code=code, reason=reason, violations=violations, metadata=metadata, retry_seconds=retry
    )
