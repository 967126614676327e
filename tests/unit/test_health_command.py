"""`pfa health`: its exit status is what the probe of a container goes by."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from pfa_rpc.cli import exits
from pfa_rpc.cli.main import main


@pytest.fixture
def server() -> Iterator[tuple[str, health.HealthServicer]]:
    """A server that says of its health what a test tells it to, and its address."""
    servicer = health.HealthServicer()
    fake = grpc.server(futures.ThreadPoolExecutor(2))
    health_pb2_grpc.add_HealthServicer_to_server(servicer, fake)
    port = fake.add_insecure_port("127.0.0.1:0")
    fake.start()
    yield f"127.0.0.1:{port}", servicer
    fake.stop(None).wait()


def test_a_server_that_is_stopping_is_unavailable(
    server: tuple[str, health.HealthServicer], capsys: pytest.CaptureFixture[str]
) -> None:
    address, servicer = server
    servicer.set("", health_pb2.HealthCheckResponse.SERVING)
    assert main(["health", "--server", address]) == exits.OK
    assert capsys.readouterr().out == "SERVING\n"
    servicer.set("", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert main(["health", "--server", address]) == exits.UNAVAILABLE
    out, err = capsys.readouterr()
    assert out == "NOT_SERVING\n"
    assert err == f"pfa: {address} is NOT_SERVING, not SERVING\n"


def test_a_service_that_is_not_there_is_named(
    server: tuple[str, health.HealthServicer], capsys: pytest.CaptureFixture[str]
) -> None:
    address, _ = server
    assert main(["health", "--server", address, "--service", "pfa.v1.NoService"]) == exits.NOT_FOUND
    assert capsys.readouterr().err == f"pfa: {address} has no service 'pfa.v1.NoService'\n"
