"""Tries: words and values by their tokens, for the longest match from a position.

Gives `Trie`, `fixed_trie` (the words of the language and of the schema) and `ValueTrie` (the vocabulary); and
`uncollected`, within which they are made.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from nlq.amounts import comparisons
from nlq.normalize import Token, keys
from nlq.query import DatePart, Operator
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging import fillers, measure_words, words
from nlq.tagging.convention_words import convention_phrases, undone_phrases
from nlq.tagging.tags import FILLER, PRONOUN, RECORD, UNKNOWN, Flagged, Meaning, Payload, Rank, Reading
from nlq.vocabulary import Synonym, Term, Vocabulary

_END: Final = ""
"""Key of a node under which its readings are kept; no token has it."""

_RANKS: Final[dict[str, tuple[str, Payload]]] = {
    "TOP": ("RANK", Rank(descending=True)),
    "BOTTOM": ("RANK", Rank(descending=False)),
    "DEAREST": ("RANK", Rank(descending=True, money=True)),
    "CHEAPEST": ("RANK", Rank(descending=False, money=True)),
    "HIGHEST": ("EXTREME", Rank(descending=True)),
    "LOWEST": ("EXTREME", Rank(descending=False)),
    "DEAREST_FIRST": ("DIRECTION", Rank(descending=True, money=True)),
    "CHEAPEST_FIRST": ("DIRECTION", Rank(descending=False, money=True)),
    "POSITIVE": ("SIGNED", Operator.GT),
    "NONZERO": ("SIGNED", Operator.NE),
    "NEGATIVE": ("SIGNED", Operator.LT),
    "NEWEST": ("RANK", Rank(descending=True, dated=True)),
    "OLDEST": ("RANK", Rank(descending=False, dated=True)),
    "NEWEST_FIRST": ("DIRECTION", Rank(descending=True, dated=True)),
    "OLDEST_FIRST": ("DIRECTION", Rank(descending=False, dated=True)),
    "RANKED": ("SORT", Rank(descending=True)),
    "MOST": ("MOST", Rank(descending=True)),
    "FEWEST": ("MOST", Rank(descending=False)),
    "WEEK": ("DATEPART", DatePart.WEEK),
    "MONTH": ("DATEPART", DatePart.MONTH),
    "QUARTER": ("DATEPART", DatePart.QUARTER),
    "YEAR": ("DATEPART", DatePart.YEAR),
    "DOWN": ("DIRECTION", Rank(descending=True)),
    "UP": ("DIRECTION", Rank(descending=False)),
}
_MEASURED: Final = (FieldType.MONEY, FieldType.INTEGER)
_LESS_THAN_OTHERS: Final = (FILLER, UNKNOWN)


_CONNECTING: Final = frozenset(
    (
        *("and", "or", "not", "in", "of", "on", "at", "with", "without", "under", "by"),
        *("sorted", "then", "the", "including", "modified", ","),
    )
)
"""Keys that can follow a value in a sentence, or stand between two."""
_NOUN: Final = "record"
"""What sentences call records, as a key."""
_OF_SENTENCES: Final = _CONNECTING | frozenset(
    (
        *("record", "amount", "that", "are", "is", "was", "whose", "who", "a", "an", "there", "any", "but", "first"),
        *("left", "out", "by", "between", "over", "exactly", "most", "least", "from", "to", "since", "before", "after"),
        *("same", "as", "different", "equal", "plus", "minus", "day", "month", "later", "earlier", "counting", "count"),
        *("number", "ascending", "descending", "for", "all", "set", "%"),
    )
)
"""Keys around what a sentence names; a value of nothing else, "first 5" or "an amount", is named in quotes alone."""
_SHORTEST_STRUCTURE: Final = 5


class Trie:
    """Sequences of keys → readings."""

    def __init__(self) -> None:
        self._root: dict[str, Any] = {}

    def add(self, path: Sequence[str], reading: Reading) -> None:
        """Add a reading of a sequence; readings added earlier are preferred. An empty sequence is ignored."""
        if not path:
            return
        node = self._root
        for key in path:
            node = node.setdefault(key, {})
        readings: tuple[Reading, ...] = node.get(_END, ())
        if reading not in readings:
            node[_END] = (*readings, reading)

    def longest(self, tokens: Sequence[Token], index: int) -> tuple[int, tuple[Reading, ...]] | None:
        """Return the index after the longest sequence that starts at a token, and its readings."""
        node: dict[str, Any] | None = self._root.get(tokens[index].key)
        found: tuple[int, tuple[Reading, ...]] | None = None
        count = len(tokens)
        while node is not None:  # for most words it is None at once in one of two tries
            index += 1
            readings = node.get(_END)
            if readings is not None:
                found = index, readings
            if index == count:
                break
            node = node.get(tokens[index].key)
        return found

    def single(self) -> frozenset[str]:
        """Return the keys that are a whole sequence each."""
        return frozenset(key for key, node in self._root.items() if key != _END and _END in node)

    def exactly(self, path: Iterable[str]) -> tuple[Reading, ...]:
        """Return the readings of a whole sequence, none where it is not there."""
        node: dict[str, Any] = self._root
        for key in path:
            node = node.get(key, {})
        readings: tuple[Reading, ...] = node.get(_END, ())
        return readings


def fixed_trie(schema: Schema) -> tuple[Trie, frozenset[str]]:
    """Return the trie of the words that do not hang on the vocabulary, and every single word in it."""
    trie = Trie()
    known: set[str] = set()
    for phrase, reading in fixed_phrases(schema):
        path = keys(phrase)
        known.update(path)
        present = trie.exactly(path)
        if reading.tag not in _LESS_THAN_OTHERS or not present:
            trie.add(path, reading)
    return trie, frozenset(known)


def fixed_phrases(schema: Schema) -> Iterator[tuple[str, Reading]]:
    """Yield the phrases with their readings, the preferred reading of a phrase first."""
    for operator, phrases in comparisons.SUFFIXES.items():
        yield from ((phrase, Reading("SUFFIX", operator)) for phrase in phrases)
    for tag, phrases in words.PHRASES.items():
        name, payload = _RANKS.get(tag, (tag, None))
        yield from ((phrase, Reading(name, payload)) for phrase in phrases)
    for operator, phrases in comparisons.COMPARISONS.items():
        yield from ((phrase, Reading("COMPARE", operator)) for phrase in phrases)
    for operator, phrases in measure_words.WHEN.items():
        yield from ((phrase, Reading("WHEN", operator)) for phrase in phrases)
    for operator, phrases in measure_words.LONGER.items():
        yield from ((phrase, Reading("LONGER", operator)) for phrase in phrases)
    yield from ((phrase, Reading("ABOUT")) for phrase in comparisons.ABOUT)
    for function, phrases in measure_words.FUNCTIONS.items():
        yield from ((phrase, Reading("FUNCTION", function)) for phrase in phrases)
    yield from convention_phrases(schema)
    for field in schema.fields:
        yield from _field_phrases(field)
    for word in schema.conventions.equipment_words:
        yield word, Reading(RECORD)
    for phrase, name in schema.conventions.amount_words.items():
        yield phrase, Reading("AMOUNT_OF", schema.by_name[name])
    yield from ((phrase, Reading(PRONOUN)) for phrase in fillers.PRONOUNS)
    yield from ((phrase, Reading(FILLER)) for phrase in fillers.FILLERS)
    yield from ((phrase, Reading(UNKNOWN)) for phrase in fillers.UNREAD)
    yield from undone_phrases(schema)


def _field_phrases(field: FieldSpec) -> Iterator[tuple[str, Reading]]:
    """Yield what questions call a field, its enum values and its flag's states."""
    for state, phrases in ((True, field.true_words), (False, field.false_words)):
        yield from ((phrase, Reading("FLAG", Flagged(field, state))) for phrase in phrases)
    for value in field.values:
        for word in dict.fromkeys((value.label, value.name, *value.words)):
            yield word, Reading("VALUE", (Meaning(field, value.name),))
    tag = "MEASURE" if field.type in _MEASURED else "FIELD"
    if field.type is FieldType.BOOL:
        yield field.name, Reading("FLAG", Flagged(field, state=True))
    for word in dict.fromkeys((*field.words, field.name)):
        yield word, Reading(tag, field)


def said_names(schema: Schema, fixed: Trie) -> dict[str, str]:
    """Return for each field the first of its names that is read as the field before anything else."""
    names = {}
    for each in (*schema.fields, *schema.computed):
        words_of = (*each.words, each.name.replace("_", " "))
        sure = (word for word in words_of if (found := fixed.exactly(keys(word))) and _names(found, each))
        # Flags are called by their label: they are named to sort and group by, where only a field fits.
        names[each.name] = each.label if each.type is FieldType.BOOL else next(sure, each.label)
    return names


def _names(found: tuple[Reading, ...], field: FieldSpec) -> bool:
    """Return whether a word is read as a field before anything else, but for the gap that a computed one can say."""
    return next(reading.payload for reading in found if reading.tag != "GAP") is field


def spelling_targets(schema: Schema) -> set[str]:
    """Return the words that a misspelt one may stand for: those with a meaning.

    Short words of the grammar are left out: too many words of English are near them.
    """
    targets: set[str] = set()
    for phrase, reading in fixed_phrases(schema):
        meaningful = reading.tag in ("FLAG", "VALUE", "FIELD", "MEASURE")
        if reading.tag not in (FILLER, PRONOUN, UNKNOWN):
            targets.update(key for key in keys(phrase) if meaningful or len(key) >= _SHORTEST_STRUCTURE)
    return targets


@contextmanager
def uncollected() -> Iterator[None]:
    """Let no garbage be looked for while a language is prepared: there is none in it, and looking doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


_MOST_PARTLY: Final = 20
"""Most values that a part of their names may stand for."""


def _named_end(path: Sequence[str], tokens: Sequence[Token], index: int) -> int | None:
    """Return the index after the words of a name, from the one at a token to its last before a size; None if cut."""
    place = path.index(tokens[index].key)
    end = place
    while end < len(path) and path[end].isalpha():
        end += 1
    size = any(map(str.isdigit, path[end])) if end < len(path) else False
    whole = place == 0 and end == len(path)
    words = path[place:end]
    sized = size and place == 0
    if whole or not (end == len(path) or sized):
        return None
    stop = index + len(words)
    return stop if [token.key for token in tokens[index:stop]] == list(words) else None


def _is_of_sentences(path: Sequence[str]) -> bool:
    """Return whether a value could be read anywhere in a sentence: it has only words, and numbers, that these have."""
    words = [key for key in path if not key.isdecimal()]
    if len(path) == 1:
        return path[0] == _NOUN or path[0] in _CONNECTING
    return bool(words) and _OF_SENTENCES.issuperset(words)


class ValueTrie(Trie):
    """The values of the vocabulary, with those of one spelling under one entry."""

    def __init__(self, schema: Schema, vocabulary: Vocabulary) -> None:
        super().__init__()
        self.words: set[str] = set()
        """Every token of a value."""
        self.values: dict[str, list[str]] = {}
        """Field name → its spellings."""
        self._exact: dict[str, list[Meaning]] = {}
        self.holding: dict[str, list[Meaning]] = {}
        """Word of more than two letters → the values that hold it beside others."""
        by_field: dict[str, list[Term]] = {}
        for term in vocabulary:  # those of one field come in the order of their keys
            by_field.setdefault(term.field, []).append(term)
        with uncollected():
            for field in schema.fields:
                for term in by_field.get(field.name, ()):
                    self._add_value(Meaning(field, term.spelling, uses=term.uses), term.key)
        for synonym in vocabulary.synonyms:
            self._add_synonym(synonym, schema)

    def _add_value(self, meaning: Meaning, key: str) -> None:
        """Add a value under its tokens; a name of two words also as one ("lighttowers")."""
        path = keys(meaning.value)
        if not _is_of_sentences(path):
            self._add_meaning(path, meaning)
        if len(path) == 2 and path[0].isalpha() and path[1].isalpha():
            self._add_meaning(keys("".join(filter(str.isalpha, meaning.value))), meaning)
        self.words.update(path)
        self.values.setdefault(meaning.field.name, []).append(meaning.value)
        self._exact.setdefault(key, []).append(meaning)
        for word in path if len(path) > 1 else ():
            if len(word) > 2 and word.isalpha():
                self.holding.setdefault(word, []).append(meaning)

    def partly(self, tokens: Sequence[Token], index: int) -> tuple[int, Reading] | None:
        """Return the values of one field whose names end with the words from a token on, and the index after these.

        "lifts" is Aerial Lifts, "crawlers" every class of crawlers; a name that goes on with a size, as "Scissor 26FT"
        does, ends before it.
        """
        holding = self.holding.get(tokens[index].key, ())
        if not holding or len(holding) > _MOST_PARTLY:
            return None
        said = [(end, each) for each in holding if (end := _named_end(keys(each.value), tokens, index)) is not None]
        if not said:
            return None
        longest = max(end for end, _ in said)
        field = next(each.field for end, each in said if end == longest)
        meanings = [
            Meaning(field, each.value, partly=True) for end, each in said if end == longest and each.field is field
        ]
        return longest, Reading("VALUE", tuple(meanings))

    def _add_synonym(self, synonym: Synonym, schema: Schema) -> None:
        """Add what an organization calls a value or a field; one of a field that the schema lacks is ignored."""
        field = schema.by_name.get(synonym.field)
        path = keys(synonym.phrase)
        if field is None or not path:
            return
        self.words.update(path)
        if synonym.value is None:
            self.add(path, Reading("MEASURE" if field.type in _MEASURED else "FIELD", field))
        elif field.type is FieldType.BOOL:
            self.add(path, Reading("FLAG", Flagged(field, synonym.value == "true")))
        else:
            self._add_meaning(path, Meaning(field, synonym.value))

    def _add_meaning(self, path: Sequence[str], meaning: Meaning) -> None:
        """Add one more meaning to the values of a path, keeping the order of the schema's fields."""
        if not path:
            return
        node = self._root
        for key in path:
            node = node.setdefault(key, {})
        readings: tuple[Reading, ...] | None = node.get(_END)
        if readings is None:
            node[_END] = (Reading("VALUE", (meaning,)),)
            return
        payload: Payload = next((each.payload for each in readings if each.tag == "VALUE"), ())
        meanings = payload if isinstance(payload, tuple) else ()
        if not any(other.field is meaning.field for other in meanings):
            others = (each for each in readings if each.tag != "VALUE")
            node[_END] = (Reading("VALUE", (*meanings, meaning)), *others)

    def ends_clearly(self, value: str) -> bool:
        """Return whether the bare words of a value end where it ends, whatever a sentence says after it."""
        node: dict[str, Any] = self._root
        for key in keys(value):
            if key in _CONNECTING:
                return False
            node = node.get(key, {})
        return not any(key in _CONNECTING for key in node)

    def exact(self, key: str) -> tuple[Meaning, ...]:
        """Return the values with a folded key, as a quoted text names them."""
        return tuple(self._exact.get(key, ()))
