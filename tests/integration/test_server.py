"""What every call gets, whatever service it is for: its name, its caller, its errors, its end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from nlq.errors import FilterError
from pfa.v1 import error_reason_pb2, query_service_pb2, record_service_pb2
from pfa_rpc import errors
from pfa_rpc.cache.nothing import NoCache
from pfa_rpc.errors import (
    DatabaseUnavailable,
    InvalidRequest,
    PermissionDenied,
    RecordNotFound,
    SchemaTooNew,
    SchemaTooOld,
    SetupError,
    Violation,
)
from pfa_rpc.server import health
from pfa_rpc.server.application import Running, running
from pfa_rpc.server.registration import add_services, missing_methods, service_descriptors
from pfa_rpc.server.settings import Settings
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import LOCAL_ADMIN
from pfa_rpc.services.registry import build_services
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database
from pfa_rpc.store.instance import shared_key
from pfa_rpc.store.migrating.migrate import migrate
from tests.servers.stock import Stock
from tests.wire import Failure, both_ways, call, failing, failure, open_stream, read_all, until

INTERPRET = "/pfa.v1.QueryService/Interpret"
ASK = "/pfa.v1.QueryService/Ask"
CHECK = "/grpc.health.v1.Health/Check"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
PHRASE = "correct-horse-battery"

Behavior = Callable[[Any, Call], Any]


class Scripted:
    """A query service that does what a test says."""

    def __init__(self, behavior: Behavior) -> None:
        self._behavior = behavior

    def __getattr__(self, name: str) -> Behavior:
        return self._behavior


@asynccontextmanager
async def serving(settings: Settings, behavior: Behavior) -> AsyncIterator[tuple[Running, grpc.aio.Channel]]:
    """Give a server whose query service does what the test says."""
    services = {"pfa.v1.QueryService": Scripted(behavior)}
    async with (
        running(settings, build=lambda _database, _tokens, _cache: services) as up,
        grpc.aio.insecure_channel(up.target) as channel,
    ):
        yield up, channel


async def fail_with(error: Exception, settings: Settings) -> Failure:
    """Return what a client sees of an error that a service raises."""

    async def behave(_request: Any, _call: Call) -> None:
        raise error

    async with serving(settings, behave) as (_, channel):
        return await failing(channel, INTERPRET)


# Every RPC


def test_every_service_of_the_api_is_built_with_every_method(settings: Settings) -> None:
    services = build_services(Database(settings.database_url), Tokens(b"k" * 32), NoCache())
    descriptors = service_descriptors()
    assert descriptors.keys() == services.keys()
    assert {name: missing_methods(descriptors[name], service) for name, service in services.items()} == {
        name: [] for name in services
    }


async def test_every_rpc_is_reachable_over_a_socket(channel: grpc.aio.Channel) -> None:
    for service in service_descriptors().values():
        for method in service.methods:
            path = f"/{service.full_name}/{method.name}"
            answer = read_all(open_stream(channel, path)) if method.server_streaming else call(channel, path)
            code = await _code(answer)
            assert code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT), path


async def _code(answer: Awaitable[object]) -> grpc.StatusCode:
    try:
        await answer
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


def test_a_service_that_lacks_a_method_does_not_start() -> None:
    with pytest.raises(TypeError, match=r"object has no get_record for pfa\.v1\.RecordService\.GetRecord"):
        add_services(None, {"pfa.v1.RecordService": object()})  # type: ignore[arg-type]


async def test_a_method_that_does_not_exist_is_unimplemented(channel: grpc.aio.Channel) -> None:
    assert (await failing(channel, "/pfa.v1.RecordService/Nope")).code is grpc.StatusCode.UNIMPLEMENTED


async def test_messages_and_bytes_both_reach_the_client(settings: Settings) -> None:
    message = query_service_pb2.AskResponse(interpretation=query_service_pb2.Interpretation(sentence="every record"))

    async def behave(_request: Any, call: Call) -> None:
        await call.write(message)
        await call.write(message.SerializeToString())

    async with serving(settings, behave) as (_, channel):
        parts = await read_all(open_stream(channel, ASK))
    assert parts == [message.SerializeToString()] * 2


# Health and reflection


async def test_health_answers_for_every_service(channel: grpc.aio.Channel) -> None:
    for name in ("", *service_descriptors()):
        response = await call(channel, CHECK, health_pb2.HealthCheckRequest(service=name).SerializeToString())
        assert health_status(response) == health_pb2.HealthCheckResponse.SERVING, name
    failed = await failing(channel, CHECK, health_pb2.HealthCheckRequest(service="nope").SerializeToString())
    assert failed.code is grpc.StatusCode.NOT_FOUND


async def test_health_lists_everything(channel: grpc.aio.Channel) -> None:
    listed = await call(channel, "/grpc.health.v1.Health/List")
    response = health_pb2.HealthListResponse.FromString(listed)  # type: ignore[attr-defined]
    assert {name: each.status for name, each in response.statuses.items()} == dict.fromkeys(
        ("", *service_descriptors()), health_pb2.HealthCheckResponse.SERVING
    )


async def test_health_turns_when_the_server_stops(server: Running, channel: grpc.aio.Channel) -> None:
    watch = open_stream(channel, "/grpc.health.v1.Health/Watch")
    before = await watch.read()
    stopping = asyncio.create_task(server.stop(1))
    after = await watch.read()
    assert health_status(before) == health_pb2.HealthCheckResponse.SERVING
    assert health_status(after) == health_pb2.HealthCheckResponse.NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError):
        await watch.read()
    await stopping


async def test_watchers_of_health_are_limited_and_others_can_still_check(channel: grpc.aio.Channel) -> None:
    watches = [open_stream(channel, "/grpc.health.v1.Health/Watch") for _ in range(health.MAX_WATCHES)]
    for watch in watches:
        assert health_status(await watch.read()) == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await open_stream(channel, "/grpc.health.v1.Health/Watch").read()
    refused = failure(caught.value)
    assert (refused.code, refused.info.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "LIMIT_EXCEEDED")
    assert await call(channel, "/grpc.health.v1.Health/Check")
    watches.pop().cancel()
    async with asyncio.timeout(5):
        while not await _watches(channel):  # noqa: ASYNC110 (who left tells nobody)
            await asyncio.sleep(0.01)
    for watch in watches:
        watch.cancel()


async def _watches(channel: grpc.aio.Channel) -> bool:
    """Tell whether one more caller may watch."""
    try:
        return bool(await open_stream(channel, "/grpc.health.v1.Health/Watch").read())
    except grpc.aio.AioRpcError:
        return False


def health_status(response: object) -> int:
    assert isinstance(response, bytes)
    return health_pb2.HealthCheckResponse.FromString(response).status


async def test_the_server_describes_itself(channel: grpc.aio.Channel) -> None:
    request = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    (response,) = await both_ways(channel, REFLECTION, request)
    listed = reflection_pb2.ServerReflectionResponse.FromString(response).list_services_response
    assert {service.name for service in listed.service} == {
        *service_descriptors(),
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }


@pytest.mark.parametrize(
    ("symbol", "file"),
    [
        ("pfa.v1.QueryService", "pfa/v1/query_service.proto"),
        ("pfa.v1.QueryService.Ask", "pfa/v1/query_service.proto"),
        ("pfa.v1.Record", "pfa/v1/record.proto"),
        ("pfa.v1.QueryService.Nope", None),
        ("nope", None),
    ],
)
async def test_services_methods_and_messages_can_be_described(
    channel: grpc.aio.Channel, symbol: str, file: str | None
) -> None:
    request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=symbol).SerializeToString()
    (raw,) = await both_ways(channel, REFLECTION, request)
    response = reflection_pb2.ServerReflectionResponse.FromString(raw)
    protos = [
        descriptor_pb2.FileDescriptorProto.FromString(proto).name
        for proto in response.file_descriptor_response.file_descriptor_proto
    ]
    assert (file in protos) if file else (response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0])


# Names of calls


@pytest.mark.parametrize("name", ["abc", "A.b_c-9", "x" * 64])
async def test_a_call_keeps_the_name_that_its_caller_gave(channel: grpc.aio.Channel, name: str) -> None:
    failed = await failing(channel, "/pfa.v1.RecordService/GetRecord", metadata=(("x-request-id", name),))
    assert failed.trailing["x-request-id"] == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a/b", 'a"b'])
async def test_a_name_that_is_none_is_replaced(channel: grpc.aio.Channel, name: str) -> None:
    failed = await failing(channel, "/pfa.v1.RecordService/GetRecord", metadata=(("x-request-id", name),))
    assert failed.trailing["x-request-id"] not in ("", name)


async def test_a_call_that_works_has_a_name_too(settings: Settings) -> None:
    names: list[str] = []

    async def behave(_request: Any, call: Call) -> None:
        names.append(call.request_id)
        assert call.principal is LOCAL_ADMIN

    async with serving(settings, behave) as (_, channel):
        streams = [open_stream(channel, ASK) for _ in range(2)]
        seen = [dict(await each.trailing_metadata())["x-request-id"] for each in streams]
    assert sorted(seen) == sorted(names)
    assert len(set(names)) == 2


# Who calls


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)


async def test_a_server_with_tokens_asks_for_one(settings: Settings) -> None:
    async def behave(_request: Any, _call: Call) -> bytes:
        return b""

    guarded = Settings.load(
        database_url=settings.database_url, listen=settings.listen, api_tokens=f"{PHRASE}-1,{PHRASE}-2"
    )
    async with serving(guarded, behave) as (_, channel):
        for metadata in (None, bearer(""), bearer(PHRASE), bearer(f"{PHRASE}-11"), (("authorization", f"{PHRASE}-1"),)):
            failed = await failing(channel, INTERPRET, metadata=metadata)
            assert failed.code is grpc.StatusCode.UNAUTHENTICATED
            assert failed.info.reason == "UNAUTHENTICATED"
            assert PHRASE not in failed.text
        for metadata in (bearer(f"{PHRASE}-1"), bearer(f"{PHRASE}-2"), (("authorization", f"bearer  {PHRASE}-2"),)):
            assert await call(channel, INTERPRET, metadata=metadata) == b""
        assert await call(channel, CHECK), "health checks carry no token"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await both_ways(channel, REFLECTION)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


# Errors


@pytest.mark.parametrize(
    "method",
    ["/pfa.v1.RecordService/GetRecord", "/pfa.v1.RecordService/StreamRecords", "/grpc.health.v1.Health/Check",
     "/grpc.health.v1.Health/Watch", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"],
)  # fmt: skip
async def test_bytes_that_are_no_request_are_told_as_that(channel: grpc.aio.Channel, method: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await both_ways(channel, method, b"\xff\xff\xff")
    failed = failure(caught.value)
    assert failed.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failed.info.reason == "MALFORMED_REQUEST"
    assert failed.info.metadata == {"method": method}


async def test_an_error_of_ours_carries_its_reason_and_what_belongs_to_it(settings: Settings) -> None:
    failed = await fail_with(DatabaseUnavailable("the disk is full; free some space"), settings)
    assert (failed.code, failed.message) == (grpc.StatusCode.UNAVAILABLE, "the disk is full; free some space")
    assert failed.info.reason == "DATABASE_UNAVAILABLE"
    (retry,) = failed.all(error_details_pb2.RetryInfo)
    assert retry.retry_delay.ToMilliseconds() == 1_000

    failed = await fail_with(RecordNotFound("there is no 78497", metadata={"organization_id": "RIO"}), settings)
    (resource,) = failed.all(error_details_pb2.ResourceInfo)
    assert (resource.resource_type, resource.resource_name) == ("pfa.v1.Record", "RIO")
    assert failed.info.metadata == {"organization_id": "RIO"}


async def test_violations_are_listed_up_to_ten_and_counted_beyond(settings: Settings) -> None:
    violations = [Violation(f"field_{number}", "is wrong") for number in range(25)]
    failed = await fail_with(InvalidRequest("25 fields are wrong", violations=violations), settings)
    (bad,) = failed.all(error_details_pb2.BadRequest)
    assert [each.field for each in bad.field_violations[:10]] == [f"field_{number}" for number in range(10)]
    assert [each.description for each in bad.field_violations[10:]] == ["and 15 more"]


@pytest.mark.parametrize("character", ["x", " x", "\x00", "\x1b[31m", "\u202e", "😀", "\n", "é ", "\ud800"])
async def test_whatever_an_error_echoes_it_stays_small_and_harmless(settings: Settings, character: str) -> None:
    text = character * 100_000
    error = InvalidRequest(
        f"{text} is wrong",
        violations=[Violation(text, text)] * 50,
        metadata={text: text, "organization_id": text, **{f"key_{number}": text for number in range(50)}},
    )
    failed = await fail_with(error, settings)
    assert failed.code is grpc.StatusCode.INVALID_ARGUMENT
    assert failed.info.reason == "INVALID_REQUEST"
    assert failed.status is not None
    assert failed.status.ByteSize() <= 4_096
    assert failed.message.isprintable()
    assert all(value.isprintable() for value in failed.info.metadata.values())


@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret of /etc/passwd"),
        FilterError("secret", position=3),
        SetupError("secret"),
        ExceptionGroup("secret", [KeyError("secret")]),
        TimeoutError("secret"),
    ],
)
async def test_a_defect_is_told_without_its_text_and_found_in_the_log(
    settings: Settings, log_lines: list[Any], error: Exception
) -> None:
    failed = await fail_with(error, settings)
    assert failed.code is grpc.StatusCode.INTERNAL
    assert failed.info.reason == "INTERNAL"
    assert "secret" not in failed.text
    name = failed.trailing["x-request-id"]
    assert failed.info.metadata == {"request_id": name}
    (line,) = [line for line in log_lines if line["event"] == "failure"]
    assert line["request_id"] == name
    assert line["exc_info"] is error


async def test_a_method_that_answers_nothing_is_a_defect(settings: Settings) -> None:
    async def behave(_request: Any, _call: Call) -> None:
        return None

    async with serving(settings, behave) as (_, channel):
        assert (await failing(channel, INTERPRET)).info.reason == "INTERNAL"


async def test_a_request_that_is_too_large_is_told_the_limit(settings: Settings) -> None:
    async def behave(_request: Any, _call: Call) -> bytes:
        return b""

    async with serving(settings.model_copy(update={"max_request_bytes": 2_000}), behave) as (_, channel):
        request = query_service_pb2.InterpretRequest(question="x" * 2_500).SerializeToString()
        failed = await failing(channel, INTERPRET, request)
        assert failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failed.info.metadata == {"limit": "max_request_bytes"}
        huge = query_service_pb2.InterpretRequest(question="x" * 10_000).SerializeToString()
        assert (await failing(channel, INTERPRET, huge)).code is grpc.StatusCode.RESOURCE_EXHAUSTED


def test_every_reason_of_the_tree_is_in_the_api() -> None:
    classes = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, errors.PfaError)]
    assert {f"ERROR_REASON_{each.reason}" for each in classes} <= set(error_reason_pb2.ErrorReason.keys())


# The log


async def test_a_call_is_one_line_without_secrets_and_questions(settings: Settings, log_lines: list[Any]) -> None:
    async def behave(_request: Any, _call: Call) -> None:
        raise PermissionDenied("no")

    request = query_service_pb2.InterpretRequest(organization_id="RIO", question="the question").SerializeToString()
    async with serving(settings, behave) as (_, channel):
        await failing(channel, INTERPRET, request, metadata=(*bearer(PHRASE), ("x-request-id", "abc")))
    (line,) = [line for line in log_lines if line["event"] == "call"]
    assert line.pop("peer").startswith("ipv4:127.0.0.1:")
    assert 0 <= line.pop("milliseconds") < 5_000
    assert line == {
        "event": "call",
        "log_level": "info",
        "method": INTERPRET,
        "code": "PERMISSION_DENIED",
        "request_id": "abc",
        "principal": "local-admin",
        "organization_id": "RIO",
    }
    assert PHRASE not in str(log_lines)
    assert "the question" not in str([each for each in log_lines if each["log_level"] != "debug"])


# Ends of calls


async def test_a_client_that_leaves_cancels_its_call(settings: Settings, log_lines: list[Any]) -> None:
    seen: list[BaseException] = []

    async def behave(_request: Any, call: Call) -> None:
        try:
            while True:
                await call.write(b"\x12\x00" * 10_000)
        except BaseException as error:
            seen.append(error)
            raise

    async with serving(settings, behave) as (up, channel):
        for count in range(1, 6):
            stream = open_stream(channel, ASK)
            for _ in range(count):
                await stream.read()
            stream.cancel()
            await until(lambda count=count: len(seen) == count)  # type: ignore[misc]
        await until(lambda: not up.gate.running)
    codes = [line["code"] for line in log_lines if line["event"] == "call"]
    assert codes == ["CANCELLED"] * 5
    assert not [line for line in log_lines if line["event"] == "failure"]


async def test_a_deadline_that_passes_is_logged_as_one(settings: Settings, log_lines: list[Any]) -> None:
    async def behave(_request: Any, _call: Call) -> None:
        await asyncio.sleep(60)

    async with serving(settings, behave) as (up, channel):
        failed = await failing(channel, INTERPRET, timeout=0.3)
        assert failed.code is grpc.StatusCode.DEADLINE_EXCEEDED
        await until(lambda: not up.gate.running)
    assert [line["code"] for line in log_lines if line["event"] == "call"] == ["DEADLINE_EXCEEDED"]


async def test_a_client_that_does_not_read_is_let_go(settings: Settings) -> None:
    async def behave(_request: Any, call: Call) -> None:
        while True:
            await call.write(b"\x12\x00" * 100_000)

    impatient = settings.model_copy(update={"stream_write_seconds": 0.3})
    async with serving(impatient, behave) as (up, channel):
        stream = open_stream(channel, ASK)
        await stream.read()
        await until(lambda: not up.gate.running)  # the service has let go of everything; the client still sleeps
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read_all(stream)
    failed = failure(caught.value)
    assert failed.code is grpc.StatusCode.ABORTED
    assert failed.info.reason == "SLOW_CLIENT"


async def test_one_call_too_many_is_refused_and_health_is_not(settings: Settings) -> None:
    release = asyncio.Event()

    async def behave(_request: Any, _call: Call) -> bytes:
        await release.wait()
        return b""

    async with serving(settings.model_copy(update={"max_concurrent_calls": 2}), behave) as (up, channel):
        held = [asyncio.create_task(call(channel, INTERPRET)) for _ in range(2)]
        await until(lambda: up.gate.running == 2)
        failed = await failing(channel, INTERPRET)
        assert failed.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert failed.info.metadata == {"limit": "max_concurrent_calls"}
        assert await call(channel, CHECK)
        release.set()
        assert await asyncio.gather(*held) == [b"", b""]
        assert await call(channel, INTERPRET) == b""


# Stopping


async def test_a_stop_lets_calls_finish_and_takes_no_new_ones(settings: Settings) -> None:
    release = asyncio.Event()

    async def behave(_request: Any, _call: Call) -> bytes:
        await release.wait()
        return b""

    async with serving(settings, behave) as (up, channel):
        held = asyncio.create_task(call(channel, INTERPRET))
        await until(lambda: up.gate.running == 1)
        stopping = asyncio.create_task(up.stop(5))
        await asyncio.sleep(0.1)
        assert (await failing(channel, INTERPRET, timeout=2)).code is grpc.StatusCode.UNAVAILABLE
        assert not stopping.done()
        release.set()
        assert await held == b""
        async with asyncio.timeout(2):
            await stopping


async def test_calls_that_do_not_finish_are_told_why_they_end(settings: Settings) -> None:
    ended: list[BaseException] = []

    async def behave(_request: Any, call: Call) -> None:
        try:
            while True:
                await call.write(b"\x12\x00")
                await asyncio.sleep(0.01)
        except BaseException as error:
            ended.append(error)
            raise

    async with serving(settings, behave) as (up, channel):
        stream = open_stream(channel, ASK)
        await stream.read()
        stopping = asyncio.create_task(up.stop(0.2))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await read_all(stream)
        await stopping
    failed = failure(caught.value)
    assert failed.code is grpc.StatusCode.UNAVAILABLE
    assert failed.info.reason == "SHUTTING_DOWN"
    assert failed.all(error_details_pb2.RetryInfo)
    assert [type(each) for each in ended] == [asyncio.CancelledError]


async def test_a_call_that_is_ended_while_its_first_message_is_sent_is_told_why(settings: Settings) -> None:
    servers: list[Running] = []

    async def behave(_request: Any, call: Call) -> None:
        asyncio.get_running_loop().call_soon(servers[0].gate.end_all)
        await call.write(b"\x12\x00")
        await asyncio.sleep(60)

    async with serving(settings, behave) as (up, channel), asyncio.timeout(10):
        servers.append(up)
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await read_all(open_stream(channel, ASK))
            assert failure(caught.value).info.reason == "SHUTTING_DOWN"


async def test_a_stop_that_is_asked_for_again_is_over_at_once(settings: Settings) -> None:
    async def behave(_request: Any, _call: Call) -> None:
        await asyncio.sleep(60)

    async with serving(settings, behave) as (up, channel):
        held = asyncio.create_task(call(channel, INTERPRET))
        await until(lambda: up.gate.running == 1)
        stopping = asyncio.create_task(up.stop(60))
        await asyncio.sleep(0.05)
        async with asyncio.timeout(3):
            await up.stop_at_once()
            await stopping
        with pytest.raises(grpc.aio.AioRpcError):
            await held


# Starting


async def test_a_taken_port_is_told_in_one_sentence(server: Running, settings: Settings) -> None:
    second = settings.model_copy(update={"listen": server.target})
    with pytest.raises(SetupError) as caught:
        async with running(second):
            pass
    assert caught.value.message == (
        f"{server.target} is in use by another process; stop it or set PFA_LISTEN to another port"
    )


@pytest.mark.parametrize(
    ("listen", "said"), [("192.0.2.1:0", "no address of this machine"), ("nowhere.invalid:0", "no address of this")]
)
async def test_an_address_that_is_not_ours_is_told(settings: Settings, listen: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        async with running(settings.model_copy(update={"listen": listen})):
            pass


async def test_it_listens_on_ipv6_too(settings: Settings) -> None:
    with contextlib.closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6 loopback")
    async with running(settings.model_copy(update={"listen": "[::1]:0"})) as up:
        assert up.target.startswith("[::1]:")
        async with grpc.aio.insecure_channel(up.target) as channel:
            assert await call(channel, CHECK)


@pytest.fixture(params=["sqlite", "postgresql", "partitioned"])
def stored(request: pytest.FixtureRequest, stock: Stock, tmp_path: Path) -> Iterator[Settings]:
    """Settings with an empty database of each kind."""
    with stock.copy(request.param, tmp_path) as (url, _):
        yield Settings.load(database_url=url, listen="127.0.0.1:0", stop_seconds=1)


async def test_processes_that_start_at_once_agree_on_the_key(stored: Settings) -> None:
    databases = [Database(stored.database_url) for _ in range(4)]
    try:
        await migrate(databases[0])
        keys = await asyncio.gather(*map(shared_key, databases))
        assert len(set(keys)) == 1
        assert len(keys[0]) == 32
        assert await shared_key(databases[0]) == keys[0]
    finally:
        for database in databases:
            await database.close()


async def test_a_database_of_a_newer_version_is_refused(stored: Settings) -> None:
    async with running(stored):
        pass
    await _execute(stored, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaTooNew, match="9999"):
        async with running(stored):
            pass


async def test_a_database_of_an_older_version_is_not_upgraded_by_a_start(stored: Settings) -> None:
    async with running(stored):
        pass
    await _execute(stored, "DELETE FROM alembic_version")
    with pytest.raises(SchemaTooOld, match="pfa migrate"):
        async with running(stored):
            pass


async def _execute(settings: Settings, statement: str) -> None:
    database = Database(settings.database_url)
    async with database.writing() as connection:
        await connection.execute(sa.text(statement))
    await database.close()


async def test_a_file_that_is_no_database_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "pfa.sqlite3").write_text("this is no database, it is a text of some length\n" * 100)
    with pytest.raises(DatabaseUnavailable, match="not an SQLite database"):
        async with running(settings):
            pass


async def test_requests_and_answers_of_the_real_services_pass(channel: grpc.aio.Channel) -> None:
    request = record_service_pb2.GetRecordRequest(organization_id="NOPE", pfa_id="1").SerializeToString()
    failed = await failing(channel, "/pfa.v1.RecordService/GetRecord", request)
    assert failed.code is grpc.StatusCode.NOT_FOUND
    assert failed.info.reason == "ORGANIZATION_NOT_FOUND"
