"""What a service's method is given beside its request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from google.protobuf.message import Message

from pfa_rpc.services.principal import Principal


class Call(Protocol):
    """One call, from its start to its end."""

    @property
    def principal(self) -> Principal:
        """Who makes the call."""

    @property
    def request_id(self) -> str:
        """Names the call in the log, and in the error that an unexpected failure gives."""

    @property
    def peer(self) -> str:
        """Names the connection that the call came by."""

    async def write(self, response: Message | bytes) -> None:
        """Send one message of a stream; bytes are a serialized message. Raises SlowClient after the server's limit."""


_Method = TypeVar("_Method", bound=Callable[..., Awaitable[object]])


def endless(method: _Method) -> _Method:
    """Mark a method whose calls go on until someone ends them: a server that stops does not wait for them."""
    method.is_endless = True  # type: ignore[attr-defined]
    return method


def is_endless(method: object) -> bool:
    """Tell whether a method was marked so."""
    return getattr(method, "is_endless", False)
