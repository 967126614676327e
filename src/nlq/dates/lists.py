"""Lists: dates that say together what each leaves out ("in May or June 2027", "the 5th or the 9th of May").

Gives `scoped`.
"""

from __future__ import annotations

from typing import Final

from nlq.dates.filling import resolve
from nlq.dates.named import with_year
from nlq.dates.numerals import read_day
from nlq.dates.pieces import Line, Parts, Piece
from nlq.dates.simple import read_period

_MOST: Final = 12
"""Most dates of a list that are looked through for the one that says it."""
_JOINS: Final = frozenset((",", "and", "or"))
_BEFORE: Final = frozenset(("in", "on", "during"))


def scoped(line: Line, piece: Piece) -> Piece:
    """Return a date with the year, or a day with the month, that only a later one of its list says."""
    parts = piece.parts
    if parts is None or parts.year is not None or piece.invalid or parts.weekday is not None or parts.part:
        return piece
    said = _said_later(line, piece.end, parts)
    return resolve(line, said, piece.end) if said is not None else piece


def _said_later(line: Line, index: int, parts: Parts) -> Parts | None:
    """Return a date with what the later ones of its list say, None where they say no more."""
    before, years = parts, 0
    for _ in range(_MOST):
        after = _next(line, index)
        other = read_period(line, after) or _day(line, after, parts) if index <= after < line.size else None
        if other is None or other.parts is None or other.invalid:
            return None
        named = other.parts
        if _named(parts) == ("day",) and _named(named) == ("month", "day"):
            return parts._replace(month=named.month, year=named.year)
        if _named(named) != _named(parts):
            return None
        years += _is_new_year(before, named)
        if named.year is not None:
            return parts._replace(year=named.year - years)
        before, index = named, other.end
    return None


def _day(line: Line, index: int, parts: Parts) -> Piece | None:
    """Return a day in figures as one of the month that the first of a list names, with the year behind it."""
    day = read_day(line, index, words=False) if parts.month is not None and parts.day is not None else None
    return with_year(line, parts._replace(day=day[0]), day[1]) if day is not None else None


def _next(line: Line, index: int) -> int:
    """Return where the next date of a list begins, -1 where none does."""
    after = index
    while after < index + 2 and line.keys[after] in _JOINS:
        after += 1
    if after == index:
        return index if line.gap(index) == "/" else -1
    return line.skip(after, _BEFORE)


def _named(parts: Parts) -> tuple[str, ...]:
    """Return what of a date was named, its year aside."""
    return tuple(name for name in ("month", "day", "quarter", "half", "week") if getattr(parts, name) is not None)


def _is_new_year(first: Parts, second: Parts) -> bool:
    """Return whether a year ends between two dates of a list: "December or January 2027"."""
    return (first.month, second.month) == (12, 1) or (first.quarter, second.quarter) == (4, 1)
