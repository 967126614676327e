"""Figuring: the figures, groups and shares that a question asks for; the order of groups is `group_order.py`'s.

Gives `Figuring`. A question asks for figures where it names one, groups by something, names groups with a condition or
a rank ("categories with more than 10 rentals"), or asks for the values of a field, a share, or whether there are any.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from nlq.phrases.amounts import is_whole
from nlq.phrases.figure_words import figure_words
from nlq.phrases.gathered import Gathered
from nlq.phrases.group_order import GroupOrder
from nlq.phrases.grouping import DISTINCT_LEADS, group_keys
from nlq.phrases.ordering import told_apart
from nlq.phrases.parts import FieldPart, FigurePart, Part, RankPart, SortPart
from nlq.query import (
    Aggregate,
    Aggregation,
    FigureSort,
    Function,
    Having,
    Operator,
    group_field,
)
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.tags import Amount

MAX_FIGURES: Final = 10
_MEASURED: Final = (FieldType.MONEY, FieldType.INTEGER)
_OF: Final = frozenset(("of", "for"))
_Limits = tuple[tuple[Operator, Amount], ...]


class Figuring:
    """Brings together what one question says of figures."""

    def __init__(self, gathered: Gathered) -> None:
        self._gathered = gathered
        self._schema = gathered.schema
        self._figures: dict[Aggregation, None] = {}
        self._groups: tuple[str, ...] = ()
        self._having: list[Having] = []
        self._order: list[FigureSort] = []
        self.limit: int | None = None

    def run(self) -> Aggregate | None:
        """Return the figures asked for, None where records are. The order of records is settled elsewhere."""
        gathered = self._gathered
        if not gathered.asks_for_figures:
            return self._yes_no()
        self._name_totals()
        self._take_figures()
        self._take_asked_cost()
        named = self._group_fields()
        figures = tuple(self._figures) or self._ranked_totals()
        self._groups = group_keys(gathered, named, figures, ranked=self._ranks_records())
        distinct = self._distinct() if not self._groups and not self._figures else False
        if not self._groups and not self._figures and gathered.share is None and gathered.versus is None:
            return self._yes_no()
        self._name_figures()
        distinct = distinct and list(self._figures) == [Aggregation(Function.COUNT)]
        if self._groups:
            self._take_having()
            order = GroupOrder(gathered, list(self._figures), self._groups, self._ranked_figures)
            self._order, self.limit = order.run()
        else:
            self._refuse_bounds()
        asked = Aggregate(
            tuple(self._figures), self._groups, having=tuple(self._having), order=tuple(self._order), distinct=distinct
        )
        return self._lacking(asked)

    def _lacking(self, asked: Aggregate) -> Aggregate:
        """Return figures of groups as the groups that have no records, where these are asked for."""
        mark = self._gathered.lacking
        if mark is None and not asked.having:
            return asked
        plain = asked.aggregations == (Aggregation(Function.COUNT),) and len(asked.group_by) == 1 and not asked.order
        if not plain or self.limit is not None:
            return asked
        if mark is not None and asked.distinct:
            self._gathered.use(mark, "of which no record is")
            return replace(asked, lacking=True)
        if (
            mark is None
            and asked.having
            and all(map(_is_none, asked.having))
            and group_field(asked.group_by[0])[1] is None
        ):
            return replace(asked, having=(), distinct=True, lacking=True)
        return asked

    # Figures

    def _name_totals(self) -> None:
        """Take the total that "how much" asks for as that of the figure that records are ranked by."""
        ranking = self._schema.by_name.get(self._schema.conventions.ranking_field)
        for part in self._gathered.figures:
            if part.functions == (Function.SUM,) and part.field is None and ranking is not None:
                part.field = ranking
                others = tuple(f"sum({name})" for name in self._schema.money_names if name != ranking.name)
                text = f"the total {ranking.label} is meant, because the question names no figure"
                self._gathered.note(text, part, f"sum({ranking.name})", others)

    def _take_figures(self) -> None:
        gathered = self._gathered
        extremes, _ = told_apart(gathered.ranks)
        asking: list[FigurePart | RankPart] = [*gathered.figures, *extremes]
        for part in sorted(asking, key=lambda part: part.first):
            asked = self._asked(part)
            if not asked or len({*self._figures, *asked}) > MAX_FIGURES:
                gathered.refuse(part)
                continue
            self._figures.update(dict.fromkeys(asked))
            gathered.use(part, ", ".join(figure_words(figure, self._schema) for figure in asked))

    def _take_asked_cost(self) -> None:
        """Take "what is the cost ..." and "the cost of ..." as the total."""
        gathered = self._gathered
        if self._figures or gathered.groups:
            return
        asked = gathered.tokens[0].key in ("what", "whats")
        for bare in gathered.bare:
            of = bare.end < len(gathered.tokens) and gathered.tokens[bare.end].key in _OF
            if bare.field.name in self._schema.conventions.dates.spread and (asked or of or self._opens(bare)):
                self._figures.update(dict.fromkeys(self._bare_sums()))
                return

    def _opens(self, bare: FieldPart) -> bool:
        """Return whether a figure that opens the question is asked for, and no records in its order."""
        gathered = self._gathered
        return bare is gathered.opening and not (gathered.ranks or gathered.sorts or gathered.directions)

    def _asked(self, part: FigurePart | RankPart) -> tuple[Aggregation, ...]:
        """Return the figures of a part, none where the field has none."""
        if isinstance(part, RankPart):
            descending = part.rank is not None and part.rank.descending
            function = Function.MAX if descending else Function.MIN
            known = part.field is not None and _has_figure(function, part.field)
            return (Aggregation(function, part.field.name),) if part.field is not None and known else ()
        if part.field is None:
            return tuple(map(Aggregation, part.functions))
        if not all(_has_figure(function, part.field) for function in part.functions):
            return ()
        return tuple(
            Aggregation(function, each.name) for each in (part.field, *part.more) for function in part.functions
        )

    def _name_figures(self) -> None:
        """Name the figures of groups where the question names none: totals of a field of money, or the count."""
        if self._figures:
            return
        gathered = self._gathered
        ranked = self._ranked_figures()
        self._figures.update(dict.fromkeys(self._bare_sums() or ranked or [self._counted(said=self._is_counted())]))
        if gathered.share is not None and not self._groups:
            return

    def _ranked_totals(self) -> tuple[Aggregation, ...]:
        """Return the totals of costs that groups are ranked by: "which month has the highest cost"."""
        spread = self._schema.conventions.dates.spread
        fields = (rank.field for rank in self._gathered.ranks if not rank.functions)
        return tuple(
            Aggregation(Function.SUM, each.name) for each in fields if each is not None and each.name in spread
        )

    def _is_counted(self) -> bool:
        """Return whether the question itself says that records are counted."""
        gathered = self._gathered
        return bool(gathered.counted or gathered.most or gathered.share or gathered.versus or gathered.distinct) or any(
            having.field is None for having in gathered.havings
        )

    def _ranked_figures(self) -> list[Aggregation]:
        """Return the figures that groups are ranked by: "bottom 5 categories by actual cost"."""
        gathered = self._gathered
        found: dict[Aggregation, None] = {}
        for part in gathered.by_figures:
            functions = part.functions or (Function.COUNT,)
            found.update(dict.fromkeys(Aggregation(f, part.field.name if part.field else None) for f in functions))
        for group in gathered.groups:
            for key in group.keys:
                if key.field is not None and key.field.type in _MEASURED:
                    found[self._usual(key.field, group)] = None
        extremes = {id(rank) for rank in told_apart(gathered.ranks)[0]}
        for rank in gathered.ranks:
            if rank.field is not None and not all(
                _has_figure(each, rank.field) for each in rank.functions or (Function.MAX,)
            ):
                gathered.refuse(rank)
            elif rank.functions:
                found.update(
                    dict.fromkeys(Aggregation(f, rank.field.name if rank.field else None) for f in rank.functions)
                )
            elif rank.field is not None and id(rank) not in extremes:
                found[self._usual(rank.field, rank)] = None
            elif rank.rank is not None and rank.rank.money and self._schema.conventions.ranking_field:
                found[self._usual(self._schema.by_name[self._schema.conventions.ranking_field], rank)] = None
        found.update(dict.fromkeys(self._ordered_figures()))
        for having in gathered.havings:
            if having.field is not None and all(_has_figure(each, having.field) for each in having.functions):
                found.update(dict.fromkeys(Aggregation(f, having.field.name) for f in having.functions))
        return list(found)

    def _ordered_figures(self) -> list[Aggregation]:
        """Return the figures that groups are ordered by: "categories sorted by total cost"."""
        found = []
        for part in self._gathered.sorts if self._groups else ():
            for key in part.keys:
                if key.function is not None:
                    found.append(Aggregation(key.function, key.field.name if key.field else None))
                elif key.field is not None and key.field.type in _MEASURED:
                    found.append(self._usual(key.field, part))
        return found

    def _usual(self, field: FieldSpec, part: Part) -> Aggregation:
        """Return the figure of a group that a field stands for: the total of a cost, else the largest."""
        total = field.name in self._schema.conventions.dates.spread or not self._schema.conventions.dates.spread
        function = Function.SUM if total else Function.MAX
        words = "total" if total else "maximum"
        others = tuple(
            f"{each.value}({field.name})" for each in (Function.SUM, Function.AVG, Function.MAX) if each is not function
        )
        text = f"the {field.label} of each group is its {words}, because no other figure is named"
        self._gathered.note(text, part, f"{function.value}({field.name})", others)
        return Aggregation(function, field.name)

    def _counted(self, *, said: bool) -> Aggregation:
        """Return the count of records that groups have where no figure is named."""
        gathered = self._gathered
        if gathered.groups and not said:
            first, last = gathered.groups[0], gathered.groups[-1]
            text = "the records of each group are counted, because no figure is named; say sorted by to list them"
            others = tuple(f"sorted by {name}" for name in self._groups)
            span = Part(first.first, last.end)
            gathered.note(text, span, "count()", others)
        return Aggregation(Function.COUNT)

    def _bare_sums(self) -> list[Aggregation]:
        """Take a field of money in front of groups as its total: "actual cost by manufacturer"."""
        gathered = self._gathered
        sums = []
        taken = [bare for bare in gathered.bare if bare.field.type is FieldType.MONEY]
        gathered.bare = [bare for bare in gathered.bare if bare.field.type is not FieldType.MONEY]
        for bare in taken:
            name = bare.field.name
            sums.append(Aggregation(Function.SUM, name))
            gathered.use(bare, f"total {bare.field.label}")
            text = f"the {bare.field.label} of each group is its total, because no other figure is named"
            others = tuple(f"{function.value}({name})" for function in (Function.AVG, Function.MEDIAN))
            if self._says_cost(bare):
                others = (f"sum({self._schema.conventions.ranking_field})", *others)
            gathered.note(text, bare, f"sum({name})", others)
        return sums

    def _says_cost(self, bare: FieldPart) -> bool:
        """Return whether a field that is no cost is called one: "rental cost", whose total may be meant."""
        ranking = self._schema.by_name.get(self._schema.conventions.ranking_field)
        if ranking is None or bare.field.name in self._schema.conventions.dates.spread:
            return False
        return self._gathered.tokens[bare.end - 1].key == ranking.label.split()[-1]

    # Groups

    def _group_fields(self) -> list[FieldPart]:
        """Return the bare fields that name the groups: "areas with more than 10 cranes"."""
        gathered = self._gathered
        # A field behind "by", or a share, already says what the groups are.
        wanted = (
            gathered.counted
            or gathered.most
            or gathered.havings
            or gathered.figure_bounds
            or told_apart(gathered.ranks)[1]
            or gathered.by_figures
            or [part for part in gathered.sorts if _orders_by_figure(part)]
        )
        groupable = [bare for bare in gathered.bare if bare.field.groupable]
        if not wanted or not groupable:
            return []
        fields = groupable[:1]
        gathered.take_bare(fields[0])
        gathered.use(fields[0], f"by {fields[0].field.label}")
        return fields

    def _ranks_records(self) -> bool:
        """Return whether a rank is of records, so that nothing is grouped."""
        gathered = self._gathered
        ranks = [rank for rank in told_apart(gathered.ranks)[1] if not rank.functions]
        asked = (group for group in gathered.groups if group.first and group.keys[0].part is not None)
        if any(gathered.tokens[group.first - 1].key in ("which", "what") for group in asked):
            return False  # "which month has the highest cost"
        return bool(
            (ranks or gathered.sorts) and not self._figures and not any(b.field.groupable for b in gathered.bare)
        )

    def _distinct(self) -> bool:
        """Take "which manufacturers ..." as the groups themselves; return whether it was one."""
        gathered = self._gathered
        for part in gathered.distinct[:1]:
            if part.field.groupable:
                self._groups = (part.field.name,)
                gathered.use(part, f"the different values of {part.field.label}")
                gathered.distinct = gathered.distinct[1:]
                return True
        if gathered.ranks or gathered.sorts or gathered.share is not None:
            return False
        for bare in gathered.bare:
            if bare.field.groupable and bare.field.type is not FieldType.BOOL and self._asks_for(bare):
                gathered.take_bare(bare)
                self._groups = (bare.field.name,)
                gathered.use(bare, f"the different values of {bare.field.label}")
                return True
        return False

    def _asks_for(self, bare: FieldPart) -> bool:
        """Return whether a field is what is asked for: "which areas", "list the models"."""
        tokens = self._gathered.tokens
        led = any(token.key in DISTINCT_LEADS for token in tokens[max(0, bare.first - 3) : bare.first])
        return led or self._gathered.is_plural(bare) or self._gathered.is_asked(bare)

    def _yes_no(self) -> Aggregate | None:
        """Return the question whether there are any, None where it asks for something else."""
        mark = self._gathered.yes_no
        if mark is None or self._gathered.ranks or self._gathered.sorts:
            return None
        self._gathered.use(mark, "whether there are any")
        self._gathered.yes_no = None
        return Aggregate((Aggregation(Function.COUNT),), yes_no=True)

    # Conditions on groups

    def _take_having(self) -> None:
        gathered = self._gathered
        for part in gathered.havings:
            if part.field is not None and not all(_has_figure(each, part.field) for each in part.functions):
                gathered.refuse(part)
                continue
            figures = tuple(Aggregation(f, part.field.name if part.field else None) for f in part.functions)
            self._limit_group(figures[0], part, part.limits)
        for figure, bound in gathered.figure_bounds:
            asked = self._asked(figure)
            if asked:
                self._limit_group(asked[-1], bound, bound.limits)
            else:
                gathered.refuse(bound)
        for bound in gathered.counted:
            self._limit_group(Aggregation(Function.COUNT), bound, bound.limits)

    def _limit_group(self, figure: Aggregation, part: Part, limits: _Limits) -> None:
        """Take limits of a figure as conditions on the groups; refuse those that do not fit it."""
        is_count = figure.function in (Function.COUNT, Function.COUNT_DISTINCT)
        unfit = any(
            amount.foreign or (is_count and (amount.marked or not is_whole(amount.value))) for _, amount in limits
        )
        if unfit:
            self._gathered.refuse(part)
            return
        if figure == Aggregation(Function.COUNT) and all(
            _holds_for_none(operator, amount) for operator, amount in limits
        ):
            self._gathered.note("groups without records are not among them", part, "count() > 0", ("with 0",))
        self._having += [Having(figure, operator, amount.value) for operator, amount in limits]
        words = figure_words(figure, self._schema)
        said = " and ".join(f"{words} {operator.value} {amount.value:,f}" for operator, amount in limits)
        self._gathered.use(part, said)

    def _refuse_bounds(self) -> None:
        """Report limits of figures where there are no groups that they could be of."""
        gathered = self._gathered
        parts: Iterable[Part] = (*(bound for _, bound in gathered.figure_bounds), *gathered.counted, *gathered.havings)
        for part in parts:
            gathered.refuse(part)
            gathered.result.warnings.append("A limit of a figure needs groups: name what to group by.")


def _is_none(having: Having) -> bool:
    """Return whether a condition on groups holds for those without records only: "with 0 cranes"."""
    none = {Operator.EQ: 0, Operator.LE: 0, Operator.LT: 1}.get(having.operator)
    return having.figure == Aggregation(Function.COUNT) and none is not None and having.value == none


def _holds_for_none(operator: Operator, amount: Amount) -> bool:
    return (operator is Operator.LE and amount.value > 0) or (operator is Operator.LT and amount.value > 1)


def _orders_by_figure(part: SortPart) -> bool:
    """Return whether an order is by what groups have figures of."""
    return any(key.function is not None or key.field is None or key.field.type in _MEASURED for key in part.keys)


def _has_figure(function: Function, field: FieldSpec) -> bool:
    """Return whether there is such a figure of a field: of dates only the first and the last."""
    if function is Function.COUNT_DISTINCT:
        return field.groupable
    return field.type in _MEASURED or (field.type is FieldType.DATE and function in (Function.MIN, Function.MAX))
