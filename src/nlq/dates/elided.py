"""Elided: dates of a list that leave out what another one says ("March 5 and 6", "this month or next").

Gives `completed`. Lists of which only the last date says the year are in `lists.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.dates.lexicon import DETERMINERS, MONTHS, SUFFIXES, UNITS
from nlq.dates.pieces import LIMIT
from nlq.normalize import NUMBER, Token

_JOINS: Final = frozenset((",", "and", "or"))
_MOST: Final = 24
"""Most tokens before a day in which its month is looked for."""
_BEHIND: Final = frozenset(
    (
        *(
            ",",
            "and",
            "or",
            "in",
            "for",
            "with",
            "without",
            "by",
            "at",
            "from",
            "on",
            "that",
            "which",
            "where",
            "whose",
        ),
        *("but", "not", "if", "over", "under"),
    )
)
"""Words behind a day; any other is what so many of are meant: "March 5 and 6 cranes"."""


def completed(tokens: Sequence[Token], index: int) -> list[Token]:
    """Return the tokens of a date that begins at a token with the one that it leaves out, none where it lacks none."""
    token = tokens[index]
    if token.kind is NUMBER:
        return _day(tokens, index)
    return _determined(tokens, index) if token.key in DETERMINERS else []


def _day(tokens: Sequence[Token], index: int) -> list[Token]:
    """Complete the day of "March 5, 6 and 7" by its month."""
    end = _day_end(tokens, index)
    if not end or (end < len(tokens) and not (tokens[end].key in _BEHIND or _goes_on(tokens[end]))):
        return []
    at = index - 1
    while index - at < _MOST and (before := _day_before(tokens, at)) > 0:
        if tokens[before - 1].key in MONTHS:
            return [tokens[before - 1], *tokens[index : index + LIMIT]]
        at = before - 1
    return []


def _goes_on(behind: Token) -> bool:
    """Return whether a range of days goes on behind the first one: "7-9"."""
    return behind.kind is NUMBER and behind.gap in ("-", "–")


def _day_end(tokens: Sequence[Token], index: int) -> int:
    """Return the index after a day of a month in figures, 0 where none is."""
    key = tokens[index].key
    if not key.isdecimal() or len(key) > 2 or not 0 < int(key) <= 31:
        return 0
    return index + 1 + (index + 1 < len(tokens) and tokens[index + 1].key in SUFFIXES and not tokens[index + 1].gap)


def _day_before(tokens: Sequence[Token], at: int) -> int:
    """Return the index of the day before the join that ends at a token, 0 where none is."""
    end = at
    while at > 0 and tokens[at].key in _JOINS:
        at -= 1
    if at == end:
        return 0
    at -= tokens[at].key in SUFFIXES
    return at if at > 0 and tokens[at].kind is NUMBER and _day_end(tokens, at) else 0


def _determined(tokens: Sequence[Token], index: int) -> list[Token]:
    """Complete "next" by the unit of "this month or next" and "this" by that of "this or next month"."""
    behind = tokens[index + 1].key if index + 1 < len(tokens) else ""
    if behind in _JOINS and index + 3 < len(tokens) and tokens[index + 2].key in DETERMINERS:
        unit = tokens[index + 3]
    elif index > 2 and tokens[index - 1].key in _JOINS and tokens[index - 3].key in DETERMINERS:
        unit = tokens[index - 2]
    else:
        return []
    ends = not behind or behind in _BEHIND
    return [tokens[index], unit] if ends and unit.key in UNITS else []
