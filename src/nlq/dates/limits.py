"""Limits: words that make a date the beginning or the end of what is asked ("since", "by", "no later than").

Gives `Limit`, `Limited`, `Manner`, `MANNERS`, `OPENERS`, `CLOSERS`, `read_phrases` and `limited`.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

from nlq.dates import conventions as said
from nlq.dates.pieces import Line, Piece
from nlq.normalize import stem

_DAY: Final = timedelta(days=1)


class Limit(enum.Enum):
    """What a date is of the period that is asked about."""

    WITHIN = "within"
    FROM = "from"
    AFTER = "after"
    BEFORE = "before"
    UNTIL = "until"


class Manner(enum.Enum):
    """What else words before a date say of a period that is held against it."""

    THROUGHOUT = "throughout"
    """It covers all of the date."""
    AS_OF = "as of"
    """It is asked about as it stands on the first day."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Limited:
    """A period that can be open on either side."""

    end: int
    start: date | None
    stop: date | None
    notes: tuple[str, ...] = ()
    amount: bool = False
    """Whether it is of bare numbers that can be amounts too."""
    manner: Manner | None = None


class Phrase(NamedTuple):
    """Words that say what a date is of the period asked about."""

    words: tuple[str, ...]
    limit: Limit
    due: bool
    """Whether only a date can follow, so that "3/4" is one."""
    dated: bool
    """Whether no amount can follow, so that "2026" is a year."""
    asked: bool
    """Whether the words are read inside questions too."""


_DATED: Final = {
    Limit.WITHIN: "on|during",
    Limit.FROM: (
        "since|ever since|as of|as from|as early as|no earlier than|not earlier than|not before|no sooner than"
        "|on or after|in or after|after or on|after or in|later than or on|later than or in|later than or at"
        "|on or later than|in or later than|starting from|beginning from|from or after"
    ),
    Limit.AFTER: (
        "after|later than|not until after|any time after|anytime after|sometime after|newer than|more recent than"
        "|subsequent to"
    ),
    Limit.BEFORE: (
        "before|earlier than|prior to|ahead of|sooner than|any time before|anytime before|sometime before|older than"
    ),
    Limit.UNTIL: (
        "until|till|til|up until|up till|no later than|not later than|not after|on or before|in or before|before or on"
        "|before or in|before or at|by or before|on or earlier than|earlier than or on|earlier than or in"
        "|until and including|earlier than or at|in or earlier than|by or on|on or by|as late as"
        "|at the latest by|by no later than|through and including"
    ),
}
"""Phrases that only a date can follow."""
_TIMED: Final = {
    Limit.WITHIN: (
        "in|within|throughout|in the year|all of|all through|whole of|the whole of|the entire|entire"
        "|over the|over the course of|in the course of|sometime in|some time in|anytime in|any time in|at some point in"
    ),
    Limit.UNTIL: "through|thru|up through",
}
"""Phrases that years follow, but no amounts."""
MANNERS: Final = {
    ("as", "of"): Manner.AS_OF,
    **{
        tuple(phrase.split()): Manner.THROUGHOUT
        for phrase in ("throughout", "all of", "all through", "whole of", "the whole of", "the entire", "entire")
    },
}
_BY: Final = {Limit.UNTIL: "by"}
"""A word that a date can follow in any form, and amounts as well."""
_LOOSE: Final = {
    Limit.WITHIN: "at|for",
    Limit.FROM: "from|at or after|>=",
    Limit.AFTER: "past|following|beyond|>",
    Limit.BEFORE: "<",
    Limit.UNTIL: "up to|at or before|<=|up to and including|not beyond",
}
"""Phrases that amounts and places follow too."""
_ALONE: Final = {
    Limit.WITHIN: "=",
    Limit.FROM: (
        "starting|starting on|starting in|beginning|beginning on|beginning in|commencing|commencing on|effective"
    ),
    Limit.UNTIL: "ending|ending on|ending in",
}
"""Phrases that in a question are words for a field: "rentals starting next week"."""
_CLOSING: Final = {
    Limit.FROM: (
        "onward|onwards|and later|or later|and after|or after|and onward|and onwards|and beyond|or beyond|and greater"
        "|or greater|and on|and up|and newer|or newer|at the earliest|or afterwards|and afterwards|and above|or above"
        "|and thereafter|or thereafter|and later on|or more recent"
    ),
    Limit.UNTIL: (
        "and earlier|or earlier|and before|or before|and older|or older|or sooner|at the latest|at latest|and below"
        "|or below|and prior|or prior|or less|and less"
    ),
}

Phrases = dict[str, list[Phrase]]


def _table(*groups: tuple[dict[Limit, str], bool, bool, bool]) -> Phrases:
    """Return phrases by their first word, the longest first; groups say `due`, `dated` and `asked` of their phrases."""
    found: Phrases = {}
    for group, due, dated, asked in groups:
        for limit, listed in group.items():
            for phrase in listed.split("|"):
                words = tuple(stem(word) for word in phrase.split())
                found.setdefault(words[0], []).append(Phrase(words, limit, due, dated, asked))
    for phrases in found.values():
        phrases.sort(key=lambda phrase: -len(phrase.words))
    return found


OPENERS: Final = _table(
    (_DATED, True, True, True),
    (_BY, True, False, True),
    (_TIMED, False, True, True),
    (_LOOSE, False, False, True),
    (_ALONE, True, True, False),
)
CLOSERS: Final = _table((_CLOSING, True, True, True))


def read_phrases(line: Line, index: int, phrases: Phrases) -> Iterator[tuple[Phrase, int]]:
    """Give the phrases that begin at a word with the index after each, the longest first."""
    for phrase in phrases.get(line.keys[index], ()):
        end = index + len(phrase.words)
        if (phrase.asked or line.whole) and tuple(line.keys[index:end]) == phrase.words:
            yield phrase, end


def limited(piece: Piece, limit: Limit, *, dated: bool) -> Limited:
    """Return the period that a date limits."""
    amount = piece.amount and not dated
    notes = piece.notes
    if limit is Limit.WITHIN or piece.edge == "range":
        return Limited(piece.end, piece.start, piece.stop, notes, amount)
    if piece.edge:
        notes = (*(note for note in notes if note != said.PARTS_OF_PERIOD), said.EDGE_OF_PERIOD)
    whole = piece.whole or (piece.start, piece.stop)
    if limit is Limit.FROM:
        return Limited(piece.end, whole[1] - _DAY if piece.edge == "end" else piece.start, None, notes, amount)
    if limit is Limit.AFTER:
        start = whole[0] if piece.edge == "start" else piece.stop
        return Limited(piece.end, start, None, (*notes, said.AFTER_PERIOD), amount)
    if limit is Limit.BEFORE:
        return Limited(piece.end, None, whole[1] if piece.edge == "end" else piece.start, notes, amount)
    stop = whole[0] + _DAY if piece.edge == "start" else piece.stop
    return Limited(piece.end, None, stop, (*notes, said.UNTIL_INCLUDED), amount)
