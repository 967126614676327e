"""A repeat gets the first response, whatever has happened since; responses that are kept make room again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.editing import repeats
from pfa_rpc.services.editing.repeats import Answer, RepeatableWrites
from pfa_rpc.store import requests
from pfa_rpc.store.database import Write
from pfa_rpc.store.requests import RequestKey, keep_response
from pfa_rpc.store.revisions import get_revision
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


def request(name: str) -> Cause:
    return Cause(How.EDIT, "anna", request_id=name)


class Wish:
    """A request that changes something only once others have written."""

    def __init__(self, revision: int) -> None:
        self._revision = revision
        self.runs = 0

    async def body(self, write: Write) -> Answer:
        self.runs += 1
        has_moved = write.revision.number - 1 > self._revision
        write.changed = int(has_moved)
        return lambda revision: f"{has_moved} {revision.number}".encode()


@pytest.fixture
def overtaken(filled: Filled, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Give what lets others write so often between a request that changes nothing and its response."""

    def overtake(times: int) -> None:
        left = [times]

        async def late(self: RepeatableWrites, *arguments: Any) -> bytes | None:
            if left[0]:
                left[0] -= 1
                async with filled.database.write("RIO", Cause(How.EDIT, "berta")) as write:
                    write.changed = 1
            return await unchanged(self, *arguments)

        monkeypatch.setattr(RepeatableWrites, "_unchanged", late)

    unchanged = RepeatableWrites._unchanged
    return overtake


async def test_a_request_that_was_overtaken_before_it_was_answered_is_carried_out_again(
    filled: Filled, overtaken: Callable[[int], None]
) -> None:
    overtaken(1)
    now = (await get_revision(filled.database, "RIO")).number
    wish, writes = Wish(now), RepeatableWrites(filled.database)
    response = await writes.run("RIO", request("w"), b"d", wish.body)
    assert (response, wish.runs) == (f"True {now + 2}".encode(), 2)
    assert await writes.run("RIO", request("w"), b"d", wish.body) == response
    assert wish.runs == 2


async def test_a_request_that_is_overtaken_all_the_time_is_answered_none_the_less(
    filled: Filled, overtaken: Callable[[int], None]
) -> None:
    overtaken(1_000)
    wish, writes = Wish(2**40), RepeatableWrites(filled.database)
    response = await writes.run("RIO", request("w"), b"d", wish.body)
    assert wish.runs == repeats.ATTEMPTS
    assert response == f"False {(await get_revision(filled.database, 'RIO')).number}".encode()
    assert await writes.run("RIO", request("w"), b"d", change) == response


async def test_a_request_that_changes_nothing_uses_no_revision_and_is_kept(filled: Filled) -> None:
    now = await get_revision(filled.database, "RIO")
    wish, writes = Wish(2**40), RepeatableWrites(filled.database)
    responses = await asyncio.gather(*(writes.run("RIO", request("w"), b"d", wish.body) for _ in range(5)))
    assert set(responses) == {f"False {now.number}".encode()}
    assert await get_revision(filled.database, "RIO") == now
    assert await writes.run("RIO", request("w"), b"d", change) == responses[0]


async def refused() -> bytes:
    raise InvalidRequest.of("mutations[0]", "is not what it was")


async def test_a_repeat_that_would_be_refused_by_now_is_answered_as_the_first_time(filled: Filled) -> None:
    writes = RepeatableWrites(filled.database)
    with pytest.raises(InvalidRequest):
        await writes.answered("RIO", request("w"), b"d", refused())
    response = await writes.run("RIO", request("w"), b"d", change)
    assert await writes.answered("RIO", request("w"), b"d", refused()) == response
    for cause, other in ((request("w"), b"another"), (request("v"), b"d"), (Cause(How.EDIT, "anna"), b"d")):
        with pytest.raises(InvalidRequest):
            await writes.answered("RIO", cause, other, refused())
