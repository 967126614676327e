"""Health: whether the server as a whole, and each of its services, answers calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2

_LIST_RESPONSE: Final = health_pb2.HealthListResponse  # type: ignore[attr-defined]  # newer than the library's types


class HealthService(health.aio.HealthServicer):
    """The standard health service, with the List that the library leaves out."""

    def __init__(self, services: Iterable[str]) -> None:
        super().__init__()
        self._names = ("", *services)  # the empty name is the server as a whole

    async def start(self) -> None:
        """Say SERVING for everything."""
        for name in self._names:
            await self.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def List(  # noqa: N802 (the name of the RPC)
        self, _request: Message, context: grpc.aio.ServicerContext[Any, Any]
    ) -> Message:
        """Return the status of everything."""
        statuses = {
            name: await self.Check(health_pb2.HealthCheckRequest(service=name), context) for name in self._names
        }
        response: Message = _LIST_RESPONSE(statuses=statuses)
        return response
