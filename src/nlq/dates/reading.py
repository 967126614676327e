"""Reading: the longest date expression that begins at a token, with its prepositions, or that a whole text is.

Gives `DateReading`, `TextReading`, `read_date` and `read_date_text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import UNITS
from nlq.dates.limits import CLOSERS, OPENERS, Limit, Limited, limited, read_phrases
from nlq.dates.periods import Unit, shift
from nlq.dates.pieces import Line, Piece
from nlq.dates.ranges import read_range
from nlq.dates.relative import read_offset, rolling
from nlq.dates.simple import STARTS, read_period
from nlq.normalize import MAX_LENGTH, Kind, Token, tokenize

_DAY: Final = timedelta(days=1)
_WITHIN: Final = frozenset(("within", "in", "over", "during", "for", "after", "through", "throughout"))
_MORE: Final = {"more": True, "over": True, "less": False, "under": False, "older": True}
_FRAMES: Final = frozenset(("from", "between"))
_EXTRA: Final = frozenset(("more", "less", "older", "over", "between", "the", "my", "our", "=", "year"))
_OTHER: Final = frozenset(STARTS) | frozenset(OPENERS) | _EXTRA
_DIGITS: Final = frozenset((Kind.NUMBER,))


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

    @property
    def is_reversed(self) -> bool:
        """Return whether it is a range that ends before it begins."""
        return self.start is not None and self.stop is not None and self.stop <= self.start


@dataclass(frozen=True, slots=True)
class TextReading:
    """What a whole text says as a date."""

    start: date | None = None
    stop: date | None = None
    conventions: tuple[str, ...] = ()
    invalid: str = ""
    unread: tuple[str, ...] = ()
    """The words that were not used."""


def read_date(tokens: Sequence[Token], index: int, today: date) -> DateReading | None:
    """Return the longest date expression that begins at a token, None where none does.

    Its prepositions belong to it ("since March"). Words that are something else as often ("may", "sat", "3/4") are
    read only where their neighbours say that a date is meant. At most `LIMIT` tokens are looked at.
    """
    token = tokens[index]
    if token.key not in _OTHER and token.kind is not Kind.NUMBER:
        return None
    return _read(tokens, index, today, whole=False)


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
    point = found.start is not None and found.stop is not None and (found.stop - found.start) == _DAY
    return DateReading(index + found.end, found.start, found.stop, point, tuple(dict.fromkeys(found.notes)))


def _expression(line: Line) -> Limited | Piece | None:
    """Return the longest reading: an invalid date as a piece, everything else with its limits."""
    best: Limited | Piece | None = None
    for found in (_plain(line), _offset_limit(line), *_with_opener(line)):
        if found is not None and (best is None or found.end > best.end):
            best = found
    return best


def _piece(line: Line, index: int) -> Piece | None:
    """Return the longest of a range and a period."""
    period = read_period(line, index)
    found = read_range(line, index)
    return found if found is not None and (period is None or found.end > period.end) else period


def _plain(line: Line) -> Limited | Piece | None:
    """Read an expression without a word before it."""
    piece = _piece(line, 0)
    if piece is None or (piece.doubtful and not line.whole):
        return None
    return _closed(line, piece, Limit.WITHIN)


def _closed(line: Line, piece: Piece, limit: Limit) -> Limited | Piece:
    """Return a piece with its limit and the words behind it ("or later", "onwards")."""
    if piece.invalid:
        return piece
    for closing, end in read_phrases(line, piece.end, CLOSERS):
        if limit in (Limit.WITHIN, Limit.FROM) and not (line.keys[piece.end] == "on" and limit is Limit.WITHIN):
            return limited(piece.ending(end), closing)
    return limited(piece, limit)


def _with_opener(line: Line) -> list[Limited | Piece | None]:
    """Read expressions with a word before them: "since March", "by the end of June"."""
    found: list[Limited | Piece | None] = []
    for limit, after in read_phrases(line, 0, OPENERS):
        piece = _piece(line, after)
        if piece is None or (line.keys[0] == "by" and _is_grouping(line, after, piece)):
            continue
        found.append(_closed(line, piece, limit))
        break
    return found


def _is_grouping(line: Line, index: int, piece: Piece) -> bool:
    """Return whether "by" stands before a unit to group by ("by month") and no date."""
    return piece.end - index <= 2 and line.keys[piece.end - 1] in UNITS and line.keys[index] in ("the", *UNITS)


def _offset_limit(line: Line) -> Limited | None:
    """Read "in 2 weeks", "within 30 days", "more than 2 weeks after today", "after 5 days"."""
    key = line.keys[0]
    if key in _WITHIN:
        return _within(line, key)
    if key in _MORE:
        return _more(line, MORE_THAN[key])
    return None


MORE_THAN: Final = _MORE


def _within(line: Line, key: str) -> Limited | None:
    """Read an amount of time behind "in", "within" or "after"."""
    if key not in ("within", "in", "after"):
        return None
    offset = read_offset(line, 1)
    if offset is None:
        return None
    months, days, end = offset
    if line.keys[end] in ("from", "after") and line.keys[end + 1] in ("now", "today"):
        end += 2
    elif line.keys[end] == "time" and key == "in":
        end += 1
    if key == "within":
        piece = rolling(line, end, days, months)
        return Limited(end, piece.start, piece.stop, (said.WITHIN,))
    day = shift(line.today, months, days)
    if key == "in":
        return Limited(end, day, day + _DAY, (said.OFFSET_DAY,) if months or days >= 7 else ())
    return Limited(end, day, None, (said.AFTER_OFFSET,))


def _more(line: Line, more: bool) -> Limited | None:
    """Read "more than 2 weeks after today", "less than 30 days ago"."""
    if line.keys[1] != "than":
        return None
    piece = read_period(line, 2)
    if piece is None or piece.unit is not Unit.DAY or piece.stop - piece.start != _DAY or read_offset(line, 2) is None:
        return None
    future = piece.start > line.today
    if more:
        return Limited(piece.end, piece.stop if future else None, None if future else piece.start, piece.notes)
    span = (line.today, piece.stop) if future else (piece.start, line.today + _DAY)
    return Limited(piece.end, span[0], span[1], piece.notes)


def read_date_text(text: str, today: date) -> TextReading:
    """Return what a text says as a date, with the words that were not used.

    The text as a whole is read as a date where it can be one, also in forms that are doubtful inside a question
    ("the 27", "4.22"); else the first date in it counts.
    """
    tokens = tokenize(text[:MAX_LENGTH])
    best: tuple[int, DateReading] | None = None
    for index in range(len(tokens)):
        whole = index == 0
        reading = _read(tokens, index, today, whole=whole)
        if whole and reading is not None and reading.end < len(tokens):
            strict = read_date(tokens, index, today)
            reading = strict if strict is not None and strict.end >= reading.end else reading
        elif not whole:
            reading = read_date(tokens, index, today)
        if reading is not None:
            best = (index, reading)
            break
    if best is None:
        return TextReading(unread=tuple(token.raw for token in tokens))
    index, reading = best
    unread = tuple(token.raw for token in (*tokens[:index], *tokens[reading.end :]))
    return TextReading(reading.start, reading.stop, reading.conventions, reading.invalid, unread)
