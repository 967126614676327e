"""Offsets: limits that lie an amount of time from a day ("in 2 weeks", "within 30 days", "more than 3 weeks ago").

Gives `read_offset_limit` and `OFFSET_STARTS`; also what reaches to now or begins there ("in the past", "to date").
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from nlq.dates import conventions as said
from nlq.dates.lexicon import DETERMINERS, UNITS
from nlq.dates.limits import Limit, Limited, limited
from nlq.dates.periods import Unit, shift
from nlq.dates.pieces import Line
from nlq.dates.relative import is_plural, offset_day, read_offset, rolling
from nlq.dates.simple import read_period

_DAY: Final = timedelta(days=1)
_MORE: Final = {
    "more": True,
    "over": True,
    "older": True,
    "longer": True,
    "less": False,
    "under": False,
    "fewer": False,
}
_THAN: Final = frozenset(("than",))
_AT: Final = {"least": True, "most": False}
_NO: Final = {"more": False, "less": True, "fewer": True}
"""What "no" turns around: "no more than 30 days ago" is 30 at most."""
_ABOUT_PERIODS: Final = frozenset(("the", "next", "coming", "upcoming", "following"))
_THE: Final = frozenset(("the",))
_OVER: Final = frozenset(("over", "within"))
_FOR: Final = frozenset(("in", "for", "during", "throughout"))
_PAST: Final = ("in", "the", "past")
_FUTURE: Final = ("in", "the", "future")
_NOW: Final = frozenset(("now", "today"))
_UNTIL_NOW: Final = (("till", "date"), ("until", "date"), ("up", "to", "now"))
_SO_FAR: Final = (("to", "date"), ("so", "far"), ("to", "now"))
"""In a question these are about amounts ("cost to date"), unless a period follows ("so far this year")."""
_NOW_STARTS: Final = frozenset(words[0] for words in (_PAST, *_UNTIL_NOW, *_SO_FAR))
OFFSET_STARTS: Final = frozenset(
    (*_MORE, "in", "within", "after", "already", "to", "till", "until", "so", "up", "at", "no", *_FOR, *_OVER)
)


def read_offset_limit(line: Line) -> Limited | None:
    """Read a limit that an amount of time, or now, says."""
    key = line.keys[0]
    if key in _OVER or (key in _FOR and line.keys[line.skip(1, _THE)] == "past"):
        found = _unit_around(line)
        if found is not None:
            return found
    if key in ("in", "within", "after"):
        found = _offset(line, key)
        if found is not None:
            return found
    if key in _MORE:
        return _more(line, 1, more=_MORE[key])
    if key in ("at", "no"):
        return _bounded(line)
    return _now(line)


def _unit_around(line: Line) -> Limited | None:
    """Read "over the next month", "in the past year", "over the next 30 days": they count from today."""
    after = line.skip(1, _THE)
    direction = DETERMINERS.get(line.keys[after], 0)
    if not direction:
        return None
    unit = UNITS.get(line.keys[after + 1])
    if unit is None or is_plural(line, after + 1):
        piece = read_period(line, after) if line.keys[0] == "over" else None
        return limited(piece, Limit.WITHIN, dated=True) if piece is not None and not piece.invalid else None
    months, days = unit.value
    piece = rolling(line, after + 2, months * direction, days * direction)
    return Limited(piece.end, piece.start, piece.stop, piece.notes)


def _offset(line: Line, key: str) -> Limited | None:
    """Read "in 2 weeks", "within 30 days of today", "after 5 days", "in less than 2 weeks"."""
    if line.keys[1] in ("less", "under") and key != "after":
        return _within(line, 2 + (line.keys[2] == "than"))
    if key == "in" and (bound := _bound(line, 1)) is not None:
        return _ahead(line, bound)
    if key == "within":
        return _within(line, 1)
    offset = read_offset(line, 1)
    if offset is None:
        return None
    months, days, end = offset
    if line.keys[end] == "from" and line.keys[end + 1] in _NOW:
        end += 2
    elif line.keys[end] == "time" and key == "in":
        end += 1
    if line.keys[end] in ("later", "earlier", "before", "after"):
        return None  # "in a week later than 7"
    piece = offset_day(end, line.today, months, days)
    if key == "in":
        return Limited(end, piece.start, piece.stop, piece.notes)
    return Limited(end, piece.start, None, (said.AFTER_OFFSET,))


def _within(line: Line, index: int) -> Limited | None:
    """Read the amount of time, and the day that it is counted from, of "within 2 weeks after Tuesday"."""
    coming = False
    while line.keys[index] in _ABOUT_PERIODS:
        coming = coming or line.keys[index] != "the"
        index += 1
    offset = read_offset(line, index)
    if offset is None:
        return None
    months, days, end = offset
    if line.keys[end] == "ago":
        piece = rolling(line, end + 1, -months, -days)
        return Limited(piece.end, piece.start, piece.stop, (said.WITHIN,))
    if line.keys[end] in ("from", "after", "of") and line.keys[end + 1] == "now":
        end += 2
    elif line.keys[end] in ("from", "after", "before", "of"):
        return _around(line, end, months, days)
    ahead = -1 if line.past and not coming else 1  # what was done "within 7 days" was done in the last 7
    piece = rolling(line, end, months * ahead, days * ahead)
    return Limited(end, piece.start, piece.stop, (said.WITHIN,))


def _bound(line: Line, index: int) -> tuple[int, bool, bool] | None:
    """Read "at least", "no more than", "more than": the index after it, whether more is meant, and so much as well."""
    key, second, third = line.keys[index : index + 3]
    if key == "at" and second in _AT:
        return index + 2, _AT[second], True
    if key == "no" and second in _NO and third == "than":
        return index + 3, _NO[second], True
    if key in _MORE and (second == "than" or key in ("over", "under")):
        return line.skip(index + 1, _THAN), _MORE[key], False
    return None


def _ahead(line: Line, bound: tuple[int, bool, bool]) -> Limited | None:
    """Read the rest of "in more than 60 days", "in at least 2 weeks"."""
    after, more, included = bound
    if not more:
        return _within(line, after)
    offset = read_offset(line, after)
    if offset is None:
        return None
    months, days, end = offset
    if line.keys[end] == "from" and line.keys[end + 1] in _NOW:
        end += 2
    return Limited(end, shift(line.today, months, days) + (0 if included else 1) * _DAY, None, (said.OFFSET_DAY,))


def _bounded(line: Line) -> Limited | None:
    """Read "at least 30 days ago", "no more than 2 weeks from now"."""
    bound = _bound(line, 0)
    piece = read_period(line, bound[0]) if bound is not None else None
    offset = read_offset(line, bound[0]) if bound is not None else None
    if bound is None or piece is None or offset is None or piece.end <= offset[2] or piece.unit is not Unit.DAY:
        return None
    if piece.start >= line.today:
        return Limited(
            piece.end, piece.start if bound[1] else line.today, None if bound[1] else piece.stop, piece.notes
        )
    stop = piece.stop if bound[1] else line.today + _DAY
    return Limited(piece.end, None if bound[1] else piece.start, stop, piece.notes)


def _around(line: Line, end: int, months: int, days: int) -> Limited | None:
    """Return the days between an offset and the day that it is counted from; "of" reaches to both sides."""
    base = read_period(line, end + 1)
    if base is None or base.invalid or base.doubtful or base.unit is not Unit.DAY:
        return None
    word = line.keys[end]
    start = base.start if word in ("from", "after") else shift(base.start, -months, -days)
    last = base.start if word == "before" else shift(base.start, months, days)
    if word == "of" and base.start == line.today:
        start = base.start
    return Limited(base.end, start, last + _DAY, (*base.notes, said.WITHIN))


def _more(line: Line, index: int, *, more: bool) -> Limited | None:
    """Read "more than 2 weeks after today", "less than 30 days ago", "over a year ago", "older than 90 days"."""
    after = line.skip(index, _THAN)
    if after == index and line.keys[0] not in ("over", "under"):
        return None
    offset = read_offset(line, after)
    if offset is None:
        return None
    months, days, end = offset
    if line.keys[0] == "older" and line.keys[end] != "ago":
        return Limited(end, None, shift(line.today, -months, -days), (said.OFFSET_DAY,))
    piece = read_period(line, after)
    if piece is None or piece.end <= end or piece.unit is not Unit.DAY or piece.stop - piece.start != _DAY:
        return None
    if piece.start >= line.today:
        stop = None if more else piece.stop
        return Limited(piece.end, piece.stop if more else line.today, stop, piece.notes)
    return Limited(piece.end, None if more else piece.start, piece.start if more else line.today + _DAY, piece.notes)


def _now(line: Line) -> Limited | None:
    """Read "in the past", "in the future", "to date", "so far this year"."""
    if line.keys[0] not in _NOW_STARTS:
        return None
    two, three = tuple(line.keys[:2]), tuple(line.keys[:3])
    tomorrow = line.today + _DAY
    if three == _PAST:
        return Limited(3, None, line.today)
    if three == _FUTURE:
        return Limited(3, tomorrow, None)
    if two in _SO_FAR:
        period = read_period(line, 2)
        if period is not None and not period.invalid and period.start <= line.today:
            return Limited(period.end, period.start, tomorrow, (said.TO_DATE,))
        return Limited(2, None, tomorrow, (said.TO_DATE,)) if line.whole else None
    end = 3 if three in _UNTIL_NOW else 2 if two in _UNTIL_NOW else 0
    return Limited(end, None, tomorrow, (said.TO_DATE,)) if end else None
