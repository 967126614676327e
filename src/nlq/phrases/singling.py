"""Singling: whether a ranking is of one record, as "the most expensive crane" and "which crane is cheapest" are.

Gives `asks_for_one`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nlq.normalize import Kind, Token, keys
from nlq.phrases.gathered import Gathered
from nlq.phrases.parts import RankPart
from nlq.phrases.terms import Term, ValueTerm
from nlq.schema import FieldType

_LEADS: Final = frozenset(("the", "which", "what"))
_COPULAS: Final = frozenset(("is", "was"))


def asks_for_one(gathered: Gathered, terms: Sequence[Term]) -> bool:
    """Return whether a ranking without a number names its records in the singular, behind "the" or "which"."""
    ranks = [rank for rank in gathered.ranks if rank.rank is not None and rank.count is None and not rank.functions]
    values = [term for term in terms if isinstance(term, ValueTerm) and len(term.values) == 1 and not term.negative]
    return any(_is_one(rank, values, gathered) for rank in ranks)


def _is_one(rank: RankPart, values: Sequence[ValueTerm], gathered: Gathered) -> bool:
    tokens = gathered.tokens
    before = next((term for term in values if _is_said_of(term, rank, tokens)), None)
    if before is not None:
        return _is_led(before.first, tokens) and _is_singular(before, gathered)
    noun: ValueTerm | None = None
    end = rank.end
    for term in sorted(values, key=lambda each: each.first):
        if term.first == end:
            noun, end = term, term.end
    if noun is None or not _is_led(rank.first, tokens) or not _is_singular(noun, gathered):
        return False
    words = {key for word in gathered.schema.conventions.equipment_words for key in keys(word)}
    return end == len(tokens) or tokens[end].key not in words


def _is_said_of(term: ValueTerm, rank: RankPart, tokens: Sequence[Token]) -> bool:
    """Return whether "is" or "is the" stands between a value and a ranking: "which crane is the cheapest"."""
    between = tokens[term.end : rank.first]
    return bool(between) and between[0].key in _COPULAS and all(token.key in _LEADS for token in between[1:])


def _is_led(first: int, tokens: Sequence[Token]) -> bool:
    return first > 0 and tokens[first - 1].key in _LEADS


def _is_singular(term: ValueTerm, gathered: Gathered) -> bool:
    """Return whether a value is said in the singular of what its name says in the plural, or of what has one."""
    token = gathered.tokens[term.end - 1]
    said = token.raw.casefold()
    if token.kind is not Kind.WORD or said != token.key:
        return False
    if term.field.type is FieldType.ENUM:
        return any(each.name == term.values[0] and each.label.casefold() == said for each in term.field.values)
    name = term.values[0].casefold()
    return name.endswith("s") and not said.endswith("s")
