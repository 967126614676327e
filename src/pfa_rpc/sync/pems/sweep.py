"""Reads the rows of an organization page by page: `Sweep`, an async iterator of `Page`.

The grid runs its query anew for every page and moves meanwhile, so pages are asked for by key: from the last id on, in
the order of PEMS. Ids are text and never compared here; whether PEMS sorts and compares them alike is checked on the
first page. Where it does not, pages are asked for by position, rows can slip past, and the sweep says so. The next page
is on its way while one is read.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Self

import structlog

from pfa_rpc.sync.pems.answers import result_of
from pfa_rpc.sync.pems.errors import MalformedAnswer
from pfa_rpc.sync.pems.grid_requests import Filter, GridRequests
from pfa_rpc.sync.pems.page import NEVER, Page, Paging, TakenRows
from pfa_rpc.sync.pems.row_reader import RowReader
from pfa_rpc.sync.pems.rows import Cut, cut, cut_one_by_one, frame_around, rows_at
from pfa_rpc.sync.pems.seen import SeenPage, SeenRows

SLICE_ROWS: Final = 256
"""Rows that are read before others may run: about 4 ms."""
_LEAST_SLACK: Final = 5
_SLACK_SHARE: Final = 1_000

Ask = Callable[[Mapping[str, Any]], Awaitable[bytes]]
"""Sends a request to the grid; returns its answer."""
_log: Final = structlog.stdlib.get_logger("pfa")


@dataclass(slots=True)
class _Answer:
    """An answer of the grid, its rows not read yet."""

    frame: Mapping[str, Any]
    last_id: str
    digests: Sequence[bytes]
    ids: list[str] | None = None
    """Of a page that came before just so."""
    rows: Sequence[bytes] = ()
    """Not decoded; each without `head`."""
    head: bytes = b""
    key: bytes = b""
    tail: int = 0
    asked_at: datetime = NEVER

    @property
    def is_last(self) -> bool:
        """Whether no row comes behind it. Raises MalformedAnswer."""
        more = _metadata(self.frame).get("MORERECORDPRESENT")
        if more not in {"+", "-"}:
            raise MalformedAnswer(f"PEMS answered a page with MORERECORDPRESENT {more!r}, which is neither + nor -")
        return bool(more == "-")

    @property
    def position(self) -> int:
        """Position of its last row. Raises MalformedAnswer."""
        try:
            return int(_metadata(self.frame)["CURRENTCURSORPOSITION"])
        except (KeyError, TypeError, ValueError):
            raise MalformedAnswer("PEMS answered a page without its CURRENTCURSORPOSITION") from None


class Sweep:
    """The pages of an organization. End it with `aclose` where not all of them are read; its client does so too.

    Args:
        ask: sends a request to the grid.
        requests: makes the requests.
        prepare: gives what reads the rows.
        filters: which rows.
        after: `last_id` of a page, to go on from; the row with this id comes again.
        seen: what is known of the rows that came before.
    """

    def __init__(
        self,
        ask: Ask,
        requests: GridRequests,
        prepare: Callable[[], Awaitable[RowReader]],
        filters: Sequence[Filter],
        *,
        after: str | None = None,
        seen: SeenRows | None = None,
    ) -> None:
        self._ask = ask
        self._requests = requests
        self._prepare = prepare
        self._reader: RowReader | None = None
        self._filters = tuple(filters)
        self._from = after or None
        self._seen = SeenRows() if seen is None else seen
        self._paging = Paging.KEY
        self._position = 1
        self._needs_count = False
        self._order_is_sure = False
        self._before: frozenset[bytes] = frozenset()
        self._next: asyncio.Task[_Answer] | None = None
        self._pages = 0
        self._ended = False

    @property
    def is_ended(self) -> bool:
        """Whether there is no further page."""
        return self._ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Page:
        """Return the next page. Raises PemsError; then the sweep is at its end, and can be resumed by another."""
        if self._ended:
            raise StopAsyncIteration
        try:
            return await self._page()
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the sweep, and what is on its way."""
        self._ended = True
        task, self._next = self._next, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _page(self) -> Page:
        if self._reader is None:
            self._reader = await self._prepare()
        answer = await (self._next or self._fetch(self._reader))
        self._next = None
        if self._paging is Paging.KEY and self._goes_in_circles(answer):
            self._restart()
            answer = await self._fetch(self._reader)
        self._pages += 1
        is_last = answer.is_last
        if not is_last:
            self._next = asyncio.create_task(self._following(answer, self._reader))
        self._ended = is_last
        page = await self._read(answer, self._reader)
        page.last_id, page.is_last = answer.last_id if self._order_is_sure else "", is_last
        page.paging, page.needs_count, page.asked_at = self._paging, self._needs_count, answer.asked_at
        return page

    async def _fetch(self, reader: RowReader) -> _Answer:
        """Ask for the page that the sweep has come to."""
        filters = list(self._filters)
        if self._paging is Paging.KEY and self._from is not None:
            filters.append(self._requests.from_id(self._from))
        asked_at = datetime.now(UTC)
        body = await self._ask(self._requests.page(filters, cursor=self._position))
        answer = await self._answer(body, reader)
        answer.asked_at = asked_at
        return answer

    async def _following(self, answer: _Answer, reader: RowReader) -> _Answer:
        """Ask for the page behind one."""
        if self._paging is Paging.POSITION:
            self._position = answer.position + 1
        elif self._pages > 1 or await self._order_holds(answer):
            self._from = answer.last_id
        else:
            self._distrust("more or fewer rows are not behind the last of the first page than it has")
            # A position counts from the first row of all, not from the one that this sweep went on from.
            self._position = answer.position + 1 if self._from is None else 1
        return await self._fetch(reader)

    async def _order_holds(self, answer: _Answer) -> bool:
        """Ask how many rows are not behind the last of the first page: as many as it has, where the order holds.

        Some slack is left for what moved between the two requests; then a final count has to say whether it did.
        """
        filters = [*self._filters, self._requests.to_id(answer.last_id)]
        if self._from is not None:
            filters.append(self._requests.from_id(self._from))
        counted = count_of(await self._ask(self._requests.count(filters)))
        difference = abs(counted - len(answer.digests))
        self._needs_count = difference > 0
        self._order_is_sure = difference <= _slack(len(answer.digests))
        return self._order_is_sure

    def _goes_in_circles(self, answer: _Answer) -> bool:
        """Tell whether a page by key has more rows of the page before than ties of its last id can explain."""
        again = len(self._before.intersection(answer.digests))
        stuck = again == len(answer.digests) and not answer.is_last
        return self._pages > 0 and (stuck or again > _slack(len(answer.digests)))

    def _restart(self) -> None:
        """Go on by position, from the first row of all: where a page by key is wrong, those before it are in doubt."""
        self._distrust("a page has rows of the page before")
        self._position = 1
        self._before = frozenset()

    def _distrust(self, why: str) -> None:
        self._paging, self._needs_count, self._order_is_sure = Paging.POSITION, True, False
        _log.warning("pems does not sort ids as it compares them: pages are asked for by position", why=why)

    async def _answer(self, body: bytes, reader: RowReader) -> _Answer:
        """Find the rows of an answer; only its frame and its last row are decoded."""
        start = rows_at(body)
        if start is None:
            return _checked(_Answer(cut(body, None).frame, self._from or "", ()))
        # Hashing seven megabytes lets others run, since it does without the interpreter.
        key = await asyncio.to_thread(_page_key, reader.fingerprint, body, start)
        known = self._seen.page(key)
        ids = None if known is None else self._seen.ids_of(known.digests)
        if known is not None and ids is not None:
            frame = frame_around(body, start, len(body) - known.tail)
            return _checked(_Answer(frame, known.last_id, known.digests, ids, key=key, tail=known.tail))
        # In a thread, since rows that do not all begin alike have to be decoded one by one.
        found = await asyncio.to_thread(cut, body, start)
        rows, digests = await _rows_of(found, reader)
        if _counted(found.frame) not in (None, len(rows)):
            # What begins a row can stand within one, as the value of a cell that should be text.
            found = await asyncio.to_thread(cut_one_by_one, body, start)
            rows, digests = await _rows_of(found, reader)
        named = (reader.id_of(found.head + row) for row in reversed(rows))
        last_id = next(filter(None, named), self._from or "")
        tail = len(body) - found.end
        return _checked(_Answer(found.frame, last_id, digests, rows=rows, head=found.head, key=key, tail=tail))

    async def _read(self, answer: _Answer, reader: RowReader) -> Page:
        """Read the rows of a page that did not come before just so."""
        before, self._before = self._before, frozenset(answer.digests)
        if answer.ids is not None:
            return Page(unchanged=_without(answer, before & self._before), key=answer.key)
        unread, known_ids = self._sort_out(answer, before)
        taken = TakenRows()
        for start in range(0, len(unread), SLICE_ROWS):
            part = unread[start : start + SLICE_ROWS]
            rows, digests = [answer.rows[n] for n in part], [answer.digests[n] for n in part]
            taken.add(reader.read(rows, digests, answer.head))
            await asyncio.sleep(0)
        page = taken.page(known_ids)
        if not page.foreign and answer.key:
            page.key = answer.key
            self._seen.learn_page(answer.key, SeenPage(tuple(answer.digests), answer.tail, answer.last_id))
        return page

    def _sort_out(self, answer: _Answer, before: frozenset[bytes]) -> tuple[list[int], list[str]]:
        """Return the numbers of the rows to be read, and the ids of those that are as they came last."""
        unread: list[int] = []
        known: dict[str, None] = {}
        for number, digest in enumerate(answer.digests):
            if digest in before:
                continue
            pfa_id = self._seen.id_of(digest)
            if pfa_id is None:
                unread.append(number)
            else:
                known[pfa_id] = None
        return unread, list(known)


def _without(answer: _Answer, overlap: frozenset[bytes]) -> list[str]:
    """Return the ids of a page that came before just so, without those of rows that the page before has."""
    ids = answer.ids or []
    if overlap:
        ids = [pfa_id for pfa_id, digest in zip(ids, answer.digests, strict=True) if digest not in overlap]
    return list(dict.fromkeys(ids))


async def _rows_of(found: Cut, reader: RowReader) -> tuple[list[bytes], list[bytes]]:
    """Return the rows of an answer, and their digests."""
    rows: list[bytes] = []
    digests: list[bytes] = []
    for part in found.parts():
        rows += part
        digests += map(reader.digest, part)
        await asyncio.sleep(0)
    return rows, digests


def count_of(body: bytes) -> int:
    """Return what a count request answered. Raises PemsError."""
    grid = result_of(cut(body, None).frame).get("GRID")
    found = grid.get("TOTAL-COUNT") if isinstance(grid, Mapping) else None
    try:
        return int(str(found).replace(",", ""))
    except ValueError:
        raise MalformedAnswer(f"PEMS answered a count with {str(found)[:80]!r}") from None


def _checked(answer: _Answer) -> _Answer:
    """Return an answer that is a page. Raises PemsError."""
    if not answer.is_last and not answer.digests:
        raise MalformedAnswer("PEMS answered a page without rows and says that more are present")
    return answer


def _counted(frame: Mapping[str, Any]) -> int | None:
    """Return how many rows an answer says that it has; None where it does not say."""
    try:
        return int(_metadata(frame)["RECORDS"])
    except (KeyError, TypeError, ValueError):
        return None


def _metadata(frame: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what PEMS says of a page. Raises PemsError."""
    grid = result_of(frame).get("GRID")
    metadata = grid.get("METADATA") if isinstance(grid, Mapping) else None
    return metadata if isinstance(metadata, Mapping) else {}


def _page_key(fingerprint: bytes, body: bytes, start: int) -> bytes:
    hashed = hashlib.sha256(fingerprint)
    hashed.update(memoryview(body)[start:])
    return hashed.digest()


def _slack(rows: int) -> int:
    """Return how many rows of a page may have moved, or tie with its last id."""
    return max(_LEAST_SLACK, rows // _SLACK_SHARE)
