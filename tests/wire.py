"""Calls with raw bytes, and what tests read off the wire: messages, and the details of a failed call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class Failure:
    """A failed call, taken apart."""

    code: grpc.StatusCode
    message: str
    status: status_pb2.Status | None
    """None where no status came, which is gRPC's own doing."""
    trailing: dict[str, str | bytes] = field(default_factory=dict)

    def all(self, kind: type[M]) -> list[M]:
        """Return the details of one kind."""
        found = []
        for detail in self.status.details if self.status else ():
            message = kind()
            if detail.Unpack(message):
                found.append(message)
        return found

    @property
    def info(self) -> error_details_pb2.ErrorInfo:
        """The one ErrorInfo of our domain."""
        (info,) = self.all(error_details_pb2.ErrorInfo)
        assert info.domain == "pfa"
        return info

    @property
    def text(self) -> str:
        """Everything that a client can read."""
        return f"{self.message} {self.status}"


def failure(error: grpc.aio.AioRpcError) -> Failure:
    """Take a failed call apart."""
    trailing = dict(error.trailing_metadata() or ())
    raw = trailing.get("grpc-status-details-bin")
    status = status_pb2.Status.FromString(raw) if isinstance(raw, bytes) else None
    if status is not None:
        assert status.code == error.code().value[0]
        assert status.message == error.details()
    return Failure(error.code(), error.details() or "", status, trailing)


async def call(channel: grpc.aio.Channel, method: str, request: bytes = b"", **options: Any) -> bytes:
    """Make a unary call."""
    make: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return await make(request, **options)


def open_stream(
    channel: grpc.aio.Channel, method: str, request: bytes = b"", **options: Any
) -> grpc.aio.UnaryStreamCall[bytes, bytes]:
    """Make a call that streams its answer."""
    make: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(method)
    return make(request, **options)


async def read_all(stream: grpc.aio.UnaryStreamCall[bytes, bytes]) -> list[bytes]:
    """Read a stream to its end."""
    messages = []
    while isinstance(message := await stream.read(), bytes):
        messages.append(message)
    return messages


async def both_ways(channel: grpc.aio.Channel, method: str, request: bytes = b"", **options: Any) -> list[bytes]:
    """Make a call that streams in both directions, with one request, and read its answers to the end."""
    make: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(method)
    return [message async for message in make(iter([request]), **options)]


async def failing(channel: grpc.aio.Channel, method: str, request: bytes = b"", **options: Any) -> Failure:
    """Make a unary call that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(channel, method, request, **options)
    return failure(caught.value)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something holds, five seconds at most."""
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.01)
