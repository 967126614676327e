"""Named: dates with the names of months, weekdays, quarters and years ("5 May 2026", "Tue, May 9", "Q3 2026").

Gives `read_month_first`, `read_number_first`, `read_weekday_first`, `read_quarter`, `read_year_reference`, `with_year`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import DETERMINERS, DOUBTFUL, MONTHS, UNITS, VERBS_AFTER_MAY, WEEKDAYS
from nlq.dates.numerals import read_day, read_ordinal_number, read_year
from nlq.dates.numeric import read_numeric, skip_time
from nlq.dates.periods import Unit, nth_weekday, period_of
from nlq.dates.pieces import Line, Parts, Piece, invalid, of_day, of_span, resolve

_OF: Final = frozenset(("of", "in"))
_COMMA: Final = frozenset((",",))
_THE: Final = frozenset(("the",))
_TIGHT: Final = frozenset(("-", "/", "."))
_LETTERS: Final = {"q": "quarter", "h": "half", "w": "week", "qtr": "quarter", "quarter": "quarter", "wk": "week"}
_MOST: Final = {"quarter": 4, "half": 2, "week": 53}
_OF_WEEK: Final = frozenset(("of", "in", "from", "on", ","))


def read_year_reference(line: Line, index: int) -> tuple[int, int] | None:
    """Read what says a year: "2026", "the year 2026", "next year", "the year"."""
    index = line.skip(index, _THE)
    key = line.keys[index]
    if UNITS.get(key) is Unit.YEAR:
        year = read_year(line, index + 1, words=True)
        return year if year is not None else (line.today.year, index + 1)
    if key in DETERMINERS and UNITS.get(line.keys[index + 1]) is Unit.YEAR:
        return line.today.year + DETERMINERS[key], index + 2
    return read_year(line, index, words=True)


def with_year(line: Line, parts: Parts, end: int, *, short: bool = False) -> Piece:
    """Return what parts name, with the year behind them where one stands there."""
    after = line.skip(end, _COMMA)
    introduced = line.keys[after] in _OF
    after += introduced
    year = read_year(line, after, words=True, short=short or introduced) or (
        None if after < end else _relative_year(line, after)
    )
    if year is None or (introduced and line.keys[after - 1] == "in" and year[0] < said.FIRST_YEAR):
        return resolve(line, parts, end)
    return resolve(line, replace(parts, year=year[0]), year[1])


def _relative_year(line: Line, index: int) -> tuple[int, int] | None:
    """Read "next year", "of the year"."""
    key = line.keys[line.skip(index, _THE)]
    return read_year_reference(line, index) if key in DETERMINERS or UNITS.get(key) is Unit.YEAR else None


def read_month_first(line: Line, index: int) -> Piece | None:
    """Read "March", "March 2026", "March 5", "March the 5th, 2026", "Mar/5/2026"."""
    month = MONTHS[line.keys[index]]
    after = line.skip(line.skip(index + 1, _COMMA), _THE)
    day = read_day(line, after)
    if day is not None and _is_day(line, index, after, day):
        tight = line.gap(day[1]) in _TIGHT and line.gap(after) in _TIGHT
        return skip_time(
            line, with_year(line, Parts(month=month, day=day[0]), day[1], short=tight or _last(line, day[1]))
        )
    piece = with_year(line, Parts(month=month), index + 1)
    if piece.end == index + 1:
        return _month_alone(line, index, piece)
    return piece


def _is_day(line: Line, index: int, after: int, day: tuple[int, int]) -> bool:
    """Return whether the number behind a month is its day."""
    if day[1] - after == 1 and line.number(after) and line.keys[index + 1] == ",":
        return line.whole or read_year(line, line.skip(day[1], _COMMA)) is not None
    # "March 10:30" is a time; "may one" is a verb and its subject.
    return not (line.gap(day[1]) == ":") and (line.whole or bool(line.number(after)) or line.keys[index] != "may")


def _last(line: Line, index: int) -> bool:
    """Return whether a number at an index can only be a short year: the date is the whole text."""
    return line.whole and index + 1 == line.size and line.gap(index) in ("", ",", "'", "’")


def _month_alone(line: Line, index: int, piece: Piece) -> Piece | None:
    """Return a month by itself, None where the word is rather a verb."""
    key, raw = line.keys[index], line.raw(index)
    if key == "may" and line.keys[index + 1] in VERBS_AFTER_MAY:
        return None
    if raw.lower() not in (key, f"{key}'s", f"{key}’s"):
        return None  # "marches" is no month
    return replace(piece, doubtful=key in DOUBTFUL and not raw[0].isupper())


def read_number_first(line: Line, index: int) -> Piece | None:
    """Read "5 May 2026", "the 5th of May", "2026 March", "2026-Q1", "3/15/2026", "2026"."""
    piece = read_numeric(line, index)
    if piece is not None:
        return skip_time(line, piece)
    year = read_year(line, index, words=line.whole)
    if year is not None:
        return _year_first(line, index, year)
    return read_day_first(line, index)


def read_day_first(line: Line, index: int) -> Piece | None:
    """Read a day and the month behind it: "5 May", "5th of May '26", "twenty five January"."""
    day = read_day(line, index)
    if day is None:
        return None
    after = day[1]
    if UNITS.get(line.keys[after]) is Unit.DAY and read_ordinal_number(line, index) is not None:
        after += 1
    after = line.skip(after, _OF)
    month = MONTHS.get(line.keys[after])
    if month is None:
        return _day_of_relative_month(line, day[0], after) if line.keys[after - 1] in ("of", "in") else None
    if line.keys[after] == "may" and not line.whole and line.keys[after + 1] in VERBS_AFTER_MAY:
        return None
    tight = line.gap(after) in _TIGHT and line.gap(after + 1) in _TIGHT
    parts = Parts(month=month, day=day[0])
    return skip_time(line, with_year(line, parts, after + 1, short=tight or _last(line, after + 1)))


def _day_of_relative_month(line: Line, day: int, index: int) -> Piece | None:
    """Read the month of "the 20th of next month"."""
    month = read_relative_month(line, index)
    if month is None:
        return None
    parts, end = month
    return resolve(line, replace(parts, day=day), end)


def read_relative_month(line: Line, index: int) -> tuple[Parts, int] | None:
    """Read "next month", "this month", "the month"."""
    index = line.skip(index, _THE)
    key = line.keys[index]
    count = 0
    if key in DETERMINERS:
        count = DETERMINERS[key]
        index += 1
    if UNITS.get(line.keys[index]) is not Unit.MONTH:
        return None
    start, _ = period_of(line.today, Unit.MONTH, count)
    return Parts(start.year, start.month), index + 1


def _year_first(line: Line, index: int, year: tuple[int, int]) -> Piece:
    """Read what can follow a year: a month and a day, a quarter, a half, a week."""
    after = line.skip(line.skip(year[1], _COMMA), _THE)
    month = MONTHS.get(line.keys[after])
    if month is not None and (line.keys[after] != "may" or line.keys[after + 1] not in VERBS_AFTER_MAY):
        day = read_day(line, after + 1, words=False)
        if day is not None and (line.gap(day[1]) not in _TIGHT or not line.number(day[1])):
            return skip_time(line, resolve(line, Parts(year[0], month, day[0]), day[1]))
        return resolve(line, Parts(year[0], month), after + 1)
    named = read_quarter(line, after)
    if named is not None and named.parts is not None and named.parts.year is None:
        return resolve(line, replace(named.parts, year=year[0]), named.end)
    day = read_day(line, after, words=False)
    if day is not None and line.gap(after) in _TIGHT and line.gap(day[1]) in _TIGHT and line.keys[day[1]] in MONTHS:
        return resolve(line, Parts(year[0], MONTHS[line.keys[day[1]]], day[0]), day[1] + 1)
    return resolve(line, Parts(year[0]), year[1])


def read_quarter(line: Line, index: int) -> Piece | None:
    """Read "Q3", "Q3 2026", "3Q26", "third quarter of next year", "H1", "week 12", "W12"."""
    found = _numbered(line, index)
    if found is None:
        return None
    name, number, end = found
    if not 1 <= number <= _MOST[name]:
        return invalid(end, f"There is no {name} {number}.") if name != "half" else None
    parts = Parts(
        quarter=number if name == "quarter" else None,
        half=number if name == "half" else None,
        week=number if name == "week" else None,
    )
    short = line.touches(end) or line.gap(end) in ("-", "/", "'", "’")
    piece = with_year(line, parts, end, short=short)
    day = line.number(piece.end)
    if name == "week" and line.gap(piece.end) == "-" and len(day) == 1 and "1" <= day <= "7" and not piece.invalid:
        return of_day(piece.end + 1, nth_weekday((piece.start, piece.stop), int(day) - 1, 1) or piece.start)
    return piece


def _numbered(line: Line, index: int) -> tuple[str, int, int] | None:
    """Read the name and the number of a quarter, a half or a week, in either order."""
    key = line.keys[index]
    name = _LETTERS.get(key)
    if name is not None:
        digits = line.number(index + 1)
        # A letter belongs to its number: "H 2" may be a class and "W 8" a size.
        joined = len(key) > 1 or line.touches(index + 1) or line.whole
        if 0 < len(digits) <= 2 and joined:
            return name, int(digits), index + 2
        return None
    if UNITS.get(key) is Unit.WEEK and 0 < len(line.number(index + 1)) <= 2:
        return "week", int(line.number(index + 1)), index + 2
    ordinal = read_ordinal_number(line, index)
    if ordinal is not None and line.keys[ordinal[1]] in ("quarter", "qtr", "half"):
        return "quarter" if line.keys[ordinal[1]] != "half" else "half", ordinal[0], ordinal[1] + 1
    if line.keys[index + 1] in ("q", "h") and line.touches(index + 1) and len(line.number(index)) == 1:
        return _LETTERS[line.keys[index + 1]], int(line.number(index)), index + 2
    return None


def read_weekday_first(line: Line, index: int) -> Piece | None:
    """Read "Tuesday", "Tue May 9", "Thursday the 21st", "Friday 7-6", "Tuesday of next week"."""
    weekday = WEEKDAYS[line.keys[index]]
    raw = line.raw(index).lower()
    if raw.endswith("days") or (raw.endswith("s") and raw not in WEEKDAYS and raw not in ("tues", "thurs", "weds")):
        return None  # "Mondays" are many days
    after = line.skip(line.skip(index + 1, _COMMA), _THE)
    named = _date_of_weekday(line, after)
    if named is not None and named.parts is not None and named.parts.day is not None and not named.invalid:
        piece = resolve(line, replace(named.parts, weekday=weekday), named.end)
        return replace(piece, notes=tuple(dict.fromkeys((*piece.notes, *_kept(named.notes)))))
    week = _week_of_weekday(line, index + 1)
    if week is not None:
        day = nth_weekday((week.start, week.stop), weekday, 1)
        return of_day(week.end, day, said.CALENDAR_WEEK) if day is not None else None
    piece = resolve(line, Parts(weekday=weekday), index + 1)
    lower = not line.raw(index)[0].isupper() or line.keys[index] == "sun"
    return replace(piece, doubtful=line.keys[index] in DOUBTFUL and lower)


def _kept(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the conventions of a date that a weekday beside it does not replace."""
    return tuple(note for note in notes if note not in (said.THIS_YEAR, said.COMING_DAY, said.LEAP_DAY))


def _date_of_weekday(line: Line, index: int) -> Piece | None:
    """Read the date behind a weekday."""
    if line.keys[index] in MONTHS:
        return read_month_first(line, index)
    if line.number(index) or line.tokens[index : index + 1]:
        numeric = read_numeric(line, index, dated=True)
        if numeric is not None:
            return skip_time(line, numeric)
    piece = read_day_first(line, index)
    if piece is not None:
        return piece
    day = read_ordinal_number(line, index) or (read_day(line, index, words=False) if line.whole else None)
    return resolve(line, Parts(day=day[0]), day[1]) if day is not None and 1 <= day[0] <= 31 else None


def _week_of_weekday(line: Line, index: int) -> Piece | None:
    """Read the week behind a weekday: "of next week", "next week", "from last week"."""
    index = line.skip(line.skip(index, _OF_WEEK), _THE)
    key = line.keys[index]
    if key in DETERMINERS and UNITS.get(line.keys[index + 1]) is Unit.WEEK:
        return of_span(index + 2, period_of(line.today, Unit.WEEK, DETERMINERS[key]), Unit.WEEK)
    return None
