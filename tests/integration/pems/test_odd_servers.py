"""What answers in PEMS' place now and then: gateways, login pages, servers that others have set up."""

from __future__ import annotations

import asyncio
import gzip
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pfa_rpc.sync.pems import PemsClient
from pfa_rpc.sync.pems.errors import MalformedAnswer, NotValid, PemsError, PermanentFailure, Transient
from tests.integration.pems.conftest import settings_for

COUNT = json.dumps({"Result": {"ResultData": {"GRID": {"TOTAL-COUNT": "8,807"}}}, "ErrorAlert": []}).encode()


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Run a server that sends the same bytes to every request, and give its address and the requests it gets."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()
            writer.write_eof() if tls is None else None
            await reader.read(1 << 16)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    scheme = "http" if tls is None else "https"
    try:
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


async def count(answer: bytes, **settings: Any) -> int:
    async with answering(answer) as (url, _), PemsClient(settings_for(url, attempts=2, **settings)) as client:
        return await client.count("RIO")


async def test_an_answer_may_be_compressed() -> None:
    assert await count(http(gzip.compress(COUNT), "content-encoding: gzip")) == 8807


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (http(b"<html>Sign in</html>"), MalformedAnswer, "something that is not JSON: '<html>Sign in"),
        (http(b""), MalformedAnswer, "something that is not JSON"),
        (http(b"[]"), MalformedAnswer, "something that is not JSON"),
        (http(b"{}"), MalformedAnswer, "without a result"),
        (http(COUNT.replace(b"8,807", b"many")), MalformedAnswer, "a count with 'many'"),
        (http(COUNT[:40], length=len(COUNT)), Transient, "cannot be reached"),
        (http(COUNT, "content-encoding: gzip"), Transient, "cannot be reached"),
        (http(b"", "location: https://elsewhere.example.test/", status="302 Found"), PermanentFailure, "BASE_URL"),
        (http(b"nothing here", status="404 Not Found"), PermanentFailure, "no such service at this address"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Transient, "cannot be reached"),
        (b"", Transient, "cannot be reached"),
        (http(b'{"ErrorAlert": [{"Message": "No good."}], "Result": null}'), NotValid, "PEMS says: No good."),
        (http(b'{"a":' * 100_000), MalformedAnswer, "something that is not JSON"),
    ],
)
async def test_another_answer_becomes_an_error_that_says_so(answer: bytes, error: type[PemsError], said: str) -> None:
    with pytest.raises(PemsError, match=said) as caught:
        await count(answer)
    assert type(caught.value) is error


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    endless = http(b"x" * (1 << 20), length=1 << 40)
    with pytest.raises(MalformedAnswer, match="lower PFA_PEMS_PAGE_ROWS"):
        await count(endless, page_bytes=1 << 16)


async def test_a_redirect_gets_no_credentials() -> None:
    async with answering(http(COUNT)) as (other, heads):
        moved = http(b"", f"location: {other}/", status="307 Temporary Redirect")
        with pytest.raises(PermanentFailure):
            await count(moved)
        assert heads == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(http(COUNT)) as (proxy, heads):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
            monkeypatch.setenv(name, proxy)
        assert await count(http(COUNT)) == 8807
        assert heads == []


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for loopback that nobody has signed, and its key."""
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    return certificate, key


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate with")
async def test_only_a_certificate_that_is_trusted_is_spoken_to(certificate: tuple[Path, Path]) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(*certificate)
    async with answering(http(COUNT), tls) as (url, heads):
        async with PemsClient(settings_for(url, attempts=1)) as client:
            with pytest.raises(Transient, match="certificate"):
                await client.count("RIO")
        assert heads == [], "nothing was sent, credentials least of all"
        async with PemsClient(settings_for(url, attempts=1, ca_file=certificate[0])) as client:
            assert await client.count("RIO") == 8807
