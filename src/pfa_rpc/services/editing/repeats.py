"""Writes that are safe to repeat: `RepeatableWrites` carries one out, or returns what it returned the first time.

`read_request_id` checks what the caller named the request.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pfa_rpc.errors import InvalidRequest, PfaError, RequestIdReused
from pfa_rpc.records.cause import Cause
from pfa_rpc.records.revision import Revision
from pfa_rpc.store.database import Database, NothingChanged, Write
from pfa_rpc.store.requests import RequestKey, drop_expired, find_response, keep_response, leave_response
from pfa_rpc.store.revisions import get_revision, hold_revision

REQUEST_ID_LENGTH: Final = 100
"""Longest request_id, in characters."""
DROP_EVERY: Final = 100
"""Responses kept, after which a process looks for expired ones of the organization: fewer than are dropped at once."""
ATTEMPTS: Final = 5
"""How often a request that changes nothing is tried; the last time it is a revision all the same."""
_DROP_SECONDS: Final = 60.0
"""How long it waits where fewer are kept."""

Answer = Callable[[Revision], bytes]
"""Makes the response, given the revision that shows what it tells."""


def read_request_id(text: str) -> str | None:
    """Return the request_id of a request, None where it has none. Raises InvalidRequest."""
    if len(text) > REQUEST_ID_LENGTH or not text.isprintable():
        rule = f"write a UUID, or at most {REQUEST_ID_LENGTH} printable characters"
        raise InvalidRequest.of("request_id", f"{text[:REQUEST_ID_LENGTH]!r} is no name of a request; {rule}")
    return text or None


class RepeatableWrites:
    """Writes of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._dropped: dict[str, float] = {}
        self._kept: Counter[str] = Counter()

    async def answered(
        self, organization_id: str, cause: Cause, request_digest: bytes, answering: Awaitable[bytes]
    ) -> bytes:
        """Return what a request is answered, or where it is refused now, what it was answered the first time.

        Words may have lost their meaning since, a currency may have changed, a token may have expired: a repeat is
        none the less answered as the first time.
        """
        try:
            return await answering
        except PfaError:
            earlier = await self._earlier(organization_id, cause, request_digest)
            if earlier is None:
                raise
            return earlier

    async def _earlier(self, organization_id: str, cause: Cause, request_digest: bytes) -> bytes | None:
        key = _key(organization_id, cause, request_digest)
        if key is None:
            return None
        with suppress(RequestIdReused):
            async with self._database.reading() as connection:
                return await find_response(connection, key, datetime.now(UTC))
        return None

    async def run(
        self, organization_id: str, cause: Cause, request_digest: bytes, body: Callable[[Write], Awaitable[Answer]]
    ) -> bytes:
        """Return the response of a request, carried out by `body` unless it was before.

        A body that changes nothing uses no revision, unless others write all the time. It is run again where another
        write came between it and its response. Raises RequestIdReused, and what the body raises.
        """
        key = _key(organization_id, cause, request_digest)
        response: bytes | None = None
        for attempt in range(ATTEMPTS):
            tried = _Tried()
            async with self._database.write(organization_id, cause) as write:
                await self._try(write, key, body, tried, may_be_empty=attempt == ATTEMPTS - 1)
            response = tried.response
            if response is None:
                assert tried.answer is not None, "a body that was run has an answer"  # noqa: S101 (for the type)
                response = await self._unchanged(organization_id, key, tried.answer, tried.before)
            if response is not None:
                break
        assert response is not None, "the last attempt is written"  # noqa: S101 (for the type)
        return response

    async def _try(
        self,
        write: Write,
        key: RequestKey | None,
        body: Callable[[Write], Awaitable[Answer]],
        tried: _Tried,
        *,
        may_be_empty: bool,
    ) -> None:
        """Carry a request out within a write. Raises NothingChanged, where there is nothing to commit."""
        if key is not None:
            tried.response = await find_response(write.connection, key, write.at)
            if tried.response is not None:
                raise NothingChanged
        tried.answer = await body(write)
        if not (write.changed or write.reserved or may_be_empty):
            tried.before = write.revision.number - 1
            raise NothingChanged
        tried.response = tried.answer(write.revision)
        if key is not None:
            await self._keep(write, key, tried.response)

    async def _keep(self, write: Write, key: RequestKey, response: bytes) -> None:
        leave_response(write, key, response)
        organization_id, now = key.organization_id, time.monotonic()
        self._kept[organization_id] += 1
        waited = now - self._dropped.get(organization_id, -_DROP_SECONDS)
        if waited >= _DROP_SECONDS or self._kept[organization_id] >= DROP_EVERY:
            self._dropped[organization_id] = now
            self._kept[organization_id] = 0
            await drop_expired(write.connection, organization_id, write.at)

    async def _unchanged(self, organization_id: str, key: RequestKey | None, answer: Answer, at: int) -> bytes | None:
        """Return the response of a request that changed nothing; None where something was written since.

        A repeat must not change anything either: the response is kept while nobody else can write.
        """
        if key is None:
            return answer(await get_revision(self._database, organization_id))
        async with self._database.writing() as connection:
            revision = await hold_revision(connection, organization_id)
            now = datetime.now(UTC)
            earlier = await find_response(connection, key, now)
            if earlier is not None or revision.number != at:
                return earlier
            response = answer(revision)
            await keep_response(connection, key, response, now)
            return response


@dataclass(slots=True)
class _Tried:
    """What came of an attempt."""

    response: bytes | None = None
    answer: Answer | None = None
    before: int = 0
    """Number of the revision that a body that changed nothing has seen."""


def _key(organization_id: str, cause: Cause, request_digest: bytes) -> RequestKey | None:
    if cause.request_id is None:
        return None
    return RequestKey(organization_id, cause.by, cause.request_id, request_digest)
