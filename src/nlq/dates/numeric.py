"""Numeric: dates in figures ("3/15/2026", "2026-03-15", "15.3.2026", "2026-03", "3/15").

Gives `read_numeric`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nlq.dates import conventions as said
from nlq.dates.filling import resolve
from nlq.dates.lexicon import MONTHS
from nlq.dates.numerals import full_year
from nlq.dates.pieces import Line, Parts, Piece, invalid
from nlq.normalize import NUMBER

_SEPARATORS: Final = frozenset(("-", "/", "."))
_DASHES: Final = str.maketrans("–—", "--")
_FRACTIONS: Final = frozenset((2, 3, 4, 5, 6, 8, 16, 32, 64))
"""What fractions are of: "3/4" and "5/16" alone are lengths as often as dates."""
_LENGTHS: Final = frozenset(
    ("inch", "in", "ft", "foot", "feet", "mm", "cm", "ton", "mile", "yard", "yd", "hp", "gal", "lb")
)
"""What fractions are followed by."""
_ALWAYS: Final = (24, 7)
"""Hours and days: "24/7" is no date."""
_MOST: Final = 6


class _Figure(NamedTuple):
    """One of the numbers that a date in figures is made of."""

    digits: str
    sign: str
    """What stands between it and the one before."""
    loose: bool
    """Whether there are spaces around that sign."""
    end: int
    """Index of the token after it, which can hold more than one: "15.3"."""


def _figures(line: Line, index: int) -> list[_Figure]:
    """Return the numbers from a token on that are joined by signs."""
    found: list[_Figure] = []
    for position in range(index, min(index + _MOST, line.size)):
        token = line.tokens[position]
        if token.kind is not NUMBER or "," in token.key:
            break
        sign = line.gap(position).translate(_DASHES) if found else ""
        if found and sign not in _SEPARATORS:
            break
        for place, digits in enumerate(token.key.split(".")):
            loose = bool(found) and not place and token.gap != sign
            found.append(_Figure(digits, "." if place else sign, loose, position + 1))
    return found


def read_numeric(line: Line, index: int, *, day_first: bool = False) -> Piece | None:
    """Read a date in figures. Where no date is due, "3/4", "5-12" and "5.12" are none."""
    figures = _figures(line, index)
    if len(figures) < 2:
        return _spaced(line, index) if figures and line.whole else None
    sign, loose = figures[1].sign, figures[1].loose
    if loose and not line.whole:
        return None
    run = 2
    while run < len(figures) and figures[run].sign == sign and (figures[run].loose == loose or sign == "."):
        run += 1
    if run >= 3 and (run < 4 or run == _MOST):
        return _three(line, figures[:3], day_first=day_first)
    if run > 3 or (run < len(figures) and figures[run].end == figures[run - 1].end):
        return None  # "133-03-03-2020" is a code, "8/1.5" a fraction
    return _two(line, figures[:2], day_first=day_first)


def _spaced(line: Line, index: int) -> Piece | None:
    """Read "10 31 1974" and "08/12,15" in a text that is a date."""
    digits = [line.number(position) for position in range(index, min(index + 3, line.size))]
    if len(digits) < 3 or not all(digits) or sorted(map(len, digits))[1:] not in ([1, 4], [2, 4]) or len(digits[1]) > 2:
        return None
    return _three(line, [_Figure(part, " ", True, index + 3) for part in digits], day_first=False)


def _three(line: Line, figures: list[_Figure], *, day_first: bool) -> Piece | None:
    """Read year-month-day, month/day/year or day.month.year."""
    digits = [figure.digits for figure in figures]
    sizes = [len(part) for part in digits]
    end = figures[2].end
    if sizes[0] == 4 and max(sizes[1:]) <= 2:
        return _dated(line, Parts(int(digits[0]), int(digits[1]), int(digits[2])), figures)
    if max(sizes[:2]) > 2 or sizes[2] not in (2, 4):
        return None
    if figures[1].sign == "." and sizes[2] == 2 and min(sizes) < 2:
        return None  # "1.10.30" is a version
    if sizes[2] == 2 and not line.whole and figures[1].sign == "-" and max(int(digits[0]), int(digits[1])) > 31:
        return None
    parts = _ordered(int(digits[0]), int(digits[1]), day_first=day_first)._replace(year=full_year(digits[2]))
    piece = _dated(line, parts, figures)
    if piece is None or sizes[2] != 2 or piece.invalid:
        return piece
    return piece._replace(end=end, notes=(*piece.notes, said.TWO_DIGIT_YEAR))


def _ordered(first: int, second: int, *, day_first: bool) -> Parts:
    """Return month and day: by the convention, unless only the other order makes a date."""
    if day_first or first > 12 >= second:
        return Parts(None, second, first, day_first=True)
    return Parts(None, first, second, either=first <= 12 and second <= 12 and first != second)


def _dated(line: Line, parts: Parts, figures: list[_Figure]) -> Piece | None:
    """Return a date with its year if its numbers can be one, None where even the year cannot."""
    if parts.year is None or not said.FIRST_YEAR <= parts.year <= said.LAST_YEAR:
        return None
    if not 1 <= (parts.month or 0) <= 12 or not 1 <= (parts.day or 0) <= 31:
        text = "".join(f"{figure.sign}{figure.digits}" for figure in figures).strip()
        return invalid(figures[2].end, f"{text} is no date: no order of its numbers gives a month and a day.")
    return resolve(line, parts, figures[2].end)


def _two(line: Line, figures: list[_Figure], *, day_first: bool) -> Piece | None:
    """Read "2026-03", "03/2026" and, where a date is due or it is no fraction, "3/15"."""
    (left, right), end, sign = (figures[0].digits, figures[1].digits), figures[1].end, figures[1].sign
    first, second = int(left), int(right)
    if len(left) <= 2 and len(right) <= 2:
        return _month_and_day(line, first, second, figures[1], day_first=day_first)
    if len(left) == 4 and len(right) <= 2:
        parts = Parts(first, second)
    elif len(right) == 4 and len(left) <= 2:
        parts = Parts(second, first)
    else:
        return None
    plausible = said.FIRST_YEAR <= (parts.year or 0) <= said.LAST_YEAR and 1 <= (parts.month or 0) <= 12
    if not plausible or (sign == "." and not line.whole) or (line.keys[end] in MONTHS and line.gap(end) == sign):
        return None  # "2026/5/Mar" names its month
    return resolve(line, parts, end)


def _month_and_day(line: Line, first: int, second: int, last: _Figure, *, day_first: bool) -> Piece | None:
    """Read "3/15" and, where a date is due, "3/4", "4-22" and "5.12"; behind what has a date "3/4" as well."""
    due = line.whole or line.due
    fraction = first < second and second in _FRACTIONS
    if not due and (last.sign != "/" or (fraction and not line.dated)):
        return None
    if last.sign == "/" and not line.whole and (line.keys[last.end] in _LENGTHS or (first, second) == _ALWAYS):
        return None
    parts = _ordered(first, second, day_first=day_first)
    if not (1 <= (parts.month or 0) <= 12 and 1 <= (parts.day or 0) <= 31):
        return None
    return resolve(line, parts, last.end)
