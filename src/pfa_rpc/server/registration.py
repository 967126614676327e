"""Puts services on a server, each method found by the name that its RPC has in the proto.

A service is a plain object: for the RPC GetRecord it has a coroutine method `get_record(request, call)` that returns
the response, as a message or as its serialized bytes; for a streaming RPC it writes with `await call.write(...)`.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from pfa import v1
from pfa_rpc.services.call import Call


@dataclass(frozen=True, slots=True)
class ServiceMethod:
    """A method of one of our services, told by its type from the handlers of health and reflection."""

    method: Callable[[Any, Call], Awaitable[Message | bytes | None]]


def add_services(server: grpc.aio.Server, services: Mapping[str, object]) -> None:
    """Register services by their full names. Raises TypeError where one lacks a method for an RPC of its proto."""
    descriptors = service_descriptors()
    for name, service in services.items():
        descriptor = descriptors[name]
        handlers = {method.name: _handler(method, service) for method in descriptor.methods}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))


def service_descriptors() -> dict[str, ServiceDescriptor]:
    """Return the services of every proto of pfa.v1, by their full names."""
    modules = [
        importlib.import_module(f"{v1.__name__}.{module.name}")
        for module in pkgutil.iter_modules(v1.__path__)
        if module.name.endswith("_pb2")
    ]
    found = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    return {service.full_name: service for service in found}


def method_name(method: MethodDescriptor) -> str:
    """Return the name of the method that implements an RPC: get_record for GetRecord."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", method.name).lower()


def missing_methods(descriptor: ServiceDescriptor, service: object) -> list[str]:
    """Return the names of the methods that a service lacks."""
    names = map(method_name, descriptor.methods)
    return [name for name in names if not callable(getattr(service, name, None))]


def _handler(method: MethodDescriptor, service: object) -> grpc.RpcMethodHandler[Any, Any]:
    implementation = getattr(service, method_name(method), None)
    if implementation is None:
        raise TypeError(f"{type(service).__name__} has no {method_name(method)} for {method.full_name}")
    if method.client_streaming:
        raise TypeError(f"{method.full_name} takes a stream of requests; only responses can be streamed")
    make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
    return make(
        ServiceMethod(implementation),  # type: ignore[arg-type]  # the interceptor unwraps it
        request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
        response_serializer=None,  # what comes out of the interceptor is bytes
    )
