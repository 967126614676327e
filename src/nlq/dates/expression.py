"""Expression: the longest date expression at the beginning of a line, with the words that limit it.

Gives `read_expression`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nlq.dates.lexicon import ARTICLES, COUNTS, UNITS
from nlq.dates.limits import CLOSERS, MANNERS, OPENERS, Limit, Limited, limited, read_phrases
from nlq.dates.lists import scoped
from nlq.dates.offsets import OFFSET_STARTS, read_offset_limit
from nlq.dates.pieces import Line, Piece
from nlq.dates.ranges import FRAMES, not_before, read_range
from nlq.dates.simple import STARTS, read_period
from nlq.dates.spans import SPAN_STARTS, read_span

_ON_WHAT: Final = frozenset(("site", "rent", "hire", "location", "contract", "time", "budget", "schedule", "the"))
"""Words behind "on" that it belongs to, and not to the date before it: "since March on site"."""
_JOINS: Final = frozenset(("and", "but", ","))
_LIMITING: Final = (OPENERS.keys() | OFFSET_STARTS) - FRAMES - ARTICLES
"""Words that are no part of a date themselves."""


def read_expression(line: Line) -> Limited | Piece | None:
    """Return the longest reading: an invalid date as a piece, everything else with its limits."""
    best: Limited | Piece | None = None
    word = line.keys[0]
    if word not in _LIMITING or word in STARTS:
        best = _plain(line)
        if best is not None and word in FRAMES:
            return best  # a range with its frame: "from" alone would read less
    if word in OFFSET_STARTS:
        best = _longer(best, read_offset_limit(line))
    if word in OPENERS:
        best = _longer(best, _opened(line))
    if word in SPAN_STARTS or word in COUNTS or line.number(0):
        best = _longer(best, read_span(line))
    return best


def _longer(best: Limited | Piece | None, found: Limited | Piece | None) -> Limited | Piece | None:
    """Return the longer of two readings, the first of two that are equally long."""
    return found if found is not None and (best is None or found.end > best.end) else best


def _piece(line: Line, index: int) -> Piece | None:
    """Return the longer of a period and a range that begin at a word."""
    period = read_period(line, index)
    if line.size > index + 1:
        found = read_range(line, index)
        if found is not None and (period is None or found.end > period.end):
            return found
    return scoped(line, period) if period is not None and period.end < line.size else period


def _plain(line: Line) -> Limited | Piece | None:
    """Read an expression without a word before it."""
    piece = _piece(line, 0)
    if piece is None or (piece.doubtful and not (line.whole or line.listed)):
        return None
    return _closed(line, piece, Limit.WITHIN, dated=False)


def _opened(line: Line) -> Limited | Piece | None:
    """Read an expression with a word before it: "since March", "by the end of June"."""
    for phrase, after in read_phrases(line, 0, OPENERS):
        line.due = line.whole or phrase.due
        if "since" in phrase.words:
            line.past = True
            line.known.clear()
        piece = _piece(line, after)
        if piece is not None and not _is_grouping(line, after, piece):
            found = _closed(line, piece, phrase.limit, dated=phrase.dated)
            if isinstance(found, Limited) and phrase.words in MANNERS:
                found = replace(found, manner=MANNERS[phrase.words])
            return _bounded(line, found) if isinstance(found, Limited) and found.stop is None else found
    return None


def _bounded(line: Line, found: Limited) -> Limited | Piece:
    """Return an open period with the limit behind it: "since March 1 until May 5", "after Q1 and before Q4"."""
    start = found.start
    joined = line.skip(found.end, _JOINS)
    for phrase, after in read_phrases(line, joined, OPENERS):
        if phrase.limit not in (Limit.BEFORE, Limit.UNTIL) or start is None:
            continue
        line.past = False
        line.known.clear()
        piece = _piece(line, after)
        if piece is None or piece.invalid or piece.edge == "range" or piece.doubtful:
            return piece if piece is not None and piece.invalid else found
        later = not_before(line, piece, start)
        stop = limited(later, phrase.limit, dated=True)
        if stop.stop is not None and stop.stop <= start:
            return found  # "after 2027 by 2025": two limits, and no period
        return Limited(stop.end, start, stop.stop, (*found.notes, *stop.notes))
    return found


def _closed(line: Line, piece: Piece, limit: Limit, *, dated: bool) -> Limited | Piece:
    """Return a date with what it limits, by the word before it or the words behind it ("or later", "onwards")."""
    if piece.invalid:
        return piece
    if limit in (Limit.WITHIN, Limit.FROM):
        for phrase, end in read_phrases(line, piece.end, CLOSERS):
            if read_period(line, end) is None:  # not so "since March and before May"
                return limited(piece.ending(end), phrase.limit, dated=dated)
        if limit is Limit.FROM and line.keys[piece.end] == "on" and line.keys[piece.end + 1] not in _ON_WHAT:
            return limited(piece.ending(piece.end + 1), limit, dated=dated)  # "from March on"
    return limited(piece, limit, dated=dated)


def _is_grouping(line: Line, index: int, piece: Piece) -> bool:
    """Return whether "by" stands before a unit to group by ("by month", "by the week") and no date."""
    return (
        line.keys[index - 1] == "by"
        and line.skip(index, ARTICLES) + 1 == piece.end
        and line.keys[piece.end - 1] in UNITS
    )
