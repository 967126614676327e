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
_OPENING: Final = {word for word, phrases in OPENERS.items() if any(phrase.asked for phrase in phrases)}
DATE_STARTS: Final = STARTS.keys() | _OPENING | OFFSET_STARTS | ARTICLES | {"between"}
"""Every word that an expression inside a question can begin with."""
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
_BEHIND_ARTICLE: Final = (
    STARTS.keys()
    | {phrase.words[1] for article in ARTICLES for phrase in OPENERS.get(article, ())}
    | {"past", "future"}
)
"""Words that can stand behind an article that a date begins with."""
_COMPARED: Final = frozenset(("more", "less", "fewer", "older", "longer"))
"""Words that begin a limit only before an amount of time: "more than 3 weeks ago"."""
_CONNECTING: Final = frozenset(("of", "to", "through", "thru", "until", "till", "til"))
"""Those of them behind which more of a date has to follow."""
_LISTING: Final = frozenset((",", "and"))
_EACH: Final = frozenset(("by", "per", "each", "every"))
_ANY: Final = frozenset(("a", "an", "any", "each", "every"))
_GLUE: Final = frozenset(("", "-", "/", "_", "#"))
_NUMBERED: Final = frozenset(("q", "h", *MONTHS))
"""Words behind a slash that begin a date of their own."""
_LISTS: Final = frozenset((",", "and", "or"))
_NAMES: Final = MONTHS.keys() | WEEKDAYS.keys()
_CENTURIES: Final = frozenset(("19", "20", "21"))
_SIGNS: Final = frozenset(("-", "/", ".", "–", "—"))


def can_begin(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a date expression can begin at a token."""
    token = tokens[index]
    before = tokens[index - 1] if index else None
    if token.kind is NUMBER:
        return _can_be_date(tokens, index) and (before is None or not _goes_on_from(before, token))
    if before is not None and before.key in _ANY and token.key in WEEKDAYS:
        return False  # "on a Monday" is no day of the calendar
    key = token.key
    if key not in DATE_STARTS or (key not in _ALONE and not _goes_on(tokens, index + 1)):
        return False
    if key in ARTICLES:
        return _is_behind_article(tokens, index, before)
    if key == "a" and index + 2 == len(tokens):
        return tokens[index + 1].key not in UNITS  # "5k a month"
    return key not in _COMPARED or _is_behind_than(tokens, index + 1)


def _is_behind_article(tokens: Sequence[Token], index: int, before: Token | None) -> bool:
    """Return whether a date can stand behind an article: none does in "the most expensive" and "by the month"."""
    behind = tokens[index + 1]
    grouped = before is not None and before.key in _EACH and behind.key in UNITS
    return not grouped and (behind.kind is NUMBER or behind.key in _BEHIND_ARTICLE)


def _is_behind_than(tokens: Sequence[Token], index: int) -> bool:
    """Return whether what is compared can be an amount of time: no number of "more than 10 cranes" is."""
    index += tokens[index].key == "than"
    if index + 1 < len(tokens) and tokens[index].kind is NUMBER and tokens[index + 1].kind is WORD:
        return _can_be_date(tokens, index)
    return index < len(tokens)


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
    if behind.key in _CONNECTING:
        return _goes_on(tokens, index + 2)  # "Silo 2 to Silo 3"
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
    if behind.gap == "/" and behind.key in _NUMBERED:
        return False  # "Q1/Q2"
    return behind.gap in _GLUE and behind.kind in (WORD, NUMBER)


def is_listed(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a word stands in a list with months or weekdays, where "may" and "sat" are some too."""
    before = index > 1 and tokens[index - 1].key in _LISTS and tokens[index - 2].key in _NAMES
    behind = index + 2 < len(tokens) and tokens[index + 1].key in _LISTS and tokens[index + 2].key in _NAMES
    return before or behind
