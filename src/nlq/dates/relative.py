"""Relative: dates that are counted from today ("tomorrow", "next week", "last 30 days", "3 weeks ago").

Gives `read_day_word`, `read_determined`, `read_counted`, `read_unit_word`, `read_offset` and `rolling`.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import DAY_WORDS, DETERMINERS, MONTHS, PERIOD_ENDS, TO_DATE, UNITS, WEEKDAYS
from nlq.dates.named import read_month_first, read_quarter
from nlq.dates.numerals import read_count, read_year
from nlq.dates.numeric import read_numeric, skip_time
from nlq.dates.periods import Unit, advance, floor, part_of, period_of, shift
from nlq.dates.pieces import Line, Parts, Piece, of_day, of_span, resolve

_THE: Final = frozenset(("the",))
_DAY: Final = timedelta(days=1)
_STRICT: Final = {"coming": 1, "upcoming": 1, "following": 1, "past": -1}
"""Words that mean the nearest such weekday, not the one of another week."""
_FULL: Final = frozenset(("full", "whole", "complete", "calendar", "entire"))
_AGO: Final = {"ago": -1, "back": -1, "later": 1, "hence": 1}
_FROM: Final = {"from": 1, "after": 1, "before": -1}


def read_day_word(line: Line, index: int) -> Piece:
    """Read "today", "tomorrow", "yesterday"."""
    day = line.today + timedelta(days=DAY_WORDS[line.keys[index]])
    return skip_time(line, of_day(index + 1, day))


def read_determined(line: Line, index: int) -> Piece | None:
    """Read what follows "this", "next", "last" and words like them."""
    direction, after, strict = _direction(line, index)
    key = line.keys[after]
    if key == "date" and direction == 0:
        return of_day(after + 1, line.today)
    unit = UNITS.get(key)
    if unit is not None:
        return _calendar(line, after, unit, direction)
    if key in WEEKDAYS:
        return _weekday(line, after, direction, strict=strict)
    if direction:
        counted = _counted_from_today(line, after, direction)
        if counted is not None:
            return counted
    return _around_today(line, after, direction)


def _direction(line: Line, index: int) -> tuple[int, int, bool]:
    """Return the direction of a determiner, the index after it, and whether it means the nearest such day."""
    key, second = line.keys[index], line.keys[index + 1]
    if DETERMINERS[key] == 0 and second in DETERMINERS:
        return DETERMINERS[second], index + 2, second in _STRICT
    return DETERMINERS[key], index + 1, key in _STRICT


def _calendar(line: Line, index: int, unit: Unit, direction: int) -> Piece:
    """Return this, the next or the last unit of the calendar."""
    if unit is Unit.DAY:
        return of_day(index + 1, line.today + timedelta(days=direction))
    if unit is Unit.FORTNIGHT:
        if direction:
            return rolling(line, index + 1, 14 * direction, 0)
        return of_span(index + 1, period_of(line.today, unit), unit)
    notes = (said.CALENDAR_WEEK,) if unit in (Unit.WEEK, Unit.WEEKEND) else ()
    return of_span(index + 1, period_of(line.today, unit, direction), unit, *notes)


def _weekday(line: Line, index: int, direction: int, *, strict: bool) -> Piece:
    """Return the weekday of this, the next or the last week; "coming" and "past" mean the nearest."""
    weekday = WEEKDAYS[line.keys[index]]
    if strict:
        distance = (weekday - line.today.weekday()) % 7 or 7
        return of_day(index + 1, line.today + timedelta(days=distance if direction > 0 else (distance - 7) or -7))
    monday, _ = period_of(line.today, Unit.WEEK, direction)
    return of_day(index + 1, monday + timedelta(days=weekday), said.WEEKDAY_OF_WEEK)


def rolling(line: Line, end: int, days: int, months: int) -> Piece:
    """Return the days between today and an offset from it, both included."""
    day = shift(line.today, months, days)
    first, last = min(day, line.today), max(day, line.today)
    return replace(of_span(end, (first, last + _DAY), Unit.DAY), notes=(said.ROLLING,))


def _counted_from_today(line: Line, index: int, direction: int) -> Piece | None:
    """Read the rest of "next 30 days", "last two full quarters"."""
    offset = read_offset(line, index)
    if offset is not None:
        months, days, end = offset
        return rolling(line, end, days * direction, months * direction)
    count = read_count(line, index)
    if count is None or line.keys[count[1]] not in _FULL:
        return None
    unit = UNITS.get(line.keys[count[1] + 1])
    if unit is None:
        return None
    here = floor(line.today, unit)
    span = (
        (advance(here, unit, -count[0]), here)
        if direction < 0
        else (advance(here, unit, 1), advance(here, unit, count[0] + 1))
    )
    return of_span(count[1] + 2, span, unit)


def read_offset(line: Line, index: int) -> tuple[int, int, int] | None:
    """Read an amount of time as months, days and the index after it: "2 years 1 month and 21 days"."""
    months = days = 0
    end = position = index
    while (found := _amount(line, position)) is not None:
        months, days, end = months + found[0], days + found[1], found[2]
        position = end
        if line.keys[end] in (",", "and"):
            position = end + 1 + (line.keys[end] == "," and line.keys[end + 1] == "and")
    return (months, days, end) if end > index else None


def _amount(line: Line, index: int) -> tuple[int, int, int] | None:
    """Read a count and its unit."""
    count = read_count(line, index)
    if count is None:
        return None
    unit = UNITS.get(line.keys[count[1]])
    if unit is None or unit is Unit.HALF:
        return None
    months, days = unit.value
    return count[0] * months, count[0] * (7 if unit is Unit.WEEKEND else days), count[1] + 1


def _around_today(line: Line, index: int, direction: int) -> Piece | None:
    """Read "next March", "last Q3", "next 5/12", "this August": the first after or the last before today."""
    if line.keys[index] in MONTHS:
        piece = read_month_first(line, index)
    else:
        piece = read_quarter(line, index) or read_numeric(line, index, dated=True)
    if piece is None or piece.parts is None or piece.parts.year is not None or piece.invalid:
        return None
    if not direction:
        return replace(piece, parts=replace(piece.parts, year=line.today.year))
    return _nearest(line, piece, direction)


def _nearest(line: Line, piece: Piece, direction: int) -> Piece | None:
    """Return the period of a name that is the first after today, or the last before it."""
    assert piece.parts is not None  # noqa: S101 - the caller looked
    for distance in range(3):
        named = resolve(
            line,
            replace(piece.parts, year=line.today.year + (distance - 1 if direction > 0 else 1 - distance)),
            piece.end,
        )
        if named.invalid:
            continue
        if (direction > 0 and named.start > line.today) or (direction < 0 and named.stop <= line.today):
            return replace(named, notes=(*named.notes, said.NAMED_AROUND_TODAY))
    return None


def read_counted(line: Line, index: int) -> Piece | None:
    """Read "3 weeks ago", "2 days from now", "two days after today", "2 thursdays ago"."""
    offset = read_offset(line, index)
    if offset is None:
        return _weekdays_counted(line, index)
    months, days, end = offset
    key = line.keys[end]
    if key in _AGO:
        return _offset_day(line, line.today, months * _AGO[key], days * _AGO[key], end + 1)
    if key == "from" and line.keys[end + 1] == "now":
        return _offset_day(line, line.today, months, days, end + 2)
    return None


def _offset_day(line: Line, day: date, months: int, days: int, end: int) -> Piece:
    """Return the day at an offset from another."""
    notes = (said.OFFSET_DAY,) if months or abs(days) >= 7 else ()
    return of_day(end, shift(day, months, days), *notes)


def _weekdays_counted(line: Line, index: int) -> Piece | None:
    """Read "2 thursdays ago", "3 fridays from now"."""
    count = read_count(line, index)
    if count is None or line.keys[count[1]] not in WEEKDAYS or not 0 < count[0] < 1000:
        return None
    weekday, end = WEEKDAYS[line.keys[count[1]]], count[1] + 1
    ahead = line.keys[end] == "from" and line.keys[end + 1] == "now"
    if not ahead and line.keys[end] not in _AGO:
        return None
    distance = (weekday - line.today.weekday()) % 7 or 7
    if ahead or _AGO[line.keys[end]] > 0:
        return of_day(end + 1 + ahead, line.today + timedelta(days=distance + 7 * (count[0] - 1)))
    back = (line.today.weekday() - weekday) % 7 or 7
    return of_day(end + 1, line.today - timedelta(days=back + 7 * (count[0] - 1)))


def read_unit_word(line: Line, index: int) -> Piece | None:
    """Read "day after tomorrow", "week after next", "year 2008", "year to date", "month end"."""
    unit = UNITS[line.keys[index]]
    word, third = line.keys[index + 1], line.keys[line.skip(index + 2, _THE)]
    if unit is Unit.DAY and word in _FROM and third in DAY_WORDS and word != "from":
        day = line.today + timedelta(days=DAY_WORDS[third] + _FROM[word])
        return of_day(line.skip(index + 2, _THE) + 1, day)
    if (word, third) in (("after", "next"), ("before", "last")):
        span = period_of(line.today, unit, 2 * _FROM[word])
        return of_span(line.skip(index + 2, _THE) + 1, span, unit)
    if unit is Unit.YEAR:
        year = read_year(line, index + 1, words=True)
        if year is not None:
            return resolve(line, Parts(year[0]), year[1])
    if word == "to" and line.keys[index + 2] == "date":
        return to_date(line, index + 3, unit)
    if word == "end" and unit.value[0]:
        return _end_of(line, index + 2, unit)
    return None


def to_date(line: Line, end: int, unit: Unit) -> Piece:
    """Return the unit that today is in, up to today."""
    return of_span(end, (floor(line.today, unit), line.today + _DAY), Unit.DAY, said.TO_DATE)


def _end_of(line: Line, end: int, unit: Unit) -> Piece:
    """Return the last part of the unit that today is in."""
    span = period_of(line.today, unit)
    late = part_of(span, "late")
    return Piece(end, late[0], late[1], Unit.DAY, None, (said.PARTS_OF_PERIOD,), "", span, "end")


def read_abbreviation(line: Line, index: int) -> Piece:
    """Read "EOM", "YTD" and the like."""
    key = line.keys[index]
    if key in TO_DATE:
        return to_date(line, index + 1, TO_DATE[key])
    return _end_of(line, index + 1, PERIOD_ENDS[key])
