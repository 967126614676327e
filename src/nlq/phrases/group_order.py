"""Group order: the order of the groups that a question asks for, and how many of them.

Gives `GroupOrder`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from nlq.phrases.gathered import Gathered
from nlq.phrases.ordering import limit_of, told_apart
from nlq.phrases.parts import Part, SortKey, SortPart
from nlq.query import Aggregation, FigureSort, Function
from nlq.schema import FieldType

_MEASURED: Final = (FieldType.MONEY, FieldType.INTEGER)
_NO_NOUN: Final = frozenset(("in", "for", "on", "at", "by", "this", "next", "last", "overall"))
"""Words behind "the most" that are no beginning of what is counted."""


class GroupOrder:
    """Brings together what one question says of the order of its groups."""

    def __init__(
        self,
        gathered: Gathered,
        figures: Sequence[Aggregation],
        groups: Sequence[str],
        ranked_figures: Callable[[], list[Aggregation]],
    ) -> None:
        """Take the figures and the groups that are asked for; `ranked_figures` gives the figures that rank them."""
        self._gathered = gathered
        self._figures = figures
        self._groups = groups
        self._ranked_figures = ranked_figures

    def run(self) -> tuple[list[FigureSort], int | None]:
        """Return the order, by what is said of it and of the rank of groups, and how many are asked for."""
        gathered = self._gathered
        first = self._figures[0]
        _, ranks = told_apart(gathered.ranks)
        limit = limit_of(gathered, ranks)
        default: bool | None = None
        for rank in ranks:
            if rank.rank is not None:
                default = rank.rank.descending
            gathered.use(rank, "ranked")
        keys = [self._sorted_by(key, part) for part in gathered.sorts for key in part.keys]
        for part in gathered.sorts:
            gathered.use(part, "the order of the groups")
        by = self._ranked_by()
        for most in gathered.most:
            default = most.rank.descending
            by = first if self._is_of_figure(most) else Aggregation(Function.COUNT)
            gathered.use(most, f"{'most' if default else 'fewest'} first")
            limit = limit or (1 if self._is_one(most) else None)
        for mark in gathered.directions:
            rank_of: Any = mark.payload
            if rank_of.dated:  # groups have no date that they could be ordered by
                gathered.refuse(mark)
                continue
            if keys:
                keys[-1] = FigureSort(keys[-1].by, rank_of.descending)
            else:
                default = rank_of.descending
            gathered.use(mark, "descending" if rank_of.descending else "ascending")
        if not keys and (default is not None or by is not None):
            keys = [FigureSort(by or first, default if default is not None else True)]
        return [key for key in keys if self._fits(key)], limit

    def _is_of_figure(self, part: Part) -> bool:
        """Return whether "the most" is said of a figure, and counts nothing: "which silo costs the most"."""
        tokens = self._gathered.tokens
        return part.end == len(tokens) or tokens[part.end].key in _NO_NOUN

    def _ranked_by(self) -> Aggregation | None:
        """Return the figure that groups are ranked by, None where none is said."""
        gathered = self._gathered
        for part in gathered.by_figures:
            gathered.use(part, "the figure to rank by")
        for group in gathered.groups:
            for key in group.keys:
                if key.field is not None and key.field.type in _MEASURED:
                    gathered.use(group, f"by {key.field.label}")
        ranked = self._ranked_figures_again()
        return ranked[-1] if ranked else None

    def _ranked_figures_again(self) -> list[Aggregation]:
        """Return the figures that a rank or "by" names, which the question's own figures may be as well."""
        notes = list(self._gathered.result.ambiguities)
        found = self._ranked_figures()
        self._gathered.result.ambiguities[:] = notes
        ranked = [figure for figure in found if figure in self._figures or figure.function is Function.COUNT]
        ranks = any(rank.rank is not None for rank in self._gathered.ranks)  # "first 5" alone names no order
        asked = bool(self._gathered.by_figures or ranks or self._measured_groups())
        return ranked if asked else []

    def _measured_groups(self) -> bool:
        keys = (key for group in self._gathered.groups for key in group.keys)
        return any(key.field is not None and key.field.type in _MEASURED for key in keys)

    def _is_one(self, part: Part) -> bool:
        """Return whether one group is asked for: "which area has the most cranes"."""
        uses = [use for use in self._gathered.result.uses if use.meaning.startswith("by ") and use.end <= part.first]
        return bool(uses) and not self._gathered.is_plural(Part(uses[-1].first, uses[-1].end))

    def _sorted_by(self, key: SortKey, part: SortPart) -> FigureSort:
        """Return a term of the order; where groups are ranked by a figure, the largest comes first."""
        by = self._by(key)
        falls = part.ranked and isinstance(by, Aggregation)
        return FigureSort(by, falls if key.descending is None else key.descending)

    def _by(self, key: SortKey) -> Aggregation | str:
        """Return what a term of "sorted by" orders groups by."""
        if key.function is not None:
            return Aggregation(key.function, key.field.name if key.field else None)
        if key.field is None:
            return Aggregation(Function.COUNT)
        if key.field.type in _MEASURED:
            same = (figure for figure in self._figures if figure.field == key.field.name)
            return next(same, Aggregation(Function.SUM, key.field.name))
        return key.field.name

    def _fits(self, key: FigureSort) -> bool:
        """Return whether groups can be ordered so: by a figure, or by a group."""
        if isinstance(key.by, str) and key.by not in self._groups:
            for part in self._gathered.sorts:
                self._gathered.refuse(part)
            return False
        return True
