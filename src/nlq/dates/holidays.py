"""Holidays: days with a name whose date follows a rule, as data, and the reader for them.

Gives `read_holiday` and `HOLIDAY_STARTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.numerals import read_year
from nlq.dates.periods import Unit, nth_weekday, period_of
from nlq.dates.pieces import Line, Piece, of_day
from nlq.normalize import stem

Rule = Callable[[int], date]
_MONDAY, _THURSDAY, _SUNDAY = 0, 3, 6


def _fixed(month: int, day: int) -> Rule:
    """Return the rule of a day that is the same in every year."""
    return lambda year: date(year, month, day)


def _weekday(month: int, weekday: int, number: int, later: int = 0) -> Rule:
    """Return the rule of a weekday of a month, or of a day some days later."""

    def rule(year: int) -> date:
        day = nth_weekday(period_of(date(year, month, 1), Unit.MONTH), weekday, number)
        assert day is not None  # noqa: S101 - every month has four of each
        return day + timedelta(days=later)

    return rule


def _easter(later: int = 0) -> Rule:
    """Return the rule of a day some days after Easter Sunday of the Gregorian calendar."""
    return lambda year: _easter_sunday(year) + timedelta(days=later)


def _easter_sunday(year: int) -> date:
    """Return Easter Sunday: the Sunday after the first full moon of the church's tables from March 21 on."""
    century = year // 100
    leaps = century - century // 4
    moons = (leaps - (8 * century + 13) // 25 + 19 * (year % 19) + 15) % 30
    # The tables never let the full moon fall on April 19, nor on April 18 late in the cycle of 19 years.
    moons -= moons == 29 or (moons == 28 and year % 19 > 10)
    full_moon = date(year, 3, 21) + timedelta(days=moons)
    return full_moon + timedelta(days=6 - full_moon.weekday() or 7)


_NAMED: Final[dict[str, Rule]] = {
    "new year's day|new years day|new year": _fixed(1, 1),
    "new year's eve|new years eve": _fixed(12, 31),
    "martin luther king day|martin luther king jr day|mlk day": _weekday(1, _MONDAY, 3),
    "groundhog day": _fixed(2, 2),
    "valentine's day|valentines day|valentine day": _fixed(2, 14),
    "presidents day|president's day|presidents' day|washington's birthday": _weekday(2, _MONDAY, 3),
    "st patrick's day|saint patrick's day|st patricks day": _fixed(3, 17),
    "april fool's day|april fools day|april fools": _fixed(4, 1),
    "good friday": _easter(-2),
    "easter|easter sunday": _easter(),
    "easter monday": _easter(1),
    "earth day": _fixed(4, 22),
    "mother's day|mothers day": _weekday(5, _SUNDAY, 2),
    "memorial day": _weekday(5, _MONDAY, -1),
    "juneteenth": _fixed(6, 19),
    "father's day|fathers day": _weekday(6, _SUNDAY, 3),
    "independence day": _fixed(7, 4),
    "labor day|labour day": _weekday(9, _MONDAY, 1),
    "columbus day": _weekday(10, _MONDAY, 2),
    "halloween|halloween day": _fixed(10, 31),
    "veterans day|veteran's day|veterans' day": _fixed(11, 11),
    "thanksgiving|thanksgiving day": _weekday(11, _THURSDAY, 4),
    "black friday": _weekday(11, _THURSDAY, 4, 1),
    "cyber monday": _weekday(11, _THURSDAY, 4, 4),
    "christmas eve|xmas eve": _fixed(12, 24),
    "christmas|christmas day|xmas|xmas day": _fixed(12, 25),
    "boxing day": _fixed(12, 26),
}


def _by_first_word() -> dict[str, list[tuple[tuple[str, ...], Rule]]]:
    """Return names by their first word, the longest first."""
    found: dict[str, list[tuple[tuple[str, ...], Rule]]] = {}
    for names, rule in _NAMED.items():
        for name in names.split("|"):
            words = tuple(stem(word) for word in name.split())
            found.setdefault(words[0], []).append((words, rule))
    for listed in found.values():
        listed.sort(key=lambda entry: -len(entry[0]))
    return found


_HOLIDAYS: Final = _by_first_word()
HOLIDAY_STARTS: Final = frozenset(_HOLIDAYS)


def read_holiday(line: Line, index: int, direction: int | None = None) -> Piece | None:
    """Read "Christmas", "Labor Day 2026", "Thanksgiving of 2027"; a direction says this, the next or the last one."""
    for words, rule in _HOLIDAYS.get(line.keys[index], ()):
        end = index + len(words)
        if tuple(line.keys[index:end]) == words:
            after = line.skip(end, frozenset((",", "of", "in")))
            year = read_year(line, after) if direction is None else None
            if year is not None:
                return of_day(year[1], rule(year[0]))
            return _without_year(line, rule, end, direction)
    return None


def _without_year(line: Line, rule: Rule, end: int, direction: int | None) -> Piece:
    """Return the holiday of this year, or the nearest after or before today."""
    today = line.today
    if line.past and direction is None:
        day = max(day for day in map(rule, (today.year - 1, today.year)) if day <= today)
        return of_day(end, day, said.LAST_BEGUN)
    if direction == 0:
        return of_day(end, rule(today.year), said.THIS_YEAR)
    if direction is None:
        day = rule(today.year)
        return of_day(end, day if day >= today else rule(today.year + 1), said.COMING_HOLIDAY)
    years = (today.year - 1, today.year, today.year + 1)
    ahead = min(day for day in map(rule, years) if day > today) if direction > 0 else None
    day = ahead or max(day for day in map(rule, years) if day < today)
    return of_day(end, day, said.NAMED_AROUND_TODAY)
