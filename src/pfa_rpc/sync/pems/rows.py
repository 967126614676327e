"""Cuts an answer of the grid into its rows without decoding them: `rows_at` finds them, `cut` gives a `Cut`.

A page of 10,000 rows is 7 MB of JSON, and to decode it as a whole takes 170 ms in which nothing else runs. Cut into
rows it is decoded a few at a time, and rows that are known by the digest of their bytes need no decoding at all.

To cut at `{"id":` is sound: in valid JSON an unescaped quotation mark inside braces begins a key, so that these bytes
never stand inside a text. What is left over when the rows are taken out is decoded and checked, and so is each row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pfa_rpc.sync.pems.decoding import BROKEN, as_bytes, as_text, decode_at, malformed
from pfa_rpc.sync.pems.errors import MalformedAnswer

_ROWS: Final = re.compile(rb'"ROW"\s*:\s*')
_OPENING: Final = re.compile(rb'\[\s*(\{\s*"id"\s*:)')
_CLOSING: Final = re.compile(rb"\s*\]")
_BETWEEN: Final = b", \t\r\n"
_WINDOW: Final = 1 << 19
"""Bytes that are cut at once, in less than a millisecond."""


@dataclass(frozen=True, slots=True)
class Cut:
    """An answer of the grid service, its rows not decoded yet."""

    frame: dict[str, Any]
    """The answer without its rows."""
    end: int
    """Where the rows end in the answer, their list included."""
    last: bytes = b""
    """The last row, whole; empty where there is none."""
    head: bytes = b""
    """What every row begins with, and which `parts` leave out."""
    _body: bytes = field(default=b"", repr=False)
    _windows: Sequence[tuple[int, int]] = ()
    _rows: Sequence[bytes] = field(default=(), repr=False)

    def parts(self) -> Iterator[list[bytes]]:
        """Yield the rows some hundred at a time, each a JSON object in UTF-8 without `head`."""
        if self._rows:
            yield list(self._rows)
        for start, end in self._windows:
            rows = self._body[start + len(self.head) : end].split(self.head)
            yield [row.rstrip(_BETWEEN) for row in rows]


def rows_at(body: bytes) -> int | None:
    """Return where the rows of an answer begin, their list included; None where it has none."""
    match = _ROWS.search(body)
    return None if match is None else match.end()


def frame_around(body: bytes, start: int, end: int) -> dict[str, Any]:
    """Decode an answer without its rows, which stand between two places. Raises MalformedAnswer."""
    return _frame(body[:start] + b"[]" + body[end:])


def cut(body: bytes, start: int | None) -> Cut:
    """Cut an answer whose rows begin at `start`. Raises MalformedAnswer where it is no JSON object."""
    if start is None:
        return Cut(_frame(body), len(body))
    opening = _OPENING.match(body, start)
    if opening is not None:
        found = _by_head(body, start, opening.start(1), opening.group(1))
        if found is not None:
            return found
    return cut_one_by_one(body, start)


def _frame(body: bytes) -> dict[str, Any]:
    try:
        frame = json.loads(body)
    except BROKEN:
        frame = None
    if not isinstance(frame, dict):
        raise malformed("something that is not JSON", body)
    return frame


def _by_head(body: bytes, start: int, first: int, head: bytes) -> Cut | None:
    """Cut at the bytes that each row begins with; None where the end of the list is not behind the last of them."""
    last = body.rindex(head)
    try:
        rest = as_text(body[last:])
        _, length = decode_at(rest)
    except BROKEN:
        return None
    end = last + len(as_bytes(rest[:length]))
    closing = _CLOSING.match(body, end)
    if closing is None:
        return None
    try:
        frame = frame_around(body, start, closing.end())
    except MalformedAnswer:  # what looked like the last row may be something behind the rows
        return None
    return Cut(frame, closing.end(), body[last:end], head, body, _windows(body, first, end, head))


def _windows(body: bytes, first: int, end: int, head: bytes) -> list[tuple[int, int]]:
    """Return where to cut a list of rows into parts of whole rows, each quick to cut further."""
    windows: list[tuple[int, int]] = []
    while first < end:
        found = body.find(head, first + _WINDOW, end)
        following = end if found < 0 else found
        windows.append((first, following))
        first = following
    return windows


def cut_one_by_one(body: bytes, start: int) -> Cut:
    """Cut a list whose rows do not all begin alike, or the single object that stands for a list of one.

    Each row is decoded to see where it ends. Raises MalformedAnswer where that cannot be told.
    """
    try:
        text = as_text(body[start:])
        rows, end = _objects(text)
    except BROKEN:
        raise malformed("something that is not JSON", body) from None
    rest = as_bytes(text[end:])
    last = rows[-1] if rows else b""
    return Cut(_frame(body[:start] + b"[]" + rest), len(body) - len(rest), last, _rows=rows)


def _objects(text: str) -> tuple[list[bytes], int]:
    """Return the objects that a text begins with, and where they end. Raises ValueError."""
    if not text.startswith("["):
        found, end = decode_at(text)
        return ([as_bytes(text[:end])] if isinstance(found, dict) else []), end
    rows: list[bytes] = []
    place = _after_space(text, 1)
    while text[place : place + 1] != "]":
        _, end = decode_at(text, place)
        rows.append(as_bytes(text[place:end]))
        place = _after_space(text, end)
        if text[place : place + 1] == ",":
            place = _after_space(text, place + 1)
        elif text[place : place + 1] != "]":
            raise ValueError("no comma between two rows")
    return rows, place + 1


def _after_space(text: str, place: int) -> int:
    while text[place : place + 1] in {" ", "\t", "\r", "\n"}:
        place += 1
    return place
