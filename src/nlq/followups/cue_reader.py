"""Cue reader: takes the words out of a question by which it goes on from another, and notes what they say.

Gives `CueReader`, `copied` and `PRONOUN_KEYS`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from nlq.followups.cues import EVERY, LEADS, Cue
from nlq.followups.dropping import named_fields, read_dropped
from nlq.followups.editing import Edit
from nlq.followups.elliptic import hangs, is_preposition, names_nothing
from nlq.followups.figures import lend_measure, take_order
from nlq.followups.follow_up import FollowUp, Move
from nlq.followups.stretches import FILLERS, JOINS, NAMING, NEGATIONS, NOUNS, Stretches, split_fillers
from nlq.normalize import TAKEN, Token, stem
from nlq.query import Query, fields_of
from nlq.schema import Schema
from nlq.tagging.tags import FILLER, PRONOUN, RECORD, SILENT, Reading, Tagged

PRONOUN_KEYS: Final = frozenset(("it", "them", "these", "they", "those"))
"""Words, as keys, for what was said before."""
_POINTING: Final = frozenset((*PRONOUN_KEYS, "their", "its"))
_NO_PAGES: Final = (
    "A question cannot ask for the records after those it had; ask for more of them, such as “top 20”, or for all."
)
_WITH_WHAT: Final = "“One” can be anything here: say what the records have, such as “with a contract”."


def copied(stretch: Tagged) -> Tagged:
    """Return a stretch that can be settled without the other."""
    return Tagged(stretch.first, stretch.end, stretch.readings, stretch.path)


class CueReader:
    """Reads the cues of one question."""

    def __init__(
        self, tagged: list[Tagged], tokens: list[Token], before: Query, schema: Schema, *, alone: bool = False
    ) -> None:
        split_fillers(tagged)
        self._said = Stretches(tagged, tokens)
        self._tagged = tagged
        self._tokens = tokens
        self._before = before
        self._schema = schema
        self._alone = alone
        self._refers = False
        self._joined = False
        self._widened = False
        self._first = 0
        """The stretch behind an order that edits the question before."""
        self.follow = FollowUp()
        self.needing: list[tuple[int, int]] = []
        """Cues that mean nothing without a question before."""

    def read(self) -> bool:
        """Take out the cues; return whether the question goes on from another."""
        if not self._goes_on():
            return False
        self._join_sort()
        take_order(self.follow, self._tagged, self._before)
        lend_measure(self.follow, self._tagged, self._before, self._schema)
        return True

    def take_edit(self, edit: Edit) -> None:
        """Take an order that puts something in the place of what was asked for: "replace Silo 4 with Silo 7"."""
        self.follow.instead_of += edit.gone
        self._first = self._cue(0, edit.end, Move.EXCHANGE)

    def points(self) -> bool:
        """Return whether a command that names no records points to those before: "set their rate to 5k"."""
        pointing = any(token.key == TAKEN and stem(token.raw) in _POINTING for token in self._tokens)
        return pointing and not self._said.content() and not self._said.has(RECORD)

    def _goes_on(self) -> bool:
        """Take out the cues; return whether the question goes on from another."""
        self._openings()
        self._later()
        self._closings()
        if self._refers:
            return True
        hanging = hangs(self._tagged, self._tokens)
        if hanging or self._joined:
            self.follow.move = Move.NARROW if hanging == "NOT" else Move.WIDEN if self._widened else Move.ADJUST
            return True
        return names_nothing(self._tagged, self._tokens)

    def _join_sort(self) -> None:
        """Read "sort those by rate" as "sort by rate"."""
        content = self._said.content()
        for stretch, after in pairwise(content):
            if stretch.tag == "SORT" and after.tag == "BY":
                after.readings = FILLERS

    # The beginning

    def _openings(self) -> None:
        """Take the cues at the beginning."""
        place = self._first
        while place < len(self._tagged):
            after = self._page(place) or self._opening(place)
            if after is not None:
                place = after
            elif self._tagged[place].tag in JOINS:
                self._join(place)
                place += 1
            elif self._tagged[place].tag == FILLER and not is_preposition(self._tagged[place], self._tokens):
                place += 1
            else:
                self._every_field(place + 1)  # "in all silos"
                break

    def _opening(self, place: int) -> int | None:
        """Take a cue that begins at a position of the beginning; return the position after it, None without one."""
        for after, cues in self._said.cues(place):
            if Cue.INSTEAD_OF in cues and self._said.tag_after(after) in ("VALUE", "FLAG"):
                return self._instead_of(place, after)
            if (Cue.OTHER in cues or Cue.INSTEAD in cues) and not self._said.names_layer(place):
                return self._cue(place, after, Move.EXCHANGE)
            if Cue.ALSO in cues and self._said.widens(after):
                return self._also(place, after)
            if (end := self._opened(cues, place, after)) is not None:
                return end
            if Cue.LESS in cues and self._said.tag_after(after) in NAMING:
                self._cue(place, after, Move.EXCLUDE)
                return after
            if cues & {Cue.ONLY, Cue.LIMIT_TO} and self._said.is_count(after):
                self._said.set(place, after, (Reading("LIMIT"),))
                self._refers = True
                return after
            if cues & {Cue.ONLY, Cue.LIMIT_TO} and self._said.narrows(after):
                return self._cue(place, after, Move.NARROW, needs=False)
            if Cue.ASK in cues and not self._said.names_after_rank(after):
                self.follow.wants_records = True
                self.follow.single = self._said.is_single(place, after)
                return self._cue(place, after, Move.NARROW, needs=False)
            if Cue.NOW in cues and self._said.key_after(after) not in LEADS:
                self._join(place)
                return after
        if self._tagged[place].tag in NEGATIONS:
            return self._drop(place, place + 1)
        return self._every_field(place)

    def _opened(self, cues: frozenset[Cue], place: int, after: int) -> int | None:
        """Take what takes conditions back: "regardless of the silo", "drop the silo", "remove the silo filter"."""
        opens = Cue.OPEN in cues or (Cue.LESS in cues and self._asks_field(after))
        if opens and (end := self._open_field(place, after)) is not None:
            return end
        return self._drop(place, after) if cues & {Cue.LESS, Cue.OPEN, Cue.UNDO} else None

    def _page(self, place: int) -> int | None:
        """Take "next 10", which asks for what no question can, to the end."""
        for after, cues in self._said.cues(place):
            if Cue.PAGE in cues and self._said.last(_is_more_than_number) < after:
                self.follow.refused = _NO_PAGES
                return self._cue(place, len(self._tagged), Move.NARROW)
        return None

    def _open_field(self, place: int, after: int) -> int | None:
        """Take "regardless of the silo", where a field is all that follows."""
        if self._said.last(_names_other) >= after or self._said.last(_names_something) < after:
            return None
        named = [each for each in self._tagged[after:] if _names_something(each)]
        self.follow.dropped.fields |= {each.field.name for each in named if each.field is not None}
        return self._cue(place, len(self._tagged), Move.EXCHANGE)

    def _asks_field(self, place: int) -> bool:
        """Return whether the question before has a condition on a field named from a position on: "drop the silo"."""
        return self._said.last(self._is_asked) >= place

    def _is_asked(self, stretch: Tagged) -> bool:
        named = stretch.field if stretch.tag in ("FIELD", "MEASURE") else None
        return named is not None and named.name in fields_of(self._before.where)

    def _every_field(self, place: int) -> int | None:
        """Take "all silos" or "any area", which are a question's only content, as no condition on the field."""
        after = place + 1
        if after >= len(self._tagged) or self._tokens[self._tagged[place].end - 1].key not in EVERY:
            return None
        every, named_by = self._tagged[place], self._tagged[after]
        named = named_by.field
        across = self._tagged[place - 1] if place and self._said.key_after(place - 1) == "across" else None
        # "show all discontinued" names records by a flag
        stated = named_by.tag == "FLAG"
        if named is None or stated or any(each not in (every, named_by, across) for each in self._said.content()):
            return None
        if across is not None:
            across.readings = FILLERS
        self.follow.dropped.fields |= set(named_fields(named_by, self._before, self._schema))
        return self._cue(place, after + 1, Move.EXCHANGE, needs=False)

    def _also(self, place: int, after: int) -> int:
        """Take "also" as an alternative of values; before a flag it includes those with the flag."""
        if self._said.tag_after(after) == "FLAG":
            self._cue(place, after, Move.NARROW)
            self._tagged[after - 1].readings = (Reading("INCLUDING"),)
            return after
        return self._cue(place, after, Move.WIDEN)

    def _drop(self, place: int, after: int) -> int | None:
        """Take "drop the silo filter" where it stands; return the position after it."""
        found = read_dropped(self._tagged, self._tokens, after, self._before, self._schema)
        if found is None:
            return None
        end, dropped = found
        self.follow.dropped.merge(dropped)
        self._cue(place, end, self.follow.move)
        return end

    # The rest

    def _later(self) -> None:
        """Take the cues of the rest: words that stand for the records of the question before."""
        place = 0
        named = False
        while place < len(self._tagged):
            stretch = self._tagged[place]
            after = None if named else self._reference(place)
            after = self._anywhere(place) if after is None else after
            if after is None:
                named = named or stretch.tag in NOUNS
                place += 1
            else:
                place = after

    def _reference(self, place: int) -> int | None:
        """Take a word that stands for records, before any are named."""
        stretch = self._tagged[place]
        if stretch.tag == PRONOUN and not (self._alone and self._said.determines(place)):
            self._ask_records()
            return self._cue(place, place + 1, self.follow.move)
        if stretch.tag == "SORT" and any(cue.key in PRONOUN_KEYS for cue in self._tokens[stretch.first : stretch.end]):
            self._refers = True
            self.needing.append((stretch.first, stretch.end))
            return place + 1
        for after, cues in self._said.cues(place):
            if Cue.REFER in cues:
                return self._cue(place, after, self.follow.move)
            if Cue.POSSESSIVE in cues and stretch.tag == FILLER:
                return self._cue(place, after, self.follow.move, needs=False)
        return None

    def _anywhere(self, place: int) -> int | None:
        """Take a cue that may stand anywhere."""
        for after, cues in self._said.cues(place):
            if Cue.UNLIMITED in cues and (after == len(self._tagged) or self._said.key_after(place) not in LEADS):
                self.follow.unlimited = True
                return self._cue(place, after, self.follow.move)
            if Cue.REVERSE in cues and after == len(self._tagged):
                self.follow.reverse = True
                return self._cue(place, after, self.follow.move)
            if Cue.UNSORTED in cues:
                self.follow.dropped.order = True
                return self._cue(place, after, self.follow.move)
            if Cue.INSTEAD_OF in cues and self._said.tag_after(after) in ("VALUE", "FLAG"):
                return self._instead_of(place, after)
            if Cue.ONES in cues and self._tagged[place].tag == FILLER and self._said.stands_for_others(place):
                return self._ones(place, after)
        return None

    def _ones(self, place: int, after: int) -> int:
        """Take "ones" that stands for no records named before; a negation of such needs a question before."""
        if place and self._tagged[place - 1].tag in ("WITH", "WITHOUT"):
            self.follow.refused = _WITH_WHAT
            return self._cue(place - 1, after, self.follow.move)
        self._ask_records()
        return self._cue(place, after, self.follow.move, needs=self._said.is_negated(place))

    def _instead_of(self, place: int, after: int) -> int:
        """Take the values that give way."""
        end = after
        comma = self._said.last_comma(after) if not place else len(self._tagged)
        while end < comma and self._tagged[end].tag in (FILLER, "VALUE", "FLAG", "OR", "COMMA", "FIELD"):
            if self._tagged[end].tag in ("VALUE", "FLAG"):
                self.follow.instead_of.append(copied(self._tagged[end]))
            end += 1
        return self._cue(place, end, Move.EXCHANGE)

    def _closings(self) -> None:
        """Take the cues at the end: "instead", "too", "only"."""
        for place in range(max(0, len(self._tagged) - 3), len(self._tagged)):
            for after, cues in self._said.cues(place):
                if after < len(self._tagged) or not place:
                    continue
                if Cue.INSTEAD in cues:
                    self._cue(place, after, Move.EXCHANGE)
                elif Cue.TOO in cues:
                    self._cue(place, after, Move.WIDEN)
                elif Cue.ONLY in cues and self._tagged[place].tag == FILLER and not self._said.has(RECORD):
                    self._cue(place, after, Move.NARROW, needs=False)

    # Small questions

    def _cue(self, place: int, after: int, move: Move, *, needs: bool = True) -> int:
        """Take stretches out as a cue; return the position after them."""
        span = (self._tagged[place].first, self._tagged[after - 1].end)
        self._said.take(place, after)
        self._refers = True
        self.follow.move = move
        self.follow.cues.append(span)
        if needs:
            self.needing.append(span)
        return after

    def _ask_records(self) -> None:
        """Note that a verb asks for the records themselves: "show them"."""
        self.follow.wants_records |= self._said.leads

    def _join(self, place: int) -> None:
        """Take a word that joins a question to the one before, unless a whole question follows it."""
        if self._said.key_after(place + 1) not in LEADS:
            self._joined = True
            stretch = self._tagged[place]
            self._widened = stretch.tag == "OR"
            self.follow.cues.append((stretch.first, stretch.end))
            self._said.set(place, place + 1, FILLERS)


def _is_more_than_number(stretch: Tagged) -> bool:
    return stretch.tag not in SILENT and stretch.tag != "NUMBER"


def _names_something(stretch: Tagged) -> bool:
    return stretch.tag != FILLER and stretch.tag not in JOINS


def _names_other(stretch: Tagged) -> bool:
    """Return whether a stretch names something that is no field."""
    return _names_something(stretch) and stretch.field is None
