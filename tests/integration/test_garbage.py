"""Every RPC of every service is called with garbage: only documented errors come back, and nothing of the inside.

The requests are made from the descriptors, so that a new RPC or field is covered when it is there.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import grpc
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.message import Message

from pfa.v1 import organization_service_pb2
from pfa.v1.error_reason_pb2 import ErrorReason
from pfa_rpc.server.registration import service_descriptors
from pfa_rpc.server.settings import Settings
from tests.integration.store.conftest import make_migrated
from tests.servers.stock import Stock
from tests.wire import Failure, call, failure, open_stream, read_all

SEED: Final = 20_260_301
LARGE: Final = 1_000_000
"""Characters of the large texts."""

METHODS: Final = [method for service in service_descriptors().values() for method in service.methods]
ENDLESS: Final = ("WatchRecords", "WatchSync")
"""They go on until somebody ends them: how they begin has to do."""

TEXTS: Final = {
    "empty": "",
    "a space": " ",
    "control characters": "\x00\x01\x1b[31m\r\n\t\x7f\x85",
    "a megabyte": "x" * LARGE,
    "a megabyte of spaces": " " * LARGE,
    "a megabyte of parentheses": "(" * LARGE,
    "a megabyte of emoji": "😀" * (LARGE // 4),
    "quotes": "\"'`" * 30,
    "SQL": "'; DROP TABLE records; --",
    "a path": "../../../../etc/passwd",
    "a format": "%s%n{0}{request}${jndi:ldap://x}",
    "right to left": "\u202e\u2066abc\u2069\ufeff",
    "combining": "e" + "\u0301" * 1_000,
    "outside the basic plane": "𝓡𝓮𝓷𝓽𝓪𝓵𝓼 🏗️👷🏽\u200d♀️",
    "a token": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "nested": "(" * 1_000 + "source = RENTAL" + ")" * 1_000,
    "numbers": "-1e308 NaN Infinity 0x10 ٣٤",
}
NUMBERS: Final = (-(2**31), -1, 1, 2**31 - 1)

INSIDE: Final = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|sqlalchemy|aiosqlite|sqlite|asyncpg|pydantic|lark|"
    r"SELECT |INSERT |object at 0x|Exception\b|\b\w*Error:",
    re.IGNORECASE,
)
"""What would tell of the inside of the service."""


@pytest.fixture(params=["sqlite", "partitioned"])
def settings(request: pytest.FixtureRequest, stock: Stock, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a server of a test, with a database of each kind that has its tables and nothing in them."""
    with stock.copy(request.param, tmp_path, make_migrated) as (url, _):
        yield Settings.load(database_url=url, listen="127.0.0.1:0", stop_seconds=1)


def documented() -> dict[str, str]:
    """Return reason → status code, as the comments of the API say."""
    text = (Path(__file__).parents[2] / "protos/pfa/v1/error_reason.proto").read_text("utf-8")
    return {reason: code for code, reason in re.findall(r"// ([A-Z_]+): [^=]*?ERROR_REASON_([A-Z_]+) = \d", text)}


def test_every_reason_documents_its_code() -> None:
    reasons = documented()
    assert {f"ERROR_REASON_{name}" for name in reasons} == set(ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert all(code in grpc.StatusCode.__members__ for code in reasons.values())


def requests(method: MethodDescriptor) -> Iterator[tuple[str, bytes]]:
    """Return garbage for a method, each with what it is."""
    kind = message_factory.GetMessageClass(method.input_type)
    yield "nothing", b""
    yield from raw_garbage()
    for organization_id in ("RIO", "NOPE", None):
        for name, text in TEXTS.items():
            for field in fields(method, FieldDescriptor.TYPE_STRING):
                yield f"{field.name}: {name}", _with(kind, organization_id, field, text)
        for number in NUMBERS:
            for field in fields(method, FieldDescriptor.TYPE_INT32):
                yield f"{field.name}: {number}", _with(kind, organization_id, field, number)
    for name in ("empty", "control characters", "quotes", "SQL", "combining"):
        for number in NUMBERS:
            for field in fields(method, FieldDescriptor.TYPE_MESSAGE):
                yield f"{field.name}: {name} and {number} inside", _with_inside(kind, field, TEXTS[name], number)


def raw_garbage() -> Iterator[tuple[str, bytes]]:
    """Return bytes that know nothing of any message."""
    generator = random.Random(SEED)
    for length in (1, 2, 10, 100, 1_000, 100_000):
        for _ in range(5):
            yield f"{length} random bytes", generator.randbytes(length)
    yield "a wrong type for field 1", b"\x08\x01"
    yield "text that is no UTF-8", b"\x0a\x02\xff\xfe"
    yield "a length that lies", b"\x0a\xff\xff\xff\xff\x07RIO"
    yield "groups without end", b"\x0b" * 10_000
    yield "unknown fields", b"\x0a\x03RIO" + b"\xfa\xff\x03\x03abc" * 1_000


def fields(method: MethodDescriptor, kind: int) -> list[FieldDescriptor]:
    """Return the fields of a method's request that have a type."""
    return [field for field in method.input_type.fields if field.type == kind]


def _with(kind: type[Message], organization_id: str | None, field: FieldDescriptor, value: object) -> bytes:
    request = kind()
    if organization_id is not None and "organization_id" in request.DESCRIPTOR.fields_by_name:
        request.organization_id = organization_id  # type: ignore[attr-defined]
    if field.is_repeated:
        times = 1 if isinstance(value, str) and len(value) > 1_000 else 100
        getattr(request, field.name).extend([value] * times)
    else:
        setattr(request, field.name, value)
    return request.SerializeToString()


def _with_inside(kind: type[Message], field: FieldDescriptor, text: str, number: int) -> bytes:
    request = kind()
    if "organization_id" in request.DESCRIPTOR.fields_by_name:
        request.organization_id = "RIO"  # type: ignore[attr-defined]
    inside = getattr(request, field.name)
    if field.is_repeated:
        for _ in range(11):
            _fill(inside.add(), text, number)
    else:
        _fill(inside, text, number)
    return request.SerializeToString()


def _fill(message: Message, text: str, number: int) -> None:
    """Put the text and the number into every field of a message that takes them, and of those inside it."""
    integers = (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64, FieldDescriptor.TYPE_ENUM)
    for field in message.DESCRIPTOR.fields:
        if field.type == FieldDescriptor.TYPE_STRING and field.is_repeated:
            getattr(message, field.name).extend([text] * 100)
        elif field.type == FieldDescriptor.TYPE_STRING:
            setattr(message, field.name, text)
        elif field.type in integers and not field.is_repeated:
            setattr(message, field.name, number)
        elif field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated:
            getattr(message, field.name).SetInParent()
            _fill(getattr(message, field.name), text, number)


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor, request: bytes) -> Failure | None:
    """Make a call; return how it failed, None where it did not."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.name in ENDLESS:
            await open_stream(channel, path, request, timeout=30).read()
        elif method.server_streaming:
            await read_all(open_stream(channel, path, request, timeout=30))
        else:
            await call(channel, path, request, timeout=30)
    except grpc.aio.AioRpcError as error:
        return failure(error)
    return None


@pytest.mark.usefixtures("log_lines")  # megabytes, which would be kept to the end of the run as what was printed
@pytest.mark.parametrize("method", METHODS, ids=lambda method: str(method.name))
async def test_garbage_gets_a_documented_error(channel: grpc.aio.Channel, method: MethodDescriptor) -> None:
    reasons = documented()
    create = organization_service_pb2.CreateOrganizationRequest(organization_id="RIO")
    await call(channel, "/pfa.v1.OrganizationService/CreateOrganization", create.SerializeToString())
    for name, request in requests(method):
        failed = await outcome(channel, method, request)
        if failed is None:
            continue
        about = f"{method.name}({name}): {failed.text}"
        assert failed.info.reason in reasons, about
        assert reasons[failed.info.reason] == failed.code.name, about
        assert failed.info.reason != "INTERNAL", about
        assert failed.message, about
        assert failed.message.isprintable(), about
        assert not INSIDE.search(failed.text), about
        assert failed.status is not None
        assert failed.status.ByteSize() <= 4_096, about


async def test_the_server_still_works_after_garbage(channel: grpc.aio.Channel) -> None:
    for method in METHODS:
        for _, request in raw_garbage():
            await outcome(channel, method, request)
    assert await call(channel, "/grpc.health.v1.Health/Check")
