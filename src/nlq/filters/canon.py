"""Canon: canonical forms of the conditions of one language, remembered.

Gives `Canon`. Questions ask for the same values again and again; writing a condition out costs more than looking it up.
"""

from __future__ import annotations

from typing import Final

from nlq.filters.canonical import Writer
from nlq.query import Comparison, Condition, Operator
from nlq.schema import Schema

_REMEMBERED: Final = 4096
"""Conditions kept; the least recently used give way."""


class Canon:
    """Canonical text and form of conditions, by one schema."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self._write = Writer(schema, _REMEMBERED).write
        self._flags: dict[tuple[str, bool], tuple[Comparison, str]] = {}
        self._last: tuple[Condition, str] | None = None
        """The form made last, with its text, which is asked for next."""

    def text(self, condition: Condition | None) -> str:
        """Return the canonical filter text; empty where there is no condition."""
        if condition is None:
            return ""
        last = self._last
        return last[1] if last is not None and condition is last[0] else self._write(condition).whole

    def flag(self, name: str, *, state: bool) -> tuple[Comparison, str]:
        """Return the condition that a flag has a state, and its text: most questions have one of these."""
        found = self._flags.get((name, state))
        if found is None:
            condition = Comparison(name, Operator.EQ, state)
            found = self._flags[name, state] = condition, self.text(condition)
        return found

    def form(self, condition: Condition | None) -> Condition | None:
        """Return the one form of all conditions that differ only in order, nesting and repetition."""
        if condition is None:
            return None
        written = self._write(condition)
        self._last = written.condition, written.whole
        return written.condition
