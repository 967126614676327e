"""Inside: dates that are a part of a longer period ("first Monday of May", "last week of July", "rest of the year").

Gives `read_ranked`, `read_part`, `read_week_of`, `read_rest`, `read_closest` and `inside_behind`; a reader is given the
reader of periods, which it calls for the period that its own is a part of.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.filling import in_part, resolve
from nlq.dates.lexicon import DETERMINERS, EDGES, MONTHS, PARTS, UNITS, WEEKDAYS
from nlq.dates.named import read_month_first, read_numbered
from nlq.dates.numerals import APOSTROPHES, read_count, read_place
from nlq.dates.periods import Span, Unit, advance, floor, nth_weekday, part_of, period_of, week_in
from nlq.dates.pieces import Line, Piece, of_day, of_span

ReadPeriod = Callable[[Line, int], Piece | None]

_THE: Final = frozenset(("the", "my", "our"))
_OF: Final = frozenset(("of", "in", "from", "for", "during", ","))
_ON: Final = frozenset(("on",))
_OF_YEAR: Final = frozenset(("in", ",", "the"))
_LAST: Final = frozenset(("last", "final"))
_WEEK_STARTS: Final = frozenset(
    ("beginning", "begin", "starting", "start", "commencing", "of", "containing", "ending", "end", "including")
)
_REST: Final = frozenset(("rest", "remainder", "balance"))
_BARE: Final = MONTHS.keys() | DETERMINERS.keys()
"""Words that begin a period also without "of": "first week January", "last Monday next month"."""
_DEPTH: Final = 3
"""Most periods inside one another: "the last day of the first week of next month"."""
_DAY: Final = timedelta(days=1)


def read_inner(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read a period inside another expression, up to `_DEPTH` deep."""
    if line.depth >= _DEPTH or index >= line.size:
        return None
    line.depth += 1
    piece = read(line, index)
    line.depth -= 1
    return None if piece is None or piece.invalid else piece


def _period_behind(line: Line, index: int, read: ReadPeriod, *, bare: bool) -> Piece | None:
    """Read the period that something is a part of, behind "of" or, where allowed, without."""
    after = line.skip(index, _OF)
    if after == index and not bare:
        return None
    article = line.skip(after, _THE)
    unit = UNITS.get(line.keys[article])
    piece = read_inner(line, after, read)
    if unit is not None and after > index and (piece is None or piece.end <= article):
        # "of the month", "of year"
        return of_span(article + 1, period_of(line.today, unit), unit, said.THE_PERIOD)
    return piece


def _rank(line: Line, index: int) -> tuple[int, int] | None:
    """Read "first", "3rd", "last", "second last", "second to last": negative numbers count from the end."""
    if line.keys[index] in _LAST:
        return -1, index + 1
    place = read_place(line, index)
    if place is None or not place[0]:
        return None
    after = place[1] + (line.keys[place[1]] == "to")
    return (-place[0], after + 1) if line.keys[after] in _LAST else place


def read_ranked(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "first Monday of May", "last week of July", "third quarter of 2026", "last ten days of March"."""
    rank = _rank(line, index)
    if rank is None:
        return None
    number, after = rank
    key = line.keys[after]
    if UNITS.get(key) is Unit.CENTURY and number > 0:
        return of_span(after + 1, (date(100 * number - 100, 1, 1), date(100 * number, 1, 1)), Unit.CENTURY)
    if key in WEEKDAYS:
        return _ranked_weekday(line, after, number, read)
    if key in UNITS:
        return _ranked_unit(line, after + 1, UNITS[key], number, read)
    return _ranked_units(line, after, number, read) if abs(number) == 1 else None


def _ranked_units(line: Line, index: int, number: int, read: ReadPeriod) -> Piece | None:
    """Read "first ten days of last year", "last four months of 2021"."""
    count = read_count(line, index)
    unit = UNITS.get(line.keys[count[1]]) if count is not None else None
    if count is None or unit is None:
        return None
    period = _period_behind(line, count[1] + 1, read, bare=False)
    if period is None:
        return None
    first = (period.start, advance(period.start, unit, count[0]))
    last = (advance(period.stop, unit, -count[0]), period.stop)
    return of_span(period.end, first if number > 0 else last, Unit.DAY, *period.notes)


def _ranked_weekday(line: Line, index: int, number: int, read: ReadPeriod) -> Piece | None:
    """Read "first Monday of last month", "last Friday in October", "second Saturday", "third Tuesday after Easter"."""
    weekday = WEEKDAYS[line.keys[index]]
    if line.keys[index + 1] == "after" and number > 0:
        base = read_inner(line, index + 2, read)
        if base is None:
            return None
        ahead = (weekday - base.stop.weekday()) % 7
        return of_day(base.end, base.stop + timedelta(days=ahead + 7 * (number - 1)), *base.notes)
    period = _period_behind(line, index + 1, read, bare=line.keys[index + 1] in _BARE)
    if period is None:
        if number < 0 or line.keys[index + 1] in _OF:
            return None
        period = of_span(index + 1, period_of(line.today, Unit.MONTH), Unit.MONTH, said.THE_PERIOD)
    if period.unit is Unit.DAY:
        return None
    day = nth_weekday((period.start, period.stop), weekday, number)
    return of_day(period.end, day, *period.notes) if day is not None else None


def _ranked_unit(line: Line, index: int, unit: Unit, number: int, read: ReadPeriod) -> Piece | None:
    """Read "first week of Jan 2015", "the third month of 2021", "last day of February", "second half of next year"."""
    bare = unit is not Unit.DAY and (len(line.number(index)) == 4 or line.keys[index] in _BARE)
    period = _period_behind(line, index, read, bare=bare)
    if period is None or period.unit is Unit.DAY:
        return None
    span = _ranked_span((period.start, period.stop), unit, number)
    notes = (said.WEEK_OF_PERIOD,) if unit is Unit.WEEK else ()
    return of_span(period.end, span, unit, *period.notes, *notes) if span is not None else None


def _ranked_span(whole: Span, unit: Unit, number: int) -> Span | None:
    """Return a unit of a period by its number, None where the period has none of that number."""
    if unit is Unit.HALF:
        return part_of(whole, "first" if number == 1 else "second") if number in (1, 2, -1) else None
    if unit is Unit.WEEK:
        return week_in(whole, number)
    if unit is Unit.WEEKEND:
        saturday = nth_weekday(whole, said.WEEKEND_START, number)
        return (saturday, saturday + 2 * _DAY) if saturday is not None else None
    base = floor(whole[0], unit) if number > 0 else floor(whole[1] - _DAY, unit)
    start = advance(base, unit, number - 1 if number > 0 else number + 1)
    stop = advance(start, unit, 1)
    return (start, stop) if whole[0] <= start and stop <= whole[1] else None


def inside_behind(line: Line, piece: Piece) -> Piece:
    """Return what is named behind a year ("next year's first quarter", "last year Q4"), else the year as it was."""
    if piece.unit is not Unit.YEAR:
        return piece
    if line.keys[piece.end] == "s" and line.gap(piece.end) in APOSTROPHES:
        piece = piece.ending(piece.end + 1)  # "2026's"
    after = line.skip(piece.end, _OF_YEAR)
    named = read_numbered(line, after) or (read_month_first(line, after) if line.keys[after] in MONTHS else None)
    if named is not None and named.parts is not None and named.parts.year is None:
        return resolve(line, named.parts._replace(year=piece.start.year), named.end)
    place = _rank(line, line.skip(piece.end, _THE))
    unit = UNITS.get(line.keys[place[1]]) if place is not None else None
    if place is None or unit not in (Unit.QUARTER, Unit.HALF, Unit.MONTH, Unit.WEEK):
        return piece
    span = _ranked_span((piece.start, piece.stop), unit, place[0])
    return of_span(place[1] + 1, span, unit, *piece.notes) if span is not None else piece


def read_part(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "early June", "mid-2026", "the end of next month", "beginning of the year"."""
    key = line.keys[index]
    # "start March" is a field and its month: a beginning or an end needs its "of".
    bare = key not in EDGES or (line.whole and EDGES[key] == "end")
    if key in EDGES and line.keys[index + 1] in _OF and line.keys[index + 1] != "of":
        return None  # "ending in March"
    period = _period_behind(line, index + 1, read, bare=bare)
    if (
        period is None
        and bare
        and line.keys[index + 1] in UNITS
        and (line.gap(index + 1) in ("-", "–") or key == "mid")
    ):
        unit = UNITS[line.keys[index + 1]]
        period = of_span(index + 2, period_of(line.today, unit), unit, said.THE_PERIOD)
    if period is None or period.unit is Unit.DAY:
        return None
    return in_part(period, PARTS[key], EDGES.get(key, ""))


def read_week_of(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "week of April 10th", "w/c Feb 4", "a week starting tomorrow"."""
    if line.keys[index] == "w":
        starts = line.keys[index + 1] in ("c", "b", "e", "o") and line.gap(index + 1) == "/"
    else:
        starts = UNITS.get(line.keys[index]) is Unit.WEEK and line.keys[index + 1] in _WEEK_STARTS
    due, line.due = line.due, True
    day = read_inner(line, line.skip(index + 2, _ON), read) if starts else None
    line.due = due
    if day is None or day.unit is not Unit.DAY or day.whole is not None:
        return None
    return of_span(day.end, period_of(day.start, Unit.WEEK), Unit.WEEK, *day.notes, said.CALENDAR_WEEK)


def read_rest(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "rest of the week", "remainder of 2026", "later this year", "earlier this month"."""
    key = line.keys[index]
    if key not in _REST and line.keys[line.skip(index + 1, frozenset(("in", "on")))] not in ("this", "the"):
        return None
    period = _period_behind(line, index + 1, read, bare=True)
    if period is None or period.unit is Unit.DAY or not period.start <= line.today < period.stop:
        return None
    span = (period.start, line.today) if key == "earlier" else (line.today, period.stop)
    return of_span(period.end, span, Unit.DAY, said.REST_OF_PERIOD)


def read_closest(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "closest Monday to October 5"."""
    weekday = WEEKDAYS.get(line.keys[index + 1])
    if weekday is None or line.keys[index + 2] != "to":
        return None
    day = read_inner(line, index + 3, read)
    if day is None or day.unit is not Unit.DAY:
        return None
    ahead = (weekday - day.start.weekday()) % 7
    return of_day(day.end, day.start + timedelta(days=ahead if ahead <= 3 else ahead - 7), *day.notes)
