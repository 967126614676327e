"""Suggest: how a question can go on from the caret, or end the word that is half typed there.

Gives `suggester`, `Suggester`, `Suggestion` and `SuggestionKind`. What is offered fits the grammar after the
words before the caret, and names what the vocabulary holds; accepted, it reads, or can be gone on from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Final

from nlq.completion.completions import Completion, Completions, SuggestionKind
from nlq.completion.expected import automaton
from nlq.completion.occasions import NEXT, NOUN, Head, read_head
from nlq.normalize import Kind, Token, tokenize
from nlq.schema import FieldSpec, FieldType, Schema
from nlq.tagging.fuzzy import Speller
from nlq.tagging.tagger import Tagger
from nlq.tagging.tags import FILLER, Tagged
from nlq.tagging.tries import fixed_phrases
from nlq.vocabulary import Vocabulary

__all__ = ["Suggester", "Suggestion", "SuggestionKind"]

MOST: Final = 20
"""Most suggestions at once."""
_LONGEST: Final = 5
"""Most tokens of a phrase that is half typed."""
_REMEMBERED: Final = 1024
_FEW: Final = 2
"""Values of a field that are offered before a letter is typed."""
_SHORTEST_GUESS: Final = 2
MOST_GROUPS: Final = 2
_BEFORE_NUMBER: Final = frozenset(("RANK", "LIMIT", "COUNT", "FIELD:FUNCTION", "FIELD:COUNT", "amount", "limited"))
"""What was said last where a value that begins with a digit would be read as a number."""
_DIGITS: Final = re.compile(r"(?<!\w)\d[\d,]*$")
_PREPOSITIONS: Final = frozenset(("in", "from", "of", "on"))
_WHOLE: Final = frozenset(("VALUE", "FLAG", "CLAIM", "DATE", "limited", "FIELD:WITH", "FIELD:WITHOUT"))
"""What was said last where a condition can end."""


_Ranked = tuple[tuple[object, ...], Completion]
_Found = tuple[tuple[object, ...], int, Completion, bool]
"""What a completion is ordered by, where it begins, the completion, and whether it is a guess."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A text that can stand at the caret."""

    text: str
    """What to write in the place of `start` to `end`."""
    start: int
    """First character that it replaces, in code points."""
    end: int
    """The character after the last; equal to `start` where nothing is replaced."""
    kind: SuggestionKind
    field: str = ""
    """Name of the field of a value or a flag, or of the field that is named; empty for other words."""
    guessed: bool = False
    """Whether what is typed begins no known phrase, and this is only near it."""


class Suggester:
    """Completes the questions of one schema and vocabulary. Immutable: threads may share it."""

    def __init__(
        self,
        schema: Schema,
        completions: Completions,
        tag: Callable[[list[Token]], list[Tagged]],
        correct: Callable[[str], str | None],
        is_safe: Callable[[str], bool],
    ) -> None:
        """Take the completions, what tags tokens, what corrects a word, and what says that a value needs no quotes."""
        self._schema = schema
        self._completions = completions
        self._tag = tag
        self._automaton = automaton()
        self._head = lru_cache(_REMEMBERED)(self._read)
        self._correct = correct
        self._is_safe = is_safe
        ordered = sorted(schema.fields, key=_usefulness)
        self._place = {field.name: place for place, field in enumerate(ordered)}
        self._flags = frozenset(
            each.field.name for each in completions.usual if each.tag == "FLAG" and each.field is not None
        )
        self._nouns = frozenset(enum for enum, _ in schema.conventions.amount_fields)

    def suggest(self, text: str, caret: int, keep: Callable[[Completion], bool] = bool) -> tuple[Suggestion, ...]:
        """Return at most `MOST` suggestions for a caret within a text, the most useful first.

        `keep` says which completions are wanted: all, unless it is given.
        """
        tokens = tokenize(text[:caret])
        touching = bool(tokens) and tokens[-1].end == caret
        found = self._typed(text[:caret], tokens, touching) or self._guessed(text[:caret], tokens, touching)
        if not touching and (not found or self._head(text[:caret])[0].ends_known):
            found += self._next(text[:caret])
        end = word_end(text, caret) if touching else caret
        best: dict[str, Suggestion] = {}
        for _, start, each, guessed in sorted(found, key=itemgetter(0)):
            if each.text not in best and keep(each):
                name = each.field.name if each.field is not None else ""
                best[each.text] = Suggestion(self._text(each), start, end, each.kind, name, guessed)
            if len(best) == MOST:
                break
        return tuple(best.values())

    def naming(self, text: str, caret: int) -> tuple[Suggestion, ...]:
        """Return the values that the last words begin, of whatever field; some, where they begin none.

        They need not fit behind the words before: that is for a reading of the whole to tell.
        """
        tokens = tokenize(text[:caret])
        touching = bool(tokens) and tokens[-1].end == caret
        found: list[tuple[int, Completion]] = []
        for count in range(min(_LONGEST, len(tokens)), 0, -1):
            tail = tokens[-count:]
            if not any(token.kind is Kind.QUOTED for token in tail):
                prefix = _text_of(tail) + ("" if touching else " ")
                begun = (*self._completions.fixed(prefix), *self._completions.values(prefix, self._place))
                found += [(tail[0].start, each) for each in begun]
        if not (touching or found):
            firsts = (each for few in self._completions.first.values() for each in few[:_FEW])
            found = [(caret, each) for each in (*self._completions.usual, *firsts)]
        end = word_end(text, caret) if touching else caret
        values = {each.text: (start, each) for start, each in reversed(found) if each.tag == "VALUE"}
        return tuple(
            Suggestion(self._text(each), start, end, each.kind, each.field.name if each.field is not None else "")
            for start, each in reversed(values.values())
        )[:MOST]

    def is_whole(self, text: str) -> bool:
        """Return whether a text ends with a space, and no word of it asks for more."""
        said = self._head(text)[0]
        return text.endswith(" ") and said.ends_known and said.last in _WHOLE and said.preposition not in _PREPOSITIONS

    def _text(self, each: Completion) -> str:
        """Return a completion as a question says it: a value that reads otherwise in quotes."""
        if not each.stored:
            return each.text
        escaped = each.text.replace("\\", "\\\\").replace('"', '\\"')
        return each.text if escaped == each.text and self._is_safe(each.text) else f'"{escaped}"'

    def _typed(self, before: str, tokens: list[Token], touching: bool) -> list[_Found]:
        """Return what the last words begin, those of the most words first, each with where it begins."""
        found: list[_Found] = []
        digits = _DIGITS.search(before)
        if digits is not None:
            ranked = self._beginning(before[: digits.start()], digits.group(), 1)
            found += [(key, digits.start(), each, False) for key, each in ranked]
        whole = 0 if touching or not tokens else self._head(before)[0].last_words
        # "by" of "modified by" begins no phrase of its own.
        for count in range(min(_LONGEST, len(tokens)), max(whole, 1) - 1, -1):
            tail = tokens[-count:]
            prefix = _text_of(tail) + ("" if touching else " ")
            start = tail[0].start
            if any(token.kind is Kind.QUOTED for token in tail) or not self._completions.has(prefix):
                continue
            # "how m" begins "how many", not a word behind "how".
            if not found or self._head(before[:start])[0].ends_known:
                found += [(key, start, each, False) for key, each in self._beginning(before[:start], prefix, count)]
        return found

    def _guessed(self, before: str, tokens: list[Token], touching: bool) -> list[_Found]:
        """Return what the last words may be meant to begin, where they begin nothing: a slip mended, or their start."""
        for count in (2, 1) if touching else ():
            tail = tokens[-count:]
            if len(tail) < count or tail[-1].kind not in (Kind.WORD, Kind.NUMBER):
                continue
            start = tail[0].start
            for prefix in self._near(tail):
                found = self._beginning(before[:start], prefix, count)
                if found:
                    return [(key, start, each, True) for key, each in found]
        return []

    def _near(self, tail: Sequence[Token]) -> Iterator[str]:
        """Yield beginnings that are near what was typed: its words with the last one's slip mended, or cut short."""
        text = _text_of(tail)
        mended = self._correct(tail[-1].key)
        if mended is not None:
            yield f"{_text_of(tail[:-1])} {mended}".strip()
        for length in range(len(text) - 1, max(_SHORTEST_GUESS, len(text) // 2) - 1, -1):
            if self._completions.has(text[:length]):
                yield text[:length].rstrip()
                return

    # What fits

    def _beginning(self, head: str, prefix: str, count: int) -> list[_Ranked]:
        """Return the completions of a beginning, of so many words, that fit behind a head."""
        said, order = self._head(head)
        fields = self._value_fields(said) if "VALUE" in order else ()
        candidates = [*self._completions.fixed(prefix), *self._completions.values(prefix, fields)]
        return self._ranked(candidates, said, order, count, spaced=prefix.endswith(" "))

    def _next(self, head: str) -> list[_Found]:
        """Return what fits behind a head before a letter is typed."""
        said, order = self._head(head)
        candidates = list(self._completions.usual)
        if "VALUE" in order:
            fields = self._value_fields(said)
            due = [name for name in fields if self._is_due(name, said)]
            for name in due or fields:
                candidates += self._completions.first.get(name, ())[: MOST if due else _FEW]
        return [(key, len(head), each, False) for key, each in self._ranked(candidates, said, order, 0, spaced=True)]

    def _ranked(
        self, candidates: Iterable[Completion], said: Head, order: Sequence[str], count: int, *, spaced: bool
    ) -> list[_Ranked]:
        """Return those of the candidates that fit, each with what it is ordered by."""
        places = {tag: place for place, tag in enumerate(order)}
        return [
            (self._key(each, said, places.get(self._tag_of(each), places[each.tag]), count, spaced=spaced), each)
            for each in candidates
            if each.tag in places and self._fits(each, said)
        ]

    def _tag_of(self, each: Completion) -> str:
        """Return the tag of a completion, values that are nouns told from the others."""
        noun = each.tag == "VALUE" and each.field is not None and each.field.name in self._nouns
        return NOUN if noun else each.tag

    def _key(self, each: Completion, said: Head, place: int, count: int, *, spaced: bool) -> tuple[object, ...]:
        """Return what a completion is ordered by: what is called for, what is usual, what more words begin."""
        name = each.field.name if each.field is not None else ""
        named = each.kind is not SuggestionKind.WORD
        ended = spaced and count > 0 and each.kind is SuggestionKind.VALUE and not each.rank
        return (
            each.inner,
            not (ended or self._is_due(name, said)),
            each.rank > 0 or (count > 0 and not named),
            -count if named else 0,
            place,
            self._place.get(name, -1),
            each.rank,
            each.number,
            each.natural,
        )

    def _read(self, head: str) -> tuple[Head, tuple[str, ...]]:
        """Return what a head says, and the tags that may follow, the most useful first."""
        tokens = tokenize(head)
        tagged = self._tag(tokens)
        said = read_head(tagged, tokens)
        accepted = self._automaton.accepts(self._automaton.after(tagged)) | {FILLER}
        accepted |= {NOUN} if "VALUE" in accepted else frozenset()
        return said, tuple(tag for tag in dict.fromkeys(NEXT.get(said.last, ())) if tag in accepted)

    def _value_fields(self, said: Head) -> tuple[str, ...]:
        """Return the fields whose values can be named: those of which none was, or the one whose list goes on."""
        if said.last == "FIELD" and said.field is not None:
            return (said.field.name,)
        return tuple(name for name in self._place if name in said.listed or name not in said.said)

    def _is_due(self, name: str, said: Head) -> bool:
        """Return whether the word before calls for values of a field."""
        if name in said.listed or (said.last == "FIELD" and said.field is not None and said.field.name == name):
            return True
        return bool(said.preposition) and self._schema.conventions.prepositions.get(name) == said.preposition

    def _fits(self, each: Completion, said: Head) -> bool:
        """Return whether a completion says something new here."""
        if each.tag == FILLER:
            return self._fits_filler(each.text, said)
        if each.tag == "INCLUDING":
            return not self._flags <= said.said
        if said.preposition in _PREPOSITIONS and said.last != "":
            return each.tag == "VALUE" and self._fits_value(each, said)
        if each.tag in ("VALUE", "FLAG"):
            return self._fits_value(each, said)
        if each.tag in ("FIELD", "MEASURE") and each.field is not None:
            return _fits_field(each.field, said, named=each.field.name in self._completions.first)
        return _fits_word(each.tag, said)

    def _fits_filler(self, text: str, said: Head) -> bool:
        """Return whether words that begin a question begin it, and a preposition has values to come."""
        if text not in _PREPOSITIONS:
            return said.last == "" and not said.preposition
        if said.last == "" or said.preposition in _PREPOSITIONS:
            return False
        named = self._schema.conventions.prepositions
        return any(named.get(name) == text for name in self._completions.first if name not in said.said)

    def _fits_value(self, each: Completion, said: Head) -> bool:
        name = each.field.name if each.field is not None else ""
        if said.last == "FIELD":
            return said.field is not None and said.field.name == name
        if each.shadowed or (said.last in _BEFORE_NUMBER and each.text[0].isdigit()):
            return False
        return name not in said.said or (name in said.listed and each.tag == "VALUE")


def suggester(schema: Schema, vocabulary: Vocabulary, tagger: Tagger, speller: Speller) -> Suggester:
    """Return the suggester of a language; it takes as long as reading the vocabulary once."""

    def tag(tokens: list[Token]) -> list[Tagged]:
        return tagger.tag(tokens)

    completions = Completions(fixed_phrases(schema), schema, vocabulary)
    return Suggester(schema, completions, tag, speller.correct, tagger.is_safe)


def _usefulness(field: FieldSpec) -> int:
    """Return how soon a field is offered: money first, then what has values, then dates."""
    if field.type is FieldType.MONEY:
        return 0
    return 1 if field.named or field.type is FieldType.ENUM else 2 if field.type is FieldType.DATE else 3


def _fits_field(field: FieldSpec, said: Head, *, named: bool) -> bool:
    """Return whether a field can stand behind what was said last; `named`: whether it has values to go on with."""
    if field.name in said.said or field.type is FieldType.BOOL:
        return False
    money = field.type in (FieldType.MONEY, FieldType.INTEGER)
    match said.last:
        case "BY":
            return field.groupable and said.groups <= MOST_GROUPS
        case "SORT" | "THEN":
            return field.sortable
        case "WITH" | "WITHOUT" | "ABSENT":
            return field.filterable and field.type not in (FieldType.NAMES, FieldType.ENUM, FieldType.INTEGER)
        case "DIFFERENT" | "COUNT":
            return field.groupable
        case "FUNCTION" | "EXTREME":
            return field.type is FieldType.MONEY
    return named or field.type is FieldType.DATE or (money and not said.figures and field.filterable)


def _fits_word(tag: str, said: Head) -> bool:
    """Return whether a word of the grammar leads on."""
    match tag:
        case "SORT" | "RANK" | "LIMIT" | "EXTREME":
            return not (said.ordered or said.figures or said.groups)
        case "COUNT" | "FUNCTION":
            return not said.figures and not said.ordered
        case "BY":
            return said.groups == 0 and not said.ordered
        case "COMPARE" | "BETWEEN" | "ABOUT":
            if said.field is not None:
                return said.field.type in (FieldType.MONEY, FieldType.INTEGER)
            return not (said.limited or said.figures or said.ordered)
        case "AND" | "OR":
            return said.last in ("VALUE", "FLAG", "range")
        case "CLAIM":
            return not said.claimed and not said.either  # some stand for two conditions, which are no alternative
        case "EVENT" | "SPAN":
            return not said.claimed
        case "DATE":
            return said.field is None or said.field.type in (FieldType.DATE, FieldType.TIME)
        case "THEN":
            return said.ordered
    return True


def _text_of(tokens: Sequence[Token]) -> str:
    """Return tokens as beginnings are compared."""
    return " ".join(token.raw.casefold() for token in tokens)


def word_end(text: str, caret: int) -> int:
    """Return where the word ends that a caret is in or touches."""
    while caret < len(text) and text[caret].isalnum():
        caret += 1
    return caret
