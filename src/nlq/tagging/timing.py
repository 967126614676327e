"""Timing: dates, lengths of time and percentages among the tokens, where their neighbours say that they are meant.

Gives `read_timed`, `can_be_timed` and `TIME_STARTS`. The readers know dates by their shape; here it is settled that
"2000" behind "over" is an amount, and that "now" opens a question as often as it names a day.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

from nlq.amounts.durations import BEHIND_COUNT, read_duration, read_durations
from nlq.amounts.numbers import BEHIND_SHARE, NUMBER_WORDS, figures_end, read_percent
from nlq.dates import DATE_STARTS, DateReading, read_date
from nlq.normalize import NUMBER, WORD, Token
from nlq.schema import FieldType
from nlq.tagging.tags import SILENT, Reading, Share, Tagged

_TIMES_OVER: Final = {"twice": Decimal(2), "double": Decimal(2), "triple": Decimal(3)}
_HALF: Final = Decimal("0.5")
_OF: Final = frozenset(("of", "the", "its", "their"))
"""Words behind "half" that make it a share: "less than half of the plan cost"."""
_BEHIND_MEASURED: Final = BEHIND_COUNT | BEHIND_SHARE
_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_COUNTING: Final = frozenset(("a", "an", "half", "few", "couple", "several", "one", "the"))
_AMOUNT_FRAMES: Final = frozenset(
    ("from", "between", "over", "above", "under", "below", "within", "to", "up", "around")
)
_ALSO_FILLERS: Final = frozenset(("now", "current", "currently"))
_DATED: Final = frozenset(("EVENT", "SPAN", "DATE", "WHEN", "LAYER"))
_JOINS: Final = frozenset(("AND", "OR", "COMMA"))
_COMPARED: Final = _JOINS | {"COMPARE"}
_PASSED: Final = _JOINS | {"NOT", "DATE"}
_FIRST_DAY: Final = date(1900, 1, 1)
_END: Final = date(2200, 1, 1)
TIME_STARTS: Final = DATE_STARTS | NUMBER_WORDS | _COUNTING | _TIMES_OVER.keys()
"""Words, as keys, that a date, a duration or a percentage can begin with."""
_NEAR: Final = 8
"""Stretches before a date that are looked at for what it is of, and whether one is called for."""


def can_be_timed(token: Token) -> bool:
    """Return whether a date, a duration or a percentage can begin with a token; most words cannot."""
    return token.kind is not WORD or token.key in TIME_STARTS


def read_timed(
    tokens: Sequence[Token],
    index: int,
    today: date,
    before: Sequence[Tagged],
    *,
    due: bool,
    recorded: Container[str] = (),
) -> tuple[int, Reading] | None:
    """Return the index after the longest of date, duration and percentage that starts at a token, and its reading.

    `due`: whether the words before call for an amount; `recorded`: names of fields that say who did something.
    """
    dated = _is_dated(before, _COMPARED)
    found = read_date(tokens, index, today, dated=dated)
    if found is not None and _is_sayable(found) and _is_meant(tokens, index, found, before, due=due):
        if _has_happened(before, recorded):
            found = read_date(tokens, index, today, past=True, dated=dated) or found
            found = _over(found, tokens, index, today)
        return found.end, Reading("DATE", found)
    if before and before[-1].tag == "LASTING" and (lengths := read_durations(tokens, index)) is not None:
        return lengths.end, Reading("DURATIONS", lengths)
    token = tokens[index]
    if token.key in _TIMES_OVER:
        return index + 1, Reading("PERCENT", Share(_TIMES_OVER[token.key]))
    if token.key == "half" and due and index + 1 < len(tokens) and tokens[index + 1].key in _OF:
        return index + 1, Reading("PERCENT", Share(_HALF))
    if token.kind is not NUMBER and token.key not in NUMBER_WORDS and token.key not in _COUNTING:
        return None
    end = figures_end(tokens, index)
    if end and (end == len(tokens) or tokens[end].key not in _BEHIND_MEASURED):
        return None
    percent = read_percent(tokens, index)
    if percent is not None:
        return percent[0], Reading("PERCENT", Share(percent[1]))
    duration = read_duration(tokens, index)
    if duration is not None and not duration.seconds and _has_unit(tokens, index, duration.end):
        return duration.end, Reading("DURATION", duration)
    return None


def _is_sayable(found: DateReading) -> bool:
    """Return whether a date lies in years that questions can name: "after 9173 months" does not."""
    return all(_FIRST_DAY <= day <= _END for day in (found.start, found.stop) if day is not None)


def _has_happened(before: Sequence[Tagged], recorded: Container[str]) -> bool:
    """Return whether the words before tell what was done, so that "on Monday" behind them is the last Monday."""
    for stretch in reversed(before[-_NEAR:]):
        if stretch.tag in SILENT or stretch.tag in _PASSED:
            continue
        if stretch.field is not None:
            return stretch.field.type is FieldType.TIME
        if stretch.tag != "VALUE":
            return stretch.tag in ("WHO", "UNDONE") or stretch.reading("UNDONE") is not None
        if any(meaning.field.name in recorded for meaning in stretch.meanings):
            return True
    return False


def _over(found: DateReading, tokens: Sequence[Token], index: int, today: date) -> DateReading:
    """Return a length of time that is over by today, where what is done cannot lie ahead: "not touched in 6 months"."""
    if tokens[index].key != "in" or found.start is None or found.start <= today:
        return found
    if found.stop is None:  # "not touched in over 6 months"
        return replace(found, start=today - (found.start - today) + timedelta(days=1))
    last = replace(tokens[index], key="last", raw="last")
    return read_date([*tokens[:index], last, *tokens[index + 1 : found.end]], index, today) or found


def _has_unit(tokens: Sequence[Token], index: int, end: int) -> bool:
    """Return whether a unit is written out: "5m" is five million as often as five minutes."""
    return any(token.kind is WORD and len(token.key) > 2 for token in tokens[index + 1 : end])


def _is_meant(tokens: Sequence[Token], index: int, found: DateReading, before: Sequence[Tagged], *, due: bool) -> bool:
    """Return whether what has the shape of a date is meant as one."""
    words = tokens[index : found.end]
    numbers = sum(token.kind is NUMBER for token in words)
    if len(words) == 1 and words[0].key in _ALSO_FILLERS:
        return _is_dated(before)
    years_only = numbers and all(token.kind is WORD or len(token.key) == 4 for token in words)
    if not years_only or any(_names_period(token) for token in words):
        return True
    framed = words[0].key in _AMOUNT_FRAMES or words[0].kind is NUMBER
    return (not framed and not due) or _is_dated(before)


def _names_period(token: Token) -> bool:
    """Return whether a word beside a number makes it a year for sure: a month, a quarter, a unit."""
    return token.kind is WORD and token.key not in _PLAIN


_PLAIN: Final = _AMOUNT_FRAMES | frozenset(
    (
        "in",
        "and",
        "since",
        "before",
        "after",
        "until",
        "till",
        "by",
        "through",
        "during",
        "the",
        "for",
        "on",
        "of",
        "than",
    )
)


def _is_dated(before: Sequence[Tagged], passed: Container[str] = _JOINS) -> bool:
    """Return whether the words before call for a date: a field of dates, "starting", "in 2025 or"."""
    for stretch in reversed(before[-_NEAR:]):
        if stretch.tag in SILENT or stretch.tag in passed:
            continue
        return stretch.tag in _DATED or (stretch.field is not None and stretch.field.type in _TIMES)
    return False
