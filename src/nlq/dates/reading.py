"""Reading: the longest date expression that begins at a token, with its prepositions, or that a whole text is.

Gives `DateReading`, `TextReading`, `read_date` and `read_date_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from nlq.dates.conventions import SEASON_STARTS
from nlq.dates.holidays import HOLIDAY_STARTS
from nlq.dates.lexicon import (
    ARTICLES,
    DAY_WORDS,
    MONTHS,
    PERIOD_ENDS,
    SUFFIXES,
    TO_DATE,
    UNITS,
    WEEKDAYS,
)
from nlq.dates.limits import CLOSERS, OPENERS, Limit, Limited, limited, read_phrases
from nlq.dates.offsets import OFFSET_STARTS, read_offset_limit
from nlq.dates.pieces import Line, Piece
from nlq.dates.ranges import read_range
from nlq.dates.simple import STARTS, read_period
from nlq.normalize import MAX_LENGTH, Kind, Token, tokenize

_DAY: Final = timedelta(days=1)
_JOINS: Final = frozenset(("-", "/", "."))
_BEGINNINGS: Final = STARTS.keys() | OPENERS.keys() | OFFSET_STARTS | ARTICLES | {"between"}
"""Every word that an expression can begin with."""
_ALONE: Final = frozenset((*MONTHS, *WEEKDAYS, *DAY_WORDS, *PERIOD_ENDS, *TO_DATE, *SEASON_STARTS, *HOLIDAY_STARTS))
"""Those of them that can be a date without more words."""
_SECOND: Final = (
    _BEGINNINGS
    | {word for phrases in OPENERS.values() for phrase in phrases for word in phrase.words}
    | {*("than", "past", "future", "date", "far", "now", "of", "to", "number", "no", "c", "b", "e")}
)
_AFTER_NUMBER: Final = (
    STARTS.keys()
    | SUFFIXES
    | {*("of", "to", "through", "thru", "until", "till", "til", "up", ",", "~", "full", "more", "hour", "and")}
)
"""Words that can stand behind a number that is a date or counts units of one."""
_EACH: Final = frozenset(("by", "per", "each", "every"))
_CENTURIES: Final = frozenset(("19", "20", "21"))
_SIGNS: Final = frozenset(("-", "/", ".", "–", "—", "−"))


@dataclass(frozen=True, slots=True)
class DateReading:
    """A date expression among the tokens."""

    end: int
    """Index of the token after it."""
    start: date | None
    """First day, None where it is open towards the past."""
    stop: date | None
    """The day after the last, None where it is open towards the future."""
    point: bool
    """Whether it names one day."""
    conventions: tuple[str, ...] = ()
    """A sentence for each convention that decided."""
    invalid: str = ""
    """A sentence where it is a date by its shape that does not exist; then neither day is given."""
    amount: bool = False
    """Whether it is of bare numbers that can be amounts too: "2026", "between 2000 and 2100"."""

    @property
    def is_reversed(self) -> bool:
        """Return whether it is a range that ends before it begins."""
        return self.start is not None and self.stop is not None and self.stop <= self.start


@dataclass(frozen=True, slots=True)
class TextReading:
    """What a whole text says as a date."""

    start: date | None = None
    """First day, None where it is open towards the past."""
    stop: date | None = None
    """The day after the last, None where it is open towards the future."""
    conventions: tuple[str, ...] = ()
    """A sentence for each convention that decided."""
    invalid: str = ""
    """A sentence where it is a date by its shape that does not exist."""
    unread: tuple[str, ...] = ()
    """The words that were not used."""


def read_date(tokens: Sequence[Token], index: int, today: date) -> DateReading | None:
    """Return the longest date expression that begins at a token, None where none does.

    Its prepositions belong to it ("since March"). Words that are something else as often ("may", "sat", "3/4") are
    read only where their neighbours say that a date is meant. At most `pieces.LIMIT` tokens are looked at.
    """
    token = tokens[index]
    if token.kind is Kind.NUMBER:
        if index and _goes_on_from(tokens[index - 1], token):
            return None
        if not _can_be_date(tokens, index):
            return None
    elif token.key not in _BEGINNINGS or (token.key not in _ALONE and not _goes_on(tokens, index + 1)):
        return None
    if index and tokens[index - 1].key in _EACH and token.key in ARTICLES and _is_unit(tokens, index + 1):
        return None  # "by the month"
    return _read(tokens, index, today, whole=False)


def _is_unit(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a token is a unit of time."""
    return index < len(tokens) and tokens[index].key in UNITS


def _goes_on_from(before: Token, token: Token) -> bool:
    """Return whether a number belongs to what stands before it: "133-03-2020" and "A1" hold no date behind them."""
    if before.kind is Kind.NUMBER:
        return token.gap in _JOINS
    return not token.gap and before.kind is Kind.WORD


def _can_be_date(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a number looks like a year, or what stands behind it makes it a date."""
    key = tokens[index].key
    if len(key) == 4 and key[:2] in _CENTURIES:
        return True
    if index + 1 == len(tokens):
        return "." in key
    behind = tokens[index + 1]
    return behind.key in _AFTER_NUMBER or not behind.gap or behind.gap.strip() in _SIGNS


def _goes_on(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a date, or more words before one, can begin at a token."""
    if index == len(tokens):
        return False
    return tokens[index].kind is Kind.NUMBER or tokens[index].key in _SECOND


def read_date_text(text: str, today: date) -> TextReading:
    """Return what a text says as a date, with the words that were not used.

    A text that is a date as a whole may be so in forms that are doubtful inside a question ("the 27", "4.22"); else
    the first date in it counts. At most `normalize.MAX_LENGTH` characters are looked at.
    """
    tokens = tokenize(text[:MAX_LENGTH])
    if not tokens:
        return TextReading()
    whole = _read(tokens, 0, today, whole=True)
    if whole is not None and whole.end == len(tokens):
        return TextReading(whole.start, whole.stop, whole.conventions, whole.invalid)
    for index in range(len(tokens)):
        reading = read_date(tokens, index, today)
        if reading is not None:
            unread = tuple(token.raw for token in (*tokens[:index], *tokens[reading.end :]))
            return TextReading(reading.start, reading.stop, reading.conventions, reading.invalid, unread)
    return TextReading(unread=tuple(token.raw for token in tokens))


def _read(tokens: Sequence[Token], index: int, today: date, *, whole: bool) -> DateReading | None:
    """Read an expression; what lies beyond the calendar is none."""
    line = Line(tokens, index, today, whole=whole)
    try:
        found = _expression(line)
    except (OverflowError, ValueError):
        return None
    if found is None:
        return None
    if isinstance(found, Piece):
        return DateReading(index + found.end, None, None, False, (), found.invalid)
    point = found.start is not None and found.stop is not None and found.stop - found.start == _DAY
    notes = tuple(dict.fromkeys(found.notes))
    return DateReading(index + found.end, found.start, found.stop, point, notes, "", found.amount)


def _expression(line: Line) -> Limited | Piece | None:
    """Return the longest reading: an invalid date as a piece, everything else with its limits."""
    best: Limited | Piece | None = None
    for read in (_plain, read_offset_limit, _opened):
        found = read(line)
        if found is not None and (best is None or found.end > best.end):
            best = found
    return best


def _piece(line: Line, index: int) -> Piece | None:
    """Return the longer of a period and a range that begin at a word."""
    period = read_period(line, index)
    if line.size > index + 1:
        found = read_range(line, index)
        if found is not None and (period is None or found.end > period.end):
            return found
    return period


def _plain(line: Line) -> Limited | Piece | None:
    """Read an expression without a word before it."""
    piece = _piece(line, 0)
    if piece is None or (piece.doubtful and not line.whole):
        return None
    return _closed(line, piece, Limit.WITHIN, dated=False)


def _opened(line: Line) -> Limited | Piece | None:
    """Read an expression with a word before it: "since March", "by the end of June"."""
    for phrase, after in read_phrases(line, 0, OPENERS):
        line.due = line.whole or phrase.due
        piece = _piece(line, after)
        if piece is not None and not _is_grouping(line, after, piece):
            return _closed(line, piece, phrase.limit, dated=phrase.dated)
    return None


def _closed(line: Line, piece: Piece, limit: Limit, *, dated: bool) -> Limited | Piece:
    """Return a date with what it limits, by the word before it or the words behind it ("or later", "onwards")."""
    if piece.invalid:
        return piece
    if limit in (Limit.WITHIN, Limit.FROM):
        for phrase, end in read_phrases(line, piece.end, CLOSERS):
            return limited(piece.ending(end), phrase.limit, dated=dated)
        if limit is Limit.FROM and line.keys[piece.end] == "on":
            return limited(piece.ending(piece.end + 1), limit, dated=dated)  # "from March on"
    return limited(piece, limit, dated=dated)


def _is_grouping(line: Line, index: int, piece: Piece) -> bool:
    """Return whether "by" stands before a unit to group by ("by month", "by the week") and no date."""
    return (
        line.keys[index - 1] == "by"
        and line.skip(index, ARTICLES) + 1 == piece.end
        and line.keys[piece.end - 1] in UNITS
    )
