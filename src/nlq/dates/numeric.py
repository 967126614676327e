"""Numeric: dates in digits ("3/15/2026", "2026-03-15T09:00Z", "15.3.2026", "2026-03", "3/15").

Gives `read_numeric` and `skip_time`, which drops the time of day behind a date.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.numerals import full_year
from nlq.dates.pieces import Line, Parts, Piece, invalid, resolve
from nlq.normalize import Kind

_SEPARATORS: Final = frozenset(("-", "/", "."))
_DASHES: Final = str.maketrans("–—−", "---")
_FRACTIONS: Final = frozenset((2, 3, 4, 5, 6, 8, 16, 32, 64))
"""What fractions are of: "3/4" and "5/16" alone are lengths as often as dates."""
_MERIDIEM: Final = frozenset(("am", "pm", "a", "p"))
_ZONES: Final = frozenset(("z", "utc", "gmt", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest"))
_TIME_WORDS: Final = frozenset(("noon", "midnight"))
_FRACTION_OF: Final = re.compile(r"\d{1,2}\.\d{1,9}")


def _components(line: Line, index: int) -> list[tuple[str, str, int]]:
    """Return up to four numbers that are joined: digits, the sign before them, the index after their token."""
    found: list[tuple[str, str, int]] = []
    for position in range(index, min(index + 4, line.size)):
        token = line.tokens[position]
        if token.kind is not Kind.NUMBER or "," in token.key:
            break
        sign = line.gap(position).translate(_DASHES) if found else "-"
        loose = bool(found) and token.gap != token.gap.strip()
        if found and (sign not in _SEPARATORS or (loose and not line.whole)):
            break
        for number, digits in enumerate(token.key.split(".")):
            found.append((digits, sign if not number else ".", position + 1))
    return found


def read_numeric(line: Line, index: int, *, dated: bool = False, day_first: bool = False) -> Piece | None:
    """Read a date in digits; `dated` says that a date is due, so that "3/4" and "5-12" are one too."""
    parts = _components(line, index)
    if len(parts) == 1 and line.whole:
        return _spaced(line, index)
    if len(parts) < 2 or (line.inside_number and index == 0):
        return None
    sign = parts[1][1]
    if len(parts) >= 3 and parts[2][1] == sign:
        piece = _three(line, [part[0] for part in parts[:3]], parts[2][2], sign, day_first=day_first)
        if piece is not None:
            return piece
    if sign == "." and parts[0][2] == parts[1][2] and len(parts) > 2 and line.whole and parts[2][1] == ".":
        return None
    if len(parts) > 2 and parts[1][2] == parts[2][2]:
        return None  # "8/1.5" is no month and day
    return _two(line, [part[0] for part in parts[:2]], parts[1][2], sign, dated=dated, day_first=day_first)


def _spaced(line: Line, index: int) -> Piece | None:
    """Read "10 31 1974", and "08/12,15" after its first number."""
    digits = [line.number(position) for position in range(index, min(index + 3, line.size))]
    if len(digits) < 3 or not all(digits) or len(digits[2]) != 4 or max(len(digits[0]), len(digits[1])) > 2:
        return None
    return _three(line, digits, index + 3, " ", day_first=False)


def _three(line: Line, digits: list[str], end: int, sign: str, *, day_first: bool) -> Piece | None:
    """Read year-month-day, month/day/year or day.month.year."""
    sizes = [len(part) for part in digits]
    if sizes[0] == 4 and max(sizes[1:]) <= 2:
        parts = Parts(int(digits[0]), int(digits[1]), int(digits[2]))
        return _checked(line, parts, digits, end, sign) if parts.year else None
    if max(sizes[:2]) > 2 or sizes[2] not in (2, 4):
        return None
    if sign == "." and sizes[2] == 2 and min(sizes) < 2:
        return None  # "1.10.30" is a version
    month, day, either = _ordered(int(digits[0]), int(digits[1]), day_first=day_first)
    piece = _checked(line, Parts(full_year(digits[2]), month, day, decimal=either), digits, end, sign)
    return piece.noting(said.TWO_DIGIT_YEAR) if sizes[2] == 2 and not piece.invalid else piece


def _ordered(first: int, second: int, *, day_first: bool) -> tuple[int, int, bool]:
    """Return month and day, and whether they could have been the other way round."""
    if day_first or (first > 12 >= second):
        return second, first, False
    return first, second, first <= 12 and second <= 12 and first != second


def _checked(line: Line, parts: Parts, digits: list[str], end: int, sign: str) -> Piece:
    """Return the date if its numbers can be one."""
    if parts.month is None or parts.day is None or not 1 <= parts.month <= 12 or not 1 <= parts.day <= 31:
        return invalid(end, f"{sign.join(digits)} is no date: no order of its numbers gives a month and a day.")
    return resolve(line, parts, end)


def _two(line: Line, digits: list[str], end: int, sign: str, *, dated: bool, day_first: bool) -> Piece | None:
    """Read "2026-03", "03/2026" and, where a date is due or it is no fraction, "3/15"."""
    sizes = [len(part) for part in digits]
    first, second = int(digits[0]), int(digits[1])
    if sizes[0] == 4 and sizes[1] <= 2:
        parts = Parts(first, second)
    elif sizes[1] == 4 and sizes[0] <= 2:
        parts = Parts(second, first)
    elif max(sizes) <= 2 and (dated or line.whole or (sign == "/" and not _fraction(first, second))):
        month, day, either = _ordered(first, second, day_first=day_first)
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None
        return resolve(line, Parts(None, month, day, decimal=either), end)
    else:
        return None
    year = parts.year or 0
    if sign == "." or not 1 <= (parts.month or 0) <= 12 or not said.FIRST_YEAR <= year <= said.LAST_YEAR:
        return None
    return resolve(line, parts, end)


def _fraction(first: int, second: int) -> bool:
    """Return whether two numbers with a stroke between them are a fraction as often as a date."""
    return first < second and second in _FRACTIONS


def skip_time(line: Line, piece: Piece) -> Piece:
    """Return a day with the time of day behind it, which is read and dropped."""
    end = _time_end(line, piece.end)
    if end == piece.end:
        return piece
    return replace(piece, end=end, notes=(*piece.notes, said.TIME_DROPPED))


def _time_end(line: Line, index: int) -> int:
    """Return the index after "T09:00:00.000Z", "at 5:30 pm", "10:00", "at noon"; the same where there is none."""
    start = index
    marked = line.keys[index] == "t" and line.touches(index)
    if marked or line.keys[index] == "at" or (line.gap(index) == "," and line.number(index)):
        index += line.keys[index] in ("t", "at")
    if line.keys[index] in _TIME_WORDS:
        return index + 1
    if not line.keys[index].replace(".", "").isdecimal() or len(line.keys[index]) > 2 or int(line.keys[index]) > 24:
        return start
    clock = _clock_end(line, index + 1)
    meridiem = line.keys[clock] in _MERIDIEM
    if clock == index + 1 and not meridiem and not marked:
        return start
    if meridiem:
        clock += 1 + (line.keys[clock] in ("a", "p") and line.keys[clock + 1] == "m")
    return _zone_end(line, clock)


def _clock_end(line: Line, index: int) -> int:
    """Return the index after minutes and seconds."""
    for _ in range(2):
        key = line.keys[index]
        minutes = len(key) == 2 and key.isdecimal() or bool(_FRACTION_OF.fullmatch(key))
        if not minutes or line.gap(index) != ":":
            break
        index += 1
    return index


def _zone_end(line: Line, index: int) -> int:
    """Return the index after "Z", "UTC" or "+02:00"."""
    if line.keys[index] in _ZONES:
        return index + 1
    signed = line.keys[index] == "+"
    number = index + signed
    if (signed or (line.gap(index) == "-" and line.touches(index))) and len(line.number(number)) in (2, 4):
        return number + 1 + (line.gap(number + 1) == ":" and len(line.number(number + 1)) == 2)
    return index
