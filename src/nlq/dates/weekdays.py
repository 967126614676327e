"""Weekdays: dates that begin with the name of a weekday ("Tuesday", "Tue May 9", "Friday of next week").

Gives `read_weekday_first`, `weekday_of` and `weekday_behind`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.filling import resolve
from nlq.dates.lexicon import DETERMINERS, DOUBTFUL, UNITS, WEEKDAYS
from nlq.dates.named import read_day_first, read_month_first
from nlq.dates.numerals import read_day, read_place
from nlq.dates.numeric import read_numeric
from nlq.dates.periods import Unit, period_of
from nlq.dates.pieces import Line, Parts, Piece, of_day
from nlq.dates.times import skip_time

_COMMA: Final = frozenset((",",))
_THE: Final = frozenset(("the",))
_ON: Final = frozenset(("on",))
_OF_WEEK: Final = frozenset(("of", "in", "from", "on", ","))
_SINGULAR: Final = frozenset(("tues", "thurs", "weds"))
_REPLACED: Final = frozenset((said.THIS_YEAR, said.COMING_DAY, said.LEAP_DAY))
"""Conventions of a date that the weekday beside it decides instead."""


def weekday_of(line: Line, index: int) -> int | None:
    """Return the weekday that a word names, None for "Mondays", which are many days."""
    weekday = WEEKDAYS.get(line.keys[index])
    if weekday is None:
        return None
    raw = line.raw(index).lower().replace("’", "'")
    return None if raw.endswith("s") and not raw.endswith("'s") and raw not in _SINGULAR else weekday


def read_weekday_first(line: Line, index: int) -> Piece | None:
    """Read "Tuesday", "Tue May 9", "Thursday the 21st", "Friday 7-6", "Tuesday of next week"."""
    weekday = weekday_of(line, index)
    if weekday is None:
        return None
    named = _date_behind(line, line.skip(line.skip(index + 1, _COMMA), _THE))
    if named is not None and named.parts is not None and named.parts.day is not None and not named.invalid:
        piece = resolve(line, named.parts._replace(weekday=weekday), named.end)
        if (turned := _turned(line, named, weekday)) is not None:
            return turned
        return piece.noting(*(note for note in named.notes if note not in _REPLACED and note not in piece.notes))
    week = _week_behind(line, index + 1)
    if week is not None:
        return of_day(week.end, week.start + timedelta(days=weekday), said.CALENDAR_WEEK)
    piece = resolve(line, Parts(weekday=weekday), index + 1)
    return piece._replace(doubtful=line.keys[index] in DOUBTFUL)


def _turned(line: Line, named: Piece, weekday: int) -> Piece | None:
    """Return a date in figures with its day first if only so it agrees with the weekday, this year or its own."""
    parts = named.parts
    if parts is None or not parts.either or named.start.weekday() == weekday:
        return None
    turned = resolve(line, parts._replace(month=parts.day, day=parts.month, either=False, day_first=True), named.end)
    return turned.noting(said.WEEKDAY_ORDER) if turned.start.weekday() == weekday else None


def _date_behind(line: Line, index: int) -> Piece | None:
    """Read the date behind a weekday, in figures too: a date is due."""
    due, line.due = line.due, True
    piece = read_month_first(line, index) or read_numeric(line, index) or read_day_first(line, index)
    line.due = due
    if piece is not None:
        return skip_time(line, piece)
    day = read_place(line, index) or (read_day(line, index, words=False) if line.whole else None)
    return resolve(line, Parts(day=day[0]), day[1]) if day is not None and 1 <= day[0] <= 31 else None


def _week_behind(line: Line, index: int) -> Piece | None:
    """Read the week behind a weekday: "of next week", "next week", "from last week"."""
    index = line.skip(line.skip(index, _OF_WEEK), _THE)
    key = line.keys[index]
    if key not in DETERMINERS or UNITS.get(line.keys[index + 1]) is not Unit.WEEK:
        return None
    start, stop = period_of(line.today, Unit.WEEK, DETERMINERS[key])
    return Piece(index + 2, start, stop, Unit.WEEK)


def weekday_behind(line: Line, piece: Piece) -> Piece:
    """Return the weekday behind a week ("next week Mon", "last week on Sunday"), else the week as it was."""
    if piece.unit is not Unit.WEEK or piece.invalid:
        return piece
    after = line.skip(line.skip(piece.end, _COMMA), _ON)
    weekday = weekday_of(line, after)
    return piece if weekday is None else of_day(after + 1, piece.start + timedelta(days=weekday), *piece.notes)
