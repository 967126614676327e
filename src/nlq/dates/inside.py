"""Inside: dates that are a part of a longer period ("first Monday of May", "last week of July", "early June").

Gives `read_ranked`, `read_part`, `read_week_of`, `read_rest` and `within_piece`; each takes the reader of periods, which it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import DETERMINERS, EDGES, MONTHS, PARTS, UNITS, WEEKDAYS
from nlq.dates.numerals import read_count, read_ordinal_number
from nlq.dates.periods import Span, Unit, advance, floor, nth_weekday, part_of, period_of, shift, week_in
from nlq.dates.pieces import Line, Piece, of_day, of_span

ReadPeriod = Callable[[Line, int], Piece | None]

_THE: Final = frozenset(("the",))
_OF: Final = frozenset(("of", "in", "from", "for", "during", ","))
_LAST: Final = frozenset(("last", "final"))
_WEEK_STARTS: Final = frozenset(("beginning", "begin", "starting", "start", "commencing", "of", "containing", "ending"))
_REST: Final = frozenset(("rest", "remainder", "balance"))
_DEPTH: Final = 3
_DAY: Final = timedelta(days=1)


def read_period_behind(line: Line, index: int, read: ReadPeriod, *, bare: bool) -> Piece | None:
    """Read the period that something is a part of, with "of" or, where allowed, without."""
    after = line.skip(index, _OF)
    if (after == index and not bare) or line.depth >= _DEPTH:
        return None
    article = line.skip(after, _THE)
    unit = UNITS.get(line.keys[article])
    line.depth += 1
    piece = read(line, after)
    line.depth -= 1
    if unit is not None and after > index and (piece is None or piece.end == article):
        # "of the month", "of year"
        return of_span(article + 1, period_of(line.today, unit), unit, said.THE_PERIOD)
    return piece if piece is not None and not piece.doubtful else None


def _rank(line: Line, index: int) -> tuple[int, int] | None:
    """Read "first", "3rd", "last", "second last", "second to last": negative numbers count from the end."""
    if line.keys[index] in _LAST:
        return -1, index + 1
    ordinal = read_ordinal_number(line, index)
    if ordinal is None:
        return None
    number, end = ordinal
    after = end + (line.keys[end] == "to")
    if line.keys[after] in _LAST:
        return -number, after + 1
    return (number, end) if number > 0 else None


def read_ranked(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "first Monday of May", "last week of July", "third quarter of 2026", "last ten days of March"."""
    rank = _rank(line, index)
    if rank is None or rank[0] == 0:
        return None
    number, after = rank
    key = line.keys[after]
    if key in WEEKDAYS:
        return _ranked_weekday(line, after, number, read)
    unit = UNITS.get(key)
    if unit is not None:
        return _ranked_unit(line, after + 1, unit, number, read)
    count = read_count(line, after) if abs(number) == 1 else None
    if count is None or not 0 < count[0] < 1000 or line.keys[count[1]] not in UNITS:
        return None
    unit = UNITS[line.keys[count[1]]]
    period = read_period_behind(line, count[1] + 1, read, bare=False)
    if period is None or period.invalid:
        return period
    first = (period.start, advance(period.start, unit, count[0]))
    last = (advance(period.stop, unit, -count[0]), period.stop)
    return of_span(period.end, first if number > 0 else last, Unit.DAY, *period.notes)


def _ranked_weekday(line: Line, index: int, number: int, read: ReadPeriod) -> Piece | None:
    """Read "first Monday of last month", "last Friday in October", "second Saturday"."""
    weekday = WEEKDAYS[line.keys[index]]
    period = read_period_behind(
        line, index + 1, read, bare=line.keys[index + 1] in (MONTHS.keys() | DETERMINERS.keys())
    )
    if period is None:
        if number < 0 or line.keys[index + 1] in _OF:
            return None
        period = of_span(index + 1, period_of(line.today, Unit.MONTH), Unit.MONTH, said.THE_PERIOD)
    if period.invalid or period.unit is Unit.DAY:
        return None
    day = nth_weekday((period.start, period.stop), weekday, number)
    return of_day(period.end, day, *period.notes) if day is not None else None


def _ranked_unit(line: Line, index: int, unit: Unit, number: int, read: ReadPeriod) -> Piece | None:
    """Read "first week of Jan 2015", "the third month of 2021", "last day of February", "second half of next year"."""
    year = bool(line.number(index)) and len(line.number(index)) == 4
    period = read_period_behind(
        line,
        index,
        read,
        bare=unit is not Unit.DAY and (year or line.keys[index] in (MONTHS.keys() | DETERMINERS.keys())),
    )
    if period is None or period.invalid or period.unit is Unit.DAY:
        return None
    span = ranked_span((period.start, period.stop), period.unit, unit, number)
    if span is None:
        return None
    notes = (said.WEEK_OF_PERIOD,) if unit is Unit.WEEK else ()
    return of_span(period.end, span, unit, *period.notes, *notes)


def ranked_span(whole: Span, whole_unit: Unit, unit: Unit, number: int) -> Span | None:
    """Return a unit of a period by its number, None where the period has none of that number."""
    if unit is Unit.HALF:
        if number not in (1, 2, -1):
            return None
        return part_of(whole, "first" if number == 1 else "second") if whole_unit is not Unit.DAY else None
    if unit is Unit.WEEK:
        return week_in(whole, number)
    if unit is Unit.WEEKEND:
        saturday = nth_weekday(whole, 5, number)
        return (saturday, saturday + 2 * _DAY) if saturday is not None else None
    base = floor(whole[0], unit) if number > 0 else floor(whole[1] - _DAY, unit)
    start = advance(base, unit, number - 1 if number > 0 else number + 1)
    stop = advance(start, unit, 1)
    return (start, stop) if whole[0] <= start and stop <= whole[1] else None


def read_part(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "early June", "mid-2026", "the end of next month", "beginning of the year"."""
    key = line.keys[index]
    # "start March" is a column and its month: a beginning or an end needs its "of".
    bare = key not in EDGES or line.whole
    period = read_period_behind(line, index + 1, read, bare=bare)
    if period is None and bare and line.keys[index + 1] in UNITS and key == "mid":
        unit = UNITS[line.keys[index + 1]]
        period = of_span(index + 2, period_of(line.today, unit), unit, said.THE_PERIOD)
    if period is None or period.invalid or period.unit is Unit.DAY or period.edge:
        return None
    span = (period.start, period.stop)
    part = part_of(span, PARTS[key])
    notes = (*period.notes, said.PARTS_OF_PERIOD)
    return Piece(period.end, part[0], part[1], Unit.DAY, None, notes, "", span, EDGES.get(key, ""))


def read_week_of(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "week of April 10th", "w/c Feb 4", "the week starting tomorrow"."""
    if line.keys[index] == "w":
        after = index + 2 if line.keys[index + 1] in ("c", "b", "e") and line.gap(index + 1) == "/" else 0
    else:
        after = index + 2 if UNITS.get(line.keys[index]) is Unit.WEEK and line.keys[index + 1] in _WEEK_STARTS else 0
    if not after or line.depth >= _DEPTH:
        return None
    line.depth += 1
    day = read(line, line.skip(after, frozenset(("on",))))
    line.depth -= 1
    if day is None or day.invalid or day.unit is not Unit.DAY or day.whole is not None:
        return None
    if line.keys[index + 1] in ("starting", "start", "beginning") and line.keys[max(index - 1, 0)] == "a":
        return of_span(day.end, (day.start, shift(day.start, 0, 7)), Unit.DAY)
    return of_span(day.end, period_of(day.start, Unit.WEEK), Unit.WEEK, *day.notes, said.CALENDAR_WEEK)


def read_rest(line: Line, index: int, read: ReadPeriod) -> Piece | None:
    """Read "rest of the week", "later this year", "earlier this month"."""
    key = line.keys[index]
    if key not in _REST and line.keys[index + 1] != "this":
        return None
    after = line.skip(index + 1, frozenset(("of",)))
    period = read_period_behind(line, after - 1 if after > index + 1 else index + 1, read, bare=True)
    if period is None:
        article = line.skip(after, frozenset(("the", "my", "our", "this")))
        unit = UNITS.get(line.keys[article])
        if unit is None:
            return None
        period = of_span(article + 1, period_of(line.today, unit), unit)
    if period.unit is Unit.DAY or not period.start <= line.today < period.stop:
        return None
    span = (period.start, line.today) if key == "earlier" else (line.today, period.stop)
    return of_span(period.end, span, Unit.DAY, said.REST_OF_PERIOD)


def weekday_within(line: Line, piece: Piece) -> Piece:
    """Return the weekday behind a week ("next week Mon", "last week on Sunday"), else the week as it was."""
    after = line.skip(line.skip(piece.end, frozenset((",",))), frozenset(("on",)))
    weekday = WEEKDAYS.get(line.keys[after])
    if piece.unit is not Unit.WEEK or weekday is None:
        return piece
    return of_day(after + 1, piece.start + timedelta(days=weekday), *piece.notes)


def ranked_behind(line: Line, piece: Piece) -> Piece:
    """Return the quarter, half or month behind a year ("next year's first quarter", "2026 second half")."""
    if piece.unit is not Unit.YEAR:
        return piece
    ordinal = read_ordinal_number(line, line.skip(piece.end, _THE))
    if ordinal is None:
        return piece
    unit = UNITS.get(line.keys[ordinal[1]])
    if unit not in (Unit.QUARTER, Unit.HALF, Unit.MONTH, Unit.WEEK):
        return piece
    span = ranked_span((piece.start, piece.stop), Unit.YEAR, unit, ordinal[0])
    return replace(of_span(ordinal[1] + 1, span, unit), notes=piece.notes) if span is not None else piece
