"""Clause: the words of one clause of a command, which of them are read already, and the fields that it names.

Gives `ClauseContext`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import cached_property
from typing import Final

from nlq.changes import Change
from nlq.commands.fields import Named
from nlq.commands.frame import Clause
from nlq.commands.outcome import Outcome, Taken
from nlq.commands.phrases import PhraseReader
from nlq.commands.words import (
    ARTICLES,
    LINKS,
    PARTICLES,
    RANGING,
    SETTING,
    UNTIL,
    Act,
)
from nlq.dates import read_date
from nlq.normalize import Token
from nlq.phrases.notes import Note
from nlq.schema import FieldSpec, Schema

_MOST_LINKS: Final = 8
"""Most words between an amount and the field that it is for."""
DASH: Final = re.compile(r"\s*[-–—]\s*")


class ClauseContext:
    """The words of one clause, and what was made of them so far."""

    def __init__(
        self, tokens: Sequence[Token], clause: Clause, today: date, schema: Schema, phrases: PhraseReader
    ) -> None:
        self.tokens = tokens
        self.clause = clause
        self.today = today
        self.schema = schema
        self.phrases = phrases
        self.conventions = schema.conventions.commands
        self.index = clause.start
        """The token after the verb and the words that direct it."""
        self.particle = ""
        """The first of those words."""
        self.outcome = Outcome()

    def text(self, first: int, end: int) -> str:
        """Return tokens as they were typed."""
        return " ".join(token.raw for token in self.tokens[first:end])

    def take(self, first: int, end: int, meaning: str) -> None:
        """Take tokens out of those that name the records; the meaning "" is that of the whole change."""
        if first < end:
            self.outcome.taken.append(Taken(first, end, meaning))

    def ask(self, text: str, options: Iterable[tuple[Change, ...]] = ()) -> bool:
        """Ask back, unless something else is asked already; return that the clause is read.

        `options` are the changes that the answer decides between, where they are known.
        """
        if not self.outcome.ask:
            self.outcome.ask = text
            self.outcome.options = list(options)
        return True

    def range_end(self, end: int) -> int:
        """Return where a range ends of which the first amount ends there ("1-2 weeks"), `end` where there is none."""
        limit = self.clause.end
        if end >= limit:
            return end
        joined = self.tokens[end].key in RANGING
        start = end + joined
        if start >= limit or not (joined or DASH.fullmatch(self.tokens[start].gap)):
            return end
        other = self.phrases.distance(self.tokens, start, limit) if self.phrases.may_begin(self.tokens[start]) else None
        return end if other is None else other.end

    def ask_which(self, first: int, end: int) -> bool:
        """Ask which amount of a range is meant; return that the clause is read."""
        self.take(first, end, "")
        said = "".join(f"{token.gap}{token.raw}" for token in self.tokens[first:end]).strip()
        return self.ask(f"“{said}”: which of these is it? Say one amount.")

    def note(self, text: str, first: int, end: int, chosen: str, others: tuple[str, ...]) -> None:
        """Report a choice."""
        self.outcome.notes.append(Note(text, first, end, chosen, others))

    def take_particle(self) -> None:
        """Take the words right behind the verb that direct it: "push out", "pull in"."""
        verb = self.clause.verb
        while self.index < self.clause.end:
            key = self.tokens[self.index].key
            inward = key == "in" and verb.sign < 0 and Act.SHIFT in verb.acts
            if key not in (*PARTICLES, "down", "over") or (key == "in" and not inward):
                return
            self.particle = self.particle or key
            self.take(self.index, self.index + 1, "")
            self.index += 1

    @cached_property
    def head(self) -> Named | None:
        """The fields named right behind the verb."""
        return self.named_at(self.index, self.clause.end)

    def named_at(self, index: int, limit: int) -> Named | None:
        """Return the fields named from a token on, articles left aside; None where they only label a value."""
        while index < limit and self.tokens[index].key in ARTICLES:
            index += 1
        if index < limit and self.tokens[index].key in SETTING:
            return None  # "change to purchase": "to purchase" is no price
        named = self.phrases.fields.names(self.tokens, index, limit) if index < limit else None
        if named is None:
            return None
        led = named.end < limit and self.tokens[named.end].key in (*SETTING, *UNTIL, "by")
        return named if led or not self.phrases.fields.labels(self.tokens, named) else None

    def names(self, first: int, end: int) -> Iterator[Named]:
        """Yield the fields that a phrase between these tokens can be about, the likeliest first."""
        before = self.with_particle(first)
        after = end
        limit = min(self.clause.end, end + _MOST_LINKS)
        while after < limit and self.tokens[after].key in (*LINKS, *ARTICLES, "in"):
            after += 1
        yield from filter(
            None,
            (
                self.phrases.fields.names_before(self.tokens, self.index, before) if before > self.index else None,
                self.head,
                self.named_at(after, self.clause.end) if after < self.clause.end else None,
                *self.names_in_front(),
                self.phrases.fields.names_before(self.tokens, self.index, self.clause.end),
            ),
        )

    def names_in_front(self) -> Iterator[Named | None]:
        """Yield the fields named before a verb that stands behind: "the rate of the cranes should be raised"."""
        first, end = self.clause.before
        if first < end:
            start = first + (self.tokens[first].key in ("for", "on"))
            yield self.named_at(start, end)
            yield self.phrases.fields.names_before(self.tokens, first, end)

    def find(self, first: int, end: int, fit: Callable[[FieldSpec], bool]) -> Named | None:
        """Return the fields that a phrase is about, None where none is named that it fits."""
        for named in self.names(first, end):
            if all(map(fit, named.fields)) and not (named.first < first < named.end):
                return named
        return None

    def take_named(self, named: Named) -> None:
        """Take the name of a field with the word that links it to the records."""
        first = named.first
        while first > 0 and self.tokens[first - 1].key in ("the", "a", "an", "new"):
            first -= 1
        end = named.end
        if end < self.clause.end and self.tokens[end].key in LINKS and not self._begins_target(end):
            end += 1
        self.take(first, end, " and ".join(each.label for each in named.fields))

    def _begins_target(self, index: int) -> bool:
        return any(taken.first == index for taken in self.outcome.taken)

    @cached_property
    def dated(self) -> dict[int, int]:
        """Tokens inside dates that belong to a condition ("30 days" of "in the next 30 days") → where those begin."""
        inside: dict[int, int] = {}
        first, end = self.clause.start, self.clause.end
        index = first
        while index < end:
            value = self.phrases.fields.value_end(self.tokens, index)
            if value is not None:
                index = value  # "Silo 4 to June 30" begins no range of days
                continue
            found = read_date(self.tokens, index, self.today)
            stop = index + 1 if found is None or (found.start is None and found.stop is None) else found.end
            inside.update(dict.fromkeys(range(index + 1, stop), index))
            index = stop
        return inside

    def with_particle(self, first: int) -> int:
        """Return the first token of a phrase with the word before it that directs the verb: "out by", "back to"."""
        directed = first > self.index and self.tokens[first - 1].key in (*PARTICLES, "down", "short", "over")
        return first - directed

    def label(self, name: str) -> str:
        """Return what a field is called in a sentence."""
        return self.schema.by_name[name].label

    def is_start(self, name: str) -> bool:
        """Return whether a field is the start of a period."""
        pairs = (self.conventions.period, *self.conventions.periods.values())
        return any(name == start for start, _ in pairs)

    def editable_pairs(self) -> Iterator[tuple[str, str]]:
        """Yield the periods whose end may be changed, the one meant by default first."""
        for pair in dict.fromkeys((self.conventions.period, *self.conventions.periods.values())):
            if self.schema.by_name[pair[1]].editable:
                yield pair

    def is_record(self, named: Named) -> bool:
        """Return whether a word means the records as well as a field: "delete all equipment"."""
        return self.phrases.fields.is_record(self.tokens, named)
