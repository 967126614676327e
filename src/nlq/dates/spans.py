"""Spans: the days between two amounts of time from today ("in 2 to 3 weeks", "30-60 days ago").

Gives `read_span` and `SPAN_STARTS`, the words before a count that one can begin with.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import UNITS
from nlq.dates.limits import Limited
from nlq.dates.numerals import read_count
from nlq.dates.periods import Unit, advance
from nlq.dates.pieces import Line
from nlq.dates.relative import direction_behind

SPAN_STARTS: Final = frozenset(("in", "between", "from"))
_JOINS: Final = {"between": frozenset(("and", "to")), "from": frozenset(("to",)), "in": frozenset(("to", "or"))}
_PLAIN: Final = frozenset(("to", "or"))
_DASHES: Final = frozenset(("-", "–", "—"))
_DAY: Final = timedelta(days=1)


def read_span(line: Line) -> Limited | None:
    """Read the days between two amounts of time, both included, ahead where "in" says so and nothing else."""
    word = line.keys[0] if line.keys[0] in SPAN_STARTS else ""
    low = read_count(line, len(word) > 0)
    if low is None:
        return None
    unit = UNITS.get(line.keys[low[1]])
    high = _upper(line, low[1] + (unit is not None), _JOINS.get(word, _PLAIN))
    last = UNITS.get(line.keys[high[1]]) if high is not None else None
    if high is None or last is None or Unit.HALF in (unit, last):
        return None
    sign, end = direction_behind(line, high[1] + 1)
    if not sign and word != "in":
        return None
    sign = sign or 1
    days = advance(line.today, unit or last, sign * low[0]), advance(line.today, last, sign * high[0])
    return Limited(end, min(days), max(days) + _DAY, (said.RANGE_ENDS,))


def _upper(line: Line, index: int, joins: frozenset[str]) -> tuple[int, int] | None:
    """Read the second count, behind the word or the dash that joins it."""
    if line.keys[index] in joins:
        return read_count(line, index + 1)
    return read_count(line, index) if line.gap(index) in _DASHES else None
