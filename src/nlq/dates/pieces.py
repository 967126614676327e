"""Pieces: what a stretch of words says about a date, and how what it leaves out is filled in.

Gives `Line` (the words being read), `Parts` (a date as named: "March", "the 15th"), `Piece` and `resolve`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from nlq.dates import conventions as said
from nlq.dates.lexicon import ARTICLES, MONTH_NAMES
from nlq.dates.periods import Span, Unit, iso_week, part_of, period_of
from nlq.normalize import Kind, Token

LIMIT: Final = 32
"""Most tokens that one expression of a date is looked for in."""
_PADDING: Final = ("",) * 4
_DAY: Final = timedelta(days=1)


class Line:
    """The tokens that an expression is read from, their keys, and today."""

    __slots__ = ("amounts", "depth", "due", "keys", "known", "listed", "numbers", "size", "today", "tokens", "whole")

    def __init__(self, tokens: Sequence[Token], index: int, today: date, *, whole: bool) -> None:
        self.tokens = tokens[index : index + LIMIT]
        self.size = len(self.tokens)
        self.keys = [token.key for token in self.tokens]
        self.keys.extend(_PADDING)
        self.today = today
        self.depth = 0
        """How many periods inside others are being read."""
        self.whole = whole
        """Whether the text is known to be a date, so that doubtful forms are read as one."""
        self.due = whole
        """Whether the word before calls for a date ("on 3/4")."""
        self.listed = False
        """Whether the first word stands in a list of months or weekdays."""
        self.known: dict[tuple[int, bool, int], Piece | None] = {}
        """Periods that were read before, by where they begin and under what conditions."""
        self.amounts: dict[int, tuple[int, int, int] | None] = {}
        """Amounts of time that were read before, by where they begin."""
        self.numbers: dict[int, tuple[int, int] | None] = {}
        """Numbers in words that were read before, by where they begin."""

    def number(self, index: int) -> str:
        """Return the digits of a token, an empty text where it is no plain number."""
        key = self.keys[index]
        return key if key.isdecimal() and key.isascii() and self.tokens[index].kind is Kind.NUMBER else ""

    def gap(self, index: int) -> str:
        """Return what stands before a token without its spaces."""
        return self.tokens[index].gap.strip() if index < self.size else ""

    def raw(self, index: int) -> str:
        """Return a token as it was written."""
        return self.tokens[index].raw if index < self.size else ""

    def touches(self, index: int) -> bool:
        """Return whether nothing stands between a token and the one before it."""
        return 0 < index < self.size and not self.tokens[index].gap

    def skip(self, index: int, words: frozenset[str] = ARTICLES) -> int:
        """Return the index after a word if it is one of these."""
        return index + 1 if self.keys[index] in words else index


class Parts(NamedTuple):
    """A date as it was named; what was not said is None."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    weekday: int | None = None
    quarter: int | None = None
    half: int | None = None
    week: int | None = None
    either: bool = False
    """Whether month and day were digits that could be read in either order."""
    day_first: bool = False
    """Whether they were digits that only make a date with the day first."""
    part: str = ""
    """The part of it that is meant: early, mid or late."""
    edge: str = ""
    """ "start" or "end" where that part was called a beginning or an end."""


class Piece(NamedTuple):
    """A period that some words name, up to a token."""

    end: int
    start: date
    stop: date
    unit: Unit = Unit.DAY
    parts: Parts | None = None
    """How it was named, where a neighbour can complete it."""
    notes: tuple[str, ...] = ()
    invalid: str = ""
    whole: Span | None = None
    """Of a part of a period the period."""
    edge: str = ""
    """ "start" or "end" where it is the beginning or the end of a period."""
    doubtful: bool = False
    """Whether the words alone are something else as often as a date ("may", "sat")."""
    amount: bool = False
    """Whether it is a bare number that can be an amount too ("2026")."""

    def ending(self, end: int) -> Piece:
        """Return the piece with more words in it."""
        return self._replace(end=end)

    def noting(self, *notes: str) -> Piece:
        """Return the piece with more conventions."""
        return self._replace(notes=(*self.notes, *notes))


def of_span(end: int, span: Span, unit: Unit, *notes: str) -> Piece:
    """Return a piece that covers a period."""
    return Piece(end, span[0], span[1], unit, notes=notes)


def of_range(end: int, span: Span, *notes: str) -> Piece:
    """Return a piece that covers the days from one date to another."""
    return Piece(end, span[0], span[1], Unit.DAY, None, notes, "", span, "range")


def of_day(end: int, day: date, *notes: str) -> Piece:
    """Return a piece that covers a day."""
    return Piece(end, day, day + _DAY, Unit.DAY, notes=notes)


def invalid(end: int, sentence: str) -> Piece:
    """Return a piece for something that is a date by its shape and does not exist."""
    return Piece(end, said.EARLIEST, said.EARLIEST, invalid=sentence)


def resolve(line: Line, parts: Parts, end: int) -> Piece:
    """Return the period that parts name, with what they leave out filled in by the conventions."""
    notes = (said.MONTH_FIRST,) if parts.either else ()
    if parts.day is not None:
        piece = _day(line, parts, end)
    elif parts.weekday is not None and parts.month is None:
        piece = of_day(end, _coming_weekday(line.today, parts.weekday), said.COMING_DAY)
    else:
        piece = _period(line, parts, end)
    piece = piece._replace(parts=parts, notes=piece.notes + notes)
    return in_part(piece, parts.part, parts.edge) if parts.part and not piece.invalid else piece


def in_part(piece: Piece, part: str, edge: str) -> Piece:
    """Return the early, mid or late part of a period, which keeps the period that it is of."""
    whole = (piece.start, piece.stop)
    span = part_of(whole, part)
    parts = piece.parts._replace(part=part, edge=edge) if piece.parts is not None else None
    notes = (*piece.notes, said.PARTS_OF_PERIOD)
    return Piece(piece.end, span[0], span[1], Unit.DAY, parts, notes, "", whole, edge)


def _coming_weekday(today: date, weekday: int) -> date:
    """Return the next day, today included, that is a weekday."""
    return today + timedelta(days=(weekday - today.weekday()) % 7)


def _period(line: Line, parts: Parts, end: int) -> Piece:
    """Resolve a year, or a month, quarter, half or week of one."""
    year = parts.year if parts.year is not None else line.today.year
    notes = () if parts.year is not None else (said.THIS_YEAR,)
    if parts.week is not None:
        span = iso_week(year, parts.week)
        if span is None:
            return invalid(end, f"{year} has no week {parts.week}.")
        return of_span(end, span, Unit.WEEK, *notes, said.WEEK_OF_PERIOD)
    if parts.month is not None:
        return of_span(end, period_of(date(year, parts.month, 1), Unit.MONTH), Unit.MONTH, *notes)
    if parts.quarter is not None:
        return of_span(end, period_of(date(year, 3 * parts.quarter - 2, 1), Unit.QUARTER), Unit.QUARTER, *notes)
    if parts.half is not None:
        return of_span(end, period_of(date(year, 6 * parts.half - 5, 1), Unit.HALF), Unit.HALF, *notes)
    return of_span(end, period_of(date(year, 1, 1), Unit.YEAR), Unit.YEAR)


def _day(line: Line, parts: Parts, end: int) -> Piece:
    """Resolve a day of a month; the weekday beside it decides a missing year or month."""
    assert parts.day is not None  # noqa: S101 - the caller looked
    if parts.month is None:
        return _day_of_month(line, parts.day, parts.weekday, end)
    if parts.year is None:
        return _day_of_year(line, parts.month, parts.day, parts.weekday, end)
    day = _date(parts.year, parts.month, parts.day)
    if day is None:
        return invalid(end, f"{_name(parts.month, parts.day)}, {parts.year} does not exist.")
    agrees = parts.weekday is None or parts.weekday == day.weekday()
    return of_day(end, day, *(() if agrees else (said.WEEKDAY_DISAGREES,)))


def _day_of_month(line: Line, number: int, weekday: int | None, end: int) -> Piece:
    """Resolve "the 15th" and "Thursday the 21st"."""
    today = line.today
    if weekday is not None:
        here = _date(today.year, today.month, number)
        if here is not None and here.weekday() == weekday:
            return of_day(end, here, said.COMING_DAY)
    year, month = today.year, today.month
    for _ in range(12 * 12):
        day = _date(year, month, number)
        if day is not None and day >= today and weekday in (None, day.weekday()):
            return of_day(end, day, said.COMING_DAY)
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
    return invalid(end, f"There is no day {number} of a month.")


def _day_of_year(line: Line, month: int, number: int, weekday: int | None, end: int) -> Piece:
    """Resolve a day and month without a year."""
    year = line.today.year
    if weekday is not None:
        for distance in range(1 if _is_weekday(year, month, number, weekday) else 15):
            for candidate in (year + distance, year - distance):
                if _is_weekday(candidate, month, number, weekday):
                    return of_day(end, date(candidate, month, number), said.NEAREST_YEAR)
    day = _date(year, month, number)
    if day is not None:
        disagrees = (said.WEEKDAY_DISAGREES,) if weekday is not None and day.weekday() != weekday else ()
        return of_day(end, day, said.THIS_YEAR, *disagrees)
    for later in range(year, year + 9):
        if (day := _date(later, month, number)) is not None:
            return of_day(end, day, said.LEAP_DAY)
    return invalid(end, f"{_name(month, number)} does not exist.")


def _is_weekday(year: int, month: int, day: int, weekday: int) -> bool:
    """Return whether a day exists and is a weekday."""
    found = _date(year, month, day)
    return found is not None and found.weekday() == weekday


def _date(year: int, month: int, day: int) -> date | None:
    """Return a day, None where it does not exist."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _name(month: int, day: int) -> str:
    """Return how a day is named in a sentence, even one that does not exist."""
    return f"{MONTH_NAMES[month]} {day}" if 1 <= month <= 12 else f"Day {day} of month {month}"
