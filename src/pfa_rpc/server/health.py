"""Health: whether the server as a whole, and each of its services, answers calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import grpc
from google.protobuf.message import Message
from grpc_health.v1 import health, health_pb2

from pfa_rpc.errors import LimitExceeded

MAX_WATCHES: Final = 100
"""Most watchers at a time: a supervisor or a balancer has a few. Each is a call that does not count as one."""
_LIST_RESPONSE: Final = health_pb2.HealthListResponse  # type: ignore[attr-defined]  # newer than the library's types


class HealthService(health.aio.HealthServicer):
    """The standard health service, with the List that the library leaves out, and a limit of watchers."""

    def __init__(self, services: Iterable[str]) -> None:
        super().__init__()
        self._names = ("", *services)  # the empty name is the server as a whole
        self._watches = 0

    async def start(self) -> None:
        """Say SERVING for everything."""
        for name in self._names:
            await self.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def Watch(  # noqa: N802 (the name of the RPC)
        self, request: health_pb2.HealthCheckRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> None:
        """Write the status of a service whenever it changes. Raises LimitExceeded."""
        if self._watches >= MAX_WATCHES:
            raise LimitExceeded(
                f"{MAX_WATCHES} callers watch the health of this server already; ask Check now and then instead",
                metadata={"limit": "health watches"},
            )
        self._watches += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watches -= 1

    async def List(  # noqa: N802 (the name of the RPC)
        self, _request: Message, context: grpc.aio.ServicerContext[Any, Any]
    ) -> Message:
        """Return the status of everything."""
        statuses = {
            name: await self.Check(health_pb2.HealthCheckRequest(service=name), context) for name in self._names
        }
        response: Message = _LIST_RESPONSE(statuses=statuses)
        return response
