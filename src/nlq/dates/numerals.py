"""Numerals: the counts, ordinals, days and years inside dates.

Gives `read_count`, `read_place`, `read_day`, `read_year` and `full_year`; each returns a number and the index after it,
or None. Figures are read here, words by the readers of numbers and ordinals.
"""

from __future__ import annotations

from typing import Final

from nlq.amounts.number_words import FEW
from nlq.amounts.numbers import read_number
from nlq.dates.conventions import COUPLE, FIRST_YEAR, LAST_YEAR, PIVOT
from nlq.dates.lexicon import COUNTS, ORDINALS, SUFFIXES, TENS
from nlq.dates.pieces import Line

APOSTROPHES: Final = ("'", "’", "‘", "`")
_CENTURIES: Final = (19, 20, 21)
MOST: Final = 99_999
"""Largest count that is read: more units than the calendar has are no date."""


def read_count(line: Line, index: int) -> tuple[int, int] | None:
    """Read how many units there are: "3", "three", "a", "a couple of", "few"."""
    digits = line.number(index)
    if digits:
        return (int(digits), index + 1) if len(digits) <= 5 else None
    key = line.keys[index]
    if key in ("a", "an"):
        return read_count(line, index + 1) if line.keys[index + 1] in ("couple", "few") else (1, index + 1)
    if key == "couple":
        return COUPLE, index + 1 + (line.keys[index + 1] == "of")
    if key == "few":
        return FEW, index + 1
    return read_cardinal(line, index)


def read_cardinal(line: Line, index: int) -> tuple[int, int] | None:
    """Read a whole number in words."""
    if line.keys[index] not in COUNTS:
        return None
    if index not in line.numbers:
        line.numbers[index] = _cardinal(line, index)
    return line.numbers[index]


def _cardinal(line: Line, index: int) -> tuple[int, int] | None:
    """Read a whole number by the reader of numbers."""
    number = read_number(line.tokens, index)
    if number is None or number.value != int(number.value) or not 0 <= number.value <= MOST:
        return None
    return int(number.value), number.end


def read_place(line: Line, index: int) -> tuple[int, int] | None:
    """Read "3rd", "third", "twenty first", "twenty-first"; an ending that does not fit its figures is forgiven."""
    digits = line.number(index)
    if digits:
        if len(digits) <= 2 and line.keys[index + 1] in SUFFIXES and line.touches(index + 1):
            return int(digits), index + 2
        return None
    key = line.keys[index]
    if key in TENS and 0 < (unit := ORDINALS.get(line.keys[index + 1], 0)) < 10:
        return TENS[key] + unit, index + 2
    return (ORDINALS[key], index + 1) if key in ORDINALS else None


def read_day(line: Line, index: int, *, words: bool = True) -> tuple[int, int] | None:
    """Read a day of a month: "5", "05", "5th", "fifth", "twenty five"."""
    digits = line.number(index)
    if digits:
        if len(digits) > 2 or not int(digits):
            return None
        suffixed = line.keys[index + 1] in SUFFIXES and line.touches(index + 1)
        return (int(digits), index + 1 + suffixed) if int(digits) <= 31 or suffixed else None
    found = read_place(line, index) or (read_cardinal(line, index) if words else None)
    return found if found is not None and 1 <= found[0] <= 31 else None


def full_year(digits: str) -> int:
    """Return the year that two or four digits mean."""
    year = int(digits)
    if len(digits) > 2:
        return year
    return year + (2000 if year < PIVOT else 1900)


def read_year(line: Line, index: int, *, words: bool = False, short: bool = False) -> tuple[int, int] | None:
    """Read a year: "2026", "'26", with `words` also "twenty twenty six", with `short` also "26"."""
    digits = line.number(index)
    if digits:
        if len(digits) == 4:
            return (int(digits), index + 1) if FIRST_YEAR <= int(digits) <= LAST_YEAR else None
        if len(digits) == 2 and (short or line.gap(index).endswith(APOSTROPHES)):
            return full_year(digits), index + 1
        return None
    return _year_in_words(line, index) if words else None


def _year_in_words(line: Line, index: int) -> tuple[int, int] | None:
    """Read "nineteen ninety six", "twenty ten", "two thousand and five"."""
    first = read_cardinal(line, index)
    if first is None:
        return None
    if first[0] in _CENTURIES:
        second = read_cardinal(line, first[1])
        if second is not None and 10 <= second[0] < 100:
            return first[0] * 100 + second[0], second[1]
        return None
    return first if FIRST_YEAR <= first[0] <= LAST_YEAR else None
