"""Completions: every phrase that a question can go on with, found by what it begins with.

Gives `Completion` and `Completions`: sorted lists of the fixed words and of each field's values, looked up by
bisection, so that a letter typed costs the same whatever the vocabulary's size.
"""

from __future__ import annotations

import enum
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from nlq.completion.occasions import AMOUNTS, DATES, LEADS_IN, NUMBERS
from nlq.natural_order import natural
from nlq.normalize import tokenize
from nlq.phrases.figure_words import plural
from nlq.schema import FieldSpec, Schema
from nlq.tagging.tags import FILLER, PRONOUN, RECORD, UNKNOWN, Flagged, Reading
from nlq.vocabulary import Vocabulary

_LOOKED_AT: Final = 24
"""Most values of one field that are looked at for one beginning."""
_ALL: Final = 100_000
_SHORTEST_INNER: Final = 3
_SIMPLE: Final = re.compile(r"[A-Za-z0-9 /_-]*")
_RUNS: Final = re.compile(r"[a-z]+|[0-9]+")
_LAST: Final = "\U0010ffff"


class SuggestionKind(enum.Enum):
    """What a suggestion is."""

    VALUE = "value"
    """A value of a field."""
    FIELD = "field"
    """What a field is called."""
    FLAG = "flag"
    """A state, such as "discontinued"."""
    AMOUNT = "amount"
    """An example of an amount, or of a number."""
    DATE = "date"
    """An example of a date."""
    WORD = "word"
    """A word that joins or compares, or begins a question."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A phrase that a question can go on with."""

    text: str
    """What is written."""
    tag: str
    """What the grammar takes it for."""
    kind: SuggestionKind
    field: FieldSpec | None = None
    """The field of a value or a flag, or the field that is named."""
    rank: int = 0
    """0 for the usual phrase among those that mean the same."""
    number: int = 0
    """Place among the words of the language."""
    stored: bool = False
    """Whether it is a value of the vocabulary, which may need quotes."""
    shadowed: bool = False
    """Whether it reads as a value of another field unless the field is named before it."""
    inner: bool = False
    """Whether it was found by a word inside it."""

    @property
    def natural(self) -> tuple[object, ...]:
        """What it is ordered by: numbers inside by their size."""
        return natural(self.text)


def typed(text: str) -> str:
    """Return a text as beginnings are compared: its tokens in lower case, a space between each two."""
    if _SIMPLE.fullmatch(text):
        return " ".join(_RUNS.findall(text.lower()))  # as the tokens would be, in a tenth of the time
    return " ".join(token.raw.casefold() for token in tokenize(text))


class _Sorted:
    """Completions by their beginning."""

    def __init__(self, pairs: Iterable[tuple[str, Completion]]) -> None:
        """Take (beginning, completion) pairs, in any order."""
        ordered = sorted(pairs, key=lambda pair: pair[0])
        self._keys = [key for key, _ in ordered]
        self._completions = [each for _, each in ordered]

    def beginning(self, prefix: str, most: int) -> Iterator[Completion]:
        """Yield the first completions that begin with a text, in order."""
        first = bisect_left(self._keys, prefix)
        last = bisect_left(self._keys, prefix + _LAST, first)
        yield from self._completions[first : min(last, first + most)]

    def has(self, prefix: str) -> bool:
        """Return whether anything begins with a text."""
        first = bisect_left(self._keys, prefix)
        return first < len(self._keys) and self._keys[first].startswith(prefix)


class Completions:
    """All completions of one schema and vocabulary."""

    def __init__(
        self,
        phrases: Iterable[tuple[str, Reading]],
        schema: Schema,
        vocabulary: Vocabulary,
    ) -> None:
        """Take the fixed phrases with their readings."""
        nouns = list(_plurals(schema))
        fixed = [*_fixed(phrases, frozenset(each.field for each in nouns)), *_examples(), *nouns]
        self.usual = tuple(each for each in fixed if each.rank == 0)
        """The usual phrase for each meaning."""
        self._fixed = _Sorted((beginning, each) for each in fixed for beginning in _beginnings(each))
        values = _values(schema, vocabulary)
        self._values = {name: _Sorted(each) for name, each in values.items()}
        self._inner = {name: _Sorted(_inner(each)) for name, each in values.items()}
        self.first = {name: tuple(sorted(each, key=lambda c: c.natural)) for name, each in _few(values)}
        """Of each field its first values."""

    def fixed(self, prefix: str) -> Iterable[Completion]:
        """Return the fixed phrases that begin with a text."""
        return self._fixed.beginning(prefix, _ALL)

    def values(self, prefix: str, fields: Iterable[str]) -> Iterator[Completion]:
        """Yield the values of some fields that begin with a text, then those that hold a word that does."""
        for name in fields:
            if name in self._values:
                yield from self._values[name].beginning(prefix, _LOOKED_AT)
        if len(prefix) >= _SHORTEST_INNER:
            for name in fields:
                if name in self._inner:
                    yield from self._inner[name].beginning(prefix, _LOOKED_AT)

    def has(self, prefix: str) -> bool:
        """Return whether anything begins with a text."""
        fields = (*self._values.values(), *(self._inner.values() if len(prefix) >= _SHORTEST_INNER else ()))
        return self._fixed.has(prefix) or any(each.has(prefix) for each in fields)


_NEVER: Final = frozenset((UNKNOWN, PRONOUN, RECORD, FILLER))
_KINDS: Final = {"FLAG": SuggestionKind.FLAG, "FIELD": SuggestionKind.FIELD, "MEASURE": SuggestionKind.FIELD}


def _fixed(phrases: Iterable[tuple[str, Reading]], nouns: frozenset[FieldSpec | None]) -> Iterator[Completion]:
    """Yield the fixed phrases that carry a meaning, once each; symbols are typed, not completed.

    Values of `nouns` are usually said in the plural.
    """
    ranks: dict[object, int] = {}
    seen: set[str] = set()
    for number, (phrase, reading) in enumerate(phrases):
        words = phrase[0].isalpha() and "_" not in phrase and reading.tag not in _NEVER
        if not words or phrase.casefold() in seen:
            continue
        seen.add(phrase.casefold())
        meaning = (reading.tag, reading.payload)
        rank = ranks[meaning] = ranks.get(meaning, -1) + 1
        meanings = reading.payload if isinstance(reading.payload, tuple) else ()
        kind = SuggestionKind.VALUE if meanings else _KINDS.get(reading.tag, SuggestionKind.WORD)
        field = _field_of(reading)
        yield Completion(phrase, reading.tag, kind, field, rank + (bool(meanings) and field in nouns), number)


def _field_of(reading: Reading) -> FieldSpec | None:
    """Return the field that a reading is about."""
    payload = reading.payload
    if isinstance(payload, Flagged):
        return payload.field
    if isinstance(payload, tuple):
        return payload[0].field if payload else None
    return payload if reading.tag in ("FIELD", "MEASURE") else None  # type: ignore[return-value] # by its tag


def _examples() -> Iterator[Completion]:
    """Yield words that begin a question, and examples of what cannot be listed."""
    for tag, kind, texts in (
        (FILLER, SuggestionKind.WORD, LEADS_IN),
        ("MONEY", SuggestionKind.AMOUNT, AMOUNTS),
        ("NUMBER", SuggestionKind.AMOUNT, NUMBERS),
        ("DATE", SuggestionKind.DATE, DATES),
    ):
        yield from (Completion(text, tag, kind, number=number) for number, text in enumerate(texts))


def _beginnings(completion: Completion) -> tuple[str, ...]:
    """Return what begins a completion; the digits alone begin an amount with its thousands."""
    text = typed(completion.text)
    return (text, text.replace(",", "")) if "," in text else (text,)


def _plurals(schema: Schema) -> Iterator[Completion]:
    """Yield what records are called by their kind: "rentals"."""
    for enum_name, value in schema.conventions.amount_fields:
        field = schema.by_name[enum_name]
        label = next(each.label for each in field.values if each.name == value)
        yield Completion(plural(label.lower()), "VALUE", SuggestionKind.VALUE, field)


def _values(schema: Schema, vocabulary: Vocabulary) -> dict[str, list[tuple[str, Completion]]]:
    """Return the completions of each field's values, by what begins them."""
    found: dict[str, list[tuple[str, Completion]]] = {}
    seen: set[str] = set()
    place = {field.name: number for number, field in enumerate(schema.fields)}
    for term in sorted(vocabulary, key=lambda term: (place.get(term.field, -1), term.key)):
        field = schema.by_name.get(term.field)
        beginning = typed(term.spelling)
        if field is None or not beginning:
            continue
        shadowed = term.key in seen
        seen.add(term.key)
        completion = Completion(term.spelling, "VALUE", SuggestionKind.VALUE, field, stored=True, shadowed=shadowed)
        found.setdefault(field.name, []).append((beginning, completion))
    return found


def _inner(pairs: Iterable[tuple[str, Completion]]) -> Iterator[tuple[str, Completion]]:
    """Yield values under each of their later words: "lifts" of "Aerial Lifts"."""
    for beginning, each in pairs:
        for word in beginning.split(" ")[1:]:
            if len(word) >= _SHORTEST_INNER and word.isalpha():
                yield word, replace(each, inner=True)


def _few(values: dict[str, list[tuple[str, Completion]]]) -> Iterator[tuple[str, list[Completion]]]:
    for name, pairs in values.items():
        yield name, [each for _, each in pairs[:_LOOKED_AT]]
