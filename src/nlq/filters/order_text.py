"""order_by text → the terms of an order: `parse_order`, and back: `canonical_order`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from nlq.errors import OrderError
from nlq.filters.field_names import did_you_mean, nearest_fields, shown
from nlq.query import Sort
from nlq.schema import Schema

MAX_CHARACTERS: Final = 1_000
"""Longest order_by text, in code points."""
MAX_TERMS: Final = 5
"""Most fields to sort by."""

_DIRECTIONS: Final = ("asc", "desc")
_WORD: Final = re.compile(r"[^ \t\r\n]+")
_TERM: Final = re.compile(r"[^,]*")
_REFUSED: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def parse_order(text: str, schema: Schema) -> tuple[Sort, ...]:
    """Return the terms of an order_by text such as `monthly_rate desc, pfa_id`, in order; none where it is blank.

    OrderError, with its position in code points, for every text that is no list of the schema's sortable fields, names
    a field twice, or is beyond `MAX_CHARACTERS` or `MAX_TERMS`.
    """
    if len(text) > MAX_CHARACTERS:
        message = f"order_by has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"
        raise OrderError(message, position=MAX_CHARACTERS)
    if match := _REFUSED.search(text):
        message = f"the character U+{ord(match[0]):04X} cannot stand in order_by"
        raise OrderError(message, position=match.start())
    terms: list[Sort] = []
    position = 0
    while text.strip() and position <= len(text):
        end = _TERM.match(text, position).end()  # type: ignore[union-attr]  # matches the empty text too
        if len(terms) == MAX_TERMS:
            raise OrderError(f"order_by has more than {MAX_TERMS} fields", position=position)
        terms.append(_parse_term(text, position, end, schema, terms))
        position = end + 1
    return tuple(terms)


def canonical_order(sort: Sequence[Sort]) -> str:
    """Return the order_by text of the terms; "asc", the default, is left out."""
    return ", ".join(f"{term.field} desc" if term.descending else term.field for term in sort)


def _parse_term(text: str, start: int, end: int, schema: Schema, before: Sequence[Sort]) -> Sort:
    """Read the term in text[start:end], which must name another field than those before."""
    words = list(_WORD.finditer(text, start, end))
    if not words:
        raise OrderError("expected a field", position=start, expected=("a field",))
    name = words[0][0]
    _check_field(name, words[0].start(), schema)
    if any(term.field == name for term in before):
        raise OrderError(f"order_by names {name} twice", position=words[0].start())
    if len(words) > 1 and words[1][0].casefold() not in _DIRECTIONS:
        message = f"unexpected {shown(words[1][0])} after {name}: expected asc, desc or a comma"
        raise OrderError(message, position=words[1].start(), expected=(*_DIRECTIONS, ","))
    if len(words) > 2:
        message = f"unexpected {shown(words[2][0])}: expected a comma"
        raise OrderError(message, position=words[2].start(), expected=(",",))
    return Sort(name, descending=len(words) > 1 and words[1][0].casefold() == "desc")


def _check_field(name: str, position: int, schema: Schema) -> None:
    field = schema.by_name.get(name)
    if field is not None and field.sortable:
        return
    nearest = () if field else nearest_fields(name, [field for field in schema.fields if field.sortable])
    problem = f"records cannot be sorted by {name}" if field else f"{shown(name)} is no field"
    raise OrderError(problem + did_you_mean(nearest), position=position, expected=("a field",), nearest=nearest)
