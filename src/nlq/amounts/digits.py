"""Digits: a number written in figures, with separators of groups, decimals, exponents and fractions.

Gives `read_digits`, `read_fraction` and `fits`. What could be a list, a date, a version or a telephone number is not
joined: "2,4" stays two numbers, "192.168.1.2" is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Context, Decimal
from typing import Final

from nlq.normalize import MINUS, NUMBER, SYMBOL, Kind, Token

MAX_PLACES: Final = 60
"""Most digits of a number before or after the point; figures beyond that are none."""

EXACT: Final = Context(prec=3 * MAX_PLACES)
"""Arithmetic that rounds nothing which is written."""

_APOSTROPHES: Final = frozenset("'’‘`´")
_THIN_SPACES: Final = frozenset("\u00a0\u2009\u202f\u2007")
_GROUP: Final = re.compile(r"\d{3}")
_LAST_GROUP: Final = re.compile(r"\d{3}(?:\.\d+)?")
_FIRST_GROUP: Final = re.compile(r"[1-9]\d{0,2}")
_DOTTED: Final = re.compile(r"[1-9]\d{0,2}(?:\.\d{3})+")
_INDIAN: Final = re.compile(r"\d{2},\d{3}(?:\.\d+)?")
_DENOMINATORS: Final = frozenset(("2", "3", "4", "5", "6", "8", "10", "12", "16", "32"))


def fits(value: Decimal) -> bool:
    """Return whether a number is one that is read: written out, it has at most `MAX_PLACES` digits a side."""
    written = str(value)
    if written.isdecimal():  # as most are: to ask for the exponent takes five times as long
        return len(written) <= MAX_PLACES
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_PLACES and value.adjusted() < MAX_PLACES


def read_digits(tokens: Sequence[Token], index: int, *, marked: bool = False) -> tuple[Decimal, int] | None:
    """Return the number in figures that starts at a token and the index after it, None where it is a part of another.

    `marked` tells that a currency stands beside it, which settles what spaces and commas between figures mean.
    """
    if _follows_dot(tokens, index):
        return None
    token = tokens[index]
    end = index + 1
    text = token.key.replace(",", "")
    if token.gap and token.gap[-1] == "." and "." not in text and _leading_point(tokens, index):
        text = f"0.{text}"
    elif end < len(tokens):
        following = tokens[end]
        if following.kind is NUMBER:
            joined = _grouped(tokens, index, marked=marked)
            if joined is None:
                return None
            text, end = joined
        if end < len(tokens) and tokens[end].key == "," and not tokens[end].gap:
            text, end = _after_comma(tokens, index, end, text, marked=marked)
    if len(text) > 2 * MAX_PLACES:
        return None
    value = Decimal(text)
    if end < len(tokens):
        value, end = _with_exponent(tokens, value, end)
    return (value, end) if fits(value) else None


def _follows_dot(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a token goes on a number before it behind a point ("192.168.1.2")."""
    return index > 0 and tokens[index].gap == "." and tokens[index - 1].kind is NUMBER


def _leading_point(tokens: Sequence[Token], index: int) -> bool:
    """Return whether the point before a number is its own: ".08", "$.50", and not the end of "Nr.5"."""
    gap = tokens[index].gap[:-1]
    if gap:
        return gap[-1].isspace() or gap[-1] in "-–("
    return index == 0 or tokens[index - 1].kind in (SYMBOL, Kind.OTHER)


def _grouped(tokens: Sequence[Token], index: int, *, marked: bool) -> tuple[str, int] | None:
    """Return the figures of the groups that follow a token, None where a point joins what are no groups."""
    first, gap = tokens[index].key, tokens[index + 1].gap
    if gap == ".":
        return _dotted(tokens, index)
    if _FIRST_GROUP.fullmatch(first) and (gap in _APOSTROPHES or gap in _THIN_SPACES or gap == " "):
        end = index + 1
        while end < len(tokens) and tokens[end].gap == gap and _GROUP.fullmatch(tokens[end].key):
            end += 1
        if end < len(tokens) and tokens[end].gap == gap and _LAST_GROUP.fullmatch(tokens[end].key):
            end += 1
        groups = [token.key for token in tokens[index + 1 : end]]
        if groups and (gap != " " or marked or len(groups) > 1 or groups == ["000"]):
            return first + "".join(groups), end
    return first.replace(",", ""), index + 1


def _dotted(tokens: Sequence[Token], index: int) -> tuple[str, int] | None:
    """Return the figures of "1.234.567"; None for versions, addresses and dates."""
    text = tokens[index].key
    end = index + 1
    while end < len(tokens) and tokens[end].kind is NUMBER and tokens[end].gap == ".":
        text += f".{tokens[end].key}"
        end += 1
    return (text.replace(".", ""), end) if _DOTTED.fullmatch(text) else None


def _after_comma(tokens: Sequence[Token], index: int, comma: int, text: str, *, marked: bool) -> tuple[str, int]:
    """Return the figures with those behind a comma that can only be decimals or groups: "1.234,56", "12,34,567"."""
    end = comma + 1
    if end == len(tokens) or tokens[end].kind is not NUMBER or tokens[end].gap:
        return text, comma
    behind = tokens[end].key
    grouped = comma > index + 1 or bool(_DOTTED.fullmatch(tokens[index].key))
    if behind.isdecimal() and len(behind) != 3 and (grouped or (marked and len(behind) == 2)):
        if _is_list(tokens, end + 1):
            return text, comma
        whole = text if comma > index + 1 else text.replace(".", "")
        return f"{whole}.{behind}", end + 1
    return _indian(tokens, index) if len(text) <= 2 else (text, comma)


def _is_list(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a comma and figures touch what stands before a token, as in "22,24,26"."""
    return index + 1 < len(tokens) and tokens[index].key == "," and tokens[index + 1].kind is NUMBER


def _indian(tokens: Sequence[Token], index: int) -> tuple[str, int]:
    """Return the figures of "12,34,567", whose last group alone has three."""
    text, end = tokens[index].key, index + 1
    while end + 1 < len(tokens) and tokens[end].key == "," and not tokens[end].gap and not tokens[end + 1].gap:
        text += tokens[end + 1].key
        end += 2
        if _INDIAN.fullmatch(tokens[end - 1].key):
            return text.replace(",", ""), end
        if len(tokens[end - 1].key) != 2:
            break
    return tokens[index].key.replace(",", ""), index + 1


def _with_exponent(tokens: Sequence[Token], value: Decimal, end: int) -> tuple[Decimal, int]:
    """Read "e6" and "^6" that touch a number."""
    mark = tokens[end].key
    if mark not in ("e", "^") or tokens[end].gap or end + 1 == len(tokens):
        return value, end
    after, sign = end + 1, 1
    if tokens[after].key == "+" and not tokens[after].gap:
        after += 1
    elif tokens[after].gap in MINUS:
        sign = -1
    if after == len(tokens) or not tokens[after].key.isdecimal() or len(tokens[after].key) > 2:
        return value, end
    if sign == 1 and tokens[after].gap:
        return value, end
    exponent = sign * int(tokens[after].key)
    if mark == "e":
        return EXACT.multiply(value, Decimal(10) ** exponent), after + 1
    return (EXACT.power(value, exponent), after + 1) if value else (value, end)


def read_fraction(tokens: Sequence[Token], index: int) -> tuple[Decimal, int] | None:
    """Return the value of "3/4" and the index after it, None where it is none or could go on as a date."""
    end = index + 2
    if end > len(tokens) or tokens[index + 1].gap != "/" or tokens[index + 1].key not in _DENOMINATORS:
        return None
    if end < len(tokens) and tokens[end].kind is NUMBER and tokens[end].gap in ("/", ".", "-"):
        return None
    top, bottom = tokens[index].key, tokens[index + 1].key
    if not top.isdecimal() or len(top) > 2 or not 0 < int(top) < int(bottom):
        return None
    return Decimal(top) / Decimal(bottom), end
