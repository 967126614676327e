"""A server whose database holds RIO, with 300 records, and RIO2, whose code begins with RIO's."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status

from pfa.v1.organization_service_pb2_grpc import OrganizationServiceStub
from pfa.v1.query_service_pb2_grpc import QueryServiceStub
from pfa.v1.record_service_pb2_grpc import RecordServiceStub
from pfa_rpc.records.encode import Values
from pfa_rpc.server.application import running
from pfa_rpc.server.settings import Settings
from tests.integration.store.conftest import make_filled
from tests.servers.stock import Stock

if TYPE_CHECKING:  # the stubs' types of asynchronous calls exist for the type checker alone
    from pfa.v1.organization_service_pb2_grpc import OrganizationServiceAsyncStub
    from pfa.v1.query_service_pb2_grpc import QueryServiceAsyncStub
    from pfa.v1.record_service_pb2_grpc import RecordServiceAsyncStub


@dataclass
class Client:
    """Stubs of a running server, and what its organizations hold."""

    records: RecordServiceAsyncStub
    questions: QueryServiceAsyncStub
    organizations: OrganizationServiceAsyncStub
    rio: list[Values]
    rio2: list[Values]


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for a server of a test, with an empty database of each kind."""
    return Settings.load(database_url=database_url, listen="127.0.0.1:0", stop_seconds=1)


@pytest.fixture
async def client(
    settings: Settings, database_kind: str, stock: Stock, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Client]:
    """A client of a server with both organizations, on each kind of database."""
    with stock.copy(database_kind, tmp_path_factory.mktemp("client"), make_filled) as (url, values):
        served = settings.model_copy(update={"database_url": url})
        async with running(served) as up, grpc.aio.insecure_channel(up.target) as channel:
            stubs = RecordServiceStub(channel), QueryServiceStub(channel), OrganizationServiceStub(channel)
            yield Client(*stubs, *copy.deepcopy(values))


@dataclass
class Failure:
    """What a call failed with."""

    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str]


async def failure(call: Any) -> Failure:
    """Return what a unary call, or the first read of a stream, fails with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await (call.read() if hasattr(call, "read") else call)
    error = caught.value
    status = rpc_status.from_call(error)  # type: ignore[arg-type] # an AioRpcError has what it reads
    assert status is not None
    infos = [ErrorInfo.FromString(detail.value) for detail in status.details if detail.Is(ErrorInfo.DESCRIPTOR)]
    assert len(infos) == 1
    return Failure(error.code(), infos[0].reason, str(error.details()), dict(infos[0].metadata))


def without_tokens(message: Message) -> Message:
    """Return a copy of a response without its tokens and age, which differ from call to call."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field in copy.DESCRIPTOR.fields:
        if field.name.endswith("token") or field.name == "age":
            copy.ClearField(field.name)
    return copy
