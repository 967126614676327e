"""Serves what the process counts, over HTTP in Prometheus' format: `serving_metrics`; and counts calls: `CALLS`."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from prometheus_client import Counter, make_wsgi_app

from pfa_rpc.errors import Unauthenticated
from pfa_rpc.server.addresses import Address
from pfa_rpc.server.authentication import Authenticator

CALLS: Final = Counter(
    "pfa_calls_total",
    'Calls that ended, by method ("unknown" for one that does not exist) and by the name of their status code.',
    ("method", "code"),
)
_REQUEST_SECONDS: Final = 10
_POLL_SECONDS: Final = 0.1
"""How soon the server's thread sees that it is to end."""
_log: Final = structlog.stdlib.get_logger("pfa")


@asynccontextmanager
async def serving_metrics(address: Address, bearer_tokens: tuple[str, ...]) -> AsyncIterator[Address]:
    """Serve metrics during the block, in a thread; give the address with the port that was taken.

    Who reads them from another machine needs a bearer token. Raises OSError where the address cannot be had.
    """
    application = make_wsgi_app()
    if not address.is_loopback:
        application = _guarded(application, Authenticator(bearer_tokens))
    kind = _Server6 if ":" in address.host else _Server
    server = make_server(address.host, address.port, application, server_class=kind, handler_class=_Handler)
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_SECONDS,), name="metrics", daemon=True)
    thread.start()
    taken = address.with_port(server.server_port)
    _log.info("serving metrics", address=str(taken))
    try:
        yield taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """Takes each request in a thread of its own, so that a slow reader holds up nobody."""

    daemon_threads = True
    block_on_close = False


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = _REQUEST_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name is the library's)
        """Say nothing: a scrape every few seconds is no event."""


def _guarded(application: WSGIApplication, authenticator: Authenticator) -> WSGIApplication:
    def guarded(environment: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        try:
            authenticator.authenticate((("authorization", environment.get("HTTP_AUTHORIZATION", "")),))
        except Unauthenticated:
            start("401 Unauthorized", [("WWW-Authenticate", "Bearer"), ("Content-Type", "text/plain")])
            return [b"send authorization: Bearer with one of the server's PFA_API_TOKENS\n"]
        return application(environment, start)

    return guarded
