"""Parse: tags become a row of typed parts, by the LALR grammar of `phrase.lark`.

Gives `parse`. The tables that lark makes of the grammar are walked by hand: a stretch with several readings takes the
first that the grammar accepts at that place, and what fits nowhere becomes UNKNOWN instead of an error, in linear time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from nlq.phrases.building import Leaf
from nlq.phrases.parts import Mark, Part
from nlq.phrases.tables import Reduction, tables
from nlq.tagging.tags import SILENT, UNKNOWN, Reading, Tagged

_AT_START: Final = 2
"""Depth of the stack of states between two parts: the start and the row of parts so far."""


class _Driver:
    """Feeds tags to the parser, and hands in as UNKNOWN what fits no rule."""

    def __init__(self) -> None:
        found = tables()
        self._actions = found.actions
        self._following = found.following
        self._whole = found.whole
        self._states = [found.start, found.row]
        self._parts: list[Part] = []
        self._values: list[Any] = [self._parts]
        self._between = found.actions[found.row]
        """What may stand between two parts."""
        self.unread: list[tuple[int, int]] = []

    def _fits(self, reading: Reading, tagged: Tagged) -> bool:
        """Take a stretch by one of its readings, where that fits here; return whether it does."""
        tag = reading.tag
        state = self._actions[self._states[-1]].get(tag)
        if isinstance(state, Reduction):
            state = self._reduce(state, tag)
        if state is None:
            return False
        leaf = Leaf(tag, reading.payload, tagged.first, tagged.end)
        make = self._whole.get(state)
        if make is not None:
            self._parts.append(make([leaf]))
        else:
            self._states.append(state)
            self._values.append(leaf)
        return True

    def _reduce(self, action: int | Reduction | None, tag: str) -> int | None:
        """Make parts of what a tag ends; return the state that it leads to then, None where it fits nowhere."""
        states, values, actions, following = self._states, self._values, self._actions, self._following
        while isinstance(action, Reduction):
            size, make = action.size, action.make
            if size == 1:
                states.pop()
                if make is not None:
                    values[-1] = make(values[-1:])
            elif make is not None:
                start = len(values) - size
                values[start:] = (make(values[start:]),)
                del states[len(states) - size :]
            state = following[states[-1]][action.origin]
            states.append(state)
            action = actions[state].get(tag)
        return action

    def take(self, tagged: Tagged) -> bool:
        """Feed a stretch by its first reading that fits here; else begin a new part with it; else it is unread.

        Return whether it was read.
        """
        for reading in tagged.readings:
            if self._fits(reading, tagged):
                return True
        for reading in tagged.readings:
            if reading.tag in self._between:
                self._part(tagged.first)
                if self._fits(reading, tagged):
                    return True
        self.refuse(tagged)
        return False

    def refuse(self, tagged: Tagged) -> None:
        """Leave a stretch unread."""
        self._close(tagged.first)
        self.unread.append((tagged.first, tagged.end))
        self._parts.append(Mark(tagged.first, tagged.end, UNKNOWN, None))

    def _part(self, before: int) -> None:
        """Bring the parser between two parts, and part what stands before a token from what follows."""
        if self._close(before):
            self._parts.append(Mark(before, before, UNKNOWN, None))

    def _close(self, before: int) -> bool:
        """Bring the parser between two parts: a finished part is kept, the tags of an unfinished one are unread.

        Return whether all was finished.
        """
        states, values = self._states, self._values
        if self._reduce(self._actions[states[-1]].get(UNKNOWN), UNKNOWN) is not None:
            return True
        # The finished parts end where the unfinished one begins.
        pending = [value[0] if isinstance(value, list) else value for value in values[1:]]
        first = min((value.first for value in pending if hasattr(value, "first")), default=before)
        del states[_AT_START:], values[1:]
        if first < before:
            self.unread.append((first, before))
            self._parts.append(Mark(first, before, UNKNOWN, None))
        return False

    def finish(self, length: int) -> list[Part]:
        """Return the parts read."""
        self._close(length)
        return self._parts


def parse(tagged: Sequence[Tagged], length: int) -> tuple[list[Part], list[tuple[int, int]]]:
    """Return the parts of a question, and the stretches of tokens (first, end) that fit no rule.

    `tagged` covers the tokens in order; `length` is their number.
    """
    driver = _Driver()
    severed = False
    for stretch in tagged:
        tag = stretch.readings[0].tag
        if tag == UNKNOWN:
            driver.unread.append((stretch.first, stretch.end))
        if tag in SILENT:
            continue
        if severed:
            driver.refuse(stretch)
            severed = False
        elif not driver.take(stretch):
            # A dash has no token to be unread: what it joins to the amount before it is.
            severed = stretch.first == stretch.end
    return driver.finish(length), driver.unread
