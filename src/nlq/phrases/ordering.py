"""Ordering: the order and the limit of the records that a question asks for.

Gives `order_of`.
"""

from __future__ import annotations

from typing import Any, Final

from nlq.phrases.gathered import Gathered
from nlq.phrases.parts import Part, RankPart, SortPart
from nlq.query import Sort
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.tags import Rank

MAX_LIMIT: Final = 100_000
MAX_SORTS: Final = 5

_TIMES: Final = (FieldType.DATE, FieldType.TIME)
_VALUED: Final = (*_TIMES, FieldType.MONEY, FieldType.INTEGER)
"""Types of fields of which "what is the rate of EQ-2087" asks for the records."""
_Key = tuple[FieldSpec, bool | None, Part]


def order_of(gathered: Gathered) -> tuple[tuple[Sort, ...], int | None]:
    """Return the order and the limit that rankings and sort words ask for."""
    ordered = bool(gathered.ranks or gathered.sorts or gathered.directions or gathered.groups)
    return _Ordering(gathered).run() if ordered or _asks_values(gathered) else ((), None)


def _asks_values(gathered: Gathered) -> bool:
    """Return whether it is asked what a field holds; "monthly rate of rentals" leaves open which figure of it."""
    asked = next(filter(gathered.is_asked, gathered.bare), None)
    return asked is not None and (asked.first > 0 or gathered.names_one)


def is_extreme(rank: RankPart, ranks: list[RankPart]) -> bool:
    """Return whether "the highest rate" asks for the figure, not for the record that has it."""
    return _is_open(rank) and not _counts_records(ranks)


def told_apart(ranks: list[RankPart]) -> tuple[list[RankPart], list[RankPart]]:
    """Return the ranks that ask for a figure (`is_extreme`), and the others."""
    if not ranks:
        return [], []
    counted = _counts_records(ranks)
    extremes = [rank for rank in ranks if _is_open(rank) and not counted]
    return extremes, [rank for rank in ranks if counted or not _is_open(rank)]


def _is_open(rank: RankPart) -> bool:
    return rank.field is not None and rank.count is None and not rank.holder and not rank.functions


def _counts_records(ranks: list[RankPart]) -> bool:
    return any(rank.count is not None and rank.field is None for rank in ranks)


def limit_of(gathered: Gathered, ranks: list[RankPart]) -> int | None:
    """Return how many are asked for, the first that was said; None where nothing was. Refused ranks are taken out."""
    limit: int | None = None
    for rank in list(ranks):
        if rank.count is not None:
            value = rank.count.value
            again = limit is not None and value != limit
            if again or value != int(value) or not 1 <= value <= MAX_LIMIT or rank.count.marked:
                gathered.refuse(rank)
                ranks.remove(rank)
                if value > MAX_LIMIT and not rank.count.marked:
                    gathered.result.warnings.append(f"At most {MAX_LIMIT:,} records or groups can be asked for.")
            else:
                limit = int(value)
        elif rank.holder and not rank.several and limit is None:
            limit = 1
    return limit


class _Ordering:
    """Brings together what one question says of its order."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._schema = gathered.schema

    def run(self) -> tuple[tuple[Sort, ...], int | None]:
        gathered = self._gathered
        keys: list[_Key] = []
        _, ranks = told_apart(gathered.ranks)
        limit = limit_of(gathered, ranks)
        ends = self._ends(ranks)
        direction = ends[-1].rank if ends else None
        default = direction.descending if direction is not None else None
        keys += [(rank.field, default, rank) for rank in ranks if rank.field is not None]
        keys += self._sort_keys()
        keys += self._grouped_measures(default)
        if ends and not keys and ends[-1].open and ends[-1].functions == ():
            gathered.refuse(ends[-1])
            ranks.remove(ends[-1])
        elif ends and not keys:
            keys += self._ranked_by(ends[-1])
        by_date = [mark for mark in gathered.directions if isinstance(mark.payload, Rank) and mark.payload.dated]
        if by_date and not keys:
            keys += self._by_date(by_date[-1])
        by_money = [mark for mark in gathered.directions if isinstance(mark.payload, Rank) and mark.payload.money]
        if by_money and not keys:
            keys += self._ranked_by(by_money[-1])
        if not (keys or ranks or gathered.sorts):
            keys += self._asked_values()
        keys = self._directed(keys)
        sort = self._sorted(keys, default)
        said: list[Part] = [*ranks, *gathered.sorts]
        for each in said:
            if (each.first, each.end) not in gathered.result.unread:
                gathered.use(each, _order_words(each, sort, limit))
        return tuple(sort.values()), limit

    def _sort_keys(self) -> list[_Key]:
        """Return the terms of "sorted by"; a figure is none of a record."""
        keys: list[_Key] = []
        for part in self._gathered.sorts:
            for key in part.keys:
                if key.field is None or key.function is not None:
                    self._gathered.refuse(part)
                else:
                    keys.append((key.field, key.descending, part))
                    self._note_event(part)
        return keys

    def _asked_values(self) -> list[_Key]:
        """Take "what is the rate of EQ-2087" as the records in the order of what is asked for, which they show."""
        gathered = self._gathered
        if not _asks_values(gathered):
            return []
        keys: list[_Key] = []
        for bare in [each for each in gathered.bare if each.field.sortable and each.field.type in _VALUED]:
            gathered.take_bare(bare)
            gathered.use(bare, f"sorted by {bare.field.label}")
            keys.append((bare.field, None, bare))
            name = bare.field.name
            others = (f"sum({name})", f"avg({name})") if bare.field.type is FieldType.MONEY else ()
            text = f"the records are listed by their {bare.field.label}, because no figure of it is named"
            gathered.note(text, bare, name, others)
        return keys

    def _note_event(self, part: SortPart) -> None:
        """Say which period is meant where the words leave it open: "ending soonest"."""
        if part.event is not None:
            text = f"the order is by {part.event.field.label}, because the question does not say of which period"
            others = tuple(each.name for each in part.event.others)
            self._gathered.note(text, part, part.event.field.name, others)

    def _sorted(self, keys: list[_Key], default: bool | None) -> dict[str, Sort]:
        sort: dict[str, Sort] = {}
        for key, said, part in keys:
            if not key.sortable or len(sort) == MAX_SORTS:
                self._gathered.refuse(part)
            else:
                direction = default if said is None else said
                sort.setdefault(key.name, Sort(key.name, _falls(key, part) if direction is None else direction))
        return sort

    def _grouped_measures(self, default: bool | None) -> list[_Key]:
        """Take "by" before a field that makes no groups ("top 10 by monthly rate") as an order."""
        gathered = self._gathered
        keys: list[_Key] = []
        for group in list(gathered.groups):
            key = group.keys[0]
            plain = len(group.keys) == 1 and key.field is not None and key.part is None and not key.field.groupable
            if plain and key.field is not None and not gathered.figures:
                gathered.groups.remove(group)
                keys.append((key.field, default, group))
                if key.field.sortable:
                    gathered.use(group, f"by {key.field.label}")
        return keys

    def _ends(self, ranks: list[RankPart]) -> list[RankPart]:
        """Return the rankings that say from which end; those of the other end than the last are refused."""
        last = next((rank.rank for rank in reversed(ranks) if rank.rank is not None), None)
        if last is None:
            return []
        others = [rank for rank in ranks if rank.rank is not None and rank.rank.descending != last.descending]
        for rank in others:
            self._gathered.refuse(rank)
        ranks[:] = [rank for rank in ranks if rank.rank is None or rank.rank.descending == last.descending]
        return [rank for rank in ranks if rank.rank is not None]

    def _by_date(self, part: Part) -> list[_Key]:
        """Return the date that "newest" orders by."""
        newest = self._schema.by_name.get(self._schema.conventions.newest_field)
        if newest is None:
            self._gathered.refuse(part)
            return []
        others = tuple(f.name for f in self._schema.fields if f.type in _TIMES and f is not newest and f.sortable)
        text = f"the order is by {newest.label}, because the question names no date"
        self._gathered.note(text, part, newest.name, others)
        return [(newest, None, part)]

    def _ranked_by(self, part: Part) -> list[_Key]:
        """Return what records are ranked by where only "top" or "most expensive" was said."""
        gathered = self._gathered
        if isinstance(part, RankPart) and part.rank is not None and part.rank.dated:
            return self._by_date(part)
        for bare in gathered.bare:
            if bare.field.type in (FieldType.MONEY, FieldType.INTEGER):
                gathered.take_bare(bare)
                gathered.use(bare, f"by {bare.field.label}")
                return [(bare.field, None, part)]
        ranking = self._schema.by_name.get(self._schema.conventions.ranking_field)
        if ranking is None:
            gathered.refuse(part)
            return []
        others = tuple(name for name in self._schema.money_names if name != ranking.name)
        text = f"records are ranked by {ranking.label}, because the question names no figure"
        gathered.note(text, part, ranking.name, others)
        return [(ranking, None, part)]

    def _directed(self, keys: list[_Key]) -> list[_Key]:
        """Let "highest first" said on its own direct the last term of the order."""
        for mark in self._gathered.directions:
            rank: Any = mark.payload
            if keys and keys[-1][1] in (None, rank.descending):
                keys = [*keys[:-1], (keys[-1][0], rank.descending, keys[-1][2])]
                self._gathered.use(mark, "descending" if rank.descending else "ascending")
            else:
                self._gathered.refuse(mark)
        return keys


def _falls(field: FieldSpec, part: Part) -> bool:
    """Return whether the largest comes first where no direction is said: of figures that are ranked."""
    return isinstance(part, SortPart) and part.ranked and field.type in (FieldType.MONEY, FieldType.INTEGER)


def _order_words(part: Part, sort: dict[str, Sort], limit: int | None) -> str:
    """Return what a ranking or an order means, in words."""
    first = f"the first {limit}" if isinstance(part, RankPart) and part.count is not None else ""
    if isinstance(part, RankPart) and part.rank is None:
        return first
    terms = ", ".join(f"{name} desc" if term.descending else name for name, term in sort.items())
    return ", ".join(filter(None, (f"sorted by {terms}" if terms else "", first)))
