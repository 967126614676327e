"""A server whose database holds RIO, with 300 records, and RIO2, whose code begins with RIO's."""

from __future__ import annotations

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
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrate import migrate
from tests.integration.store.conftest import fill

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
async def client(settings: Settings) -> AsyncIterator[Client]:
    """A client of a server with both organizations."""
    database = Database(settings.database_url)
    await migrate(database)
    rio, rio2 = await fill(database, "RIO", 300, seed=1), await fill(database, "RIO2", 50, seed=2)
    await database.close()
    async with running(settings) as up, grpc.aio.insecure_channel(up.target) as channel:
        yield Client(RecordServiceStub(channel), QueryServiceStub(channel), OrganizationServiceStub(channel), rio, rio2)


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
    """Return a copy of a response without its tokens, which differ from call to call."""
    copy = type(message)()
    copy.CopyFrom(message)
    for field in copy.DESCRIPTOR.fields:
        if field.name.endswith("token"):
            copy.ClearField(field.name)
    return copy
