"""Relative: dates that are counted from today ("tomorrow", "next week", "last 30 days", "3 weeks ago").

Gives `read_day_word`, `read_determined`, `read_counted`, `read_unit_word`, `read_abbreviation`, `read_offset`,
`direction_behind` and `rolling`.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from nlq.amounts.durations import read_duration
from nlq.dates import conventions as said
from nlq.dates.eras import read_season
from nlq.dates.filling import in_part, resolve
from nlq.dates.holidays import HOLIDAY_STARTS, read_holiday
from nlq.dates.lexicon import DAY_WORDS, DETERMINERS, DOUBTFUL, MONTHS, PERIOD_ENDS, TO_DATE, UNITS, WEEKDAYS
from nlq.dates.named import read_month_first, read_numbered
from nlq.dates.numerals import read_count, read_year
from nlq.dates.numeric import read_numeric
from nlq.dates.periods import Unit, advance, floor, period_of, shift
from nlq.dates.pieces import Line, Parts, Piece, of_day, of_span
from nlq.dates.times import skip_time
from nlq.dates.weekdays import weekday_of

_THE: Final = frozenset(("the",))
_DAY: Final = timedelta(days=1)
_NEAREST: Final = frozenset(("coming", "upcoming", "following", "past"))
"""Words that mean the nearest such weekday, not the one of another week."""
_FULL: Final = frozenset(("full", "whole", "complete", "calendar", "entire"))
_AGO: Final = {"ago": -1, "back": -1, "later": 1, "away": 1, "out": 1}
_NOW: Final = frozenset(("now", "today"))
_NO_END: Final = frozenset(("than", "of"))
"""Words behind "later" and "out" that go on from them: "3 days later than planned", "2 weeks out of service"."""
_JOINS: Final = frozenset((",", "and"))


def read_day_word(line: Line, index: int) -> Piece:
    """Read "today", "tomorrow", "yesterday"."""
    key = line.keys[index]
    piece = skip_time(line, of_day(index + 1, line.today + timedelta(days=DAY_WORDS[key])))
    return piece._replace(doubtful=key in DOUBTFUL)


def read_determined(line: Line, index: int) -> Piece | None:
    """Read what follows "this", "next", "last" and words like them."""
    key, second = line.keys[index], line.keys[index + 1]
    direction, after = DETERMINERS[key], index + 1
    if direction == 0 and DETERMINERS.get(second):
        key, direction, after = second, DETERMINERS[second], index + 2
    unit = UNITS.get(line.keys[after])
    if unit is not None and unit is not Unit.HALF:
        return None if is_plural(line, after) else _calendar(line, after, unit, direction)
    if (weekday := weekday_of(line, after)) is not None:
        return _weekday(line, after, weekday, direction, nearest=key in _NEAREST)
    if line.keys[after] == "date" and direction == 0:
        return of_day(after + 1, line.today)
    counted = _counted_from_today(line, after, direction) if direction else None
    if counted is not None or key == "past":
        return counted  # "past June 30" is a limit
    named = _named_near(line, after, direction)
    if named is None and key == "present":
        return of_day(after, line.today)._replace(doubtful=True)  # "2024 to present"
    return named


def is_plural(line: Line, index: int) -> bool:
    """Return whether a unit stands in the plural: "the coming weeks" are not so many weeks."""
    raw = line.raw(index).lower()
    return raw.endswith("s") and not raw.endswith(("'s", "’s"))


def _calendar(line: Line, index: int, unit: Unit, direction: int) -> Piece:
    """Return this, the next or the last unit of the calendar."""
    if unit is Unit.DAY:
        return of_day(index + 1, line.today + timedelta(days=direction))
    if unit is Unit.FORTNIGHT and direction:
        return rolling(line, index + 1, 0, 14 * direction)
    notes = (said.CALENDAR_WEEK,) if unit in (Unit.WEEK, Unit.WEEKEND) else ()
    return of_span(index + 1, period_of(line.today, unit, direction), unit, *notes)


def _weekday(line: Line, index: int, weekday: int, direction: int, *, nearest: bool) -> Piece:
    """Return the weekday of this, the next or the last week; "coming" and "past" mean the nearest."""
    if nearest:
        ahead = (weekday - line.today.weekday()) % 7
        distance = (ahead or 7) if direction > 0 else ahead - 7
        return skip_time(line, of_day(index + 1, line.today + timedelta(days=distance)))
    monday, _ = period_of(line.today, Unit.WEEK, direction)
    return skip_time(line, of_day(index + 1, monday + timedelta(days=weekday), said.WEEKDAY_OF_WEEK))


def rolling(line: Line, end: int, months: int, days: int) -> Piece:
    """Return the days between today and an offset from it, both included."""
    day = shift(line.today, months, days)
    return of_span(end, (min(day, line.today), max(day, line.today) + _DAY), Unit.DAY, said.ROLLING)


def _counted_from_today(line: Line, index: int, direction: int) -> Piece | None:
    """Read the rest of "next 30 days", "last two full quarters"."""
    count = read_count(line, index)
    if count is not None and line.keys[count[1]] in _FULL and line.keys[count[1] + 1] in UNITS:
        return _full_units(line, count[0], count[1] + 1, direction)
    offset = read_offset(line, index)
    if offset is None:
        return None
    months, days, end = offset
    return rolling(line, end, months * direction, days * direction)


def _full_units(line: Line, count: int, index: int, direction: int) -> Piece:
    """Return whole units of the calendar before or after the one that today is in."""
    unit = UNITS[line.keys[index]]
    here = floor(line.today, unit)
    first = advance(here, unit, 1 if direction > 0 else -count)
    return of_span(index + 1, (first, advance(first, unit, count)), unit)


def read_offset(line: Line, index: int) -> tuple[int, int, int] | None:
    """Read an amount of time as months, days and the index after it: "2 years 1 month and 21 days"."""
    if index not in line.amounts:
        line.amounts[index] = _offset(line, index)
    return line.amounts[index]


def _offset(line: Line, index: int) -> tuple[int, int, int] | None:
    """Read counts of units one behind the other."""
    months = days = 0
    end = position = index
    while position < line.size and (found := _amount(line, position)) is not None:
        months, days, end = months + found[0], days + found[1], found[2]
        position = end + (line.keys[end] in _JOINS)
        position += position > end and line.keys[position] == "and"
    return (months, days, end) if end > index else None


def _amount(line: Line, index: int) -> tuple[int, int, int] | None:
    """Read a count and its unit as months, days and the index after them."""
    if line.number(index) or line.keys[index] in ("few", "a", "couple"):
        count = read_count(line, index)
        unit = UNITS.get(line.keys[count[1]]) if count is not None else None
        if count is not None and unit is not None and unit is not Unit.HALF and line.keys[count[1] + 1] != "and":
            months, days = unit.value
            return count[0] * months, count[0] * (7 if unit is Unit.WEEKEND else days), count[1] + 1
    duration = read_duration(line.tokens, index)
    if duration is None or duration.seconds or not (duration.months or duration.days):
        return None
    return duration.months, duration.days, duration.end


def _named_near(line: Line, index: int, direction: int) -> Piece | None:
    """Read "next March", "last Q3", "next 5/12", "this August", "next summer", "last Christmas"."""
    key = line.keys[index]
    if key in said.SEASON_STARTS:
        return read_season(line, index, direction)
    holiday = read_holiday(line, index, direction) if key in HOLIDAY_STARTS else None
    if holiday is not None:
        return holiday
    due, line.due = line.due, True
    piece = read_month_first(line, index) if key in MONTHS else read_numbered(line, index) or read_numeric(line, index)
    line.due = due
    if piece is None or piece.parts is None or piece.parts.year is not None or piece.invalid:
        return None
    if not direction:
        return piece._replace(parts=piece.parts._replace(year=line.today.year), doubtful=False)
    return _nearest(line, piece.parts, piece.end, direction)


def _nearest(line: Line, parts: Parts, end: int, direction: int) -> Piece | None:
    """Return the period of a name that is the first after today, or the last before it."""
    for distance in range(-1, 9):
        named = resolve(line, parts._replace(year=line.today.year + distance * direction), end)
        over = named.start > line.today if direction > 0 else named.stop <= line.today
        if over and not named.invalid:
            return named.noting(said.NAMED_AROUND_TODAY)
    return None


def read_counted(line: Line, index: int) -> Piece | None:
    """Read "3 weeks ago", "2 days from now", "2 thursdays ago", "10 previous weeks"."""
    offset = read_offset(line, index)
    if offset is None:
        return _weekdays_counted(line, index) or _count_first(line, index)
    months, days, end = offset
    sign, end = direction_behind(line, end)
    return offset_day(end, line.today, months * sign, days * sign) if sign else None


def direction_behind(line: Line, index: int) -> tuple[int, int]:
    """Return whether "ago" or "from now" stands behind an amount of time, 0 where none does, and the index after it."""
    key, after = line.keys[index : index + 2]
    if key in _AGO and after not in _NO_END:
        return _AGO[key], index + 1
    return (1, index + 2) if key == "from" and after in _NOW else (0, index)


def offset_day(end: int, day: date, months: int, days: int) -> Piece:
    """Return the day at an offset from another."""
    notes = (said.OFFSET_DAY,) if months or abs(days) >= 7 else ()
    return of_day(end, shift(day, months, days), *notes)


def _weekdays_counted(line: Line, index: int) -> Piece | None:
    """Read "2 thursdays ago", "3 fridays from now"."""
    count = read_count(line, index)
    if count is None or line.keys[count[1]] not in WEEKDAYS or not count[0]:
        return None
    weekday, end = WEEKDAYS[line.keys[count[1]]], count[1] + 1
    ahead = (weekday - line.today.weekday()) % 7
    if line.keys[end] == "from" and line.keys[end + 1] == "now":
        return of_day(end + 2, line.today + timedelta(days=(ahead or 7) + 7 * (count[0] - 1)))
    if line.keys[end] not in _AGO:
        return None
    distance = (ahead or 7) + 7 * (count[0] - 1) if _AGO[line.keys[end]] > 0 else ahead - 7 * count[0]
    return of_day(end + 1, line.today + timedelta(days=distance))


def _count_first(line: Line, index: int) -> Piece | None:
    """Read "10 previous weeks", "two next months"."""
    count = read_count(line, index)
    direction = DETERMINERS.get(line.keys[count[1]], 0) if count is not None else 0
    unit = UNITS.get(line.keys[count[1] + 1]) if count is not None else None
    if count is None or not direction or unit is None or not is_plural(line, count[1] + 1):
        return None
    months, days = unit.value
    return rolling(line, count[1] + 2, count[0] * months * direction, count[0] * days * direction)


def read_unit_word(line: Line, index: int) -> Piece | None:
    """Read "week after next", "month before last", "year 2008", "month of May", "year to date", "month end"."""
    unit = UNITS[line.keys[index]]
    word, third = line.keys[index + 1], line.skip(index + 2, _THE)
    if word == "after" and line.keys[third] == "next":
        return of_span(third + 1, period_of(line.today, unit, 2), unit)
    if word == "before" and line.keys[third] == "last":
        return of_span(third + 1, period_of(line.today, unit, -2), unit)
    if unit is Unit.YEAR and (year := read_year(line, index + 1 + (word == "of"), words=True)) is not None:
        return resolve(line, Parts(year[0]), year[1])
    if unit is Unit.MONTH and word == "of":
        return read_month_first(line, index + 2)
    if word == "to" and line.keys[index + 2] == "date":
        return _to_date(line, index + 3, unit)
    if word == "end" and unit.value[0]:
        return _end_of(line, index + 2, unit)
    return None


def _to_date(line: Line, end: int, unit: Unit) -> Piece:
    """Return the unit that today is in, up to today."""
    return of_span(end, (floor(line.today, unit), line.today + _DAY), Unit.DAY, said.TO_DATE)


def _end_of(line: Line, end: int, unit: Unit) -> Piece:
    """Return the last part of the unit that today is in."""
    return in_part(of_span(end, period_of(line.today, unit), unit), "late", "end")


def read_abbreviation(line: Line, index: int) -> Piece | None:
    """Read "EOM", "EOM March", "YTD", "cy 2026" and the like."""
    key = line.keys[index]
    if key == "cy":
        year = read_year(line, index + 1, short=True)
        return resolve(line, Parts(year[0]), year[1]) if year is not None else None
    if key in TO_DATE:
        return _to_date(line, index + 1, TO_DATE[key])
    named = read_month_first(line, index + 1) or read_numbered(line, index + 1)
    if named is not None and not named.invalid and named.unit is PERIOD_ENDS[key]:
        return in_part(named, "late", "end")
    return _end_of(line, index + 1, PERIOD_ENDS[key])
