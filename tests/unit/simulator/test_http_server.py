"""The simulator's HTTP server: what clients may send, and what becomes of what they may not."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from pfa_rpc.simulator.calls import Answer
from pfa_rpc.simulator.http_server import HttpServer, Request
from pfa_rpc.simulator.running import running_simulator
from pfa_rpc.simulator.settings import Settings
from tests.unit.simulator.client import NO_AUTHORITIES


async def echo(request: Request) -> Answer:
    """Answer what was sent."""
    if request.target == "/defect":
        raise LookupError("nothing there")
    return Answer(body=request.body + request.headers.get("x-more", "").encode())


@asynccontextmanager
async def serving() -> AsyncIterator[int]:
    server = HttpServer(echo)
    port = await server.start("127.0.0.1", 0)
    try:
        yield port
    finally:
        await server.close()


@asynccontextmanager
async def serving_client() -> AsyncIterator[httpx.AsyncClient]:
    async with serving() as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", verify=NO_AUTHORITIES) as http:
        yield http


async def raw(port: int, sent: bytes) -> bytes:
    """Send bytes, and return all that comes until the server ends the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(), 5)
    finally:
        writer.close()


async def test_one_connection_serves_call_after_call() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nhi")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(2) == b"hi"
        writer.close()


async def test_bodies_may_come_in_pieces() -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"a" * 70_000, b"b", b"c" * 70_000):
            yield piece

    async with serving_client() as http:
        answer = await http.post("/", content=pieces(), headers={"x-more": "!"})

    assert answer.text == "a" * 70_000 + "b" + "c" * 70_000 + "!"


async def test_a_head_request_gets_no_body() -> None:
    async with serving_client() as http:
        assert (await http.head("/")).content == b""
        assert (await http.post("/", content=b"still there")).text == "still there"


async def test_who_asks_to_close_is_closed() -> None:
    async with serving() as port:
        answer = await raw(port, b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi")

    assert answer.endswith(b"\r\n\r\nhi")


@pytest.mark.parametrize("sent", [b"\x16\x03\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"])
async def test_what_is_no_http_ends_its_connection_alone(sent: bytes) -> None:
    async with serving_client() as http:
        assert await raw(int(http.base_url.port or 0), sent + b"\r\n\r\n") == b""
        assert (await http.post("/", content=b"others go on")).text == "others go on"


async def test_a_body_without_end_is_not_taken() -> None:
    async with serving_client() as http:
        with pytest.raises(httpx.TransportError):
            await http.post("/", content=b"x" * (9 << 20))


async def test_a_defect_is_an_answer_that_names_it(caplog: pytest.LogCaptureFixture) -> None:
    async with serving_client() as http:
        with caplog.at_level(logging.CRITICAL):
            answer = await http.get("/defect")

    assert answer.status_code == 500
    assert "LookupError('nothing there')" in answer.text


async def test_closing_ends_connections_that_are_waiting() -> None:
    async with serving() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf")
        await asyncio.sleep(0.05)

    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


@pytest.mark.parametrize(("host", "shown"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
async def test_the_address_that_is_told_can_be_called(host: str, shown: str) -> None:
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    async with running_simulator(Settings(host=host)) as pems, httpx.AsyncClient(verify=NO_AUTHORITIES) as http:
        assert pems.url.startswith(f"http://{shown}:")
        assert (await http.get(f"{pems.url}/simulator")).status_code == 200
