"""Ranges: two dates with a word or a dash between them, each completed by what only the other one says.

Gives `read_range` and `DASH`.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import MONTHS
from nlq.dates.numerals import read_day
from nlq.dates.numeric import read_numeric
from nlq.dates.periods import Unit
from nlq.dates.pieces import Line, Parts, Piece, of_span, resolve
from nlq.dates.simple import read_period

_DASH: Final = re.compile(r"\)?\s*[-–—−~]\s*")
_TO: Final = (
    ("up", "to"),
    ("up", "until"),
    ("up", "through"),
    ("to",),
    ("through",),
    ("thru",),
    ("until",),
    ("till",),
    ("til",),
    ("~",),
)
_AND: Final = (("and",), *_TO)
_COMMA: Final = frozenset((",",))
_FRAMES: Final = frozenset(("from", "between"))
_IN: Final = frozenset(("in", "on"))


def read_range(line: Line, index: int) -> Piece | None:
    """Read "March to June 2026", "1-5 June", "from 2 July to 10 July", "between March and May"."""
    word = line.keys[index]
    framed = word in _FRAMES
    start = index + framed
    left = read_period(line, start)
    if left is not None and not left.invalid:
        inner = _inner_range(line, left) if not framed else None
        found = inner or _with_right(line, left, word, framed=framed)
        if found is not None:
            return found
    day = read_day(line, line.skip(start, frozenset(("the",))), words=framed)
    if day is None:
        return None
    return _from_bare_day(line, day, word, framed=framed)


def _joined(line: Line, index: int, word: str) -> int | None:
    """Return the index after the word or dash between two dates, None where there is none."""
    if index >= line.size:
        return None
    for words in _AND if word == "between" else _TO:
        if line.keys[index] == words[0] and (len(words) == 1 or line.keys[index + 1] == words[1]):
            return index + len(words)
    return index if _DASH.fullmatch(line.tokens[index].gap) else None


def _with_right(line: Line, left: Piece, word: str, *, framed: bool) -> Piece | None:
    """Read the end of a range whose first date is known."""
    after = _joined(line, left.end, word)
    if after is None or (left.doubtful and not framed):
        return None
    right = _right(line, left, after)
    if right is None:
        return None
    if right.invalid:
        return right
    return _span(line, left, right)


def _right(line: Line, left: Piece, index: int) -> Piece | None:
    """Read the second date of a range; a bare number is a day of the first one's month."""
    right = read_period(line, index)
    numeric = left.parts is not None and left.parts.decimal
    if right is None and numeric:
        right = read_numeric(line, index, dated=True)
    parts = left.parts
    if parts is not None and parts.day is not None and parts.month is not None:
        day = read_day(line, line.skip(index, frozenset(("the",))))
        if day is not None and (right is None or right.end <= day[1] or right.parts == Parts(day=day[0])):
            return _same_month(line, parts, day)
    return right


def _same_month(line: Line, parts: Parts, day: tuple[int, int]) -> Piece:
    """Return the day behind a dash as one of the month before it, with the year behind it."""
    from nlq.dates.named import with_year

    piece = with_year(line, Parts(month=parts.month, day=day[0]), day[1])
    if piece.parts is not None and piece.parts.year is None:
        return resolve(line, replace(piece.parts, year=parts.year), piece.end)
    return piece


def _from_bare_day(line: Line, day: tuple[int, int], word: str, *, framed: bool) -> Piece | None:
    """Read "1 to 5 June", "3 and 12 of Sept", "3. to 5.10.2017", "4 to January 22"."""
    after = _joined(line, day[1], word)
    if after is None:
        return None
    right = (
        read_numeric(line, after, dated=True, day_first=True) if "." in line.keys[after] or line.number(after) else None
    )
    right = right or read_period(line, after) or _bare_with_month(line, after)
    if right is None or right.parts is None or right.parts.day is None or right.parts.month is None:
        return None
    if right.invalid:
        return right
    left = resolve(line, replace(right.parts, day=day[0], weekday=None), day[1])
    return left if left.invalid else _span(line, left, right)


def _bare_with_month(line: Line, index: int) -> Piece | None:
    """Read "23 next month" behind a day and a dash."""
    from nlq.dates.named import read_relative_month

    day = read_day(line, line.skip(index, frozenset(("the",))))
    if day is None:
        return None
    month = read_relative_month(line, line.skip(day[1], frozenset(("of", "in"))))
    return resolve(line, replace(month[0], day=day[0]), month[1]) if month is not None else None


def _span(line: Line, left: Piece, right: Piece) -> Piece:
    """Return the range between two dates, years carried from the one that says it to the other."""
    left, right = _carried(line, left, right)
    if left.invalid or right.invalid:
        return left if left.invalid else right
    notes = tuple(dict.fromkeys((*left.notes, *right.notes, said.RANGE_ENDS)))
    piece = of_span(right.end, (left.start, right.stop), Unit.DAY, *notes)
    return replace(piece, whole=(left.start, right.stop), edge="range")


def _carried(line: Line, left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """Return two dates with missing years filled in from each other, the second after the first."""
    first, second = left.parts, right.parts
    if first is None or second is None:
        return left, right
    if first.year is None and second.year is not None:
        left = resolve(line, replace(first, year=second.year), left.end)
        if left.start > right.start and not left.invalid:
            left = resolve(line, replace(first, year=second.year - 1), left.end)
    elif second.year is None and (first.year is not None or second.weekday is None):
        year = first.year if first.year is not None else left.start.year
        if second.month is None and second.quarter is None and second.half is None and second.week is None:
            return left, right
        right = resolve(line, replace(second, year=year), right.end)
        if right.start < left.start and not right.invalid:
            right = resolve(line, replace(second, year=year + 1), right.end)
    return left, right


def _inner_range(line: Line, left: Piece) -> Piece | None:
    """Read "November between 19 and 20", "last week between Friday and Sunday", "this week from Tue to Thu"."""
    word = line.keys[left.end]
    if word not in _FRAMES or left.unit not in (Unit.WEEK, Unit.MONTH):
        return None
    from nlq.dates.lexicon import WEEKDAYS

    first = line.keys[left.end + 1]
    if left.unit is Unit.WEEK and first in WEEKDAYS:
        after = _joined(line, left.end + 2, word)
        if after is None or line.keys[after] not in WEEKDAYS:
            return None
        from datetime import timedelta

        start = left.start + timedelta(days=WEEKDAYS[first])
        stop = left.start + timedelta(days=WEEKDAYS[line.keys[after]] + 1)
        return of_span(after + 1, (start, stop), Unit.DAY, *left.notes, said.RANGE_ENDS)
    if left.unit is not Unit.MONTH or first in MONTHS:
        return None
    begin = read_day(line, left.end + 1)
    after = _joined(line, begin[1], word) if begin is not None else None
    finish = read_day(line, after) if after is not None else None
    if begin is None or finish is None:
        return None
    month = Parts(left.start.year, left.start.month)
    return _span(
        line,
        resolve(line, replace(month, day=begin[0]), begin[1]),
        resolve(line, replace(month, day=finish[0]), finish[1]),
    )
