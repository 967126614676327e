"""Filling: what a date as it was named leaves out is filled in by the conventions.

Gives `resolve`, which makes a period of a name, and `in_part`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from nlq.dates import conventions as said
from nlq.dates.lexicon import MONTH_NAMES
from nlq.dates.periods import Unit, iso_week, part_of, period_of
from nlq.dates.pieces import Line, Parts, Piece, invalid, of_day, of_span


def resolve(line: Line, parts: Parts, end: int) -> Piece:
    """Return the period that parts name, with what they leave out filled in by the conventions."""
    notes = (said.MONTH_FIRST,) if parts.either else ()
    if parts.day is not None:
        piece = _day(line, parts, end)
    elif parts.weekday is not None and parts.month is None:
        piece = of_day(end, _coming_weekday(line.today, parts.weekday), said.COMING_DAY)
    else:
        piece = _period(line, parts, end)
    if line.past and parts.year is None and piece.start > line.today and not piece.invalid:
        piece = _last_begun(line, parts, piece)
    # In half the time that `_replace` takes.
    piece = Piece(piece.end, piece.start, piece.stop, piece.unit, parts, piece.notes + notes, *piece[6:])
    return in_part(piece, parts.part, parts.edge) if parts.part and not piece.invalid else piece


def _last_begun(line: Line, parts: Parts, piece: Piece) -> Piece:
    """Return the last one before today of what a name by itself puts into the future."""
    today = line.today
    if parts.weekday is not None and parts.month is None and parts.day is None:
        days = (today.weekday() - parts.weekday) % 7 or 7
        return of_day(piece.end, today - timedelta(days=days), said.LAST_BEGUN)
    for named in _earlier(parts, today):
        begun = _day(line, named, piece.end) if named.day is not None else _period(line, named, piece.end)
        if not begun.invalid and begun.start <= today and parts.weekday in (None, begun.start.weekday()):
            return begun.noting(said.LAST_BEGUN)
    return piece


def _earlier(parts: Parts, today: date) -> Iterator[Parts]:
    """Give a name with this year, the year before and so on; a day of no month with months."""
    if parts.day is not None and parts.month is None:
        for month in range(today.year * 12 + today.month - 1, today.year * 12 - 12, -1):
            yield parts._replace(year=month // 12, month=month % 12 + 1)
    else:
        for year in range(today.year, today.year - 9, -1):
            yield parts._replace(year=year)


def in_part(piece: Piece, part: str, edge: str) -> Piece:
    """Return the early, mid or late part of a period, which keeps the period that it is of."""
    whole = (piece.start, piece.stop)
    span = part_of(whole, part)
    parts = piece.parts._replace(part=part, edge=edge) if piece.parts is not None else None
    notes = (*piece.notes, said.PARTS_OF_PERIOD)
    return Piece(piece.end, span[0], span[1], Unit.DAY, parts, notes, "", whole, edge)


def _coming_weekday(today: date, weekday: int) -> date:
    """Return the next day, today included, that is a weekday."""
    return today + timedelta(days=(weekday - today.weekday()) % 7)


def _period(line: Line, parts: Parts, end: int) -> Piece:
    """Resolve a year, or a month, quarter, half or week of one."""
    year = parts.year if parts.year is not None else line.today.year
    notes = () if parts.year is not None else (said.THIS_YEAR,)
    if parts.week is not None:
        span = iso_week(year, parts.week)
        if span is None:
            return invalid(end, f"{year} has no week {parts.week}.")
        return of_span(end, span, Unit.WEEK, *notes, said.WEEK_OF_PERIOD)
    if parts.month is not None:
        return of_span(end, period_of(date(year, parts.month, 1), Unit.MONTH), Unit.MONTH, *notes)
    if parts.quarter is not None:
        return of_span(end, period_of(date(year, 3 * parts.quarter - 2, 1), Unit.QUARTER), Unit.QUARTER, *notes)
    if parts.half is not None:
        return of_span(end, period_of(date(year, 6 * parts.half - 5, 1), Unit.HALF), Unit.HALF, *notes)
    return of_span(end, period_of(date(year, 1, 1), Unit.YEAR), Unit.YEAR)


def _day(line: Line, parts: Parts, end: int) -> Piece:
    """Resolve a day of a month; the weekday beside it decides a missing year or month."""
    assert parts.day is not None  # noqa: S101 - the caller looked
    if parts.month is None:
        return _day_of_month(line, parts.day, parts.weekday, end)
    if parts.year is None:
        return _day_of_year(line, parts.month, parts.day, parts.weekday, end)
    day = _date(parts.year, parts.month, parts.day)
    if day is None:
        return invalid(end, f"{_name(parts.month, parts.day)}, {parts.year} does not exist.")
    agrees = parts.weekday is None or parts.weekday == day.weekday()
    return of_day(end, day, *(() if agrees else (said.WEEKDAY_DISAGREES,)))


def _day_of_month(line: Line, number: int, weekday: int | None, end: int) -> Piece:
    """Resolve "the 15th" and "Thursday the 21st"."""
    today = line.today
    if weekday is not None:
        here = _date(today.year, today.month, number)
        if here is not None and here.weekday() == weekday:
            return of_day(end, here, said.COMING_DAY)
    year, month = today.year, today.month
    for _ in range(12 * 12):
        day = _date(year, month, number)
        if day is not None and day >= today and weekday in (None, day.weekday()):
            return of_day(end, day, said.COMING_DAY)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return invalid(end, f"There is no day {number} of a month.")


def _day_of_year(line: Line, month: int, number: int, weekday: int | None, end: int) -> Piece:
    """Resolve a day and month without a year."""
    year = line.today.year
    if weekday is not None:
        for distance in range(1 if _is_weekday(year, month, number, weekday) else 15):
            for candidate in (year + distance, year - distance):
                if _is_weekday(candidate, month, number, weekday):
                    return of_day(end, date(candidate, month, number), said.NEAREST_YEAR)
    day = _date(year, month, number)
    if day is not None:
        disagrees = (said.WEEKDAY_DISAGREES,) if weekday is not None and day.weekday() != weekday else ()
        return of_day(end, day, said.THIS_YEAR, *disagrees)
    for later in range(year, year + 9):
        if (day := _date(later, month, number)) is not None:
            return of_day(end, day, said.LEAP_DAY)
    return invalid(end, f"{_name(month, number)} does not exist.")


def _is_weekday(year: int, month: int, day: int, weekday: int) -> bool:
    """Return whether a day exists and is a weekday."""
    found = _date(year, month, day)
    return found is not None and found.weekday() == weekday


def _date(year: int, month: int, day: int) -> date | None:
    """Return a day, None where it does not exist."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _name(month: int, day: int) -> str:
    """Return how a day is named in a sentence, even one that does not exist."""
    return f"{MONTH_NAMES[month]} {day}" if 1 <= month <= 12 else f"Day {day} of month {month}"
