"""Simple: one date or period, the longest that begins at a word, without limits or ranges around it.

Gives `read_period` and `STARTS`, the words that can begin one.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.eras import read_decade, read_season
from nlq.dates.filling import resolve
from nlq.dates.holidays import HOLIDAY_STARTS, read_holiday
from nlq.dates.inside import (
    inside_behind,
    read_closest,
    read_inner,
    read_part,
    read_ranked,
    read_rest,
    read_week_of,
)
from nlq.dates.lexicon import (
    ARTICLES,
    COUNTS,
    DAY_WORDS,
    DETERMINERS,
    MONTHS,
    ORDINALS,
    PARTS,
    PERIOD_ENDS,
    TENS,
    TO_DATE,
    UNITS,
    WEEKDAYS,
)
from nlq.dates.named import read_day_first, read_month_first, read_number_first, read_numbered, weekday_number
from nlq.dates.numerals import read_day, read_place
from nlq.dates.periods import Span, Unit, period_of, shift
from nlq.dates.pieces import Line, Parts, Piece, of_day, of_range, of_span
from nlq.dates.relative import (
    is_plural,
    offset_day,
    read_abbreviation,
    read_counted,
    read_day_word,
    read_determined,
    read_offset,
    read_unit_word,
)
from nlq.dates.times import skip_time
from nlq.dates.weekdays import read_weekday_first, weekday_behind, weekday_of
from nlq.normalize import NUMBER, SYMBOL

Reader = Callable[[Line, int], Piece | None]

_SIGNS: Final = {"from": 1, "after": 1, "following": 1, "before": -1, "prior": -1, "preceding": -1}
_COMMA: Final = frozenset((",",))
_STARTING: Final = frozenset(("starting", "beginning", "start", "begin", "commencing"))
_FROM: Final = frozenset(("from", "on", "of", "in"))
_ENDING: Final = frozenset(("ending", "ended"))
_DAY_ENDS: Final = (
    *(("eod",), ("cob",), ("eob",), ("end", "of", "day"), ("end", "of", "business", "day"), ("end", "of", "business")),
    ("close", "of", "business"),
)
_THE_UNITS: Final = frozenset((Unit.WEEK, Unit.MONTH, Unit.QUARTER, Unit.YEAR))
_AFTER_COLUMN: Final = frozenset(("of", "from", "in", "when", "that", "is", "are", "was", "were", "it", "they"))
"""Words behind "the year" that make it the name of a column or of another year."""
_AFTER_DAY: Final = frozenset(
    (
        *(
            "and",
            "or",
            "in",
            "for",
            "with",
            "without",
            "by",
            "to",
            "until",
            "till",
            "through",
            "of",
            "at",
            "from",
            "on",
        ),
        *("onward", "if", "but", "not", "that", "which", "where", "whose", "who", "is", "are", "was", "were"),
    )
)
"""Words that can follow "the 5th" of a month; "the 5th crane" is no day."""


def _from_offset(line: Line, index: int) -> Piece | None:
    """Read "2 weeks after tomorrow", "3 days from Tuesday", "2 weeks starting May 20th", "10 days from 18 Dec"."""
    offset = read_offset(line, index)
    if offset is None:
        return None
    months, days, end = offset
    key = line.keys[end]
    lasts = index > 0 and line.keys[index - 1] == "for"
    if key in _ENDING and index and line.keys[index - 1] == "the":  # "the 12 months ending June 30"
        return _up_to(line, end + 1, months, days)
    if key in _STARTING or (lasts and line.keys[line.skip(end, frozenset((",",)))] == "from"):
        base = read_inner(line, line.skip(end + 1 + (key == ","), _FROM), read_period)
        if base is None or base.unit is not Unit.DAY:
            return None
        span = (base.start, shift(base.start, months, days))
        return of_range(base.end, span, *base.notes)
    if key not in _SIGNS:
        return None
    base = read_inner(line, end + 1 + (key == "prior" and line.keys[end + 1] == "to"), read_period)
    if base is None or base.unit is not Unit.DAY or base.whole is not None:
        return None
    sign = _SIGNS[key]
    if index and line.keys[index - 1] == "the":  # "the two weeks before Christmas"
        edge = base.start if sign < 0 else base.stop
        return of_range(base.end, _ordered(edge, shift(edge, sign * months, sign * days)), *base.notes)
    return offset_day(base.end, base.start, sign * months, sign * days).noting(*base.notes)


def _up_to(line: Line, index: int, months: int, days: int) -> Piece | None:
    """Return the amount of time that ends with a day or with a period."""
    base = read_inner(line, line.skip(index, _FROM), read_period)
    if base is None or base.whole is not None:
        return None
    return of_range(base.end, (shift(base.stop, -months, -days), base.stop), *base.notes)


def _ending(line: Line, index: int) -> Piece | None:
    """Read "quarter ending June 30", "year ended March 2026"."""
    months, days = UNITS[line.keys[index]].value
    return _up_to(line, index + 2, months, days) if months and line.keys[index + 1] in _ENDING else None


def _calendar_unit(line: Line, index: int) -> Piece | None:
    """Read "calendar year 2026", "calendar week 12"."""
    if UNITS.get(line.keys[index + 1]) is None:
        return None
    piece = read_inner(line, index + 1, read_period)
    return piece if piece is not None and piece.end > index + 2 else None


def _day_end(line: Line, index: int) -> Piece | None:
    """Read "EOD", "COB Friday", "end of day tomorrow", "close of business on June 30": whole days, without the time."""
    words = next((words for words in _DAY_ENDS if tuple(line.keys[index : index + len(words)]) == words), ())
    if not words:
        return None
    after = index + len(words)
    day = read_inner(line, line.skip(after, _FROM), read_period)
    if day is None or day.unit is not Unit.DAY or day.stop - day.start != timedelta(days=1):
        day = of_day(after, line.today)
    return day.noting(said.TIME_DROPPED)


def _ordered(first: date, second: date) -> Span:
    """Return the period between two days, whichever is the earlier."""
    return min(first, second), max(first, second)


def _beside(line: Line, index: int) -> Piece | None:
    """Read "day after tomorrow", "the week before Christmas", "Friday after June 5"."""
    sign = {"after": 1, "before": -1}.get(line.keys[index + 1])
    if sign is None:
        return None
    unit, weekday = UNITS.get(line.keys[index]), weekday_of(line, index)
    base = read_inner(line, index + 2, read_period)
    if base is None or base.whole is not None or base.amount:
        return None
    if weekday is not None:
        day = base.stop if sign > 0 else base.start - timedelta(days=1)
        distance = (weekday - day.weekday()) % 7 if sign > 0 else -((day.weekday() - weekday) % 7)
        return of_day(base.end, day + timedelta(days=distance), *base.notes)
    if unit is None or base.unit is not Unit.DAY:
        return None
    if unit is Unit.DAY:
        return of_day(base.end, base.start + timedelta(days=sign), *base.notes)
    return of_span(base.end, period_of(base.start, unit, sign), unit, *base.notes)


def _numbered_day(line: Line, index: int) -> Piece | None:
    """Read "the 18th" and "by 15th", and "the 27" and "on 27" in a text that is a date."""
    before = line.keys[index - 1] if index else ""
    place = read_place(line, index)
    if before == "the" or (before == "on" and line.whole):
        day = place or (read_day(line, index) if line.whole else None)
    else:
        day = place if before and line.due and line.number(index) else None
    if day is None or not 1 <= day[0] <= 31 or not (line.whole or _ends_phrase(line, index, day[1])):
        return None
    if place is None and day[0] < 10 and not line.number(index):
        return None  # "the one"
    return skip_time(line, resolve(line, Parts(day=day[0]), day[1]))


def _ends_phrase(line: Line, index: int, end: int) -> bool:
    """Return whether an ordinal is a day in a question: in figures, and no noun follows that it would rank."""
    behind = line.tokens[end].kind is SYMBOL or line.keys[end] in _AFTER_DAY if end < line.size else True
    return bool(line.number(index)) and behind


def _the_unit(line: Line, index: int) -> Piece | None:
    """Read "the week", "the year": the one that today is in; "the day after" is tomorrow."""
    if not index or line.keys[index - 1] != "the" or is_plural(line, index):
        return None
    unit, behind = UNITS[line.keys[index]], line.keys[index + 1]
    if line.whole and behind in ("after", "before") and index + 2 == line.size:
        return of_span(index + 2, period_of(line.today, unit, 1 if behind == "after" else -1), unit)
    if behind in _AFTER_COLUMN or (unit not in _THE_UNITS and not line.whole):
        return None
    return of_span(index + 1, period_of(line.today, unit), unit, said.THE_PERIOD)


def _after_next(line: Line, index: int) -> Piece | None:
    """Read "March after next", "Friday after next": the one after the next."""
    after = line.skip(index + 2, ARTICLES)
    if line.keys[index + 1] != "after" or line.keys[after] != "next":
        return None
    if line.keys[index] in WEEKDAYS:
        monday, _ = period_of(line.today, Unit.WEEK, 2)
        return of_day(after + 1, monday + timedelta(days=WEEKDAYS[line.keys[index]]), said.WEEKDAY_OF_WEEK)
    month = MONTHS[line.keys[index]]
    year = line.today.year + 1 + (month <= line.today.month)
    return resolve(line, Parts(year, month), after + 1).noting(said.NAMED_AROUND_TODAY)


def _ranked(line: Line, index: int) -> Piece | None:
    """Read a period that is ranked within another."""
    return read_ranked(line, index, read_period)


def _part(line: Line, index: int) -> Piece | None:
    """Read a part of a period."""
    return read_part(line, index, read_period)


def _week_of(line: Line, index: int) -> Piece | None:
    """Read the week that holds a day; "a week starting" is seven days from it."""
    piece = read_week_of(line, index, read_period)
    article = index > 0 and line.keys[index - 1] in ("a", "one")
    return None if article else piece


def _rest(line: Line, index: int) -> Piece | None:
    """Read the rest of a period."""
    return read_rest(line, index, read_period)


def _closest(line: Line, index: int) -> Piece | None:
    """Read the weekday that is closest to a day."""
    return read_closest(line, index, read_period)


_FIGURES: Final[tuple[Reader, ...]] = (read_number_first, _numbered_day)
_NUMBERS: Final[tuple[Reader, ...]] = (
    *(read_number_first, read_decade, read_numbered, read_counted, _from_offset, _ranked, _numbered_day),
)
_COUNTED_NEXT: Final = frozenset(
    (*UNITS, *WEEKDAYS, *DETERMINERS, *("and", "hour", "hr", "mo", "full", "more", "calendar"))
)
_COUNTED: Final[tuple[Reader, ...]] = (read_counted, _from_offset)
_GROUPS: Final[tuple[tuple[frozenset[str], tuple[Reader, ...]], ...]] = (
    (frozenset(MONTHS), (read_month_first, _after_next)),
    (frozenset(WEEKDAYS), (read_weekday_first, _beside, _after_next)),
    (frozenset(DAY_WORDS), (read_day_word,)),
    (frozenset(DETERMINERS), (read_determined,)),
    (frozenset(("last", "final")), (_ranked,)),
    (frozenset(PARTS), (_part,)),
    (frozenset(UNITS), (read_unit_word, read_numbered, _beside, _week_of, _ending, _the_unit)),
    (frozenset(("calendar",)), (_calendar_unit,)),
    (frozenset(words[0] for words in _DAY_ENDS), (_day_end,)),
    (frozenset(("q", "h", "w")), (read_numbered, _week_of)),
    (frozenset(("rest", "remainder", "balance", "later", "earlier")), (_rest,)),
    (frozenset(("closest", "nearest")), (_closest,)),
    (frozenset((*PERIOD_ENDS, *TO_DATE, "cy")), (read_abbreviation,)),
    (frozenset(ORDINALS) | frozenset(TENS), (read_day_first, read_numbered, _ranked, _numbered_day)),
    (COUNTS, (read_counted, _from_offset, read_number_first, read_decade, _numbered_day)),
    (frozenset(("a", "an", "couple", "few", "another", "half")), _COUNTED),
    (frozenset(said.SEASON_STARTS), (read_season,)),
    (HOLIDAY_STARTS, (read_holiday,)),
)


def _starts() -> dict[str, tuple[Reader, ...]]:
    """Return the readers for each word that a date can begin with."""
    starts: dict[str, tuple[Reader, ...]] = {}
    for words, readers in _GROUPS:
        for word in words:
            starts[word] = tuple(dict.fromkeys((*starts.get(word, ()), *readers)))
    return starts


STARTS: Final = _starts()


def read_period(line: Line, index: int) -> Piece | None:
    """Return the longest date or period that begins at a word."""
    asked = (index, line.due, line.depth)
    if asked not in line.known:
        line.known[asked] = _read_period(line, index)
    return line.known[asked]


def _read_period(line: Line, index: int) -> Piece | None:
    """Try the readers that a word can begin with, and take the longest."""
    index = line.skip(index, ARTICLES)
    if index < line.size and line.tokens[index].kind is NUMBER:
        readers = _NUMBERS if _counts(line, index) else _FIGURES
    else:
        readers = STARTS.get(line.keys[index], ())
    best: Piece | None = None
    for reader in readers:
        piece = reader(line, index)
        if piece is not None and (best is None or piece.end > best.end):
            best = piece
    return _followed(line, best) if best is not None and not best.invalid else best


def _counts(line: Line, index: int) -> bool:
    """Return whether a figure can count units: a word of them stands behind it or touches it."""
    key = line.keys[index + 1]
    return key in _COUNTED_NEXT or line.touches(index + 1)


def _followed(line: Line, piece: Piece) -> Piece:
    """Return a period with what can stand behind any: a weekday of a week, a quarter of a year, how long it lasts."""
    if piece.unit is not Unit.DAY:
        return inside_behind(line, weekday_behind(line, weekday_number(line, piece)))
    if piece.whole is not None or piece.stop - piece.start != timedelta(days=1):
        return piece
    weekday = weekday_of(line, line.skip(piece.end, _COMMA)) if piece.parts is not None else None
    if weekday == piece.start.weekday() and piece.parts is not None and piece.parts.weekday is None:
        return piece.ending(line.skip(piece.end, _COMMA) + 1)  # "March 5 (Thursday)"
    if line.keys[piece.end] == "for" and (offset := read_offset(line, piece.end + 1)) is not None:
        span = (piece.start, shift(piece.start, offset[0], offset[1]))
        return of_range(offset[2], span, *piece.notes)
    return piece
