"""Writes that are safe to repeat: `RepeatableWrites` carries one out, or returns what it returned the first time.

`read_request_id` checks what the caller named the request.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Final

from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.cause import Cause
from pfa_rpc.records.revision import Revision
from pfa_rpc.store.database import Database, NothingChanged, Write
from pfa_rpc.store.requests import RequestKey, drop_expired, find_response, keep_response
from pfa_rpc.store.revisions import get_revision

REQUEST_ID_LENGTH: Final = 100
"""Longest request_id, in characters."""
DROP_EVERY: Final = 100
"""Responses kept, after which a process looks for expired ones of the organization: fewer than are dropped at once."""
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

    async def earlier(self, organization_id: str, cause: Cause, request_digest: bytes) -> bytes | None:
        """Return what a request returned the first time; None where it was not carried out. Raises RequestIdReused."""
        key = _key(organization_id, cause, request_digest)
        if key is None:
            return None
        async with self._database.reading() as connection:
            return await find_response(connection, key, datetime.now(UTC))

    async def run(
        self, organization_id: str, cause: Cause, request_digest: bytes, body: Callable[[Write], Awaitable[Answer]]
    ) -> bytes:
        """Return the response of a request, carried out by `body` unless it was before.

        A body that changes nothing uses no revision. Raises RequestIdReused, and what the body raises.
        """
        key = _key(organization_id, cause, request_digest)
        earlier: bytes | None = None
        async with self._database.write(organization_id, cause) as write:
            if key is not None:
                earlier = await find_response(write.connection, key, write.at)
            if earlier is not None:
                raise NothingChanged
            answer = await body(write)
            if not write.changed and not write.reserved:
                raise NothingChanged
            response = answer(write.revision)
            if key is not None:
                await self._keep(write, key, response)
            return response
        if earlier is not None:
            return earlier
        return await self._unchanged(organization_id, key, answer)

    async def _keep(self, write: Write, key: RequestKey, response: bytes) -> None:
        await keep_response(write.connection, key, response, write.at)
        organization_id, now = key.organization_id, time.monotonic()
        self._kept[organization_id] += 1
        waited = now - self._dropped.get(organization_id, -_DROP_SECONDS)
        if waited >= _DROP_SECONDS or self._kept[organization_id] >= DROP_EVERY:
            self._dropped[organization_id] = now
            self._kept[organization_id] = 0
            await drop_expired(write.connection, organization_id, write.at)

    async def _unchanged(self, organization_id: str, key: RequestKey | None, answer: Answer) -> bytes:
        """Return the response of a request that changed nothing. A repeat must change nothing either."""
        response = answer(await get_revision(self._database, organization_id))
        if key is not None:
            async with self._database.writing() as connection:
                await keep_response(connection, key, response, datetime.now(UTC))
        return response


def _key(organization_id: str, cause: Cause, request_digest: bytes) -> RequestKey | None:
    if cause.request_id is None:
        return None
    return RequestKey(organization_id, cause.by, cause.request_id, request_digest)
