"""Changed: fields of which a question says that they were changed: "who changed the rate", "whose dates were changed".

Gives `ChangedReader`. Such words become one claim: that the field which lists the names of changed fields holds one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import date
from typing import Final

from nlq.dates import read_date
from nlq.normalize import NUMBER, Token, keys
from nlq.query import Condition, Contains, Not, Or
from nlq.schema import FieldSpec, Schema
from nlq.tagging.changed_openings import COMPUTED, HISTORY, ChangedOpenings, keyed
from nlq.tagging.changed_times import take_times
from nlq.tagging.tags import FILLER, RECORD, UNKNOWN, Claim, Event, Meaning, Reading, Tagged
from nlq.tagging.tries import Trie

_ARTICLES: Final = keyed("the", "a", "an", "any", "all", "its", "their", "his", "her", "our", "my")
_COPULAS: Final = keyed("was", "were", "is", "are", "has", "have", "had", "been", "being", "be", "got", "get", "last")
_COPULAS_TOO: Final = _COPULAS | keyed("recently", "lately", "just", "already")
_OPENING: Final = _ARTICLES | keyed("whose", "with", "having", "has", "have", "had")
_WHOSE: Final = keyed("whose")
_OF: Final = keyed("of", "for", "on", "to")
_TO: Final = "to"
_FROM: Final = "from"
_DID: Final = keyed("did", "does", "has", "have", "had")
_LISTING: Final = frozenset(("AND", "OR", "COMMA"))
_NAMING: Final = frozenset(("FIELD", "MEASURE", "EVENT"))
_BETWEEN: Final = frozenset(("VALUE", "FLAG", "CLAIM", RECORD))
"""Tags of what can stand between a verb and a field: "who changed the late crane rates"."""
_FIGURES: Final = frozenset(("MEASURE", "GAP"))
_LIMITED: Final = frozenset(("COMPARE", "WHEN", "BETWEEN", "MONEY", "NUMBER", "ABOUT", "ABSENT"))
"""Tags that say of a field before them what it holds, and not that it was changed."""
_SINGLED: Final = frozenset(
    (
        "BY",
        "FUNCTION",
        "EXTREME",
        "RANK",
        "SORT",
        "THEN",
        "COUNT",
        "DIFFERENT",
        "MOST",
        "RANKED",
        "BY_PART",
        "COMPARE",
        "WHEN",
    )
)
"""Tags of words that group, sort, compute by or compare with a field behind them."""
_PASSED: Final = _LISTING | {*_BETWEEN, FILLER, "LABEL", "DATE"}
"""Tags of what can stand between what was changed and when."""
_SHORTEST_KEY: Final = 4
"""Fewest digits of a number that names a record behind "the rate of"."""


@dataclass(frozen=True, slots=True)
class _Named:
    """Fields that a list of words names."""

    place: int
    """Place of the stretch after the last."""
    names: tuple[str, ...]


class ChangedReader:
    """Reads which fields were changed, by the conventions of a schema."""

    def __init__(self, schema: Schema) -> None:
        conventions = schema.conventions
        self._changed = conventions.changed
        self._key: FieldSpec | None = schema.by_name.get(conventions.key)
        self._verbs = keyed(*self._changed.verbs)
        self._people = frozenset(conventions.dates.deeds)
        self._forms = keyed(*(verb for verbs in conventions.dates.deeds.values() for verb in verbs))
        self._said = self._forms | self._verbs
        self._nouns = frozenset(noun for nouns in conventions.dates.done.values() for noun in nouns)
        self._openings = ChangedOpenings(schema)
        self._histories = Trie()
        for words in self._changed.histories:
            self._histories.add(keys(words), Reading(HISTORY))
        paths = [keys(words) for words in self._changed.histories]
        # "what changed in" is known by its verb: most questions that begin with "what" ask for no changes.
        self.words = self._said | {path[0] for path in paths if self._said.isdisjoint(path)}
        """Words, as keys, without one of which no question tells of changes."""
        self._periods = Trie()
        self._ends: dict[str, tuple[str, str]] = {}
        for words, ends in conventions.commands.periods.items():
            self._periods.add(keys(words), Reading("PERIOD", words))
            self._ends[words] = ends

    def read(self, tagged: list[Tagged], tokens: Sequence[Token], said: Set[str], today: date) -> list[Tagged]:
        """Return stretches with those together that say of fields that they were changed; `said` are the keys."""
        if not self._changed.field or self.words.isdisjoint(said):
            return tagged
        tagged = self._openings.refuse_counts(self._openings.read(tagged, tokens), tokens)
        found, place = self._opening(tagged, tokens)
        while place < len(tagged):
            line = _Line(self, tagged, tokens, place)
            behind = bool(found) and found[-1].tag == HISTORY
            taken = (line.fields_from(place) if behind else line.behind_verb()) or line.before_verb()
            if taken is None:
                found.append(tagged[place])
                place += 1
                continue
            claims, place = taken
            found += claims
            place = self._take_key(found, tagged, tokens, place)
        self._set_past(found, tokens, today)
        return take_times(found, today)

    def _opening(self, tagged: Sequence[Tagged], tokens: Sequence[Token]) -> tuple[list[Tagged], int]:
        """Return the stretches by which a question begins that asks for changes, and the place behind them."""
        place = 0
        while place < len(tagged) and tagged[place].tag == FILLER:
            place += 1
        if place == len(tagged):
            return [], 0
        if tagged[place].tag == HISTORY:
            begun = list(tagged[: place + 1])
            return begun, self._key_at(begun, tagged, tokens, place + 1)
        first = tagged[place].first
        longest = self._histories.longest(tokens, first)
        ends = [number for number, each in enumerate(tagged) if longest is not None and each.end == longest[0]]
        if longest is not None and ends:
            begun = [*tagged[:place], Tagged(first, longest[0], (Reading(HISTORY),))]
            return begun, self._key_at(begun, tagged, tokens, ends[-1] + 1)
        if self._begins_with_noun(tagged, tokens, place):
            return [*tagged[:place], Tagged(first, first, (Reading(HISTORY),))], place
        noun = place + 1
        if tagged[place].tag == "DATE" and noun < len(tagged) and self.is_noun(tagged[noun], tokens):
            said = Tagged(tagged[noun].first, tagged[noun].end, (Reading(HISTORY),))
            return [*tagged[:noun], said], noun + 1  # "last week's changes"
        return [], 0

    def _begins_with_noun(self, tagged: Sequence[Tagged], tokens: Sequence[Token], place: int) -> bool:
        """Return whether nouns for what was done begin a question: "changes by maria", "rate changes"."""
        if tokens[tagged[place].first].raw.casefold() in self._nouns:
            return tagged[place].field is not None
        claimed = _Line(self, tagged, tokens, place).before_verb()
        return claimed is not None and tokens[claimed[0][0].end - 1].raw.casefold() in self._nouns

    def _take_key(self, found: list[Tagged], tagged: list[Tagged], tokens: Sequence[Token], place: int) -> int:
        """Take "of 78497" as the record of that key; return the place after it."""
        if place + 1 >= len(tagged):
            return place
        of = tagged[place]
        if of.end > of.first + 1 or tokens[of.first].key not in _OF:
            return place
        if tokens[of.first].key == _TO and tokens[of.first - 1].raw.casefold() not in self._nouns:
            return place  # "whose rate was changed to 5000"
        after = self._key_at(found, tagged, tokens, place + 1)
        if after > place + 1:
            found.insert(-1, Tagged(of.first, of.end, (Reading(FILLER),)))
        return after if after > place + 1 else place

    def _key_at(self, found: list[Tagged], tagged: Sequence[Tagged], tokens: Sequence[Token], place: int) -> int:
        """Take the number at a place as the key of a record; return the place after it."""
        number = tagged[place] if place < len(tagged) else None
        if self._key is None or number is None or number.end != number.first + 1:
            return place
        token = tokens[number.first]
        if token.kind is not NUMBER or not token.raw.isdigit() or len(token.raw) < _SHORTEST_KEY:
            return place
        found.append(Tagged(number.first, number.end, (Reading("VALUE", (Meaning(self._key, token.raw),)),)))
        return place + 1

    def _set_past(self, found: list[Tagged], tokens: Sequence[Token], today: date) -> None:
        """Read dates behind claims in place as over: "changed the rate of the pumps on Monday"."""
        told = False
        for number, stretch in enumerate(found):
            if told and stretch.tag == "DATE":
                past = read_date(tokens, stretch.first, today, past=True)
                if past is not None and past.end == stretch.end:
                    found[number] = Tagged(stretch.first, stretch.end, (Reading("DATE", past),))
            told = stretch.tag == HISTORY or self._is_claim(stretch) or (told and stretch.tag in _PASSED)

    def _is_claim(self, stretch: Tagged) -> bool:
        claim = stretch.readings[0].payload
        return isinstance(claim, Claim) and is_changed(claim.condition, self._changed.field)

    def claim(self, first: int, end: int, names: Iterable[str], *, negative: bool = False) -> Tagged:
        """Return the claim of some tokens that one of the fields was changed, or that none was."""
        each: tuple[Condition, ...] = tuple(Contains(self._changed.field, name) for name in dict.fromkeys(names))
        condition = each[0] if len(each) == 1 else Or(each)
        return Tagged(first, end, (Reading("CLAIM", Claim(Not(condition) if negative else condition)),))

    def period(self, tokens: Sequence[Token], index: int) -> tuple[int, tuple[str, ...]] | None:
        """Return the index after the words for a period that start at a token, and the fields of its ends."""
        longest = self._periods.longest(tokens, index)
        if longest is None:
            return None
        words = str(longest[1][0].payload)
        return longest[0], tuple(name for name in self._ends[words] if name in self._changed.fields)

    def named(self, stretch: Tagged) -> tuple[str, ...]:
        """Return the field that a stretch names, if its changes are told."""
        payload = stretch.readings[0].payload
        field = payload.field if isinstance(payload, Event) else stretch.field if stretch.tag in _NAMING else None
        return (field.name,) if field is not None and field.name in self._changed.fields else ()

    def is_person(self, stretch: Tagged) -> bool:
        """Return whether a stretch can be somebody who changes records."""
        return any(meaning.field.name in self._people for meaning in stretch.meanings)

    def is_verb(self, stretch: Tagged, tokens: Sequence[Token], *, any_form: bool = False) -> bool:
        """Return whether a stretch ends with a verb that says that something was changed."""
        return tokens[stretch.end - 1].key in (self._said if any_form else self._verbs)

    def is_noun(self, stretch: Tagged, tokens: Sequence[Token]) -> bool:
        """Return whether a stretch is a noun for what was done: "changes"."""
        return stretch.end == stretch.first + 1 and tokens[stretch.first].raw.casefold() in self._nouns

    def is_passive_by(self, stretch: Tagged, tokens: Sequence[Token]) -> bool:
        """Return whether a stretch says by whom something was changed: "changed by"."""
        field = stretch.field
        said = any(token.key in self._verbs for token in tokens[stretch.first : stretch.end])
        return said and field is not None and field.name in self._people


class _Line:
    """The stretches of a question, from a place on."""

    def __init__(self, reader: ChangedReader, tagged: Sequence[Tagged], tokens: Sequence[Token], place: int) -> None:
        self._reader = reader
        self._tagged = tagged
        self._tokens = tokens
        self._place = place

    def behind_verb(self) -> tuple[list[Tagged], int] | None:
        """Return the claim of fields behind a verb at the place: "who changed the rate", "a modified rate"."""
        verb = self._tagged[self._place]
        who = verb.tag == "WHO"
        doing = who or self._is_done_here(verb)
        if not doing and not self._reader.is_verb(verb, self._tokens):
            return None
        place = self._place + 1
        if who and self._keys(place) <= _OF and self._keys(place):
            place += 1  # "who made changes to the rate"
        if not doing:
            while self._is_passed(place, doing=False):
                place += 1
            named = self._list(place)
            if named is None:
                return None
            return [self._reader.claim(verb.first, self._tagged[named.place - 1].end, named.names)], named.place
        taken = self.fields_from(place) or self._computed(place)
        silent = map(self._silent, range(self._place + 1, place))
        return ([verb, *silent, *taken[0]], taken[1]) if taken is not None else None

    def fields_from(self, place: int) -> tuple[list[Tagged], int] | None:
        """Return the claim of fields that are named from a place on, with what can stand before them."""
        start = place
        while self._is_passed(place, doing=True):
            place += 1
        named = self._list(place)
        if named is None:
            return None
        claim = self._reader.claim(self._tagged[place].first, self._tagged[named.place - 1].end, named.names)
        return [*self._tagged[start:place], claim], named.place

    def _computed(self, place: int) -> tuple[list[Tagged], int] | None:
        """Return what is named behind a verb that no history tells of as not understood: "who changed the cost"."""
        while self._keys(place) and self._keys(place) <= _ARTICLES:
            place += 1
        if place >= len(self._tagged) or self._tagged[place].tag not in _FIGURES:
            return None
        stretch = self._tagged[place]
        return [Tagged(stretch.first, stretch.end, (Reading(UNKNOWN, COMPUTED),))], place + 1

    def _silent(self, place: int) -> Tagged:
        stretch = self._tagged[place]
        return Tagged(stretch.first, stretch.end, (Reading(FILLER),))

    def _is_done_here(self, verb: Tagged) -> bool:
        """Return whether a verb, in any form, stands behind the person who did it."""
        before = self._tagged[self._place - 1] if self._place else None
        said = self._reader.is_verb(verb, self._tokens, any_form=True)
        return said and before is not None and self._reader.is_person(before)

    def _is_passed(self, place: int, *, doing: bool) -> bool:
        """Return whether a stretch can stand between a verb and the field."""
        said = self._keys(place)
        if said and said <= _ARTICLES:
            return True
        return doing and bool(said) and self._tagged[place].tag in _BETWEEN and self._named(place) is None

    def before_verb(self) -> tuple[list[Tagged], int] | None:
        """Return the claim of fields before the verb: "whose rate was changed", "which rates did maria change"."""
        start = self._place
        place = start
        while self._keys(place) and self._keys(place) <= _OPENING:
            place += 1
        named = self._list(place, again=any(self._keys(number) == _WHOSE for number in range(start, place)))
        if named is None or self._is_singled(start):
            return None
        first = self._tagged[start].first
        active = self._active(named)
        if active is not None:
            return [self._reader.claim(first, self._tagged[named.place - 1].end, named.names), *active], named.place + 1
        return self._passive(first, named)

    def _active(self, named: _Named) -> list[Tagged] | None:
        """Return the word behind fields that somebody is said to have changed, as it is to be read."""
        if not self._keys(named.place) & _DID or named.place + 2 >= len(self._tagged):
            return None
        who, verb = self._tagged[named.place + 1 : named.place + 3]
        if not self._reader.is_person(who) or not self._reader.is_verb(verb, self._tokens, any_form=True):
            return None
        return [self._silent(named.place)]

    def _passive(self, first: int, named: _Named) -> tuple[list[Tagged], int] | None:
        place, negative = named.place, False
        while place < len(self._tagged) and (self._keys(place) <= _COPULAS_TOO or self._tagged[place].tag == "NOT"):
            if self._reader.is_passive_by(self._tagged[place], self._tokens):
                break
            negative = negative or self._tagged[place].tag == "NOT"
            place += 1
        if place >= len(self._tagged):
            return None
        verb = self._tagged[place]
        if self._reader.is_passive_by(verb, self._tokens):
            end = self._tagged[place - 1].end
            return None if negative else ([self._reader.claim(first, end, named.names)], place)
        if place == named.place and self._reader.is_noun(verb, self._tokens):
            return [self._reader.claim(first, verb.end, named.names)], place + 1  # "rate changes"
        dated = place + 1 < len(self._tagged) and self._tagged[place + 1].tag == "DATE"
        if not self._reader.is_verb(verb, self._tokens) or verb.tag == "WHO" or (negative and dated):
            return None
        if self._list(place + 1) is not None:
            return None  # "forecast changed rate"
        return [self._reader.claim(first, verb.end, named.names, negative=negative)], place + 1

    def _is_singled(self, start: int) -> bool:
        """Return whether the word before fields groups, sorts or computes by them."""
        while start > 0 and self._keys(start - 1) and self._keys(start - 1) <= _ARTICLES:
            start -= 1
        return start > 0 and self._tagged[start - 1].tag in _SINGLED

    def _list(self, place: int, *, again: bool = False) -> _Named | None:
        """Return the fields that a list names, as far as it goes; `again`: "whose" can stand before each."""
        between = _ARTICLES | _WHOSE if again else _ARTICLES
        named = self._named(place)
        names: tuple[str, ...] = ()
        found = None
        while named is not None:
            names += named.names
            found = _Named(named.place, names)
            place = named.place
            while place < len(self._tagged) and self._tagged[place].tag in _LISTING:
                place += 1
            if place == named.place:
                break
            while self._keys(place) and self._keys(place) <= between:
                place += 1
            named = self._named(place)
        return found

    def _named(self, place: int) -> _Named | None:
        """Return the field or period that is named at a place, where no value or limit of it follows."""
        if place >= len(self._tagged):
            return None
        stretch = self._tagged[place]
        names, after = self._reader.named(stretch), place + 1
        period = self._reader.period(self._tokens, stretch.first)
        if period is not None and period[0] >= stretch.end:
            ending = (number for number in range(place, len(self._tagged)) if self._tagged[number].end == period[0])
            last = next(ending, None)
            names, after = (period[1], last + 1) if last is not None else (names, after)
        return _Named(after, names) if names and not self._is_limited(names, after) else None

    def _is_limited(self, names: Iterable[str], after: int) -> bool:
        """Return whether a value of a field follows, or a limit that is set to it."""
        if after >= len(self._tagged):
            return False
        follows = self._tagged[after]
        moved = follows.path is not None and self._tokens[follows.first].key == _FROM  # "from Silo 4 to Silo 7"
        valued = not moved and any(meaning.field.name in names for meaning in follows.meanings)
        return follows.tag in _LIMITED or valued

    def _keys(self, place: int) -> frozenset[str]:
        """Return the keys of a stretch, none behind the last."""
        if place >= len(self._tagged):
            return frozenset()
        stretch = self._tagged[place]
        return frozenset(token.key for token in self._tokens[stretch.first : stretch.end])


def is_changed(condition: Condition, names: str) -> bool:
    """Return whether a condition is that fields were changed, or that they were not, by the field of their names."""
    match condition:
        case Not(operand):
            return is_changed(operand, names)
        case Or(operands):
            return all(is_changed(each, names) for each in operands)
        case Contains(name):
            return name == names
    return False
