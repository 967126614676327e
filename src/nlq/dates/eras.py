"""Eras: seasons and decades ("summer 2026", "the nineties", "the 2010s").

Gives `read_season` and `read_decade`.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import DOUBTFUL, PARTS, TENS
from nlq.dates.named import read_year_behind
from nlq.dates.numerals import APOSTROPHES, read_cardinal
from nlq.dates.periods import Unit, period_of, shift
from nlq.dates.pieces import Line, Piece, of_span

_BEFORE_DECADE: Final = frozenset(("the", *PARTS))


def read_season(line: Line, index: int, direction: int | None = None) -> Piece:
    """Read "summer", "winter 2026", "the fall of last year"; a direction says this, the next or the last one."""
    month = said.SEASON_STARTS[line.keys[index]]
    year = read_year_behind(line, index + 1) if direction is None else None
    if year is not None:
        return of_span(year[1], _season(year[0], month), Unit.QUARTER, said.SEASONS)
    if direction:
        return of_span(index + 1, _nearest(line.today, month, direction), Unit.QUARTER, said.SEASONS)
    piece = of_span(index + 1, _season(line.today.year, month), Unit.QUARTER, said.SEASONS, said.THIS_YEAR)
    doubtful = line.keys[index] in DOUBTFUL and direction is None
    return (
        piece
        if not doubtful
        else Piece(piece.end, piece.start, piece.stop, piece.unit, None, piece.notes, doubtful=True)
    )


def _season(year: int, month: int) -> tuple[date, date]:
    """Return the three months of a season that begins in a year."""
    start = date(year, month, 1)
    return start, shift(start, 3)


def _nearest(today: date, month: int, direction: int) -> tuple[date, date]:
    """Return the first season after today, or the last one that is over."""
    seasons = [_season(today.year + distance, month) for distance in (-2, -1, 0, 1)]
    if direction > 0:
        return next(season for season in seasons if season[0] > today)
    return next(season for season in reversed(seasons) if season[1] <= today)


def read_decade(line: Line, index: int) -> Piece | None:
    """Read "1990s", "the 90s", "the nineties", "the twenty-tens"."""
    start = _decade_in_figures(line, index) or _decade_in_words(line, index)
    if start is None:
        return None
    year, end = start
    return of_span(end, period_of(date(year, 1, 1), Unit.DECADE), Unit.DECADE)


def _decade_in_figures(line: Line, index: int) -> tuple[int, int] | None:
    """Return the first year of "1990s", "the 90s" or "'90s"."""
    digits = line.number(index)
    if len(digits) not in (2, 4) or digits[-1] != "0" or line.keys[index + 1] != "s" or not line.touches(index + 1):
        return None
    if len(digits) == 2:
        framed = (index > 0 and line.keys[index - 1] in _BEFORE_DECADE) or line.gap(index) in APOSTROPHES
        return (_century_of(int(digits)), index + 2) if framed else None
    return (int(digits), index + 2) if said.FIRST_YEAR <= int(digits) <= said.LAST_YEAR else None


def _century_of(decade: int) -> int:
    """Return the first year of a decade without its century."""
    return decade + (1900 if decade >= said.DECADE_PIVOT else 2000)


def _decade_in_words(line: Line, index: int) -> tuple[int, int] | None:
    """Return the first year of "nineties", "nineteen eighties", "twenty-tens", "two thousand and tens"."""
    if _decade_word(line, index):
        return _century_of(TENS.get(line.keys[index], 10)), index + 1
    first = read_cardinal(line, index)
    if first is None:
        return None
    value, end = first
    if _decade_word(line, end - 1) and value % 10 == 0 and value > 1000:
        return value, end  # "two thousand and tens" is one number
    end += line.keys[end] == "and"
    if not _decade_word(line, end):
        return None
    century = value * 100 if value in (19, 20) else value if value in (1900, 2000) else 0
    return (century + TENS.get(line.keys[end], 10), end + 1) if century else None


def _decade_word(line: Line, index: int) -> bool:
    """Return whether a word is the plural of a ten: "nineties", "tens"."""
    key, raw = line.keys[index], line.raw(index).lower()
    return (key in TENS and raw == key[:-1] + "ies") or raw == "tens"
