"""Requests to PEMS over HTTP: `Transport` for one session, on a `Link` that all workers of the process share.

Reading is tried again here, with growing and jittered waits. A write is sent once: where its answer is lost, the caller
is told that its outcome is unknown.
"""

from __future__ import annotations

import asyncio
import functools
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Self

import httpx
import structlog

from pfa_rpc.cache.breaker import Breaker
from pfa_rpc.sync.pems.answers import failure_of
from pfa_rpc.sync.pems.errors import (
    Away,
    CredentialsRefused,
    MalformedAnswer,
    PemsError,
    Resting,
    SessionExpired,
    TooManyRequests,
    Transient,
    UnknownOutcome,
)
from pfa_rpc.sync.pems.metrics import PEMS, REQUEST_SECONDS, REQUESTS
from pfa_rpc.sync.pems.pace import Delays, Pace, retry_after
from pfa_rpc.sync.pems.settings import PemsSettings

GRID_PATH: Final = "/axis/restservices/griddata"
SCREEN_PATH: Final = "/axis/restservices/userdefinedscreenservices"
FAILURES: Final = 5
"""How many requests in a row may fail before PEMS is given a rest."""
REST_SECONDS: Final = 5.0
LONGEST_REST: Final = 60.0
CONNECTIONS: Final = 8
"""Most connections of one session."""

# Raised before a byte of the request has left: PEMS cannot have done anything.
_NOT_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_log: Final = structlog.stdlib.get_logger("pfa")
_Sleep = Callable[[float], Awaitable[None]]


class Link:
    """What the workers of one process share about PEMS: the pace of each organization, and one breaker for all."""

    def __init__(
        self, settings: PemsSettings, *, breaker: Breaker | None = None, sleep: _Sleep = asyncio.sleep
    ) -> None:
        self._settings = settings
        self._paces: dict[str, Pace] = {}
        self.sleep = sleep
        self.last_failure = ""
        """What the breaker was told last."""
        self.breaker = breaker or Breaker(
            "pems", failures=FAILURES, rest_seconds=REST_SECONDS, longest_rest=LONGEST_REST, watched=PEMS
        )

    def pace(self, organization: str) -> Pace:
        """Return the pace of an organization."""
        if organization not in self._paces:
            self._paces[organization] = Pace(
                self._settings.requests_per_second, self._settings.request_seconds, sleep=self.sleep
            )
        return self._paces[organization]


class Transport:
    """A session with PEMS, with connections that are used again. An async context manager."""

    def __init__(self, settings: PemsSettings, link: Link) -> None:
        self._settings = settings
        self._link = link
        self._delays = Delays(settings.retry_seconds, settings.longest_wait_seconds)
        self._http = _session(settings)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End the session and its connections."""
        await self._http.aclose()

    async def read(self, path: str, organization: str, body: Mapping[str, Any]) -> bytes:
        """Return the answer to a request that changes nothing, tried again while that may help. Raises PemsError."""
        for attempt in range(1, self._settings.attempts + 1):
            try:
                return await self._once(path, organization, body)
            except Transient as error:
                if isinstance(error, Resting) or attempt == self._settings.attempts:
                    raise
                await self._wait(path, attempt, error)
        raise AssertionError("a request is tried at least once")

    async def write(self, path: str, organization: str, body: Mapping[str, Any]) -> bytes:
        """Return the answer to a request that changes something, which is sent once. Raises PemsError.

        Raises UnknownOutcome where PEMS may have done it; after any other error it has not.
        """
        return await self._once(path, organization, body, is_write=True)

    async def _wait(self, path: str, attempt: int, error: Transient) -> None:
        # An expired session costs nothing but the attempt: the next one opens another.
        seconds = 0.0 if isinstance(error, SessionExpired) else self._delays.after(attempt, error.retry_after)
        _log.info("pems is asked again", path=path, attempt=attempt, why=error.message, seconds=round(seconds, 2))
        await self._link.sleep(seconds)

    async def _once(self, path: str, organization: str, body: Mapping[str, Any], *, is_write: bool = False) -> bytes:
        """Send a request in its turn; tell the breaker how it went."""
        await self._link.pace(organization).turn()
        breaker = self._link.breaker
        if not breaker.allows():
            why = f"PEMS is given a rest after failures in a row; the last was: {self._link.last_failure}"
            raise Resting(why, retry_after=breaker.remaining)
        try:
            answer = await self._sent(path, organization, body, is_write=is_write)
        except (TooManyRequests, SessionExpired, CredentialsRefused):
            breaker.succeeded()  # it refuses, and so it is there
            raise
        except (Transient, UnknownOutcome) as error:
            self._link.last_failure = error.message
            breaker.failed(error.message)
            raise
        except PemsError:
            breaker.succeeded()
            raise
        except BaseException:
            breaker.gave_up()
            raise
        breaker.succeeded()
        return answer

    async def _sent(self, path: str, organization: str, body: Mapping[str, Any], *, is_write: bool) -> bytes:
        """Return the body of an answer with status 200; everything else becomes an error of the tree."""
        try:
            with REQUEST_SECONDS.labels(path.rpartition("/")[2]).time():
                async with asyncio.timeout(self._settings.request_seconds):
                    response, content = await self._exchange(path, organization, body)
        except (httpx.TransportError, httpx.DecodingError, TimeoutError) as error:
            REQUESTS.labels(path.rpartition("/")[2], "none").inc()
            raise self._broken(error, is_write=is_write) from error
        REQUESTS.labels(path.rpartition("/")[2], str(response.status_code)).inc()
        if response.status_code == 200:
            return content
        raise self._refused(response, content, organization, is_write=is_write)

    async def _exchange(self, path: str, organization: str, body: Mapping[str, Any]) -> tuple[httpx.Response, bytes]:
        headers = {"organization": organization, "content-type": "application/json"}
        # In ASCII: what PEMS has sent goes back to it as it came, even where it is no text.
        content = json.dumps(body).encode()
        url = self._settings.base_url + path
        async with self._http.stream("POST", url, content=content, headers=headers) as response:
            parts: list[bytes] = []
            size = 0
            async for part in response.aiter_bytes():
                size += len(part)
                if size > self._settings.page_bytes:
                    raise MalformedAnswer(
                        f"PEMS answered with more than {self._settings.page_bytes:,} bytes; lower PFA_PEMS_PAGE_ROWS"
                    )
                parts.append(part)
        return response, b"".join(parts)

    def _broken(self, error: Exception, *, is_write: bool) -> PemsError:
        """Return the error for an exchange that did not come to its end."""
        what = str(error) or type(error).__name__
        if is_write and not isinstance(error, _NOT_SENT):
            return UnknownOutcome(f"PEMS may have written the record or not, the answer was lost: {what}")
        kind = Away if isinstance(error, _NOT_SENT) else Transient
        return kind(f"PEMS cannot be reached at {self._settings.base_url}: {what}")

    def _refused(self, response: httpx.Response, content: bytes, organization: str, *, is_write: bool) -> PemsError:
        asked = retry_after(response.headers.get("retry-after"))
        error = failure_of(response.status_code, content, retry_after=asked)
        if isinstance(error, TooManyRequests):
            # Whoever asks for this organization would be refused too.
            wait = min(self._settings.longest_wait_seconds, self._settings.retry_seconds if asked is None else asked)
            self._link.pace(organization).pause(wait)
        if is_write and response.status_code in {502, 504}:
            return UnknownOutcome(f"a gateway before PEMS lost the answer (status {response.status_code})")
        if response.status_code == 401 and self._http.cookies:
            # The session may have ended; that the credentials are wrong is known only from a call without one.
            self._http.cookies.clear()
            return SessionExpired()
        return error


def _session(settings: PemsSettings) -> httpx.AsyncClient:
    headers = {"tenant": settings.tenant, "accept": "application/json"}
    if settings.api_key is not None:
        headers["x-api-key"] = settings.api_key.get_secret_value()
    if settings.token is not None:
        headers["authorization"] = f"Bearer {settings.token.get_secret_value()}"
    auth = httpx.BasicAuth(settings.user, settings.password.get_secret_value()) if settings.password else None
    return httpx.AsyncClient(
        headers=headers,
        auth=auth,
        verify=ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else _usual_authorities(),
        proxy=settings.proxy.get_secret_value() if settings.proxy else None,
        # Nothing of the environment: it could send our credentials through a proxy that nobody chose for them.
        trust_env=False,
        follow_redirects=False,
        timeout=httpx.Timeout(settings.read_seconds, connect=settings.connect_seconds, pool=settings.request_seconds),
        limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
    )


@functools.cache
def _usual_authorities() -> ssl.SSLContext:
    """Return a context that trusts whom httpx trusts; reading them takes a tenth of a second, in which nothing runs."""
    return httpx.create_ssl_context(trust_env=False)
