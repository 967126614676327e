"""Neighbours: what stands around a word decides whether a date can begin or end there.

Gives `can_begin`, `is_cut`, `is_listed` and `DATE_STARTS`, the words that an expression can begin with. The first three
are asked for every word of every question, so they only look words up.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.amounts.number_words import SHORTHAND
from nlq.dates.conventions import SEASON_STARTS
from nlq.dates.holidays import HOLIDAY_STARTS
from nlq.dates.lexicon import (
    ARTICLES,
    DAY_WORDS,
    MONTHS,
    PERIOD_ENDS,
    SUFFIXES,
    TO_DATE,
    UNITS,
    WEEKDAYS,
)
from nlq.dates.limits import OPENERS
from nlq.dates.offsets import OFFSET_STARTS
from nlq.dates.simple import STARTS
from nlq.normalize import NUMBER, WORD, Token

_JOINS: Final = frozenset(("-", "/", "."))
DATE_STARTS: Final = STARTS.keys() | OPENERS.keys() | OFFSET_STARTS | ARTICLES | {"between"}
"""Every word that an expression can begin with."""
_ALONE: Final = frozenset((*MONTHS, *WEEKDAYS, *DAY_WORDS, *PERIOD_ENDS, *TO_DATE, *SEASON_STARTS, *HOLIDAY_STARTS))
"""Those of them that can be a date without more words."""
_SECOND: Final = (
    DATE_STARTS
    | {word for phrases in OPENERS.values() for phrase in phrases for word in phrase.words}
    | {*("than", "least", "most", "past", "future", "date", "far", "now", "of", "to", "number", "no", "c", "b", "e")}
)
_AFTER_NUMBER: Final = (
    STARTS.keys()
    | SUFFIXES
    | {*("of", "to", "through", "thru", "until", "till", "til", "up", ",", "~", "full", "more", "hour", "and")}
)
"""Words that can stand behind a number that is a date or counts units of one."""
_LISTING: Final = frozenset((",", "and"))
_EACH: Final = frozenset(("by", "per", "each", "every"))
_ANY: Final = frozenset(("a", "an", "any", "each", "every"))
_GLUE: Final = frozenset(("", "-", "/", "_", "#"))
_LISTS: Final = frozenset((",", "and", "or"))
_NAMES: Final = MONTHS.keys() | WEEKDAYS.keys()
_CENTURIES: Final = frozenset(("19", "20", "21"))
_SIGNS: Final = frozenset(("-", "/", ".", "–", "—", "−"))


def can_begin(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a date expression can begin at a token."""
    token = tokens[index]
    before = tokens[index - 1] if index else None
    if token.kind is NUMBER:
        return _can_be_date(tokens, index) and (before is None or not _goes_on_from(before, token))
    if before is not None and before.key in _ANY and token.key in WEEKDAYS:
        return False  # "on a Monday" is no day of the calendar
    if token.key not in DATE_STARTS or (token.key not in _ALONE and not _goes_on(tokens, index + 1)):
        return False
    grouped = before is not None and before.key in _EACH and token.key in ARTICLES
    return not (grouped and index + 1 < len(tokens) and tokens[index + 1].key in UNITS)  # "by the month"


def _goes_on_from(before: Token, token: Token) -> bool:
    """Return whether a number belongs to what stands before it: "133-03-2020", "A1" and "PO-2026" hold no date."""
    if before.kind is NUMBER:
        return token.gap in _JOINS
    return token.gap in _GLUE and before.kind is WORD


def _can_be_date(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a number looks like a year, or what stands behind it makes it a date."""
    key = tokens[index].key
    if len(key) == 4 and key[:2] in _CENTURIES:
        return True
    if index + 1 == len(tokens):
        return "." in key
    behind = tokens[index + 1]
    if _is_amount(tokens, index) or (behind.key == "%" and not behind.gap):
        return False
    if behind.key in _LISTING and index + 2 < len(tokens) and tokens[index + 2].kind is NUMBER:
        return _can_be_date(tokens, index + 2)  # "silos 2, 4 and 7"
    return behind.key in _AFTER_NUMBER or not behind.gap or behind.gap.strip() in _SIGNS


def _is_amount(tokens: Sequence[Token], index: int) -> bool:
    """Return whether what touches a number makes it no part of a date: "5k"."""
    behind = tokens[index + 1] if index + 1 < len(tokens) else None
    return behind is not None and not behind.gap and behind.key in SHORTHAND


def _goes_on(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a date, or more words before one, can begin at a token."""
    if index == len(tokens):
        return False
    if tokens[index].kind is NUMBER:
        return not _is_amount(tokens, index)
    return tokens[index].key in _SECOND and (tokens[index].key != "than" or _goes_on(tokens, index + 1))


def is_cut(tokens: Sequence[Token], end: int) -> bool:
    """Return whether figures go on behind what was read as a date: "2026-03-01-A", "3/15x"."""
    if end >= len(tokens) or tokens[end - 1].kind is not NUMBER:
        return False
    behind = tokens[end]
    return behind.gap in _GLUE and behind.kind in (WORD, NUMBER)


def is_listed(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a word stands in a list with months or weekdays, where "may" and "sat" are some too."""
    before = index > 1 and tokens[index - 1].key in _LISTS and tokens[index - 2].key in _NAMES
    behind = index + 2 < len(tokens) and tokens[index + 1].key in _LISTS and tokens[index + 2].key in _NAMES
    return before or behind
