"""Simple: one date or period, the longest that begins at a word, without limits or ranges around it.

Gives `read_period` and `STARTS`, the words that can begin one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.inside import (
    ranked_behind,
    read_part,
    read_ranked,
    read_rest,
    read_week_of,
    weekday_within,
)
from nlq.dates.lexicon import (
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
from nlq.dates.named import read_day_first, read_month_first, read_number_first, read_quarter, read_weekday_first
from nlq.dates.numerals import read_ordinal_number, read_day
from nlq.dates.numeric import skip_time
from nlq.dates.periods import Unit, period_of, shift
from nlq.dates.pieces import Line, Parts, Piece, of_day, of_span, resolve
from nlq.dates.relative import (
    read_abbreviation,
    read_counted,
    read_day_word,
    read_determined,
    read_offset,
    read_unit_word,
)
from nlq.numbers import NUMBER_WORDS

Reader = Callable[[Line, int], Piece | None]
_ARTICLES: Final = frozenset(("the", "my", "our"))
_FROM: Final = {"from": 1, "after": 1, "before": -1, "since": 1}
_STARTING: Final = frozenset(("starting", "beginning", "start", "begin"))
_THE_UNITS: Final = frozenset((Unit.WEEK, Unit.MONTH, Unit.QUARTER, Unit.YEAR))


def _ranked(line: Line, index: int) -> Piece | None:
    return read_ranked(line, index, read_period)


def _part(line: Line, index: int) -> Piece | None:
    return read_part(line, index, read_period)


def _week_of(line: Line, index: int) -> Piece | None:
    return read_week_of(line, index, read_period)


def _rest(line: Line, index: int) -> Piece | None:
    return read_rest(line, index, read_period)


def _from_offset(line: Line, index: int) -> Piece | None:
    """Read "2 weeks after tomorrow", "3 days from Tuesday", "2 weeks starting May 20th"."""
    offset = read_offset(line, index)
    if offset is None or line.depth:
        return None
    months, days, end = offset
    key = line.keys[end]
    starting = key in _STARTING
    if not starting and key not in _FROM:
        return None
    after = end + 1
    if starting:
        after += line.keys[after] in ("from", "on")
    line.depth += 1
    base = read_period(line, after)
    line.depth -= 1
    if base is None or base.invalid or base.doubtful or base.unit is not Unit.DAY:
        return None
    if starting:
        return of_span(base.end, (base.start, shift(base.start, months, days)), Unit.DAY, *base.notes)
    sign = _FROM[key]
    return of_day(base.end, shift(base.start, sign * months, sign * days), *base.notes)


def _numbered_day(line: Line, index: int) -> Piece | None:
    """Read "18th" where an article stands before it, or "27" in a text that is a date."""
    if not (index and line.keys[index - 1] == "the"):
        return None
    ordinal = read_ordinal_number(line, index)
    if ordinal is not None and not line.number(index) and not line.whole:
        return None  # "the second" is a rank more often than a day
    day = ordinal or (read_day(line, index) if line.whole else None)
    if day is None or not 1 <= day[0] <= 31:
        return None
    return skip_time(line, resolve(line, Parts(day=day[0]), day[1]))


def _the_unit(line: Line, index: int) -> Piece | None:
    """Read "the week", "the year": the one that today is in."""
    if not (index and line.keys[index - 1] == "the"):
        return None
    unit = UNITS[line.keys[index]]
    if line.keys[index + 1] in ("of", "from", "in", "when") or (unit not in _THE_UNITS and not line.whole):
        return None
    if unit is Unit.DAY and line.keys[index + 1] in ("after", "before"):
        return of_day(index + 2, line.today + timedelta(days=1 if line.keys[index + 1] == "after" else -1))
    return of_span(index + 1, period_of(line.today, unit), unit, said.THE_PERIOD)


_NUMBERS: Final[tuple[Reader, ...]] = (
    read_number_first,
    read_quarter,
    read_counted,
    _from_offset,
    _ranked,
    _numbered_day,
)
_WORDS: Final[tuple[Reader, ...]] = (read_counted, _from_offset)


def _starts() -> dict[str, tuple[Reader, ...]]:
    """Return the readers for each word that a date can begin with."""
    starts: dict[str, tuple[Reader, ...]] = {}
    groups: tuple[tuple[frozenset[str], tuple[Reader, ...]], ...] = (
        (frozenset(MONTHS), (read_month_first,)),
        (frozenset(WEEKDAYS), (read_weekday_first,)),
        (frozenset(DAY_WORDS), (read_day_word,)),
        (frozenset(DETERMINERS), (read_determined,)),
        (frozenset(("last", "final")), (_ranked,)),
        (frozenset(PARTS), (_part,)),
        (frozenset(UNITS), (read_unit_word, read_quarter, _week_of, _the_unit)),
        (frozenset(("q", "h", "w", "quarter", "qtr")), (read_quarter, _week_of)),
        (frozenset(("rest", "remainder", "balance", "later", "earlier")), (_rest,)),
        (frozenset(PERIOD_ENDS) | frozenset(TO_DATE), (read_abbreviation,)),
        (frozenset(ORDINALS), (read_day_first, read_quarter, _ranked, _numbered_day)),
        (frozenset(TENS), (read_day_first, read_quarter, _ranked, _numbered_day)),
        (frozenset(("a", "an", "couple", "few")), _WORDS),
        (
            frozenset(NUMBER_WORDS) - frozenset(("half", "a")),
            (read_counted, _from_offset, read_number_first, _numbered_day),
        ),
    )
    for words, readers in groups:
        for word in words:
            known = starts.get(word, ())
            starts[word] = known + tuple(reader for reader in readers if reader not in known)
    return starts


STARTS: Final = _starts()


def read_period(line: Line, index: int) -> Piece | None:
    """Return the longest date or period that begins at a word."""
    index = line.skip(index, _ARTICLES)
    readers = _NUMBERS if line.number(index) or "." in line.keys[index] else STARTS.get(line.keys[index], ())
    best: Piece | None = None
    for reader in readers:
        piece = reader(line, index)
        if piece is not None and (best is None or piece.end > best.end):
            best = piece
    return _followed(line, best) if best is not None else None


def _followed(line: Line, piece: Piece) -> Piece:
    """Return a period with what can stand behind any: a weekday of a week, a quarter of a year, a weekday in brackets."""
    piece = ranked_behind(line, weekday_within(line, piece))
    if piece.unit is Unit.DAY and line.gap(piece.end) in ("(", "[") and line.keys[piece.end] in WEEKDAYS:
        if WEEKDAYS[line.keys[piece.end]] == piece.start.weekday() and piece.whole is None:
            return replace(piece, end=piece.end + 1)
    return piece
