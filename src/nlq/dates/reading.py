"""Reading: the longest date expression that begins at a token, with its prepositions, or that a whole text is.

Gives `DateReading`, `TextReading`, `read_date` and `read_date_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.elided import completed
from nlq.dates.expression import read_expression
from nlq.dates.lexicon import DETERMINERS
from nlq.dates.limits import Manner
from nlq.dates.neighbours import can_begin, is_cut, is_listed
from nlq.dates.pieces import Line, Piece
from nlq.normalize import MAX_LENGTH, Token, tokenize

_VAGUE: Final = frozenset(("few", "couple"))
_DAY: Final = timedelta(days=1)


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
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
    manner: Manner | None = None
    """What else the words before it say of a period that is held against it: "throughout May"."""

    @property
    def is_reversed(self) -> bool:
        """Return whether it is a range whose later end was said first; the days are in order all the same."""
        return said.RANGE_REVERSED in self.conventions


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


def read_date(
    tokens: Sequence[Token], index: int, today: date, *, past: bool = False, dated: bool = False
) -> DateReading | None:
    """Return the longest date expression that begins at a token, None where none does.

    Its prepositions belong to it ("since March"). Words that are something else as often ("may", "sat", "3/4") are
    read only where their neighbours say that a date is meant. At most `pieces.LIMIT` tokens are looked at.
    With `past`, where what has happened is asked about, "Monday" is the last Monday and "November" has begun. With
    `dated`, behind a date or what has one, "3/4" is a day as well.
    """
    if can_begin(tokens, index):
        reading = _read(tokens, index, today, whole=False, past=past, dated=dated)
        if reading is not None:
            return None if is_cut(tokens, reading.end) else reading
    whole = completed(tokens, index) if dated or tokens[index].key in DETERMINERS else []
    reading = _read(whole, 0, today, whole=False, past=past) if whole else None
    # One token of it is said elsewhere.
    return replace(reading, end=index + reading.end - 1) if reading is not None and reading.end > 1 else None


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


def _read(
    tokens: Sequence[Token], index: int, today: date, *, whole: bool, past: bool = False, dated: bool = False
) -> DateReading | None:
    """Read an expression; what lies beyond the calendar is none."""
    line = Line(tokens, index, today, whole=whole)
    line.past, line.dated = past, dated
    line.listed = not whole and is_listed(tokens, index)
    try:
        found = read_expression(line)
    except (OverflowError, ValueError):
        return None
    if found is None:
        return None
    if isinstance(found, Piece):
        return DateReading(index + found.end, None, None, False, (), found.invalid)
    point = found.start is not None and found.stop is not None and found.stop - found.start == _DAY
    vague = (said.FEW,) if not _VAGUE.isdisjoint(line.keys[: found.end]) else ()
    notes = tuple(dict.fromkeys((*found.notes, *vague)))
    return DateReading(index + found.end, found.start, found.stop, point, notes, "", found.amount, found.manner)
