"""Times: the time of day behind a date, which is read and dropped ("T09:00:00Z", "at 5:30 pm", "10:00 UTC").

Gives `skip_time`.
"""

from __future__ import annotations

import re
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.pieces import Line, Piece

_ZONES: Final = frozenset(
    ("z", "utc", "gmt", "est", "edt", "cst", "cdt", "mst", "mdt", "pst", "pdt", "cet", "cest", "bst")
)
_NAMED: Final = frozenset(("noon", "midnight"))
_SECONDS: Final = re.compile(r"\d{2}(?:\.\d{1,9})?", re.ASCII)
_MERIDIEM: Final = frozenset(("am", "pm"))


def skip_time(line: Line, piece: Piece) -> Piece:
    """Return a date with the time of day behind it, a note saying that it is not used."""
    end = _time_end(line, piece.end)
    return piece if end == piece.end else piece.ending(end).noting(said.TIME_DROPPED)


def _time_end(line: Line, index: int) -> int:
    """Return the index after a time of day, the same index where there is none."""
    start = index
    marked = line.keys[index] == "t" and line.touches(index)
    if marked or line.keys[index] in ("at", ","):
        index += 1
    if line.keys[index] in _NAMED:
        return index + 1
    hour = line.number(index)
    if not 0 < len(hour) <= 2 or int(hour) > 24:
        return start
    clock = _minutes_end(line, index + 1)
    meridiem = _meridiem_end(line, clock)
    if clock == index + 1 and meridiem == clock and not marked:
        return start
    return _zone_end(line, meridiem)


def _minutes_end(line: Line, index: int) -> int:
    """Return the index after minutes and seconds."""
    for _ in range(2):
        if line.gap(index) != ":" or not _SECONDS.fullmatch(line.keys[index]):
            break
        index += 1
    return index


def _meridiem_end(line: Line, index: int) -> int:
    """Return the index after "am" or "p.m."."""
    if line.keys[index] in _MERIDIEM:
        return index + 1
    return index + 2 if line.keys[index] in ("a", "p") and line.keys[index + 1] == "m" else index


def _zone_end(line: Line, index: int) -> int:
    """Return the index after "Z", "UTC" or "+02:00"."""
    if line.keys[index] in _ZONES:
        return index + 1
    signed = line.keys[index] == "+"
    number = index + signed
    behind = signed or (index < line.size and line.tokens[index].gap == "-")
    if not behind or len(line.number(number)) not in (2, 4):
        return index
    return number + 1 + (line.gap(number + 1) == ":" and len(line.number(number + 1)) == 2)
