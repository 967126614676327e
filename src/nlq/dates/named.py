"""Named: dates with the names of months, quarters and years ("5 May 2026", "May 5", "Q3 2026", "2026 March").

Gives `read_month_first`, `read_day_first`, `read_number_first`, `read_numbered`, `read_relative_month`,
`read_year_behind` and `with_year`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.filling import resolve
from nlq.dates.lexicon import DETERMINERS, DOUBTFUL, MONTHS, UNITS, VERBS_AFTER_MAY
from nlq.dates.numerals import APOSTROPHES, full_year, read_cardinal, read_day, read_place, read_year
from nlq.dates.numeric import read_numeric
from nlq.dates.periods import Unit, period_of
from nlq.dates.pieces import Line, Parts, Piece, invalid, of_day
from nlq.dates.times import skip_time

_OF: Final = frozenset(("of", "in"))
_OF_COMMA: Final = frozenset(("of", "in", ","))
_COMMA: Final = frozenset((",",))
_THE: Final = frozenset(("the",))
_TIGHT: Final = frozenset(("-", "/", "."))
_QUOTES: Final = frozenset(("'", "’"))
_LETTERS: Final = {"q": "quarter", "h": "half", "w": "week"}
_NAMES: Final = {Unit.QUARTER: "quarter", Unit.WEEK: "week", Unit.HALF: "half"}
_MOST: Final = {"quarter": 4, "half": 2, "week": 53}


def read_year_behind(line: Line, index: int, *, short: bool = False) -> tuple[int, int] | None:
    """Read the year behind a date: "2026", ", 2026", "of '26", "next year", "of the year"."""
    after = line.skip(index, _COMMA)
    preposition = line.keys[after] in _OF
    after += preposition
    key = line.keys[line.skip(after, _THE)]
    if key in DETERMINERS or UNITS.get(key) is Unit.YEAR:
        return _relative_year(line, after) if after == index + preposition else None
    return read_year(line, after, words=True, short=short or preposition)


def _relative_year(line: Line, index: int) -> tuple[int, int] | None:
    """Read "next year", "the year 2026", "the year"."""
    index = line.skip(index, _THE)
    key = line.keys[index]
    if key in DETERMINERS:
        found = UNITS.get(line.keys[index + 1]) is Unit.YEAR
        return (line.today.year + DETERMINERS[key], index + 2) if found else None
    year = read_year(line, index + 1, words=True)
    if year is not None:
        return year
    return (line.today.year, index + 1) if line.keys[index - 1] == "the" else None


def with_year(line: Line, parts: Parts, end: int, *, short: bool = False) -> Piece:
    """Return what parts name, with the year behind them where one stands there."""
    year = read_year_behind(line, end, short=short)
    return resolve(line, parts, end) if year is None else resolve(line, parts._replace(year=year[0]), year[1])


def read_month_first(line: Line, index: int) -> Piece | None:
    """Read "March", "March 2026", "March 5", "March the 5th, 2026", "Mar/5/2026"."""
    if not is_month(line, index):
        return None
    month = MONTHS[line.keys[index]]
    after = line.skip(line.skip(index + 1, _COMMA), _THE)
    day = read_day(line, after)
    if day is None or not _is_day(line, index, after, day):
        piece = with_year(line, Parts(month=month), index + 1)
        lower = not line.raw(index)[0].isupper() and piece.end == index + 1
        return piece._replace(doubtful=True) if lower and line.keys[index] in DOUBTFUL else piece
    tight = line.gap(day[1]) in _TIGHT and line.gap(after) in _TIGHT
    piece = with_year(line, Parts(month=month, day=day[0]), day[1], short=tight or _ends_text(line, day[1]))
    return skip_time(line, piece)


def is_month(line: Line, index: int) -> bool:
    """Return whether a word is a month here, no verb ("it may be") and no plural ("marches")."""
    key = line.keys[index]
    if key not in MONTHS or line.raw(index).lower() not in (key, f"{key}'s", f"{key}’s"):
        return False
    return key != "may" or line.keys[index + 1] not in VERBS_AFTER_MAY


def _is_day(line: Line, index: int, after: int, day: tuple[int, int]) -> bool:
    """Return whether the number behind a month is its day."""
    if line.gap(day[1]) == ":" or line.gap(after).endswith(APOSTROPHES):
        return False  # "March 10:30" is a time, "March '27" a year
    if line.number(after) and day[1] == after + 1:
        # "in March, 5 cranes" has no day
        return line.whole or line.keys[index + 1] != "," or read_year(line, line.skip(day[1], _COMMA)) is not None
    if not line.number(after):
        year = read_year(line, after, words=True)  # "October nineteen ninety eight"
        return (year is None or year[1] <= day[1]) and (line.whole or line.keys[index] != "may")
    return True


def _ends_text(line: Line, index: int) -> bool:
    """Return whether the number at an index can only be a short year: the date is the whole text."""
    return line.whole and index + 1 == line.size and (not line.gap(index) or line.gap(index) in _QUOTES)


def read_number_first(line: Line, index: int) -> Piece | None:
    """Read "3/15/2026", "5 May 2026", "the 5th of May", "2026 March", "2026-Q1", "2026"."""
    piece = read_numeric(line, index)
    if piece is not None:
        return skip_time(line, _numeric_with_year(line, piece))
    compact = _compact(line, index) or _short_year_first(line, index)
    if compact is not None:
        return compact
    year = read_year(line, index, words=line.whole)
    if year is not None:
        return _year_first(line, year)
    return read_day_first(line, index)


def _numeric_with_year(line: Line, piece: Piece) -> Piece:
    """Return a month and day in figures with the year behind them: "3/15, 2026", "3/15 of next year"."""
    if piece.parts is None or piece.parts.year is not None or piece.invalid:
        return piece
    short = line.whole and piece.end + 2 == line.size and line.keys[piece.end] == ","
    return with_year(line, piece.parts, piece.end, short=short)


def _short_year_first(line: Line, index: int) -> Piece | None:
    """Read "26Q3" and "26H1"."""
    if len(line.number(index)) != 2 or line.keys[index + 1] not in ("q", "h") or not line.touches(index + 1):
        return None
    numbered = read_numbered(line, index + 1)
    if numbered is None or numbered.parts is None or numbered.parts.year is not None:
        return None
    return resolve(line, numbered.parts._replace(year=full_year(line.number(index))), numbered.end)


def _compact(line: Line, index: int) -> Piece | None:
    """Read "20260315" in a text that is a date."""
    digits = line.number(index)
    if len(digits) != 8 or not line.whole:
        return None
    parts = Parts(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    if not said.FIRST_YEAR <= int(digits[:4]) <= said.LAST_YEAR or not 1 <= int(digits[4:6]) <= 12:
        return None
    return skip_time(line, resolve(line, parts, index + 1))


def read_day_first(line: Line, index: int) -> Piece | None:
    """Read a day and the month behind it: "5 May", "5th of May '26", "20th of next month"."""
    day = read_day(line, index)
    if day is None:
        return None
    after = day[1]
    if UNITS.get(line.keys[after]) is Unit.DAY and read_place(line, index) is not None:
        after += 1
    named = line.skip(after, _OF_COMMA if line.whole else _OF)
    if not is_month(line, named):
        month = read_relative_month(line, named)
        if month is None or (named == after and read_place(line, index) is None):
            return None
        return resolve(line, month[0]._replace(day=day[0]), month[1])
    if line.keys[named] == "may" and not (line.whole or line.number(index) or read_place(line, index)):
        return None  # "one may ask"
    tight = line.gap(named) in _TIGHT and line.gap(named + 1) in _TIGHT
    parts = Parts(month=MONTHS[line.keys[named]], day=day[0])
    return skip_time(line, with_year(line, parts, named + 1, short=tight or _ends_text(line, named + 1)))


def read_relative_month(line: Line, index: int) -> tuple[Parts, int] | None:
    """Read "next month", "this month", "the month" as the month that a day is of."""
    start = index
    index = line.skip(index, _THE)
    count = 0
    if line.keys[index] in DETERMINERS:
        count = DETERMINERS[line.keys[index]]
        index += 1
    if index == start or UNITS.get(line.keys[index]) is not Unit.MONTH:
        return None
    first, _ = period_of(line.today, Unit.MONTH, count)
    return Parts(first.year, first.month), index + 1


def _year_first(line: Line, year: tuple[int, int]) -> Piece:
    """Read what can follow a year: a month and a day, a quarter, a half, a week."""
    after = line.skip(line.skip(year[1], _COMMA), _THE)
    if is_month(line, after):
        day = read_day(line, after + 1, words=False)
        if day is not None and (line.gap(after + 1) in _TIGHT or not line.gap(after + 1)):
            return skip_time(line, resolve(line, Parts(year[0], MONTHS[line.keys[after]], day[0]), day[1]))
        return resolve(line, Parts(year[0], MONTHS[line.keys[after]]), after + 1)
    numbered = read_numbered(line, after)
    if numbered is not None and numbered.parts is not None and numbered.parts.year is None:
        if numbered.unit is Unit.DAY:
            return numbered
        return weekday_number(line, resolve(line, numbered.parts._replace(year=year[0]), numbered.end))
    day = read_day(line, after, words=False)
    tight = line.gap(after) in _TIGHT and day is not None and line.gap(day[1]) in _TIGHT
    if day is not None and (tight or read_place(line, after)) and is_month(line, day[1]):
        return resolve(line, Parts(year[0], MONTHS[line.keys[day[1]]], day[0]), day[1] + 1)
    return resolve(line, Parts(year[0]), year[1])._replace(amount=True)


def weekday_number(line: Line, piece: Piece) -> Piece:
    """Return the day of a week that an ISO number behind it names: "2026-W12-3"."""
    digits = line.number(piece.end)
    if piece.unit is not Unit.WEEK or line.gap(piece.end) != "-" or digits not in tuple("1234567"):
        return piece
    return of_day(piece.end + 1, piece.start + timedelta(days=int(digits) - 1))


def read_numbered(line: Line, index: int) -> Piece | None:
    """Read a quarter, half or week by its number: "Q3", "3Q26", "third quarter of next year", "H1", "week 12"."""
    found = _numbered(line, index)
    if found is None:
        return None
    name, number, end = found
    # A letter and a number are a model or a size as often ("W12", "h2").
    doubtful = line.keys[index] == "w" or (line.keys[index] == "h" and line.raw(index) == "h")
    if not 1 <= number <= _MOST[name]:
        return invalid(end, f"There is no {name} {number}.")
    quarter, half, week = (number if name == unit else None for unit in ("quarter", "half", "week"))
    # "weeks 12-15" is a range, "Q1-27" is not.
    short = line.touches(end) or _ends_text(line, end) or (line.gap(end) in ("-", "/") and name != "week")
    piece = with_year(line, Parts(quarter=quarter, half=half, week=week), end, short=short)
    return piece._replace(doubtful=True) if doubtful and piece.end == end else piece


def _with_name(name: str, number: tuple[int, int] | None) -> tuple[str, int, int] | None:
    """Return a number in words with what it numbers: "quarter one"."""
    return (name, number[0], number[1]) if number is not None and 1 <= number[0] <= _MOST[name] else None


def _numbered(line: Line, index: int) -> tuple[str, int, int] | None:
    """Read the name and the number of a quarter, a half or a week, in either order."""
    key = line.keys[index]
    digits = line.number(index + 1)
    if key in _LETTERS:
        # A letter touches its number: "H 2" may be a class and "W 8" a size.
        joined = line.touches(index + 1) or (line.whole and key == "q")
        return (_LETTERS[key], int(digits), index + 2) if joined and 0 < len(digits) <= 2 else None
    name = _NAMES.get(UNITS.get(key, Unit.DAY))
    if name is not None:
        number = index + 1 + (line.keys[index + 1] in ("number", "no"))
        digits = line.number(number)
        if name == "half":
            return None
        return (
            (name, int(digits), number + 1) if 0 < len(digits) <= 2 else _with_name(name, read_cardinal(line, number))
        )
    place = read_place(line, index)
    if place is not None:
        name = _NAMES.get(UNITS.get(line.keys[place[1]], Unit.DAY))
        if name in ("quarter", "half") and 1 <= place[0] <= _MOST[name]:
            return name, place[0], place[1] + 1
    figure = line.number(index)
    if len(figure) == 1 and line.keys[index + 1] in ("q", "h") and line.touches(index + 1):
        return _LETTERS[line.keys[index + 1]], int(figure), index + 2
    return None
