"""Reflection: lets grpcurl and its like list and describe the services, their methods too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection

SERVICE_NAME = reflection.SERVICE_NAME


class MethodPool:
    """The descriptor pool, which also finds the file of a method: the pool itself knows services and messages only."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802 (the pool's name for it)
        """Return the file that defines a symbol. KeyError where there is none."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service_name, _, method = symbol.rpartition(".")
            service = self._pool.FindServiceByName(service_name)
            return service.methods_by_name[method].containing_service.file


def add_reflection(server: grpc.aio.Server, services: Iterable[str]) -> None:
    """Put reflection of some services, itself included, on a server."""
    reflection.enable_server_reflection([*services, SERVICE_NAME], server, pool=MethodPool())  # type: ignore[arg-type]
