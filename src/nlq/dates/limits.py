"""Limits: words that make a date the beginning or the end of what is asked ("since", "by", "no later than").

Gives `Limit`, `OPENERS`, `CLOSERS` and `limited`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.pieces import Line, Piece
from nlq.normalize import stem


class Limit(enum.Enum):
    """What a date is of the period that is asked about."""

    WITHIN = "within"
    FROM = "from"
    AFTER = "after"
    BEFORE = "before"
    UNTIL = "until"


@dataclass(frozen=True, slots=True)
class Limited:
    """A period that can be open on either side."""

    end: int
    start: date | None
    stop: date | None
    notes: tuple[str, ...]


_OPENING: Final = {
    Limit.WITHIN: "in|on|during|at|within|for|throughout|around the time of|dated|due|due on|due in|in the year|=",
    Limit.FROM: (
        "since|from|starting|starting on|starting from|starting in|beginning|beginning on|beginning in|beginning from|as of"
        "|as from|as early as|no earlier than|not earlier than|not before|no sooner than|on or after|in or after|from or after"
        "|after or on|after or in|later than or on|later than or in|later than or at|at or after|since or after|>=|commencing"
        "|effective|on or later than|in or later than|ever since|at the earliest"
    ),
    Limit.AFTER: "after|later than|past|following|beyond|>|not until after|any time after|anytime after|sometime after",
    Limit.BEFORE: "before|earlier than|prior to|ahead of|sooner than|<|any time before|anytime before|sometime before",
    Limit.UNTIL: (
        "by|until|till|til|through|thru|up to|up until|up through|up till|to|no later than|not later than|not after|on or before|in or before"
        "|before or on|before or in|before or at|at or before|by or before|on or earlier than|earlier than or on|earlier than or in"
        "|in or earlier than|at the latest|<=|not beyond|as late as|at the latest by|by or on|on or by"
    ),
}
_CLOSING: Final = {
    Limit.FROM: (
        "onward|onwards|and later|or later|and after|or after|and onward|and onwards|and beyond|or beyond|and greater|or greater"
        "|and on|and up|and newer|or newer|on|at the earliest|or afterwards|and afterwards|and above|or above|and thereafter|or thereafter"
    ),
    Limit.UNTIL: (
        "and earlier|or earlier|and before|or before|and older|or older|or sooner|at the latest|and below|or below|and prior|or prior"
    ),
}
Phrases = dict[str, list[tuple[tuple[str, ...], Limit]]]


def _phrases(table: dict[Limit, str]) -> Phrases:
    """Return phrases by their first word, the longest first."""
    found: Phrases = {}
    for limit, phrases in table.items():
        for phrase in phrases.split("|"):
            words = tuple(stem(word) for word in phrase.split())
            found.setdefault(words[0], []).append((words, limit))
    for listed in found.values():
        listed.sort(key=lambda entry: -len(entry[0]))
    return found


OPENERS: Final = _phrases(_OPENING)
CLOSERS: Final = _phrases(_CLOSING)


def read_phrases(line: Line, index: int, phrases: Phrases) -> list[tuple[Limit, int]]:
    """Return the limits that begin at a word with the index after each, the longest first."""
    return [
        (limit, index + len(words))
        for words, limit in phrases.get(line.keys[index], ())
        if tuple(line.keys[index : index + len(words)]) == words
    ]


def limited(piece: Piece, limit: Limit) -> Limited:
    """Return a date as a limit of a period."""
    whole = piece.whole or (piece.start, piece.stop)
    edge = piece.edge
    notes = piece.notes
    if limit is Limit.WITHIN or (limit is Limit.FROM and edge == "range"):
        return Limited(piece.end, piece.start, piece.stop, notes)
    if edge in ("start", "end"):
        notes = (*(note for note in notes if note != said.PARTS_OF_PERIOD), said.EDGE_OF_PERIOD)
    if limit is Limit.FROM:
        return Limited(piece.end, piece.start, None, notes)
    if limit is Limit.AFTER:
        start = whole[0] if edge == "start" else piece.stop
        return Limited(piece.end, start, None, (*notes, said.AFTER_PERIOD))
    if limit is Limit.BEFORE:
        return Limited(piece.end, None, whole[1] if edge == "end" else piece.start, notes)
    return Limited(piece.end, None, piece.stop, (*notes, said.UNTIL_INCLUDED))
