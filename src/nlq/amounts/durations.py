"""Durations: lengths of time, read from a position among the tokens.

Gives `read_duration`, `read_durations` and `read_duration_text`. "2 weeks", "three months", "a year and a half",
"2 years, 3 months", "1h30m", "half a year", "a fortnight". Months and days are kept apart, since a month has no fixed
length.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from nlq.amounts.comparisons import ABOUT_BEHIND
from nlq.amounts.digits import EXACT
from nlq.amounts.number_parts import key_at, read_part
from nlq.amounts.number_words import FEW, SMALL, TENS
from nlq.amounts.numbers import NUMBER_WORDS, Number, read_number
from nlq.normalize import NUMBER, Token, tokenize

_DAY: Final = Decimal(86400)
_MONTH_DAYS: Final = Decimal(30)
MAX_SECONDS: Final = Decimal(10**13)
"""Longest duration that is read, some 300,000 years: beyond any date."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of time: so many calendar months, or so many seconds."""

    months: int = 0
    seconds: Decimal = Decimal(0)
    nominal: Decimal = Decimal(0)
    """Its length in seconds, a month counted as 30 days and a year as 365."""


def _months(count: int, days: int) -> Unit:
    """Return a unit of calendar months."""
    return Unit(months=count, nominal=days * _DAY)


def _seconds(count: int) -> Unit:
    """Return a unit of fixed length."""
    return Unit(seconds=Decimal(count), nominal=Decimal(count))


_SECOND, _MINUTE, _HOUR = _seconds(1), _seconds(60), _seconds(3600)
_ONE_DAY, _WEEK, _FORTNIGHT = _seconds(86400), _seconds(7 * 86400), _seconds(14 * 86400)
_MONTH, _QUARTER, _HALF_YEAR, _YEAR = _months(1, 30), _months(3, 90), _months(6, 180), _months(12, 365)
_DECADE, _CENTURY = _months(120, 3650), _months(1200, 36500)

UNITS: Final[dict[str, Unit]] = {
    "second": _SECOND,
    "minute": _MINUTE,
    "hour": _HOUR,
    "day": _ONE_DAY,
    "week": _WEEK,
    "fortnight": _FORTNIGHT,
    "month": _MONTH,
    "quarter": _QUARTER,
    "semester": _HALF_YEAR,
    "year": _YEAR,
    "decade": _DECADE,
    "century": _CENTURY,
}
"""Units in full, which may follow a number or an article."""

_SHORT: Final[dict[str, Unit]] = {
    **dict.fromkeys(("sec", "secs"), _SECOND),
    **dict.fromkeys(("min", "mins"), _MINUTE),
    **dict.fromkeys(("hr", "hrs"), _HOUR),
    **dict.fromkeys(("wk", "wks"), _WEEK),
    **dict.fromkeys(("mo", "mos", "mth", "mths", "mnth"), _MONTH),
    **dict.fromkeys(("qtr", "qtrs"), _QUARTER),
    **dict.fromkeys(("yr", "yrs"), _YEAR),
}
"""Short forms, which follow a number."""

_LETTERS: Final[dict[str, Unit]] = {"s": _SECOND, "h": _HOUR, "d": _ONE_DAY, "w": _WEEK, "y": _YEAR}
"""Letters, which touch their number."""

_WHOLE: Final = frozenset(("all", "full", "whole", "entire", "another", "one", "single"))
_MORE: Final = frozenset(
    ("more", "full", "whole", "additional", "further", "extra", "consecutive", "calendar", "other")
)
_ANOTHER: Final = frozenset(("another", "additional", "further", "extra"))
BEHIND_COUNT: Final = UNITS.keys() | _SHORT.keys() | _LETTERS.keys() | _MORE | {"of", "and"}
"""Keys, one of which stands behind a number that counts units of time."""
_BEFORE_COUNT: Final = _ANOTHER | {"full", "whole", "entire"}
_ARTICLES: Final = frozenset(("a", "an"))
_JOINS: Final = frozenset(("and", ",", "plus"))
_STARTS: Final = UNITS.keys() | _WHOLE | _ANOTHER
_TO: Final = frozenset(("to", "or"))
_RANGES: Final = {"between": frozenset(("and", "to")), "from": frozenset(("to",))}
"""Words before two lengths of time → those between them."""
_DASH: Final = re.compile(r"\s*[-–—]\s*")
_BEFORE: Final = frozenset(
    ("for", "during", "in", "within", "over", "about", "around", "approximately", "roughly", "exactly", "by", "the")
)


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class DurationReading:
    """A length of time and where it ends: calendar months, whole days besides, and the seconds of a part of a day."""

    end: int
    """Index of the token after it."""
    months: int
    days: int
    seconds: int = 0
    nominal: Decimal = Decimal(0)
    """All of it in seconds, a month counted as 30 days and a year as 365."""
    vague: bool = False
    """Whether it was said as "a few", which are taken for three."""


@dataclass(frozen=True, slots=True)
class DurationRange:
    """Two lengths of time, between which one is meant ("3 to 6 months"), and where they end."""

    end: int
    """Index of the token after them."""
    low: DurationReading
    high: DurationReading


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class _Part:
    """A count of one unit."""

    count: Decimal
    unit: Unit
    end: int


def read_duration(tokens: Sequence[Token], index: int) -> DurationReading | None:
    """Return the length of time that starts at a token, None where none does."""
    part = _part(tokens, index)
    if part is None:
        return None
    parts = [part]
    while (following := _following(tokens, parts[-1])) is not None:
        parts.append(following)
    return _total(parts)


def read_durations(tokens: Sequence[Token], index: int) -> DurationRange | None:
    """Return the two lengths of time that start at a token, None where none do; one without a unit has the other's."""
    word = tokens[index].key if tokens[index].key in _RANGES else ""
    start = index + len(word[:1])
    if start >= len(tokens):
        return None
    first = read_duration(tokens, start)
    number = read_number(tokens, start) if first is None else None
    end = first.end if first is not None else number.end if number is not None else len(tokens)
    if end < len(tokens) and tokens[end].key in _RANGES.get(word, _TO):
        end += 1
    elif end >= len(tokens) or not _DASH.fullmatch(tokens[end].gap):
        return None
    second = _part(tokens, end) if end < len(tokens) else None
    last = _total([second]) if second is not None else None
    if number is not None and number.value >= 0 and second is not None:
        first = _total([_Part(number.value, second.unit, number.end)])
    if first is None or last is None:
        return None
    low, high = sorted((first, last), key=lambda length: length.nominal)
    return DurationRange(last.end, low, high)


def read_duration_text(text: str) -> DurationReading | None:
    """Return the duration that a text is as a whole, after "for", "in" or "about" and before "or so".

    "A few weeks" as a whole are three, and `vague` says so; in a question nobody could be told, and they are not read.
    """
    tokens = tokenize(text)
    start = 0
    while start < len(tokens) and tokens[start].key in _BEFORE:
        start += 1
    if start == len(tokens):
        return None
    duration = read_duration(tokens, start) or _few(tokens, start)
    if duration is None:
        return None
    behind = " ".join(token.key for token in tokens[duration.end :])
    return duration if not behind or behind in ABOUT_BEHIND else None


def _few(tokens: Sequence[Token], index: int) -> DurationReading | None:
    """Read "a few weeks"."""
    index += tokens[index].key in _ARTICLES
    unit = _unit(tokens, index + 1) if key_at(tokens, index) == "few" else None
    reading = _total([_Part(Decimal(FEW), *unit)]) if unit is not None else None
    return replace(reading, vague=True) if reading is not None else None


def _total(parts: Sequence[_Part]) -> DurationReading | None:
    """Return parts as months, days and seconds; None beyond `MAX_SECONDS`."""
    months = sum((part.count * part.unit.months for part in parts), Decimal(0))
    seconds = sum((part.count * part.unit.seconds for part in parts), Decimal(0))
    nominal = sum((part.count * part.unit.nominal for part in parts), Decimal(0))
    if not 0 <= nominal <= MAX_SECONDS:
        return None
    whole = months.to_integral_value(ROUND_FLOOR)
    seconds += EXACT.multiply(months - whole, _MONTH_DAYS * _DAY)
    days = (seconds / _DAY).to_integral_value(ROUND_FLOOR)
    return DurationReading(parts[-1].end, int(whole), int(days), int(seconds - days * _DAY), nominal)


def _part(tokens: Sequence[Token], index: int) -> _Part | None:
    """Read a count and its unit: "2 weeks", "a year and a half", "half a month", "all day"."""
    key = tokens[index].key
    if key in _STARTS or key in _ARTICLES:
        return _fractional(tokens, index) or _uncounted(tokens, index) or _counted(tokens, index)
    if tokens[index].kind is NUMBER or key in NUMBER_WORDS:
        return _fractional(tokens, index) or _counted(tokens, index)
    return None


def _uncounted(tokens: Sequence[Token], index: int) -> _Part | None:
    """Read one unit without its number: "a month", "another week", "all day", "year and a half"."""
    key = tokens[index].key
    start = index + 1 if key in _ARTICLES or key in _WHOLE or key in _ANOTHER else index
    start += start > index and key_at(tokens, start) in _WHOLE | _MORE and key_at(tokens, start) != "other"
    unit = UNITS.get(key_at(tokens, start)) or _SHORT.get(key_at(tokens, start))
    if unit is None or tokens[start].raw.casefold() != tokens[start].key:
        return None
    number = read_number(tokens, index) if tokens[start].key == "quarter" else None
    if number is not None and number.end > start:
        return None  # "a quarter million"
    part = _with_half(tokens, _Part(Decimal(1), unit, start + 1))
    return part if start > index or part.end > start + 1 else None


def _counted(tokens: Sequence[Token], index: int) -> _Part | None:
    """Read a number and the unit after it."""
    start = index + 1 if tokens[index].key in _BEFORE_COUNT and index + 1 < len(tokens) else index
    number = read_number(tokens, start)
    if number is None or number.value < 0 or number.shorthand:
        return None
    number = _with_units(tokens, number)
    unit = _unit(tokens, number.end + (key_at(tokens, number.end) == "of"))
    return _with_half(tokens, _Part(number.value, *unit)) if unit is not None else None


def _with_units(tokens: Sequence[Token], number: Number) -> Number:
    """Read "twenty and four" before a unit of time as the one number that it then is."""
    if key_at(tokens, number.end) != "and" or number.value not in TENS.values():
        return number
    units = SMALL.get(key_at(tokens, number.end + 1), Decimal(0))
    counts = 0 < units < 10 and _unit(tokens, number.end + 2) is not None
    return Number(number.value + units, number.end + 2) if counts else number


def _fractional(tokens: Sequence[Token], index: int) -> _Part | None:
    """Read a part of a unit: "half a year", "three quarters of an hour", "a quarter century"."""
    part = read_part(tokens, index)
    if part is None and tokens[index].key == "quarter":
        part = (Decimal("0.25"), index + 1)
    if part is None:
        return None
    end = part[1] + (key_at(tokens, part[1]) == "of")
    end += key_at(tokens, end) in _ARTICLES
    unit = _unit(tokens, end)
    return _Part(part[0], *unit) if unit is not None else None


def _unit(tokens: Sequence[Token], index: int) -> tuple[Unit, int] | None:
    """Return the unit at a token and the index after it."""
    index += key_at(tokens, index) in _MORE
    key = key_at(tokens, index)
    if key in UNITS or key in _SHORT:
        return (UNITS.get(key) or _SHORT[key]), index + 1
    touches = 0 < index < len(tokens) and not tokens[index].gap and tokens[index - 1].kind is NUMBER
    if key == "h" or (touches and key in _LETTERS):
        return _LETTERS[key], index + 1
    return None


def _with_half(tokens: Sequence[Token], part: _Part) -> _Part:
    """Read "and a half" behind a unit: "a year and a half", "one year and a quarter"."""
    if key_at(tokens, part.end) != "and" or part.end + 1 >= len(tokens) or part.count != int(part.count):
        return part
    half = read_part(tokens, part.end + 1)
    if half is None or _unit(tokens, half[1]) is not None or key_at(tokens, half[1]) in ("of", "a", "an"):
        return part
    return replace(part, count=part.count + half[0], end=half[1])


def _following(tokens: Sequence[Token], before: _Part) -> _Part | None:
    """Read a count of a smaller unit behind one: "2 years, 3 months", "1h30m", "a year and a day"."""
    start = before.end
    while start < len(tokens) and start < before.end + 2 and tokens[start].key in _JOINS:
        start += 1
    if start >= len(tokens):
        return None
    part = _part(tokens, start) or _minutes(tokens, start, before)
    return part if part is not None and part.unit.nominal < before.unit.nominal else None


def _minutes(tokens: Sequence[Token], index: int, before: _Part) -> _Part | None:
    """Read the "30m" or "30" of "1h30m" and "1h30"."""
    if before.unit is not _HOUR or tokens[index].kind is not NUMBER or not tokens[index].key.isdecimal():
        return None
    value, end = Decimal(tokens[index].key), index + 1
    letter = key_at(tokens, end) == "m" and not tokens[end].gap
    if not letter and (tokens[index].gap or len(tokens[index].key) != 2):
        return None
    return _Part(value, _MINUTE, end + letter) if value < 60 else None
