"""Periods: arithmetic on days, weeks, months and years, all half-open and clamped to the ends of months.

Gives `Unit`, `shift`, `advance`, `floor`, `period_of`, `iso_week`, `week_in`, `nth_weekday` and `part_of`.
"""

from __future__ import annotations

import enum
from calendar import monthrange
from datetime import date, timedelta
from typing import Final

from nlq.dates.conventions import MONTH_PARTS, WEEK_PARTS, WEEKEND_START

Span = tuple[date, date]
"""A half-open period [start, stop)."""


class Unit(enum.Enum):
    """A length of time that the calendar is divided into: months and days of one."""

    DAY = (0, 1)
    WEEK = (0, 7)
    WEEKEND = (0, 2)
    FORTNIGHT = (0, 14)
    MONTH = (1, 0)
    QUARTER = (3, 0)
    HALF = (6, 0)
    YEAR = (12, 0)
    DECADE = (120, 0)
    CENTURY = (1200, 0)


_DAY: Final = timedelta(days=1)


def shift(day: date, months: int, days: int = 0) -> date:
    """Return the day some months and then some days later; a day that the month lacks is the month's last.

    Raises:
        OverflowError, ValueError: the day is beyond the calendar.
    """
    if months:
        year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
        day = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return day + timedelta(days=days) if days else day


def advance(day: date, unit: Unit, count: int) -> date:
    """Return the day a number of units later; weekends lie a week apart."""
    months, days = unit.value
    return shift(day, months * count, (7 if unit is Unit.WEEKEND else days) * count)


def floor(day: date, unit: Unit) -> date:
    """Return the first day of the unit that a day lies in, for a weekend that of its week's."""
    if unit is Unit.DAY:
        return day
    months, _ = unit.value
    if months:
        index = (day.year * 12 + day.month - 1) // months * months
        return date(max(index // 12, 1), index % 12 + 1, 1)
    monday = day - timedelta(days=day.weekday())
    return monday + timedelta(days=WEEKEND_START) if unit is Unit.WEEKEND else monday


def period_of(day: date, unit: Unit, count: int = 0) -> Span:
    """Return the unit that lies a number of units after the one that holds a day."""
    months, days = unit.value
    if months == 12:
        return date(day.year + count, 1, 1), date(day.year + count + 1, 1, 1)
    if months == 1:
        month = day.year * 12 + day.month - 1 + count
        return date(month // 12, month % 12 + 1, 1), date((month + 1) // 12, (month + 1) % 12 + 1, 1)
    start = advance(floor(day, unit), unit, count)
    return start, shift(start, months, days)


def iso_week(year: int, week: int) -> Span | None:
    """Return a week of a year by its ISO number, None where the year has no such week."""
    try:
        start = date.fromisocalendar(year, week, 1)
    except ValueError:
        return None
    return start, start + timedelta(days=7)


def week_in(span: Span, number: int) -> Span | None:
    """Return a week of a period (1 the first, -1 the last); a week belongs to the period that holds its Thursday."""
    monday = floor(span[0] + timedelta(days=3), Unit.WEEK)
    last = floor(span[1] - timedelta(days=4), Unit.WEEK)
    start = monday + timedelta(weeks=number - 1) if number > 0 else last + timedelta(weeks=number + 1)
    return (start, start + timedelta(days=7)) if monday <= start <= last else None


def nth_weekday(span: Span, weekday: int, number: int) -> date | None:
    """Return a weekday of a period, the first being 1 and the last -1; None where there are fewer."""
    if number > 0:
        first = span[0] + timedelta(days=(weekday - span[0].weekday()) % 7)
        day = first + timedelta(weeks=number - 1)
    else:
        end = span[1] - _DAY
        day = end - timedelta(days=(end.weekday() - weekday) % 7) + timedelta(weeks=number + 1)
    return day if span[0] <= day < span[1] else None


def part_of(span: Span, part: str) -> Span:
    """Return the early, mid or late part of a period, or its first or second half."""
    start, stop = span
    days = (stop - start).days
    if part in ("first", "second"):
        middle = _middle(start, stop, days)
        return (start, middle) if part == "first" else (middle, stop)
    if days == 7:
        first, last = WEEK_PARTS[part]
        return start + timedelta(days=first), start + timedelta(days=last)
    if 28 <= days <= 31:
        begin, end = MONTH_PARTS[part]
        return start + timedelta(days=begin), stop if end is None else start + timedelta(days=end)
    return _third(start, stop, ("early", "mid", "late").index(part))


def _middle(start: date, stop: date, days: int) -> date:
    """Return the day that the second half begins with: months stay whole, a month is halved after its 15th."""
    months = (stop.year - start.year) * 12 + stop.month - start.month
    if days > 31 and start.day == stop.day and months % 2 == 0:
        return shift(start, months // 2)
    return start + timedelta(days=15 if 28 <= days <= 31 else (days + 1) // 2)


def _third(start: date, stop: date, index: int) -> Span:
    """Return a third of a period, in whole months where they divide it."""
    months = (stop.year - start.year) * 12 + stop.month - start.month
    if start.day == stop.day and months % 3 == 0:
        return shift(start, months // 3 * index), shift(start, months // 3 * (index + 1))
    days = (stop - start).days
    return start + timedelta(days=days * index // 3), start + timedelta(days=days * (index + 1) // 3)
