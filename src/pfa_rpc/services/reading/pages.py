"""Pages of records through the cache, framed as they are sent: `RecordPages`, for lists and answers to questions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.duration_pb2 import Duration
from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.filters.filter_text import parse_filter
from nlq.filters.order_text import parse_order
from nlq.query import Condition, Sort
from pfa_rpc.records.revision import Revision
from pfa_rpc.schema import SCHEMA
from pfa_rpc.services.reading.answers import Answer, Answers, Need
from pfa_rpc.services.reading.framing import frame_records, split_frames
from pfa_rpc.services.reading.modified import Modified, ModifiedRecords, unsynced_states
from pfa_rpc.services.reading.orders import ViewOrders
from pfa_rpc.services.requests import Mask, canonical
from pfa_rpc.store import reads
from pfa_rpc.store.orders import page_of
from pfa_rpc.store.organizations import Organization

PAGE: Final = "page"
"""First word of the name of a page in the cache."""
JUMP: Final = 1_000
"""Records passed over from which on the order of the whole view is read, and kept for the next jump."""
_LENGTH_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What page of which records."""

    organization_id: str
    condition: Condition | None
    order: tuple[Sort, ...]
    limit: int
    mask: Mask
    after: reads.PageKey | None = None
    skip: int = 0
    with_total: bool = False

    @property
    def asked(self) -> str:
        """Names the page in the cache: two ways to ask for the same page have the same name."""
        text = canonical(self.condition, self.order)
        seen = self.mask.paths, self.mask.hide_money
        return json.dumps([PAGE, *text, self.limit, self.after, self.skip, self.with_total, *seen])

    @classmethod
    def of(cls, organization_id: str, asked: Sequence[Any]) -> PageRequest:
        """Return the page that a name, read as JSON, is of."""
        _, filter_text, order, limit, after, skip, with_total, paths, hide_money = asked
        mask = Mask(tuple(paths), hide_money)
        condition, terms = parse_filter(filter_text, SCHEMA), parse_order(order, SCHEMA)
        return cls(organization_id, condition, terms, limit, mask, after, skip, with_total)


@dataclass(frozen=True, slots=True)
class FramedPage:
    """A page as it is sent."""

    revision: Revision
    age: Duration | None
    framed: bytes
    """The records, each framed as field 1."""
    count: int
    next_key: reads.PageKey | None
    total: int | None


class RecordPages:
    """Pages of records."""

    def __init__(self, answers: Answers, modified: ModifiedRecords) -> None:
        self._answers = answers
        self._modified = modified
        self._orders = ViewOrders()

    async def get(self, page: PageRequest, need: Need) -> FramedPage:
        """Return a page, as new as is needed. Raises OrganizationNotFound."""
        states = None if page.order else unsynced_states(page.condition)
        if states is not None:
            modified = await self._modified.get(page.organization_id, states, need)
            if modified is not None:
                return await _of_modified(modified, page)

        async def fill(connection: AsyncConnection, organization: Organization) -> bytes:
            is_jump = page.after is None and page.skip >= JUMP
            order = await self._orders.get(connection, organization, page.condition, page.order) if is_jump else None
            return await read_page(connection, organization.organization_id, page, order)

        answer = await self._answers.get(page.organization_id, page.asked, need, fill)
        return framed_page(answer)


def framed_page(answer: Answer) -> FramedPage:
    """Return the page of what `read_page` made."""
    length = int.from_bytes(answer.value[:_LENGTH_BYTES], "big")
    head_end = _LENGTH_BYTES + length
    next_key, total, count = json.loads(answer.value[_LENGTH_BYTES:head_end])
    return FramedPage(answer.revision, answer.age, answer.value[head_end:], count, next_key, total)


async def read_page(
    connection: AsyncConnection, organization_id: str, page: PageRequest, order: bytes | None = None
) -> bytes:
    """Return a page as it is cached: the length of a head, the head, the framed records.

    `order` is that of the page's view in the same snapshot, where it is known.
    """
    if order is not None:
        found = await page_of(connection, organization_id, order, page.order, limit=page.limit, skip=page.skip)
    else:
        found = await reads.list_page(
            connection,
            organization_id,
            page.condition,
            sort=page.order,
            limit=page.limit,
            after=page.after,
            skip=page.skip,
            with_total=page.with_total,
        )
    payloads: Sequence[bytes] = await page.mask.apply_all(found.payloads)
    head = json.dumps([found.next_key, found.total if page.with_total else None, len(payloads)]).encode()
    return len(head).to_bytes(_LENGTH_BYTES, "big") + head + frame_records(payloads)


async def _of_modified(modified: Modified, page: PageRequest) -> FramedPage:
    """Return a page of records that are at hand."""
    size = len(modified.positions)
    first = 0 if page.after is None else modified.after(int(page.after[-1] or 0))
    start = min(first + page.skip, size)
    end = min(start + page.limit, size)
    framed = modified.frames(start, end)
    if page.mask:
        framed = frame_records(await page.mask.apply_all(split_frames(framed)))
    next_key: reads.PageKey | None = [modified.positions[end - 1]] if end < size else None
    answer = modified.answer
    return FramedPage(answer.revision, answer.age, framed, end - start, next_key, size if page.with_total else None)
