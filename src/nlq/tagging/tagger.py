"""Tag words: tokens become stretches with what they can mean.

Gives `Tagger`. At each token the longest of four readers wins: the fixed words, the vocabulary, numbers, and money;
stretches of equal length keep all their readings, and the grammar chooses. What no reader knows is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from nlq.amounts.money import MARKS
from nlq.amounts.numbers import NUMBER_WORDS
from nlq.dates import DateReading
from nlq.normalize import NUMBER, QUOTED, TAKEN, WORD, Token, keys
from nlq.schema import Schema
from nlq.tagging.amounting import AmountTagger, ends_amount, is_due
from nlq.tagging.any_asked import DOES, ask_any
from nlq.tagging.changed import ChangedReader
from nlq.tagging.changed_values import SAYING, ChangedValueReader
from nlq.tagging.keyed import KeyReader
from nlq.tagging.leads import LEADS, skip_leads
from nlq.tagging.matching import Matcher
from nlq.tagging.next_few import FEW, take_few
from nlq.tagging.short_values import NUMERALS, ShortValues, is_letter
from nlq.tagging.tags import FILLER, UNKNOWN, Reading, Tagged
from nlq.tagging.timing import TIME_STARTS, can_be_timed, read_timed
from nlq.tagging.tries import ValueTrie, fixed_trie
from nlq.tagging.value_ranges import close_range
from nlq.tagging.when_asked import PERIODS, WHEN, ask_when, ask_which_period
from nlq.vocabulary import Vocabulary

_RANGING: Final = frozenset(("-", "–", "—", "..", "..."))
"""What stands between the two ends of a range: "5k-10k"."""
_NO_GAP: Final = frozenset(("", " "))
_DAY: Final = timedelta(days=1)
_SOME_DAY: Final = date(2000, 1, 1)
_RANGE_ENDS: Final = frozenset(("VALUE", "NUMBER", UNKNOWN))
_NEGATIONS: Final = frozenset(("not", "never"))
_OPEN_ENDS: Final = frozenset(("PAST", "TO_DATE", "FUTURE"))
_BEFORE_TIMES: Final = _OPEN_ENDS | {"TO"}
"""Tags of what can be a part of a date behind it, or a date of its own."""
_COMPARING: Final = frozenset(("COMPARE", "WHEN"))
_NEGATED: Final = frozenset(("VALUE", "CLAIM"))
_WEAK: Final = frozenset((FILLER, UNKNOWN, "DATEPART"))
"""Tags that give way to a time of the same length."""
_UNKNOWN: Final = (Reading(UNKNOWN),)
_FILLER: Final = (Reading(FILLER),)
_TO: Final = (Reading("TO"),)
_OR: Final = (Reading("OR"),)
_COUNTS_TIME: Final = NUMBER_WORDS | {"at", "more", "less", "over", "under", "up", "exactly", "between", "about", "no"}
"""Words that can stand between "that last" and how long that is."""
_BEFORE_TIME: Final = frozenset(("COMPARE", "LONGER", "LASTING", "BY"))
"""Tags before "a month" that make it a length of time, and no rate."""
_AMOUNT_STARTS: Final = NUMBER_WORDS | MARKS.keys() | {"u"}
"""Words, as keys, that an amount can begin with."""
_COUNTING: Final = _AMOUNT_STARTS | TIME_STARTS
"""Words, as keys, that can be a part of a number, of an amount or of a time."""

_MARKS: Final[tuple[tuple[Set[str], Callable[[list[Tagged], Sequence[Token], date], list[Tagged]]], ...]] = (
    (LEADS, skip_leads),
    (DOES, ask_any),
    (FEW, take_few),
    (PERIODS, ask_which_period),
    (WHEN, ask_when),
)
"""Words, as keys, that few questions hold, and what reads the stretches that mean something together with them."""


class Tagger:
    """Tags the words of questions for one schema, vocabulary and currency."""

    def __init__(self, schema: Schema, vocabulary: Vocabulary, currency: str) -> None:
        self.fixed, fixed_words = fixed_trie(schema)
        self.values = ValueTrie(schema, vocabulary)
        self.known = fixed_words | self.values.words | NUMBER_WORDS | MARKS.keys()
        """Every single word that some reader knows."""
        self._matcher = Matcher(schema, self.fixed, self.values)
        self._amounts = AmountTagger(currency)
        self._short = ShortValues(self.values)
        self._keys = KeyReader(schema, self.fixed, self.values, vocabulary.synonyms)
        self._changed = ChangedReader(schema)
        self._changed_values = ChangedValueReader(schema)
        self._recorded = frozenset(schema.conventions.dates.recorded)
        self._seldom = self._changed.words.union(SAYING, *(words for words, _ in _MARKS))
        """Every word, as a key, that `_marked` looks for: most questions have none, and pass it by."""

    def belongs_to_phrases(self, key: str) -> bool:
        """Return whether a word is a part of what is read in longer phrases, and of no value: "march"."""
        return key in self.known and key not in self.values.words and not self.fixed.exactly((key,))

    def is_safe(self, value: str) -> bool:
        """Return whether the bare words of a value, behind its label, are read as that value alone."""
        path = keys(value)
        is_read = bool(self.values.exactly(path)) and not self.fixed.exactly(path)
        return is_read and self.values.ends_clearly(value)

    def tag(self, tokens: list[Token], today: date = _SOME_DAY) -> list[Tagged]:
        """Return stretches that cover the tokens in order. Linear in their number.

        `today` is what "today" means; it makes no difference to the tags.
        """
        tagged: list[Tagged] = []
        index, count = 0, len(tokens)
        said = {token.key for token in tokens}
        keyed = self._keys.may_read(said)
        while index < count:
            stretch = self._keys.read(tokens, index, tagged) if keyed and tagged else None
            if stretch is None:
                stretch = self._next(tokens, index, tagged, today)
            gap = tokens[index].gap
            if gap not in _NO_GAP and tagged:
                tagged += _joined(gap, tagged[-1], stretch)
            tagged.append(stretch)
            index = stretch.end
            if stretch.readings[0].tag in _RANGE_ENDS:
                close_range(tagged, tokens, self.values)
        return tagged if self._seldom.isdisjoint(said) else self._marked(tagged, tokens, said, today)

    def _marked(self, tagged: list[Tagged], tokens: list[Token], said: Set[str], today: date) -> list[Tagged]:
        """Return stretches with those as one that mean something together, by words that few questions hold."""
        tagged = self._changed_values.mark(self._changed.read(tagged, tokens, said, today), tokens, said)
        for words, mark in _MARKS:
            if not words.isdisjoint(said):
                tagged = mark(tagged, tokens, today)
        return tagged

    def _next(self, tokens: list[Token], index: int, before: list[Tagged], today: date) -> Tagged:
        """Return the stretch that starts at a token."""
        token = tokens[index]
        is_word = token.kind is WORD
        if not is_word and (token.kind is QUOTED or token.key == TAKEN):
            return self._closed(tokens, index)
        if token.gap == "/" and before and before[-1].is_amount and (rate := self.fixed.exactly(("per", token.key))):
            return Tagged(index, index + 1, rate)
        end, readings = self._matcher.longest(tokens, index)
        behind = index + 1
        if readings and behind < len(tokens) and tokens[behind].key in NUMERALS:
            spelled = self._short.spelled(tokens, index, end)
            if spelled is not None:
                return spelled
        if end > behind and readings[0].tag == "SUFFIX" and not ends_amount(tokens, end, before):
            # "or over 9k" and "or over budget" are not the "or over" of "$9,000 or over".
            end, readings = behind, self.fixed.exactly((token.key,))
        plain = Tagged(index, end, readings or _UNKNOWN)
        tag = readings[0].tag if readings else ""
        # Most words are no part of a number, of an amount or of a time.
        if is_word and token.key not in _COUNTING and end == behind and tag not in _BEFORE_TIMES and len(token.raw) > 1:
            return plain if readings else self._unusual(tokens, index) or plain
        if tag in _BEFORE_TIMES or end > behind or can_be_timed(token):
            timed = self._timed(tokens, before, today, plain, tag)
            if timed is not None:
                return timed
        if not is_word or token.key in _AMOUNT_STARTS:
            plain.end, readings = self._amounts.add(tokens, index, before, end, readings)
            plain.readings = readings or _UNKNOWN
        if before and (token.kind is NUMBER or token.key in NUMBER_WORDS or is_letter(token)):
            elided = self._short.elided(tokens, index, before, plain)
            if elided is not None:
                return elided
        return plain if readings else self._unusual(tokens, index) or plain

    def _unusual(self, tokens: list[Token], index: int) -> Tagged | None:
        """Read what is no word of its own: "fork lifts" as one, "lifts" as the end of a name."""
        joined = self._matcher.joined(tokens, index)
        if joined is not None:
            return joined
        partly = self.values.partly(tokens, index)
        return Tagged(index, partly[0], (partly[1],)) if partly is not None else None

    def _timed(self, tokens: list[Token], before: list[Tagged], today: date, plain: Tagged, tag: str) -> Tagged | None:
        """Return the date, duration or percentage that starts where a stretch does, where it reaches farther.

        `tag` is that of the stretch, "" where no reader knows it.
        """
        index, end = plain.first, plain.end
        if tag == "TO" and index + 1 < len(tokens):
            return self._until(tokens, before, today, index)
        if tag in _OPEN_ENDS:
            return self._open_end(tokens, before, today, plain)
        if tag in _NEGATED and tokens[index].key in _NEGATIONS and self._is_timed(tokens, plain, today):
            return Tagged(index, index + 1, self.fixed.exactly((tokens[index].key,)))
        if end > index + 1 and (shorter := self._before_time(tokens, today, plain)) is not None:
            return shorter
        if not can_be_timed(tokens[index]):
            return None
        found = read_timed(tokens, index, today, before, due=is_due(before), recorded=self._recorded)
        if found is None or found[0] < end:
            return None
        lasts = tag == "AMOUNT_OF" and bool(before) and before[-1].tag in _BEFORE_TIME
        if found[0] == end and tag and not lasts and tag not in _WEAK:
            return None
        return Tagged(index, found[0], (found[1],))

    def _open_end(self, tokens: list[Token], before: list[Tagged], today: date, plain: Tagged) -> Tagged:
        """Return all days up to today, or from today on, or the longer "in the past week"."""
        index, end = plain.first, plain.end
        if tokens[end - 1].key == "by" and read_timed(tokens, end - 1, today, (), due=False) is not None:
            return Tagged(index, end - 1, self.fixed.exactly((tokens[index].key,)) or _UNKNOWN)  # "gone by June"
        longer = read_timed(tokens, index, today, before, due=False, recorded=self._recorded)
        if longer is not None and longer[0] > end:
            return Tagged(index, longer[0], (longer[1],))
        tag = plain.readings[0].tag
        start, stop = (today, None) if tag == "FUTURE" else (None, today + _DAY if tag == "TO_DATE" else today)
        return Tagged(index, end, (Reading("DATE", DateReading(end, start, stop, point=False)),))

    def _before_time(self, tokens: list[Token], today: date, plain: Tagged) -> Tagged | None:
        """Return a shorter stretch that leaves the time behind it its preposition, None where there is none.

        "starting from March" is no comparison as "starting from $5k" is, "updated by Friday" names no person.
        """
        tag, index, end = plain.readings[0].tag, plain.first, plain.end
        if tag == "LASTING" and tokens[end - 1].key == "last" and not _counts(tokens, end):
            return Tagged(index, end - 1, self.fixed.exactly((tokens[index].key,)) or _UNKNOWN)  # "that last week"
        if tag == "CLAIM":
            return self._before_part(tokens, today, plain)
        if tag in _COMPARING:
            shorter = self.fixed.exactly((tokens[index].key,))
            if shorter and shorter[0].tag == "EVENT" and read_timed(tokens, index + 1, today, (), due=False):
                return Tagged(index, index + 1, shorter)
            if (
                tag == "WHEN"
                and shorter
                and shorter[0].tag == FILLER
                and read_timed(tokens, index + 1, today, (), due=False)
            ):
                return Tagged(index, index + 1, shorter)  # "is before" of "forecast end is before July"
        elif tag == "FIELD" and tokens[end - 1].key == "by":
            shorter = self.fixed.exactly(token.key for token in tokens[index : end - 1])
            if shorter and shorter[0].tag != UNKNOWN and read_timed(tokens, end - 1, today, (), due=False):
                return Tagged(index, end - 1, shorter)
        return None

    def _before_part(self, tokens: list[Token], today: date, plain: Tagged) -> Tagged | None:
        """Return an event without the word behind it that begins a date: "finishing" of "finishing late June"."""
        last = plain.end - 1
        shorter = self.fixed.exactly(token.key for token in tokens[plain.first : last])
        if not shorter or shorter[0].tag != "EVENT" or not can_be_timed(tokens[last]):
            return None
        found = read_timed(tokens, last, today, (), due=False)
        return Tagged(plain.first, last, shorter) if found is not None and found[0] > plain.end else None

    def _is_timed(self, tokens: list[Token], plain: Tagged, today: date) -> bool:
        """Return whether a time follows a state: "not synced since Monday" negates a time, "not synced" is a state."""
        end = plain.end
        return plain.first + 1 < end < len(tokens) and read_timed(tokens, end, today, (), due=False) is not None

    def _until(self, tokens: list[Token], before: list[Tagged], today: date, index: int) -> Tagged | None:
        """Return the date that "to" before it makes the last one: "forecast end to June 30"."""
        found = read_timed(tokens, index + 1, today, before, due=False, recorded=self._recorded)
        date_read = found[1].payload if found is not None else None
        if not isinstance(date_read, DateReading) or date_read.stop is None or not before or before[-1].is_amount:
            return None
        return Tagged(index, date_read.end, (Reading("DATE", replace(date_read, start=None)),))

    def _closed(self, tokens: list[Token], index: int) -> Tagged:
        """Tag what no other token belongs to: what is read already, or a quoted text, a value exactly so or nothing."""
        if tokens[index].key == TAKEN:
            return Tagged(index, index + 1, _FILLER)
        meanings = self.values.exact(tokens[index].key[1:])
        return Tagged(index, index + 1, (Reading("VALUE", meanings),) if meanings else _UNKNOWN)


def _counts(tokens: Sequence[Token], index: int) -> bool:
    """Return whether a number, or what limits one, begins at a token."""
    return index < len(tokens) and (tokens[index].kind is NUMBER or tokens[index].key in _COUNTS_TIME)


def _joined(gap: str, before: Tagged, stretch: Tagged) -> Iterator[Tagged]:
    """Yield what the signs between two stretches stand for: "to" between quantities, "or" between dates."""
    sign = gap.strip()
    if sign in _RANGING and before.is_quantity and stretch.is_quantity:
        yield Tagged(stretch.first, stretch.first, _TO)
    elif sign == "/" and before.tag == stretch.tag == "DATE":
        yield Tagged(stretch.first, stretch.first, _OR)  # "March/April"
