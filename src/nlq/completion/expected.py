"""Expected: which tags the grammar of questions takes next, from the tags so far.

Gives `Automaton`. It walks the parser's own tables with names alone: no values, no parts, and each answer remembered,
as asking a parser what it accepts takes as long as reading a whole question.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any, Final, cast

from lark.parsers.lalr_analysis import Shift

from nlq.phrases.tables import grammar
from nlq.tagging.tags import SILENT, UNKNOWN, Tagged

Stack = tuple[int, ...]
_REMEMBERED: Final = 4096


class Automaton:
    """The states of the parser between two tags, as stacks of its tables' rows. Stacks are immutable."""

    def __init__(self) -> None:
        state = cast("Any", grammar().parse_interactive().parser_state)
        self._table: dict[int, dict[str, tuple[Any, Any]]] = state.parse_conf.parse_table.states
        rules = {rule.origin.name for rule in grammar().rules}
        self._terminals = frozenset(name for row in self._table.values() for name in row if name not in rules)
        self._step = lru_cache(_REMEMBERED)(self._advanced)
        self.accepts = lru_cache(_REMEMBERED)(self._accepted)
        self.between = self._reduced(self._step(tuple(state.state_stack), UNKNOWN) or ())
        """Between two parts."""

    def after(self, tagged: Sequence[Tagged]) -> Stack:
        """Return the stack after the tags of a question; what fits no rule begins a new part, as the parser has it."""
        stack = self.between
        for stretch in tagged:
            if stretch.tag not in SILENT:
                stack = self._after_one(stack, stretch)
        return stack

    def _after_one(self, stack: Stack, stretch: Tagged) -> Stack:
        for base in (stack, self.between):
            for reading in stretch.readings:
                following = self._step(base, reading.tag)
                if following is not None:
                    return following
        return self.between

    def _accepted(self, stack: Stack) -> frozenset[str]:
        """Return the tags that may follow."""
        return frozenset(name for name in self._terminals if self._step(stack, name) is not None)

    def _reduced(self, stack: Stack) -> Stack:
        """Return the stack with its last part taken into the row of parts."""
        reduced = self._reduce_for(stack, UNKNOWN)
        return reduced if reduced is not None else stack

    def _advanced(self, stack: Stack, name: str) -> Stack | None:
        """Return the stack after one more tag, None where the grammar takes none such."""
        reduced = self._reduce_for(stack, name)
        if reduced is None:
            return None
        return (*reduced, self._table[reduced[-1]][name][1])

    def _reduce_for(self, stack: Stack, name: str) -> Stack | None:
        """Return the stack after the reductions that a tag asks for, None where it cannot follow."""
        rows = list(stack)
        while True:
            action = self._table[rows[-1]].get(name)
            if action is None:
                return None
            kind, argument = action
            if kind is Shift:
                return tuple(rows)
            size = len(argument.expansion)
            if size:
                del rows[-size:]
            rows.append(self._table[rows[-1]][argument.origin.name][1])


@cache
def automaton() -> Automaton:
    """Return the automaton; there is one in a process, as there is one grammar."""
    return Automaton()
