"""Stretches: the tagged words of a question as the reader of cues sees them, with what it asks about their order.

Gives `Stretches` and `split_fillers`. Each question looks at a few stretches, or goes on from where it was asked
before: a text of nothing but cues takes time in proportion to its length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from nlq.followups.cues import LEADS, Cue, cues_at
from nlq.followups.elliptic import is_everything
from nlq.normalize import Token
from nlq.tagging.tags import FILLER, PRONOUN, RECORD, SILENT, Reading, Tagged

FILLERS: Final = (Reading(FILLER),)
"""The readings of words that say nothing more."""
JOINS: Final = frozenset(("AND", "OR", "BUT", "COMMA"))
NEGATIONS: Final = frozenset(("NOT", "EXCEPT", "WITHOUT"))
NAMING: Final = frozenset(("VALUE", "FLAG", RECORD))
NOUNS: Final = frozenset((*NAMING, "FIELD", "MEASURE"))
_NAMED_ON: Final = frozenset((*NAMING, *JOINS, FILLER, "FIELD"))
"""Tags of what goes on with a name: "Silo 4 and the blue ones"."""
_ENDS: Final = frozenset(("RANK", "EXTREME"))
Fits = Callable[[Tagged], bool]
"""Whether a stretch is of a kind."""


def split_fillers(tagged: list[Tagged]) -> None:
    """Make each filler one of its own, so that no cue ends within one: "what about the pumps" holds "about the"."""
    for place in range(len(tagged) - 1, -1, -1):
        stretch = tagged[place]
        if stretch.tag == FILLER and stretch.end > stretch.first + 1:
            tagged[place : place + 1] = [Tagged(each, each + 1, FILLERS) for each in range(stretch.first, stretch.end)]


class Stretches:
    """The stretches of one question, in their order; places are positions among them."""

    def __init__(self, tagged: list[Tagged], tokens: list[Token]) -> None:
        """Take stretches whose fillers are split."""
        self._tagged = tagged
        self._tokens = tokens
        self.leads = any(token.key in LEADS for token in tokens)
        """Whether a verb asks for records: "show them"."""
        self._ends = {stretch.end: position for position, stretch in enumerate(tagged)}
        self._taken: set[int] = set()
        self._records = sum(stretch.tag == RECORD for stretch in tagged)
        self._passed = 0
        """The stretches before it were looked at, for what they name and negate."""
        self._named = False
        self._left = False
        """Whether something else stands behind a name: what follows is not the name's own."""
        self._negated = False
        self._first: dict[Fits, tuple[int, int]] = {}
        """From where a stretch that fits was looked for, and where it was found: from there the next search goes on."""
        self._last: dict[Fits, int] = {}
        """Where the last stretch that fits stands, at most."""

    # What is taken out

    def cues(self, place: int) -> Iterator[tuple[int, frozenset[Cue]]]:
        """Yield the cues at a place with the place after them, the longest first; none that cuts a stretch."""
        stretch = self._tagged[place]
        for end, cues in cues_at(self._tokens, stretch.first):
            if end in self._ends and stretch.end <= end and stretch.first not in self._taken:
                yield self._ends[end] + 1, cues

    def take(self, place: int, after: int) -> None:
        """Take stretches out as a cue: they say nothing more, and no other cue begins among them."""
        self.set(place, after, FILLERS)
        self._taken.update(range(self._tagged[place].first, self._tagged[after - 1].end))

    def set(self, place: int, after: int, readings: tuple[Reading, ...]) -> None:
        """Give the first of some stretches other readings; the rest of them say nothing more."""
        for stretch in self._tagged[place:after]:
            self._records -= stretch.tag == RECORD
            stretch.readings = FILLERS
        self._tagged[place].readings = readings

    # What stands where

    def content(self, place: int = 0) -> list[Tagged]:
        """Return the stretches from a place on that say something."""
        return [stretch for stretch in self._tagged[place:] if stretch.tag not in SILENT]

    def has(self, tag: str) -> bool:
        """Return whether any stretch has a tag."""
        return any(stretch.tag == tag for stretch in self._tagged)

    def tag_after(self, place: int) -> str:
        """Return the tag of the first stretch with content from a place on, "" where there is none."""
        found = self.first(place, _is_no_filler)
        return self._tagged[found].tag if found < len(self._tagged) else ""

    def first(self, place: int, fits: Fits) -> int:
        """Return the place of the first stretch from a place on that fits, the end where none does."""
        start, found = self._first.get(fits, (0, 0))
        found = found if start <= place <= found else place
        while found < len(self._tagged) and not fits(self._tagged[found]):
            found += 1
        self._first[fits] = (place, found)
        return found

    def last(self, fits: Fits) -> int:
        """Return the place of the last stretch that fits, -1 where none does."""
        place = self._last.get(fits, len(self._tagged) - 1)
        while place >= 0 and not fits(self._tagged[place]):
            place -= 1
        self._last[fits] = place
        return place

    def key_after(self, place: int) -> str:
        """Return the key that a place begins with, "" at the end."""
        return self._tokens[self._tagged[place].first].key if place < len(self._tagged) else ""

    def last_comma(self, place: int) -> int:
        """Return where a list has its last comma, its end where it has none or more stands behind it.

        What stands behind the comma of "instead of Silo 4, Silo 5" is what is asked for.
        """
        end = len(self._tagged)
        if any(stretch.tag not in (FILLER, "VALUE", "FLAG", "COMMA", "FIELD") for stretch in self._tagged[place:]):
            return end
        return max((each for each in range(place, end) if self._tagged[each].tag == "COMMA"), default=end)

    # What words mean there

    def names_layer(self, place: int) -> bool:
        """Return whether a word says which period is meant: "actually started in March"."""
        after = place + 1
        layered = self._tagged[place].reading("LAYER") is not None
        return layered and after < len(self._tagged) and self._tagged[after].tag == "EVENT"

    def determines(self, place: int) -> bool:
        """Return whether "those" belongs to a noun: "those cranes" asks for cranes."""
        after = place + 1
        return after < len(self._tagged) and self._tagged[after].tag in NOUNS

    def is_count(self, place: int) -> bool:
        """Return whether a number of records is all that follows: "limit it to 10", "just 10 of them"."""
        last = self.last(_counts)
        return last >= place and self._tagged[last].tag == "NUMBER" and self.first(place, _counts) == last

    def is_single(self, place: int, after: int) -> bool:
        """Return whether "which is" or "which one" asks for one record."""
        return any(self._tokens[each.first].key in ("is", "one", "has", "was") for each in self._tagged[place:after])

    def widens(self, place: int) -> bool:
        """Return whether "also" takes in more records: "also Silo 5"."""
        return self.tag_after(place) in ("VALUE", "FLAG", "DATE", PRONOUN)

    def narrows(self, place: int) -> bool:
        """Return whether "only" narrows: "just show me all purchases" does not."""
        return bool(self.tag_after(place)) and self.last(self._names_all) < place

    def _names_all(self, stretch: Tagged) -> bool:
        return is_everything((stretch,), self._tokens)

    def names_after_rank(self, place: int) -> bool:
        """Return whether records are named behind "the cheapest": "which is the cheapest crane?"."""
        if self.tag_after(place) not in _ENDS:
            return False
        return self.last(_is_value) >= place

    def stands_for_others(self, place: int) -> bool:
        """Return whether "ones" stands for records that the question does not name: what is before it is its own.

        Places are asked for in their order, as are those of `is_negated`.
        """
        self._pass(place)
        return not self._left and not self._records

    def is_negated(self, place: int) -> bool:
        """Return whether a negation stands anywhere before a place."""
        self._pass(place)
        return self._negated

    def _pass(self, place: int) -> None:
        """Look at the stretches up to a place that were not looked at before."""
        for index in range(self._passed, place):
            tag = self._tagged[index].tag
            self._named = self._named or tag in NOUNS
            self._left = self._left or (self._named and tag not in _NAMED_ON)
            self._negated = self._negated or tag in NEGATIONS
        self._passed = max(self._passed, place)


def _is_no_filler(stretch: Tagged) -> bool:
    return stretch.tag != FILLER


def _counts(stretch: Tagged) -> bool:
    """Return whether a stretch says something that a number of records does not."""
    return stretch.tag not in SILENT and stretch.tag != PRONOUN


def _is_value(stretch: Tagged) -> bool:
    return stretch.tag == "VALUE"
