"""Pieces: what a stretch of words says about a date, and the words that it is read from.

Gives `Line` (the words being read), `Parts` (a date as named: "March", "the 15th"), `Piece`, `of_span`, `of_range`,
`of_day` and `invalid`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Final, NamedTuple

from nlq.dates import conventions as said
from nlq.dates.lexicon import ARTICLES
from nlq.dates.periods import Span, Unit
from nlq.normalize import NUMBER, Token

LIMIT: Final = 32
"""Most tokens that one expression of a date is looked for in."""
_PADDING: Final = ("",) * 4
_DAY: Final = timedelta(days=1)


class Line:
    """The tokens that an expression is read from, their keys, and today."""

    __slots__ = (
        "amounts",
        "dated",
        "depth",
        "due",
        "keys",
        "known",
        "listed",
        "numbers",
        "past",
        "size",
        "today",
        "tokens",
        "whole",
    )

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
        self.dated = False
        """Whether a date stands before the words, or what has one: "ending 3/4" names a day."""
        self.past = False
        """Whether what has begun is meant ("since Monday"): a name alone is then the last one."""
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
        return key if key.isdecimal() and key.isascii() and self.tokens[index].kind is NUMBER else ""

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
        return Piece(end, *self[1:])  # in half the time that `_replace` takes

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
