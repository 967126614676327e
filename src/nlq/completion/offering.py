"""Offering: suggestions for whatever a text begins as: a question, one that goes on from another, or a change.

Gives `Offering` and `Offered`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

from nlq.completion.completions import Completion, SuggestionKind
from nlq.completion.occasions import DATES, LEADS_IN
from nlq.completion.openings import (
    FOLLOW_UPS,
    NOT_IN_ORDERS,
    WHOLE_FOLLOW_UPS,
    Opening,
    Order,
    is_said,
    opening,
    orders_of,
)
from nlq.completion.suggest import MOST, Suggester, Suggestion, word_end
from nlq.normalize import MAX_LENGTH
from nlq.schema import Schema

_NAMING: Final = frozenset((SuggestionKind.VALUE, SuggestionKind.FLAG))
_PREPOSITIONS: Final = frozenset(("in", "from", "of", "on"))
_NOT_RECORDS: Final = frozenset(LEADS_IN) - _PREPOSITIONS


@dataclass(frozen=True, slots=True)
class Offered:
    """What can follow a text."""

    found: tuple[Suggestion, ...]
    ends: bool = False
    """Whether nothing can follow."""
    goes_on: bool = False
    """Whether it goes on from the question before: what fits hangs on what that asked for."""


class Offering:
    """Completes texts by the completions of questions. Immutable: threads may share it."""

    def __init__(self, questions: Suggester, schema: Schema) -> None:
        self._questions = questions
        self._orders = orders_of(schema)

    def suggest(self, text: str, caret: int, *, goes_on: bool) -> Offered:
        """Return at most `MOST` suggestions, the most useful first; `goes_on`: whether a question was asked before.

        The caret is within the text. For a text longer than a question there are none.
        """
        if len(text) > MAX_LENGTH or (goes_on and is_said(text[:caret])):
            return Offered((), ends=True)
        begun = opening(text[:caret], self._orders, goes_on=goes_on)
        if begun is None:
            return Offered(self._beginning(text, caret, goes_on=goes_on))
        if begun.order is None:
            return Offered(_once(self._follow_up(text, caret, begun)), goes_on=True)
        return Offered(_once(self._order(text, caret, begun, begun.order)))

    def naming(self, text: str, caret: int) -> tuple[Suggestion, ...]:
        """Return values that may be meant by the word half typed, whether or not they fit behind those before it."""
        return self._questions.naming(text, caret)

    def _beginning(self, text: str, caret: int, *, goes_on: bool) -> tuple[Suggestion, ...]:
        """Return suggestions for a question, and the words that other texts begin with."""
        questions = self._questions.suggest(text, caret)
        said = text[:caret].casefold()
        phrases = (*((*FOLLOW_UPS, *WHOLE_FOLLOW_UPS) if goes_on else ()), *(self._orders if said else ()))
        first = tuple(_words(phrases, said, text, 0, caret))
        if not first:
            return questions
        if not said:
            return (*first, *questions)[:MOST]
        known = {each.text for each in first}
        certain = [each for each in questions if not each.guessed and each.text not in known]
        return (*certain[: MOST - len(first)], *first)

    def _follow_up(self, text: str, caret: int, begun: Opening) -> Iterable[Suggestion]:
        """Return what follows "what about": values, states and dates."""
        rest = text[begun.end : caret]
        if rest.strip():
            dates = _words(DATES, rest.casefold(), text, begun.end, caret)
            yield from (replace(each, kind=SuggestionKind.DATE) for each in dates)
        yield from self._within(text, caret, begun.end, lambda each: each.kind in _NAMING)

    def _order(self, text: str, caret: int, begun: Opening, order: Order) -> Iterable[Suggestion]:
        """Return what follows a verb of change: what it changes, the records, and by how much."""
        rest = text[begun.end : caret].casefold()
        if begun.lacks_field:
            for phrase, name in order.fields:
                for each in _words((phrase,), rest, text, begun.end, caret):
                    yield replace(each, kind=SuggestionKind.FIELD, field=name)
            return
        if any(f" {each}" in f" {rest}" for each in order.endings):
            return
        if not rest.strip():
            yield from self._within(text, caret, begun.end, lambda each: each.kind in _NAMING)
            return
        places = {each: place for each in order.endings if (place := _begun(rest, each)) is not None}
        for ending, place in places.items():
            end = word_end(text, caret) if rest[-1:].strip() else caret
            yield Suggestion(ending, begun.end + place, end, SuggestionKind.WORD)
        if places and " " in rest[min(places.values()) :]:
            return  # "by" is the beginning of nothing else
        if not places and self._questions.is_whole(rest):
            yield from (Suggestion(each, caret, caret, SuggestionKind.WORD) for each in order.endings)
        yield from self._within(text, caret, begun.end, _names_records)

    def _within(self, text: str, caret: int, start: int, keep: Callable[[Completion], bool]) -> Iterable[Suggestion]:
        """Return suggestions for what stands behind the first words, as if it were a question."""
        for each in self._questions.suggest(text[start:], caret - start, keep):
            yield replace(each, start=each.start + start, end=each.end + start)


def _names_records(each: Completion) -> bool:
    return each.tag not in NOT_IN_ORDERS and each.text not in _NOT_RECORDS


def _once(found: Iterable[Suggestion]) -> tuple[Suggestion, ...]:
    return tuple({each.text: each for each in found}.values())[:MOST]


def _words(phrases: Iterable[str], said: str, text: str, start: int, caret: int) -> Iterable[Suggestion]:
    """Yield phrases that begin with what is said from a character on."""
    for phrase in phrases:
        if phrase.startswith(said) and phrase != said:
            end = word_end(text, caret) if said[-1:].strip() else caret
            yield Suggestion(phrase, start, end, SuggestionKind.WORD)


def _begun(rest: str, ending: str) -> int | None:
    """Return where an ending is begun in what is said of the records, None where it is not."""
    place = rest.rfind(" ") + 1
    while place > 0:
        if place < len(rest) and ending.startswith(rest[place:]):
            return place
        place = rest.rfind(" ", 0, place - 1) + 1
    return None
