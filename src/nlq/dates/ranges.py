"""Ranges: two dates with a word or a dash between them, each completed by what only the other one says.

Gives `read_range`, `not_before` and `FRAMES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.filling import resolve
from nlq.dates.lexicon import MONTHS
from nlq.dates.named import read_relative_month, with_year
from nlq.dates.numerals import read_day
from nlq.dates.numeric import read_numeric
from nlq.dates.periods import Unit
from nlq.dates.pieces import Line, Parts, Piece, of_day, of_range
from nlq.dates.simple import read_period
from nlq.dates.weekdays import weekday_of

_DASH: Final = re.compile(r"[).]?\s*(?:[-–—~…]|\.{2,3})\s*")
_TO: Final = tuple(
    tuple(words.split())
    for words in (
        *("up to and including", "through and including", "until and including", "to and including", "through to"),
        *("up to", "up until", "up through", "to", "through", "thru", "until", "till", "til", "~"),
    )
)
_HYPHENS: Final = frozenset(("-", "–"))
_PLAIN: Final = frozenset(("", " "))
"""What stands between most words; no dash."""
_AND: Final = (("and",), *_TO)
_JOINING: Final = frozenset(words[0] for words in _AND)
FRAMES: Final = frozenset(("from", "between"))
_THE: Final = frozenset(("the",))
_OF: Final = frozenset(("of", "in"))


def read_range(line: Line, index: int) -> Piece | None:
    """Read "March to June 2026", "1-5 June", "from 2 July to 10 July", "between March and May", "weeks 12-15"."""
    word = line.keys[index]
    framed = word in FRAMES
    start = index + framed
    left = read_period(line, start)
    found = None
    if left is not None and not left.invalid:
        found = (_inner_range(line, left) if not framed else None) or _with_right(line, left, word)
    return found or _from_bare_day(line, line.skip(start, _THE), word, framed=framed)


def _joined(line: Line, index: int, word: str) -> int | None:
    """Return the index after the word or dash between two dates, None where there is none."""
    if index >= line.size:
        return None
    if line.keys[index] not in _JOINING:
        gap = line.tokens[index].gap
        return index if gap not in _PLAIN and _DASH.fullmatch(gap) else None
    for words in _AND if word == "between" else _TO:
        if tuple(line.keys[index : index + len(words)]) == words:
            return index + len(words)
    return index if _DASH.fullmatch(line.tokens[index].gap) else None


def _with_right(line: Line, left: Piece, word: str) -> Piece | None:
    """Read the end of a range whose first date is known."""
    after = _joined(line, left.end, word)
    if after is None and line.gap(left.end) == "/" and left.parts is not None and left.parts.year and left.parts.day:
        after = left.end  # "2026-03-01/2026-03-15"
    if after is None or after >= line.size:
        return None
    right = _right(line, left, after)
    if right is not None and said.THE_PERIOD in right.notes and left.start > line.today:
        # "from April 3 through the end of the month" ends in April
        today, line.today = line.today, left.start
        line.known.clear()
        right = _right(line, left, after)
        line.today = today
        line.known.clear()
    if right is None or right.invalid:
        return right
    return _range(line, left, right)


def _right(line: Line, left: Piece, index: int) -> Piece | None:
    """Read the second date of a range; a bare number is a day of the first one's month, or a week beside a week."""
    right = read_period(line, index)
    if right is None and line.keys[index] == "date":
        return of_day(index + 1, line.today)  # "till date"
    parts = left.parts
    if parts is None:
        return right
    if parts.day is not None and parts.month is not None:
        day = read_day(line, line.skip(index, _THE))
        if right is not None and parts.year is None and (found := _day_and_year(line, parts, right, index)) is not None:
            return found
        if day is not None and (right is None or right.end <= day[1] or right.parts == Parts(day=day[0])):
            return _completed(line, parts._replace(day=day[0], weekday=None, either=False), day[1])
    elif right is None or right.amount:
        digits = line.number(index)
        if parts == Parts(parts.year) and len(digits) == 2 and line.gap(index) in _HYPHENS:
            return _short_year(line, parts, int(digits), index + 1)
        if parts.week is not None and 0 < len(digits) <= 2:
            return _completed(line, parts._replace(week=int(digits)), index + 1)
        if parts.quarter is not None and digits in tuple("1234"):
            return _completed(line, parts._replace(quarter=int(digits)), index + 1)
    return right


def _short_year(line: Line, parts: Parts, digits: int, end: int) -> Piece | None:
    """Return the second year of "2026-28"."""
    century = (parts.year or 0) // 100 * 100
    return resolve(line, Parts(century + digits), end) if century + digits > (parts.year or 0) else None


def _day_and_year(line: Line, parts: Parts, right: Piece, index: int) -> Piece | None:
    """Return the second day of "11/5-7/2026", where "7/2026" by itself is a month and its year."""
    named = right.parts
    in_figures = bool(line.number(index)) and line.gap(index) in _HYPHENS and line.gap(index + 1) == "/"
    if not in_figures or named is None or named.day is not None or named.month is None or named.year is None:
        return None
    return resolve(line, parts._replace(year=named.year, day=named.month), right.end)


def _completed(line: Line, parts: Parts, end: int) -> Piece | None:
    """Return the second of two dates that share month or year, with the year behind it."""
    if parts.week is not None and not 1 <= parts.week <= 53:
        return None
    piece = with_year(line, parts._replace(year=None), end)
    if piece.parts is None or piece.parts.year is not None:
        return piece
    return resolve(line, parts, end)


def _from_bare_day(line: Line, index: int, word: str, *, framed: bool) -> Piece | None:
    """Read "1 to 5 June", "3 and 12 of Sept", "3. to 5.10.2017", "4 to January 22"."""
    day = read_day(line, index, words=framed)
    after = _joined(line, day[1], word) if day is not None else None
    if day is None or after is None or after >= line.size or len(line.number(after)) == 4:
        return None
    if after == day[1] and line.number(after + 1) and line.gap(after + 1) == line.gap(after):
        return None  # "1-2-3"
    due, line.due = line.due, True
    # The day stood before the month once, so it does again: "3. to 5.10." ends in October.
    right = read_numeric(line, after, day_first=True) or read_period(line, after) or _of_relative_month(line, after)
    line.due = due
    if right is None or right.invalid:
        return right if right is not None and framed else None
    if right.parts is None or right.parts.day is None or right.parts.month is None:
        return None
    left = resolve(line, right.parts._replace(day=day[0], weekday=None, either=False), day[1])
    if not left.invalid and left.start > right.start:
        left = _before(line, left, Parts(day=day[0]), right.start)  # "from 28 to March 5"
    return left if left.invalid else _range(line, left, right)


def _of_relative_month(line: Line, index: int) -> Piece | None:
    """Read "23 next month" as the second day of a range."""
    day = read_day(line, line.skip(index, _THE))
    month = read_relative_month(line, line.skip(day[1], _OF)) if day is not None else None
    return resolve(line, month[0]._replace(day=day[0]), month[1]) if day is not None and month is not None else None


def _range(line: Line, left: Piece, right: Piece) -> Piece:
    """Return the period from one date to another, both included."""
    left, right = _carried(line, left, right)
    if left.invalid or right.invalid:
        return left if left.invalid else right
    is_reversed = right.stop <= left.start
    span = (right.start, left.stop) if is_reversed else (left.start, right.stop)
    said_so = (said.RANGE_REVERSED,) if is_reversed else ()
    notes = tuple(dict.fromkeys((*left.notes, *right.notes, said.RANGE_ENDS, *said_so)))
    return of_range(right.end, span, *notes)._replace(amount=left.amount and right.amount)


def _carried(line: Line, left: Piece, right: Piece) -> tuple[Piece, Piece]:
    """Return two dates with what one leaves out filled in from the other, the second after the first."""
    left, right = _in_order_of(line, left, right), _in_order_of(line, right, left)
    first, second = left.parts, right.parts
    by_right = second is None or second.year is not None or (second.month is not None and _is_day_alone(first))
    if first is not None and first.year is None and by_right:
        return _before(line, left, first, right.start), right
    return left, not_before(line, right, left.start)


def _in_order_of(line: Line, piece: Piece, other: Piece) -> Piece:
    """Return a date in figures with its day first if the other one only makes a date so."""
    if piece.parts is None or other.parts is None or not (piece.parts.either and other.parts.day_first):
        return piece
    turned = piece.parts._replace(month=piece.parts.day, day=piece.parts.month, either=False, day_first=True)
    return resolve(line, turned, piece.end)


def _is_day_alone(parts: Parts | None) -> bool:
    """Return whether a date is a day of a month that was not named."""
    return parts is not None and parts.day is not None and parts.month is None


def _before(line: Line, left: Piece, parts: Parts, limit: date) -> Piece:
    """Return the last date of a name that is not after another."""
    for candidate in _candidates(line, parts, left.end, limit, -1):
        if candidate.start <= limit:
            return candidate.noting(*_kept(left))
    return left


def not_before(line: Line, right: Piece, limit: date) -> Piece:
    """Return a date; one that was named without a year is the first of its name that is not before another."""
    parts = right.parts
    if parts is None or parts.year is not None:
        return right
    for candidate in _candidates(line, parts, right.end, limit, 1):
        if candidate.start >= limit:
            return candidate.noting(*_kept(right))
    return right


def _kept(piece: Piece) -> tuple[str, ...]:
    """Return the conventions of a date that hold whatever its year."""
    return tuple(note for note in piece.notes if note not in (said.THIS_YEAR, said.COMING_DAY, said.NEAREST_YEAR))


def _candidates(line: Line, parts: Parts, end: int, near: date, direction: int) -> Iterator[Piece]:
    """Give the dates that parts can name around a day, in the direction of the search."""
    if parts.month is None and parts.weekday is not None and parts.day is None:
        ahead = (parts.weekday - near.weekday()) % 7
        yield of_day(end, near + timedelta(days=ahead if direction > 0 or not ahead else ahead - 7))
        return
    of_months = parts.month is None and parts.day is not None
    for distance in range(3 if of_months else 2):
        month = near.year * 12 + near.month - 1 + direction * distance
        named = (
            parts._replace(year=month // 12, month=month % 12 + 1)
            if of_months
            else parts._replace(year=near.year + direction * distance)
        )
        piece = resolve(line, named, end)
        if not piece.invalid:
            yield piece


def _inner_range(line: Line, left: Piece) -> Piece | None:
    """Read "November between 19 and 20", "last week between Friday and Sunday", "this week from Tue to Thu"."""
    word = line.keys[left.end]
    if word not in FRAMES:
        return None
    if left.unit is Unit.WEEK:
        return _weekdays_inside(line, left, word)
    if left.unit is not Unit.MONTH or line.keys[left.end + 1] in MONTHS:
        return None
    begin = read_day(line, left.end + 1)
    after = _joined(line, begin[1], word) if begin is not None else None
    finish = read_day(line, after) if after is not None else None
    if begin is None or finish is None:
        return None
    month = Parts(left.start.year, left.start.month)
    first = resolve(line, month._replace(day=begin[0]), begin[1])
    return _range(line, first.noting(*left.notes), resolve(line, month._replace(day=finish[0]), finish[1]))


def _weekdays_inside(line: Line, week: Piece, word: str) -> Piece | None:
    """Read two weekdays of a week."""
    first = weekday_of(line, week.end + 1)
    after = _joined(line, week.end + 2, word) if first is not None else None
    second = weekday_of(line, after) if after is not None else None
    if first is None or after is None or second is None:
        return None
    span = (week.start + timedelta(days=first), week.start + timedelta(days=second + 1))
    return of_range(after + 1, span, *week.notes, said.RANGE_ENDS)
