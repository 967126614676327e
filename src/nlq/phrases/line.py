"""Line: the stretches of a question as their neighbours see them.

Gives `Line`, and `Settler`, which settles a stretch by what stands beside it; `skip_silent` and `next_content`.
"""

from __future__ import annotations

from collections.abc import Callable

from nlq.normalize import Token
from nlq.tagging.tags import SILENT, Tagged

Fits = Callable[[Tagged], bool]
"""Whether a stretch is of a kind."""


class Line:
    """The stretches of a question, and those among them that have content.

    What stands anywhere behind or before a number goes on from where it was looked for before: asked in the order of
    the numbers, all answers together take time in proportion to the length.
    """

    def __init__(self, tagged: list[Tagged], tokens: list[Token]) -> None:
        self.tagged = tagged
        self.tokens = tokens
        self.content = [place for place, stretch in enumerate(tagged) if stretch.readings[0].tag not in SILENT]
        self._next: dict[Fits, int] = {}
        self._first: dict[Fits, int] = {}
        self._last: dict[Fits, int] = {}

    def at(self, number: int) -> Tagged | None:
        """Return the stretch of that number among those with content, None beyond them."""
        return self.tagged[self.content[number]] if 0 <= number < len(self.content) else None

    def key(self, stretch: Tagged) -> str:
        """Return the first key of a stretch, "" where it has no tokens."""
        return self.tokens[stretch.first].key if stretch.end > stretch.first else ""

    def behind(self, number: int, fits: Fits) -> Tagged | None:
        """Return the first stretch behind a number that fits, None where none does."""
        place = max(self._next.get(fits, 0), number + 1)
        while place < len(self.content) and not fits(self.tagged[self.content[place]]):
            place += 1
        self._next[fits] = place
        return self.at(place)

    def last(self, fits: Fits) -> Tagged | None:
        """Return the last stretch of all that fits, None where none does."""
        place = self._last.get(fits, len(self.content) - 1)
        while place >= 0 and not fits(self.tagged[self.content[place]]):
            place -= 1
        self._last[fits] = place
        return self.at(place)

    def is_before(self, number: int, fits: Fits) -> bool:
        """Return whether any stretch before a number fits."""
        place = self._first.get(fits, 0)
        while place < number and not fits(self.tagged[self.content[place]]):
            place += 1
        self._first[fits] = place
        return place < number

    def is_other_side(self, number: int) -> bool:
        """Return whether a stretch is the field behind a comparison."""
        other, comparing = self.at(number), self.at(number - 1)
        compared = comparing is not None and comparing.tag in ("COMPARE", "WHEN")
        return compared and other is not None and other.field is not None


Settler = Callable[[Line, int, Tagged], None]
"""Settles the stretch of a number among those with content."""


def skip_silent(tagged: list[Tagged], position: int, step: int) -> int:
    """Return the next position with content in a direction, -1 where there is none."""
    position += step
    while 0 <= position < len(tagged):
        if tagged[position].readings[0].tag not in SILENT:
            return position
        position += step
    return -1


def next_content(tagged: list[Tagged]) -> list[Tagged | None]:
    """Return for each stretch the next one that is no filler."""
    following: list[Tagged | None] = [None] * len(tagged)
    content: Tagged | None = None
    for position in range(len(tagged) - 1, -1, -1):
        following[position] = content
        if tagged[position].readings[0].tag not in SILENT:
            content = tagged[position]
    return following
