"""Responses that are kept for a repeat make room again, however many requests come."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.editing import repeats
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites
from pfa_rpc.store import requests
from pfa_rpc.store.database import Write
from pfa_rpc.store.requests import RequestKey, keep_response
from pfa_rpc.store.tables import request_results
from tests.integration.store.conftest import Filled, database_kind, filled

__all__ = ["database_kind", "filled"]  # fixtures


async def test_responses_that_expired_go_faster_than_others_come(
    filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "DROP_EVERY", 3)
    monkeypatch.setattr(requests, "DROPPED_AT_ONCE", 5)
    two_days_ago = datetime.now(UTC) - timedelta(days=2)
    async with filled.database.writing() as connection:
        for number in range(14):
            await keep_response(connection, RequestKey("RIO", "anna", f"old {number}", b"d"), b"old", two_days_ago)
    writes = RepeatableWrites(filled.database)
    for number in range(7):
        assert await writes.run("RIO", Cause(How.EDIT, "anna", request_id=f"new {number}"), b"d", change) == b"new"
    async with filled.database.reading() as connection:
        left = await connection.scalars(sa.select(request_results.c.request_id))
        assert sorted(left) == [f"new {number}" for number in range(7)]


async def change(write: Write) -> Answer:
    write.changed = 1

    def answer(_revision: Revision) -> bytes:
        return b"new"

    return answer
