"""The service as operators meet it: a process, called with buf curl and grpcurl, on machines where things go wrong."""

from __future__ import annotations

import base64
import contextlib
import functools
import json
import os
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_reflection.v1alpha import reflection_pb2

from pfa.v1 import organization_service_pb2, record_service_pb2
from tests.acceptance.service import BIN, ROOT, Service, command, run_pfa, serving
from tests.wire import call, failing, failure, open_stream

ORGANIZATIONS: Final = "RIO,RIO2,CAPE,DELTA,BAY-7"
RIO_RECORDS: Final = 8_778
PHRASE: Final = "correct-horse-battery"
STREAM: Final = "/pfa.v1.RecordService/StreamRecords"
REFLECTION: Final = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
CREATE: Final = "/pfa.v1.OrganizationService/CreateOrganization"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that holds the example, and nothing else."""
    folder = tmp_path_factory.mktemp("imported")
    shutil.copy(ROOT / "examples" / "pems_export.csv.gz", folder)
    done = run_pfa(folder, "import", "pems_export.csv.gz", "--organizations", ORGANIZATIONS)
    assert "8,778" in done.stdout, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def service(imported: Path) -> Iterator[Service]:
    """A service with the example."""
    with serving(imported) as up:
        yield up


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that has its tables, and no records."""
    folder = tmp_path_factory.mktemp("migrated")
    assert run_pfa(folder, "migrate").returncode == 0
    return folder


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    """A folder with a database that a test may spoil."""
    shutil.copy(migrated / "pfa.sqlite3", tmp_path)
    return tmp_path


# buf curl


def buf(service: Service, path: str, request: object = None) -> subprocess.CompletedProcess[str]:
    """Call a method, or ask for a listing, with buf curl."""
    body = [] if request is None else ["-d", json.dumps(request)]
    arguments = [str(BIN / "buf"), "curl", "--http2-prior-knowledge", "--protocol", "grpc", *body]
    url = f"http://{service.address}{'/' + path if not path.startswith('--') else ''}"
    return command([*arguments, *([path] if path.startswith("--") else []), url], service.log.parent)


def test_buf_lists_services_and_methods(service: Service) -> None:
    services = buf(service, "--list-services").stdout.split()
    assert {"pfa.v1.RecordService", "pfa.v1.QueryService", "pfa.v1.OrganizationService"} < set(services)
    assert {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} < set(services)
    assert "pfa.v1.RecordService/StreamRecords" in buf(service, "--list-methods").stdout.split()


def test_buf_calls_a_method(service: Service) -> None:
    done = buf(service, "pfa.v1.OrganizationService/ListOrganizations", {})
    assert done.returncode == 0, done.stderr
    counts = {each["organizationId"]: each["recordCount"] for each in json.loads(done.stdout)["organizations"]}
    assert list(counts) == sorted(ORGANIZATIONS.split(","))
    assert counts["RIO"] == str(RIO_RECORDS)


def test_buf_reads_a_stream(service: Service) -> None:
    request = {"organizationId": "RIO", "readMask": "pfaId", "batchSize": 5_000}
    done = buf(service, "pfa.v1.RecordService/StreamRecords", request)
    assert done.returncode == 0, done.stderr
    records = [record["pfaId"] for batch in documents(done.stdout) for record in batch.get("records", [])]
    assert len(records) == len(set(records)) == RIO_RECORDS


def test_buf_asks_a_question(service: Service) -> None:
    request = {"organizationId": "RIO", "question": "rentals in Silo 4 over $5000"}
    done = buf(service, "pfa.v1.QueryService/Ask", request)
    assert done.returncode == 0, done.stderr
    interpretation, *batches = documents(done.stdout)
    assert interpretation["interpretation"]["complete"]
    records = [record for batch in batches for record in batch["records"]["records"]]
    assert records
    assert {(record["source"], record["areaSilo"]) for record in records} == {("SOURCE_RENTAL", "Silo 4")}


def test_buf_shows_an_error_whose_details_can_be_decoded(service: Service) -> None:
    request = {"organizationId": "RIO", "filter": "sorce = RENTAL"}
    done = buf(service, "pfa.v1.RecordService/ListRecords", request)
    assert done.returncode == 8 * grpc.StatusCode.INVALID_ARGUMENT.value[0]
    error = json.loads(done.stderr)
    (raw,) = [each["value"] for each in error["details"] if each["type"] == "google.rpc.ErrorInfo"]
    info = error_details_pb2.ErrorInfo.FromString(base64.b64decode(raw + "=" * (-len(raw) % 4)))
    assert (info.domain, info.reason) == ("pfa", "INVALID_FILTER")
    assert info.metadata["nearest"].split(",")[0] == "source"
    assert info.metadata["position"] == "0"


def test_buf_checks_the_health_of_a_service(service: Service) -> None:
    for name in ("", "pfa.v1.RecordService"):
        done = buf(service, "grpc.health.v1.Health/Check", {"service": name})
        assert json.loads(done.stdout) == {"status": "SERVING"}


def documents(text: str) -> list[Any]:
    """Return the JSON documents that follow each other in a text."""
    decoder, found = json.JSONDecoder(), []
    text = text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found


# grpcurl


@pytest.fixture(scope="module")
def grpcurl() -> str:
    """Path of grpcurl; the tests that need it are skipped where there is no Go to build it."""
    done = subprocess.run(
        [ROOT / "scripts" / "grpcurl.sh"], capture_output=True, text=True, timeout=600, check=False, cwd=ROOT
    )
    if done.returncode != 0:
        pytest.skip(f"grpcurl is not here: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout.strip()


def grpcurl_call(
    grpcurl: str, service: Service, *arguments: str, request: object = None
) -> subprocess.CompletedProcess[str]:
    """Call a method, or ask for a listing or description, with grpcurl."""
    body = [] if request is None else ["-d", json.dumps(request)]
    return command([grpcurl, "-plaintext", *body, service.address, *arguments], service.log.parent)


def test_grpcurl_lists_and_describes(service: Service, grpcurl: str) -> None:
    assert "pfa.v1.RecordService" in grpcurl_call(grpcurl, service, "list").stdout.split()
    described = grpcurl_call(grpcurl, service, "describe", "pfa.v1.RecordService").stdout
    assert "rpc StreamRecords ( .pfa.v1.StreamRecordsRequest ) returns ( stream" in described
    assert "filter = 2" in grpcurl_call(grpcurl, service, "describe", "pfa.v1.ListRecordsRequest").stdout


def test_grpcurl_calls_and_streams(service: Service, grpcurl: str) -> None:
    listed = grpcurl_call(
        grpcurl, service, "pfa.v1.RecordService/ListRecords", request={"organization_id": "RIO", "page_size": 3}
    )
    assert len(json.loads(listed.stdout)["records"]) == 3, listed.stderr
    request = {"organization_id": "RIO", "read_mask": {"paths": ["id"]}}
    streamed = grpcurl_call(grpcurl, service, "pfa.v1.RecordService/StreamRecords", request=request)
    assert sum(len(batch.get("records", [])) for batch in documents(streamed.stdout)) == RIO_RECORDS


def test_grpcurl_decodes_an_error(service: Service, grpcurl: str) -> None:
    done = grpcurl_call(
        grpcurl, service, "pfa.v1.RecordService/GetRecord", request={"organization_id": "RIO", "pfa_id": "nope"}
    )
    assert done.returncode != 0
    assert "Code: NotFound" in done.stderr
    assert '"reason": "RECORD_NOT_FOUND"' in done.stderr
    assert '"domain": "pfa"' in done.stderr


def test_grpcurl_checks_health(service: Service, grpcurl: str) -> None:
    done = grpcurl_call(grpcurl, service, "grpc.health.v1.Health/Check", request={"service": "pfa.v1.QueryService"})
    assert json.loads(done.stdout) == {"status": "SERVING"}


# The session of the README


def session(text: str) -> list[tuple[str, str]]:
    """Return the commands of the README's grpcurl session, each with the output that is printed below it."""
    blocks = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    steps = [step for block in blocks if "$ grpcurl" in block for step in re.split(r"^\$ ", block, flags=re.MULTILINE)]
    return [_split_step(step) for step in steps if step.strip()]


def _split_step(step: str) -> tuple[str, str]:
    typed, _, output = step.replace("\\\n", "\x00").partition("\n")
    return typed.replace("\x00", " "), output.replace("\x00", "\\\n")


def matches(expected: str, printed: str) -> bool:
    """Tell whether an output is the expected one, where "…" stands for anything and any white space for any other."""
    pattern = ".*".join(re.escape(part) for part in " ".join(expected.split()).split("…"))
    return re.fullmatch(pattern, " ".join(printed.split())) is not None


def test_the_session_of_the_readme_prints_what_it_says(service: Service, grpcurl: str) -> None:
    steps = session((ROOT / "README.md").read_text("utf-8"))
    assert steps, "the README has a console block that begins with $ grpcurl"
    path = f"{Path(grpcurl).parent}{os.pathsep}{BIN}{os.pathsep}{os.environ['PATH']}"
    for typed, expected in steps:
        line = typed.replace("127.0.0.1:50051", service.address)
        done = command(["bash", "-c", f"{line} 2>&1"], service.log.parent, {**os.environ, "PATH": path})
        assert matches(expected.replace("127.0.0.1:50051", service.address), done.stdout), (
            f"$ {line}\nprinted\n{done.stdout}\nand not\n{expected}"
        )


# Starting where something is wrong


def test_the_log_is_json_and_tells_of_every_call(service: Service) -> None:
    buf(service, "pfa.v1.OrganizationService/ListOrganizations", {})
    calls = [line for line in service.log_lines() if line["event"] == "call"]
    assert {"method", "code", "milliseconds", "request_id", "principal", "peer"} <= set(calls[-1])


def test_a_second_server_on_the_port_says_what_to_do(service: Service, tmp_path: Path) -> None:
    done = run_pfa(tmp_path, "serve", listen=service.address)
    assert done.returncode == 1
    assert done.stderr == (
        f"pfa: {service.address} is in use by another process; stop it or set PFA_LISTEN to another port\n"
    )


def test_an_address_that_others_reach_is_refused_without_tokens(tmp_path: Path) -> None:
    done = run_pfa(tmp_path, "serve", listen="0.0.0.0:0")
    assert done.returncode == 1
    assert "PFA_API_TOKENS" in one_sentence(done)
    assert not (tmp_path / "pfa.sqlite3").exists(), "nothing was touched"


async def test_an_address_that_others_reach_asks_for_a_token(folder: Path) -> None:
    with serving(folder, listen="0.0.0.0:0", api_tokens=PHRASE) as up:
        port = up.address.rpartition(":")[2]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            list_organizations = "/pfa.v1.OrganizationService/ListOrganizations"
            assert (await failing(channel, list_organizations)).info.reason == "UNAUTHENTICATED"
            answer = await call(channel, list_organizations, metadata=(("authorization", f"Bearer {PHRASE}"),))
            assert answer == b"", "there are none yet"
        assert PHRASE not in up.log_text()


def test_a_database_of_a_newer_version_is_refused(folder: Path) -> None:
    with contextlib.closing(sqlite3.connect(folder / "pfa.sqlite3")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for arguments in (("serve",), ("migrate",)):
        done = run_pfa(folder, *arguments)
        assert done.returncode == 1
        assert "schema 9999" in one_sentence(done)
        assert "upgrade the service" in done.stderr


def without_rights() -> tuple[str, ...]:
    """Return what runs a command that the permissions of files apply to; to root they do not apply otherwise."""
    if os.geteuid() != 0:
        return ()
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        pytest.skip("this is root, and setpriv is not here to give up its rights")
    return (setpriv, "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")


def test_a_database_that_can_only_be_read_is_told(folder: Path) -> None:
    (folder / "pfa.sqlite3").chmod(0o444)
    folder.chmod(0o555)
    try:
        done = run_pfa(folder, "serve", prefix=without_rights())
    finally:
        folder.chmod(0o755)
    assert done.returncode == 5
    assert "it can only be read; check the permissions of the file and its folder" in one_sentence(done)


def test_a_full_disk_at_the_first_start_is_told(tmp_path: Path) -> None:
    prlimit = shutil.which("prlimit")
    if prlimit is None:
        pytest.skip("prlimit is not here to limit the size of files")
    done = run_pfa(tmp_path, "serve", prefix=(prlimit, "--fsize=20000"))
    assert done.returncode == 5
    assert re.search("disk .*full", one_sentence(done))


async def test_a_disk_that_fills_up_refuses_writes_and_recovers(folder: Path) -> None:
    with serving(folder) as up:
        async with grpc.aio.insecure_channel(up.address) as channel:
            await call(channel, CREATE, create_request("BEFORE"))
            unlimited = resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE)
            # No file may grow beyond a page: what a write gets is what it gets from a full disk.
            resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, (4_096, unlimited[1]))
            failed = await failing(channel, CREATE, create_request("DURING"))
            assert (failed.code, failed.info.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
            assert re.search("disk .*full", failed.message)
            assert failed.all(error_details_pb2.RetryInfo)
            resource.prlimit(up.process.pid, resource.RLIMIT_FSIZE, unlimited)
            await call(channel, CREATE, create_request("DURING"))


def create_request(code: str) -> bytes:
    return organization_service_pb2.CreateOrganizationRequest(organization_id=code).SerializeToString()


def test_a_variable_that_nothing_reads_is_warned_of(tmp_path: Path) -> None:
    with serving(tmp_path, listn="127.0.0.1:1") as up:
        assert "PFA_LISTN is not a setting of this service; did you mean PFA_LISTEN?" in up.log_text()


def test_the_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    done = run_pfa(tmp_path, "serve", "--show-config", "--json", api_tokens=PHRASE)
    assert done.returncode == 0
    assert PHRASE not in done.stdout + done.stderr
    rows = {row["name"]: row for row in json.loads(done.stdout)}
    assert rows["api_tokens"]["value"] == "********"
    assert rows["listen"]["source"] == "environment"


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a command that failed said: one line, no trace."""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


# Stopping


def stream_request(batch_size: int, resume_token: str) -> bytes:
    return record_service_pb2.StreamRecordsRequest(
        organization_id="RIO", batch_size=batch_size, resume_token=resume_token
    ).SerializeToString()


async def read_batches(
    address: str, *, batch_size: int, resume_token: str = "", on_batch: Any = None
) -> tuple[list[str], str, Any]:
    """Return the ids that a stream gave, its last resume token, and how it failed (None: it ended)."""
    ids: list[str] = []
    async with grpc.aio.insecure_channel(address) as channel:
        stream = open_stream(channel, STREAM, stream_request(batch_size, resume_token))
        try:
            while isinstance(raw := await stream.read(), bytes):
                batch = record_service_pb2.StreamRecordsResponse.FromString(raw)
                ids.extend(record.id for record in batch.records)
                resume_token = batch.resume_token
                if on_batch is not None:
                    on_batch()
        except grpc.aio.AioRpcError as error:
            return ids, resume_token, failure(error)
    return ids, resume_token, None


async def test_a_stop_during_a_stream_loses_and_repeats_nothing(imported: Path) -> None:
    with serving(imported, stop_seconds="0") as up:
        stop = functools.cache(lambda: up.process.send_signal(signal.SIGTERM))
        before, resume_token, failed = await read_batches(up.address, batch_size=1, on_batch=stop)
        assert up.process.wait(30) == 0
        assert "Traceback" not in up.log_text()
        assert up.log_lines()[-1]["event"] == "stopped"
    assert failed is not None, "8,778 batches take longer than a signal"
    assert (failed.code, failed.info.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
    assert 0 < len(before) < RIO_RECORDS
    with serving(imported) as up:
        after, _, failed = await read_batches(up.address, batch_size=500, resume_token=resume_token)
    assert failed is None
    assert len(before) + len(after) == len({*before, *after}) == RIO_RECORDS


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as up:
        assert up.stop(number) == 0
        assert [line["event"] for line in up.log_lines()][-2:] == ["stopping", "stopped"]


async def test_a_second_signal_ends_it_at_once(folder: Path) -> None:
    with serving(folder, stop_seconds="600") as up:
        async with grpc.aio.insecure_channel(up.address) as channel:
            # A client that keeps its stream open would hold the stop for ten minutes.
            held: grpc.aio.StreamStreamCall[bytes, bytes] = channel.stream_stream(REFLECTION)()
            await held.write(reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString())
            assert await held.read()
            assert up.stop(signal.SIGTERM, signal.SIGTERM) == 0
        assert "Traceback" not in up.log_text()
