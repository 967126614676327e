"""Tag words: tokens become stretches with what they can mean.

Gives `Tagger`. At each token the longest of four readers wins: the fixed words, the vocabulary, numbers, and money;
stretches of equal length keep all their readings, and the grammar chooses. What no reader knows is UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Final

from nlq.amounts.money import MARKS, read_money
from nlq.amounts.numbers import NUMBER_WORDS, read_number
from nlq.dates import DateReading
from nlq.normalize import NUMBER, QUOTED, TAKEN, WORD, Token, keys, stem
from nlq.query import Operator
from nlq.schema import FieldType, Schema
from nlq.tagging.changed import ChangedReader
from nlq.tagging.keyed import KeyReader
from nlq.tagging.tags import FILLER, RECORD, UNKNOWN, Amount, Meaning, Reading, Tagged
from nlq.tagging.timing import can_be_timed, read_timed
from nlq.tagging.tries import ValueTrie, fixed_trie
from nlq.tagging.value_ranges import close_range
from nlq.vocabulary import Vocabulary

_BEFORE_AMOUNT: Final = frozenset(("COMPARE", "ABOUT", "BETWEEN", "WITHIN", "LIMIT", "RANK", "EXTREME"))
_JOINS: Final = frozenset(("AND", "OR", "NOR", "COMMA"))
_RANGING: Final = frozenset(("-", "–", "—", "..", "..."))
"""What stands between the two ends of a range: "5k-10k"."""
_SOME_DAY: Final = date(2000, 1, 1)
_RANGE_ENDS: Final = frozenset(("VALUE", "NUMBER", UNKNOWN))
_LAYERED: Final = frozenset(("LAYER", "CLAIM", "NOT", "WITHOUT"))
_WINNING: Final = frozenset(("FIELD", "MEASURE", "COMPARE"))
_NEGATIONS: Final = frozenset(("not", "never"))
_TOTALS: Final = frozenset(("total", "sum", "overall", "combined"))
_GROUPING: Final = frozenset(("by", "per"))
_OPEN_ENDS: Final = frozenset(("PAST", "FUTURE"))
_COMPARING: Final = frozenset(("COMPARE", "WHEN"))
_UNKNOWN: Final = (Reading(UNKNOWN),)
_FILLER: Final = (Reading(FILLER),)
_TO: Final = (Reading("TO"),)
_DATE_SIGNS: Final = frozenset(("-", "/", "."))
_ARTICLES: Final = frozenset(("a", "i"))
_LABELLED: Final = (FieldType.TEXT, FieldType.ID, FieldType.ENUM)
_BEFORE_TIME: Final = frozenset(("COMPARE", "LONGER", "LASTING", "BY"))
"""Tags before "a month" that make it a length of time, and no rate."""
_NUMBERED: Final = frozenset(("number", "no", "num", "nr"))
_NUMERALS: Final = NUMBER_WORDS | _NUMBERED
_AMOUNT_STARTS: Final = NUMBER_WORDS | MARKS.keys() | {"u"}
"""Words, as keys, that an amount can begin with."""


class Tagger:
    """Tags the words of questions for one schema, vocabulary and currency."""

    def __init__(self, schema: Schema, vocabulary: Vocabulary, currency: str) -> None:
        self.fixed, fixed_words = fixed_trie(schema)
        self.values = ValueTrie(schema, vocabulary)
        self.known = fixed_words | self.values.words | NUMBER_WORDS | MARKS.keys()
        """Every single word that some reader knows."""
        self._currency = currency
        self._keys = KeyReader(schema, self.fixed, self.values)
        self._changed = ChangedReader(schema)
        self._recorded = frozenset(schema.conventions.dates.recorded)
        self._rates = [schema.by_name[name] for name in dict.fromkeys(schema.conventions.amount_words.values())]
        self._costs = [schema.by_name[name] for name in schema.conventions.dates.spread]

    def belongs_to_phrases(self, key: str) -> bool:
        """Return whether a word is a part of what is read in longer phrases, and of no value: "march"."""
        return key in self.known and key not in self.values.words and not self.fixed.exactly((key,))

    def is_safe(self, value: str) -> bool:
        """Return whether the bare words of a value, behind its label, are read as that value alone."""
        return not self.fixed.exactly(keys(value)) and self.values.ends_clearly(value)

    def tag(self, tokens: list[Token], today: date = _SOME_DAY) -> list[Tagged]:
        """Return stretches that cover the tokens in order. Linear in their number.

        `today` is what "today" means; it makes no difference to the tags.
        """
        tagged: list[Tagged] = []
        index = 0
        while index < len(tokens):
            stretch = self._keys.read(tokens, index, tagged) or self._next(tokens, index, tagged, today)
            gap = tokens[index].gap
            if gap.strip() in _RANGING and tagged and tagged[-1].is_amount and stretch.is_amount:
                tagged.append(Tagged(index, index, _TO))
            tagged.append(stretch)
            index = stretch.end
            if len(tagged) > 1 and stretch.readings[0].tag in _RANGE_ENDS:
                close_range(tagged, tokens, self.values)
        return self._changed.read(tagged, tokens, today)

    def _next(self, tokens: list[Token], index: int, before: list[Tagged], today: date) -> Tagged:
        """Return the stretch that starts at a token."""
        token = tokens[index]
        if token.key == TAKEN or token.kind is QUOTED:
            return self._closed(tokens, index)
        if token.gap == "/" and before and before[-1].is_amount and (rate := self.fixed.exactly(("per", token.key))):
            return Tagged(index, index + 1, rate)
        end, readings = self._longest_word(tokens, index)
        behind = index + 1
        numbered = bool(readings) and behind < len(tokens) and tokens[behind].key in _NUMERALS
        spelled = self._spelled(tokens, index, end) if numbered else None
        if spelled is not None:
            return spelled
        if readings and readings[0].tag == "SUFFIX" and end > index + 1 and not _ends_amount(tokens, end, before):
            # "or over 9k" and "or over budget" are not the "or over" of "$9,000 or over".
            end, readings = index + 1, self.fixed.exactly((token.key,))
        plain = Tagged(index, end, readings)
        timed = self._timed(tokens, before, today, plain)
        if timed is not None:
            return timed
        if token.kind is not WORD or token.key in _AMOUNT_STARTS:
            plain.end, readings = self._with_amount(tokens, index, before, end, readings)
        plain.readings = readings or _UNKNOWN
        if before and (
            token.kind is NUMBER or token.key in NUMBER_WORDS or (len(token.raw) == 1 and _is_letter(token))
        ):
            elided = self._elided(tokens, index, before, plain)
            if elided is not None:
                return elided
        if not readings:
            joined = self._joined(tokens, index)
            if joined is not None:
                return joined
            partly = self.values.partly(tokens, index)
            if partly is not None:
                return Tagged(index, partly[0], (partly[1],))
        return plain

    def _timed(self, tokens: list[Token], before: list[Tagged], today: date, plain: Tagged) -> Tagged | None:
        """Return the date, duration or percentage that starts where a stretch does, where it reaches farther."""
        index, end, readings = plain.first, plain.end, plain.readings
        tag = readings[0].tag if readings else ""
        if tag == "TO" and index + 1 < len(tokens):
            return self._until(tokens, before, today, index)
        if tag in _OPEN_ENDS:
            longer = read_timed(tokens, index, today, before, due=False, recorded=self._recorded)
            if longer is not None and longer[0] > end:
                return Tagged(index, longer[0], (longer[1],))  # "in the past week"
            start, stop = (None, today) if tag == "PAST" else (today, None)
            return Tagged(index, end, (Reading("DATE", DateReading(end, start, stop, point=False)),))
        if end > index + 1 and tag in _COMPARING:
            # "starting from March" is no comparison as "starting from $5k" is.
            shorter = self.fixed.exactly((tokens[index].key,))
            event = bool(shorter) and shorter[0].tag == "EVENT"
            if event and read_timed(tokens, index + 1, today, (), due=False):
                return Tagged(index, index + 1, shorter)
        if tag in ("VALUE", "CLAIM") and tokens[index].key in _NEGATIONS and self._is_timed(tokens, plain, today):
            return Tagged(index, index + 1, self.fixed.exactly((tokens[index].key,)))
        if tag == "FIELD" and end > index + 1 and tokens[end - 1].key == "by":
            # "updated by Friday" names no person
            shorter = self.fixed.exactly(token.key for token in tokens[index : end - 1])
            if shorter and shorter[0].tag != UNKNOWN and read_timed(tokens, end - 1, today, (), due=False):
                return Tagged(index, end - 1, shorter)
        if not can_be_timed(tokens[index]):
            return None
        found = read_timed(tokens, index, today, before, due=_amount_is_due(before), recorded=self._recorded)
        if found is None or found[0] < end:
            return None
        lasts = tag == "AMOUNT_OF" and bool(before) and before[-1].tag in _BEFORE_TIME
        if found[0] == end and readings and not lasts and tag not in (FILLER, UNKNOWN, "DATEPART"):
            return None
        return Tagged(index, found[0], (found[1],))

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

    def _longest_word(self, tokens: list[Token], index: int) -> tuple[int, tuple[Reading, ...]]:
        """Return the longest match of the two tries, of both where they are equally long."""
        fixed = self.fixed.longest(tokens, index)
        value = self.values.longest(tokens, index)
        if fixed is None and value is None:
            return index + 1, ()
        if fixed is not None and (value is None or fixed[0] > value[0]):
            return self._cut(tokens, index, fixed)
        assert value is not None  # noqa: S101 - one of the two is there
        if fixed is None or value[0] > fixed[0]:
            return value
        # A value that is called like a word of the grammar, or a filler, needs quotes.
        return (value[0], _merged(fixed[1], value[1])) if fixed[1][0].tag != FILLER else fixed

    def _cut(
        self, tokens: list[Token], index: int, fixed: tuple[int, tuple[Reading, ...]]
    ) -> tuple[int, tuple[Reading, ...]]:
        """Leave a value its beginning: "area silo 4" is the field "area" and the value, not the field "area silo"."""
        if fixed[0] == index + 1:
            return fixed
        layered = fixed[1][0].tag in _LAYERED
        shorter = self._apart(tokens, index, fixed)
        if shorter:
            return index + 1, shorter
        for start in range(index + 1, fixed[0]):
            value = self.values.longest(tokens, start)
            if value is None and (layered or tokens[start].key == "at"):
                # "by plan cost" is no "by plan", "but not more than" no "but not", "modified at least" no "modified at"
                other = self.fixed.longest(tokens, start)
                value = other if other is not None and other[1][0].tag in _WINNING else None
            if value is not None and value[0] > fixed[0]:
                shorter = self.fixed.exactly(token.key for token in tokens[index:start])
                return (start, shorter) if shorter else fixed
        return fixed

    def _apart(self, tokens: list[Token], index: int, fixed: tuple[int, tuple[Reading, ...]]) -> tuple[Reading, ...]:
        """Return what the first word of a phrase is where it does not belong to the others, nothing where it does.

        "with" parts groups from the limit in "areas with no more than 3 pumps"; "rentals cost over 5k" names no "rental
        cost", and "rentals to purchases" no price "to purchase".
        """
        end, readings = fixed
        key = tokens[index].key
        if self._is_total(tokens, index, fixed):
            return self.fixed.exactly((key,))
        if key == "with" and readings[0].tag == "COMPARE":
            return self.fixed.exactly((key,))
        if end != index + 2 or readings[0].tag != "MEASURE":
            return ()
        plural = tokens[index + (key == "to")]
        if not plural.raw.casefold().endswith("s") or plural.key == plural.raw.casefold():
            return ()
        named = self.fixed.exactly((plural.key,))
        return self.fixed.exactly((key,)) if any(reading.tag == "VALUE" for reading in named) else ()

    def _is_total(self, tokens: list[Token], index: int, fixed: tuple[int, tuple[Reading, ...]]) -> bool:
        """Return whether a rate that is called a cost stands where costs are summed up: "rental cost by category"."""
        end, readings = fixed
        if end != index + 2 or readings[0].tag != "MEASURE" or readings[0].payload not in self._rates:
            return False
        summed = index > 0 and tokens[index - 1].key in _TOTALS
        grouped = end < len(tokens) and tokens[end].key in _GROUPING
        first, second = (self.fixed.exactly((token.key,)) for token in tokens[index:end])
        cost = any(each.tag == "MEASURE" and each.payload in self._costs for each in second)
        return grouped and not summed and cost and any(each.tag == "VALUE" for each in first)

    def _with_amount(
        self, tokens: list[Token], index: int, before: list[Tagged], end: int, readings: tuple[Reading, ...]
    ) -> tuple[int, tuple[Reading, ...]]:
        """Add what the token is as a number or as money; where an amount is due, nothing else."""
        due = _amount_is_due(before)
        amount_end, amount = self._amount(tokens, index, negative=due and tokens[index].gap.endswith("-"))
        if amount is None:
            return end, readings
        date = _date_end(tokens, index)
        if date is not None and amount_end < date and (due or end < date):
            return date, _UNKNOWN
        if due:
            return amount_end, (amount,)
        if readings and (amount_end < end or (amount_end == index + 1 and readings[0].tag == FILLER)):
            return end, readings
        return amount_end, ((*readings, amount) if amount_end == end else (amount,))

    def _amount(self, tokens: list[Token], index: int, *, negative: bool) -> tuple[int, Reading | None]:
        """Return the index after the amount that starts at a token, and its reading."""
        sign = -1 if negative else 1
        money = read_money(tokens, index)
        if money is not None:
            foreign = money.foreign(self._currency)
            amount = Amount(sign * money.value, money.scale, marked=True, foreign=foreign, multiple=money.multiple)
            return money.end, Reading("MONEY", amount)
        number = read_number(tokens, index)
        if number is not None:
            return number.end, Reading("NUMBER", Amount(sign * number.value, number.scale, multiple=number.multiple))
        return index, None

    def _elided(self, tokens: list[Token], index: int, before: list[Tagged], plain: Tagged) -> Tagged | None:
        """Read "4" of "silos 2, 4 and 7" as Silo 4: what the value before it begins with is not repeated."""
        previous = _listed_value(before, slashed=tokens[index].gap == "/")
        if previous is None:
            return None
        path = previous.path or tuple(token.key for token in tokens[previous.first : previous.end])
        number = read_number(tokens, index) if tokens[index].kind is WORD else None
        for end in dict.fromkeys((number.end if number is not None else plain.end, index + 1)):
            said = tuple(token.key for token in tokens[index:end])
            if number is not None and end == number.end:
                said = (f"{number.value:f}",)
            found = self.values.exactly((*path[:-1], *said)) if len(path) > 1 else ()
            if found and not _share_field(plain.meanings, found):
                rest = plain.readings if end == plain.end and plain.tag != UNKNOWN else ()
                return Tagged(index, end, (*found, *rest), (*path[:-1], *said))
        return None

    def _spelled(self, tokens: list[Token], index: int, plain_end: int) -> Tagged | None:
        """Read a value before a numeral: "Silo four", "Silo no. 4"; None where it is no longer than without."""
        place = index + 1
        if place + 1 < len(tokens) and tokens[place].key in _NUMBERED and tokens[place + 1].kind is NUMBER:
            place += 1
        elif tokens[place].key not in NUMBER_WORDS:
            return None
        number = read_number(tokens, place)
        if number is None or number.end <= plain_end or number.value != number.value.to_integral_value():
            return None
        path = (tokens[index].key, f"{number.value:f}")
        found = self.values.exactly(path)
        return Tagged(index, number.end, found, path) if found else None

    def _closed(self, tokens: list[Token], index: int) -> Tagged:
        """Tag what no other token belongs to: what is read already, or a quoted text, a value exactly so or nothing."""
        if tokens[index].key == TAKEN:
            return Tagged(index, index + 1, _FILLER)
        meanings = self.values.exact(tokens[index].key[1:])
        return Tagged(index, index + 1, (Reading("VALUE", meanings),) if meanings else _UNKNOWN)

    def _joined(self, tokens: list[Token], index: int) -> Tagged | None:
        """Read two words as one ("fork lifts")."""
        if index + 1 == len(tokens) or tokens[index].kind is not WORD or tokens[index + 1].kind is not WORD:
            return None
        path = (stem(tokens[index].raw + tokens[index + 1].raw),)
        readings = _merged(self.fixed.exactly(path), self.values.exactly(path))
        return Tagged(index, index + 2, readings) if readings else None


def _merged(fixed: tuple[Reading, ...], values: tuple[Reading, ...]) -> tuple[Reading, ...]:
    """Return all readings, enum values and values of the vocabulary as one, words of records last."""
    meanings: tuple[Meaning, ...] = ()
    for reading in (*fixed, *values):
        if reading.tag == "VALUE" and isinstance(reading.payload, tuple):
            meanings += reading.payload
    rest = tuple(reading for reading in (*fixed, *values) if reading.tag != "VALUE")
    if not meanings:  # what an organization calls a field goes before words that are not read
        return tuple(reading for reading in rest if reading.tag != UNKNOWN) or rest
    first = tuple(reading for reading in rest if reading.tag not in (RECORD, FILLER, UNKNOWN, "FIELD", "MEASURE"))
    fields = tuple(reading for reading in rest if reading.tag in ("FIELD", "MEASURE"))
    value = Reading("VALUE", meanings)
    # A value that is called like a field needs its label ("manufacturer Price"), or "price over 500" would be lost.
    return (*first, value, *fields) if any(r.tag == "VALUE" for r in fixed) else (*first, *fields, value)


def _ends_amount(tokens: list[Token], end: int, before: Sequence[Tagged]) -> bool:
    """Return whether words up to a token limit the amount before them, and no amount behind."""
    return bool(before) and before[-1].is_amount and not _begins_amount(tokens, end)


def _begins_amount(tokens: list[Token], index: int) -> bool:
    """Return whether an amount, or the rest of a comparison with one, begins at a token."""
    if index == len(tokens):
        return False
    return (
        tokens[index].key in ("than", "then", "to")
        or (read_money(tokens, index) or read_number(tokens, index)) is not None
    )


def _amount_is_due(before: Sequence[Tagged]) -> bool:
    """Return whether the words before call for an amount: "over", "between", "between 5 and"."""
    content = [stretch for stretch in before[-6:] if stretch.readings[0].tag != FILLER]
    tag = content[-1].readings[0].tag if content else ""
    if tag in _BEFORE_AMOUNT:
        return not _is_labelled(content)
    if tag in ("AND", "TO") and len(content) > 2:
        return content[-3].tag in ("BETWEEN", "FROM") and content[-2].tag in ("NUMBER", "MONEY")
    return False


def _is_labelled(content: Sequence[Tagged]) -> bool:
    """Return whether "=" stands behind a field of text: "class = 60T Crawler" names a value."""
    label = content[-2].field if len(content) > 1 else None
    equal = content[-1].readings[0].payload in (Operator.EQ, Operator.NE)
    return equal and label is not None and label.type in _LABELLED


def _date_end(tokens: list[Token], index: int) -> int | None:
    """Return the index after a date in digits ("2026-03-15", "3/15", "2026-04") that starts at a token, if one does."""
    end = index + 1
    while end < len(tokens) and end < index + 3 and _touches(tokens[end - 1], tokens[end]):
        end += 1
    if end == index + 3:
        return end
    if end == index + 2 and len(tokens[index].key) == 4 and len(tokens[index + 1].key) <= 2:
        return end
    return None


def _touches(left: Token, right: Token) -> bool:
    """Return whether two numbers are joined as the parts of a date are."""
    return left.kind is NUMBER and right.kind is NUMBER and right.gap in _DATE_SIGNS


def _listed_value(before: Sequence[Tagged], *, slashed: bool) -> Tagged | None:
    """Return the value that a list goes on from, by a word or a slash ("Silo 4/5"), None where no list does."""
    position = len(before) - 1
    while position >= 0 and before[position].tag in _JOINS:
        position -= 1
    if position < 0 or before[position].tag != "VALUE" or (position == len(before) - 1 and not slashed):
        return None
    return before[position]


def _is_letter(token: Token) -> bool:
    """Return whether a token is a letter that can tell values apart ("Yard B"), not an article."""
    return len(token.raw) == 1 and token.kind is WORD and (token.raw.isupper() or token.key not in _ARTICLES)


def _share_field(meanings: tuple[Meaning, ...], found: tuple[Reading, ...]) -> bool:
    """Return whether a stretch is, as it stands, a value of a field that the elided one would be of."""
    fields = {meaning.field.name for reading in found for meaning in Tagged(0, 0, (reading,)).meanings}
    return any(meaning.field.name in fields for meaning in meanings)
