"""What a reading keeps from callers who may not see money: the fields it would lead to, beside those that it names.

Gives `visible_context`, `visible_reading` and `visible_suggestions`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from nlq.completion.inside import accepted
from nlq.completion.suggest import Suggestion, SuggestionKind
from nlq.errors import LanguageError
from nlq.interpretation import Interpretation, InterpretationKind, Piece
from nlq.pipeline import Language
from nlq.query import Query, fields_of_query
from pfa_rpc.schema import BY_NAME, FIELDS
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.requests import LISTING, money_of, require_visible

_MONEY_WORDS: Final = sorted(
    {word for field in FIELDS if field.is_money for word in field.words}, key=len, reverse=True
)
_NAMES_MONEY: Final = re.compile(rf"\b({'|'.join(map(re.escape, _MONEY_WORDS))})s?\b", re.IGNORECASE)
_ANY_DAY: Final = date(2000, 1, 1)
"""Which fields a question names does not hang on the day that it is asked."""


def visible_context(principal: Principal, context: Query | None) -> Query | None:
    """Return the query of a question before. Raises PermissionDenied where it names what the caller may not see.

    Somebody else may have asked it: what it names would be told by what the next one drops or leaves aside.
    """
    if context is not None:
        require_visible(principal, sorted(fields_of_query(context, LISTING)))
    return context


def visible_reading(principal: Principal, reading: Interpretation) -> Interpretation:
    """Return a reading that offers the caller nothing that they may not ask for.

    Raises PermissionDenied where it names a field that they may not see, or asks back about one.
    """
    require_visible(principal, _named(reading))
    if principal.may(Permission.SEE_MONEY):
        return reading
    if reading.kind is InterpretationKind.CHANGE:
        require_visible(principal, _fields_in(reading.question_back))
    offered = tuple(each for each in reading.alternatives if not _NAMES_MONEY.search(each.sentence))
    return replace(reading, pieces=tuple(map(_without_money, reading.pieces)), alternatives=offered)


def _without_money(piece: Piece) -> Piece:
    kept = tuple(text for text in piece.suggestions if not _NAMES_MONEY.search(text))
    return piece if kept == piece.suggestions else replace(piece, suggestions=kept)


def visible_suggestions(
    language: Language, text: str, found: Sequence[Suggestion], context: Query | None
) -> tuple[Suggestion, ...]:
    """Return the suggestions that lead to no question about money, which takes a reading of each."""
    return tuple(each for each in found if not _leads_to_money(language, text, each, context))


def _leads_to_money(language: Language, text: str, suggestion: Suggestion, context: Query | None) -> bool:
    field = BY_NAME.get(suggestion.field)
    if suggestion.kind is SuggestionKind.AMOUNT or (field is not None and field.is_money):
        return True
    try:
        return any(map(money_of, _named(language.interpret(accepted(text, suggestion), _ANY_DAY, context))))
    except LanguageError:
        return False


def _named(reading: Interpretation) -> list[str]:
    return sorted(fields_of_query(reading.query, LISTING) | {change.field for change in reading.changes})


def _fields_in(text: str) -> list[str]:
    """Return the fields that show money and are named in a text."""
    said = {name.casefold() for name in _NAMES_MONEY.findall(text)}
    return [field.name for field in FIELDS if field.is_money and not said.isdisjoint(field.words)]
