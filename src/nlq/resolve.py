"""Resolve: the parts of a question become a query, once each part knows which others it belongs to.

Gives `resolve` and `Resolved`. Conditions come from `terms.py` and `amounts.py`; here they are brought together with
the figures, groups, orders and rankings, the conventions are applied, and every choice is written down.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from nlq.amounts import settle_amounts
from nlq.canon import Canon
from nlq.context import Settled
from nlq.figures import figure_words
from nlq.normalize import Token
from nlq.notes import Note, choice_note, left_out_note, money_fields, reach_note, roughly_note, value_note
from nlq.parse import (
    BoundPart,
    FieldPart,
    FigurePart,
    FlagPart,
    GroupPart,
    Mark,
    Part,
    PresencePart,
    RankPart,
    SortPart,
    ValuePart,
)
from nlq.query import Aggregate, Aggregation, Comparison, Condition, Function, Operator, Query, Sort, conjunction
from nlq.schema import FieldSpec, FieldType
from nlq.tags import RECORD, UNKNOWN, Rank, Tagged
from nlq.terms import BoundTerm, FlagTerm, Term, TermList, ValueTerm, joined
from nlq.words import UNITS

MAX_LIMIT: Final = 100_000
MAX_GROUPS: Final = 2
MAX_SORTS: Final = 5
MAX_FIGURES: Final = 10
_SMALL_COUNT: Final = 1000


@dataclass(slots=True)
class Use:
    """Tokens that became part of the query, and what they mean there."""

    first: int
    end: int
    meaning: str


@dataclass(slots=True)
class Resolved:
    """A query, and what each token did for it."""

    query: Query = field(default_factory=Query)
    uses: list[Use] = field(default_factory=list)
    unread: list[tuple[int, int]] = field(default_factory=list)
    """Tokens (first, end) that were not understood."""
    hints: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """First token of something not understood → what could be said instead."""
    defaults: list[Note] = field(default_factory=list)
    ambiguities: list[Note] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def resolve(parts: Sequence[Part], settled: Settled, tokens: list[Token], *, canon: Canon, currency: str) -> Resolved:
    """Return the query that the parts make up, with every token that they hold accounted for."""
    return _Resolver(settled, tokens, canon, currency).run(parts)


class _Resolver:
    """Gathers what the parts of one question say, and brings it together."""

    def __init__(self, settled: Settled, tokens: list[Token], canon: Canon, currency: str) -> None:
        self._tokens = tokens
        self._schema = canon.schema
        self._canon = canon
        self._currency = currency
        self._result = Resolved()
        self._stretches: dict[int, Tagged] = {stretch.first: stretch for stretch in settled.tagged}
        self._list = TermList(settled)
        self._before: Part | None = None
        self._unread_ends: set[int] = set()
        self._figures: list[FigurePart] = []
        self._groups: list[GroupPart] = []
        self._sorts: list[SortPart] = []
        self._ranks: list[RankPart] = []
        self._bare: list[FieldPart] = []
        self._directions: list[Mark] = []
        self._handlers: dict[type, Callable[[Any], None]] = {
            Mark: self._take_mark,
            ValuePart: self._list.take_value,
            FlagPart: self._list.take_flag,
            BoundPart: self._take_bound,
            PresencePart: self._take_presence,
            FigurePart: lambda part: self._gather(self._figures, part),
            GroupPart: lambda part: self._gather(self._groups, part),
            SortPart: lambda part: self._gather(self._sorts, part),
            RankPart: lambda part: self._gather(self._ranks, part),
            FieldPart: self._take_field,
        }

    def run(self, parts: Sequence[Part]) -> Resolved:
        """Take the parts in their order, then bring together what they said."""
        for part in parts:
            self._handlers[type(part)](part)
            self._before = part
        self._list.close()
        self._result.unread += self._list.dangling
        sort, limit = self._order()
        aggregate = self._aggregate(ranked=bool(sort or limit))
        if aggregate is not None and (sort or limit):
            self._refuse_order()
            sort, limit = (), None
        self._refuse_rest()
        where = self._where(aggregate)
        if aggregate is not None:
            aggregate = replace(aggregate, including=self._included(aggregate))
        self._result.query = Query(where, sort, limit, aggregate)
        return self._result

    def _take_mark(self, mark: Mark) -> None:
        """Hand on a word that joins or negates; whatever else stands between two terms parts them."""
        if mark.tag == UNKNOWN:
            self._list.close()
            self._unread_ends.add(mark.end)
        elif mark.tag == "AMOUNT":
            self._list.close()
            self._refuse(mark)
        elif mark.tag == "DIRECTION":
            self._gather(self._directions, mark)
        else:
            self._list.take_mark(mark)

    def _take_presence(self, part: PresencePart) -> None:
        """Hand on whether a field has a value; a flag always has one."""
        if part.field.type is FieldType.BOOL:
            self._list.close()
            self._refuse(part)
        else:
            self._list.take_presence(part)

    def _take_bound(self, part: BoundPart) -> None:
        """Hand on limits; right behind a figure they are of the figure ("total cost over $1M"), and not understood."""
        before = self._before
        follows = before is not None and not any(
            self._stretches[index].tag == RECORD for index in range(before.end, part.first) if index in self._stretches
        )
        if part.field is None and follows and isinstance(before, FigurePart) and before.field is not None:
            self._list.close()
            self._refuse(part)
            self._result.warnings.append("A limit of a figure is not understood; limits are of single records.")
            return
        if part.field is None and follows and isinstance(before, RankPart):
            part.field = before.field
        self._list.take_bound(part)

    def _take_field(self, part: FieldPart) -> None:
        """Hand on a field that a list goes on to; keep one about which nothing is said yet."""
        if not self._list.take_field(part):
            self._gather(self._bare, part)

    def _gather(self, into: list[Any], part: Part) -> None:
        self._list.close()
        into.append(part)

    def _use(self, part: Part | Term, meaning: str) -> None:
        self._result.uses.append(Use(part.first, part.end, meaning))

    def _refuse(self, part: Part | Term, *hints: str) -> None:
        self._result.unread.append((part.first, part.end))
        if hints:
            self._result.hints[part.first] = hints

    # Order and limit

    def _order(self) -> tuple[tuple[Sort, ...], int | None]:
        """Return the order and the limit that rankings and sort words ask for."""
        keys: list[tuple[FieldSpec, bool | None, Part]] = []
        ranks = [rank for rank in self._ranks if not self._is_extreme(rank)]
        limit = self._limit(ranks)
        ends = self._ends(ranks)
        direction = ends[-1].rank if ends else None
        default = direction.descending if direction is not None else None
        keys += [(rank.field, default, rank) for rank in ranks if rank.field is not None]
        keys += [(key, said, part) for part in self._sorts for key, said in part.keys]
        keys += self._grouped_measures(default)
        if ends and not keys:
            keys += self._ranked_by(ends[-1])
        by_money = [mark for mark in self._directions if isinstance(mark.payload, Rank) and mark.payload.money]
        if by_money and not keys:
            keys += self._ranked_by(by_money[-1])
        keys = self._directed(keys)
        sort: dict[str, Sort] = {}
        for key, said, part in keys:
            if not key.sortable or len(sort) == MAX_SORTS:
                self._refuse(part)
            else:
                sort.setdefault(key.name, Sort(key.name, bool(default if said is None else said)))
        said_parts: list[Part] = [*ranks, *self._sorts]
        for each in said_parts:
            if (each.first, each.end) not in self._result.unread:
                self._use(each, self._order_words(each, sort, limit))
        return tuple(sort.values()), limit

    def _order_words(self, part: Part, sort: dict[str, Sort], limit: int | None) -> str:
        """Return what a ranking or an order means, in words."""
        first = f"the first {limit}" if isinstance(part, RankPart) and part.count is not None else ""
        if isinstance(part, RankPart) and part.rank is None:
            return first
        terms = ", ".join(f"{name} desc" if term.descending else name for name, term in sort.items())
        return ", ".join(filter(None, (f"sorted by {terms}" if terms else "", first)))

    def _is_extreme(self, rank: RankPart) -> bool:
        """Return whether "the highest rate" asks for the figure, not for the record that has it."""
        if rank.field is None or rank.count is not None or rank.holder:
            return False
        return not any(other.count is not None and other.field is None for other in self._ranks)

    def _limit(self, ranks: list[RankPart]) -> int | None:
        """Return how many records are asked for, the first that was said; None where nothing was."""
        limit: int | None = None
        for rank in list(ranks):
            if rank.count is not None:
                value = rank.count.value
                again = limit is not None and value != limit
                if again or value != int(value) or not 1 <= value <= MAX_LIMIT or rank.count.marked:
                    self._refuse(rank)
                    ranks.remove(rank)
                else:
                    limit = int(value)
            elif rank.holder and not self._is_plural(rank):
                limit = 1
        return limit

    def _is_plural(self, part: Part) -> bool:
        """Return whether the last word of a part is a plural."""
        raw = self._tokens[part.end - 1].raw.casefold()
        return raw != self._tokens[part.end - 1].key and raw.endswith("s")

    def _grouped_measures(self, default: bool | None) -> list[tuple[FieldSpec, bool | None, Part]]:
        """Take "by" before a field that makes no groups ("top 10 by monthly rate") as an order."""
        keys: list[tuple[FieldSpec, bool | None, Part]] = []
        for group in list(self._groups):
            if len(group.fields) == 1 and not group.fields[0].groupable and not self._figures:
                self._groups.remove(group)
                keys.append((group.fields[0], default, group))
                if group.fields[0].sortable:
                    self._use(group, f"by {group.fields[0].label}")
        return keys

    def _ends(self, ranks: list[RankPart]) -> list[RankPart]:
        """Return the rankings that say from which end; those of the other end than the last are refused."""
        ends = [rank for rank in ranks if rank.rank is not None]
        for rank in ends[:-1]:
            if rank.rank is not None and ends[-1].rank is not None and rank.rank.descending != ends[-1].rank.descending:
                ranks.remove(rank)
                self._refuse(rank)
        return [rank for rank in ends if rank in ranks]

    def _ranked_by(self, part: Part) -> list[tuple[FieldSpec, bool | None, Part]]:
        """Return what records are ranked by where only "top" or "most expensive" was said."""
        for bare in self._bare:
            if bare.field.type in (FieldType.MONEY, FieldType.INTEGER):
                self._bare.remove(bare)
                self._use(bare, f"by {bare.field.label}")
                return [(bare.field, None, part)]
        ranking = self._schema.by_name.get(self._schema.conventions.ranking_field)
        if ranking is None:
            self._refuse(part)
            return []
        others = tuple(name for name in money_fields(self._schema) if name != ranking.name)
        text = f"records are ranked by {ranking.label}, because the question names no figure"
        self._result.ambiguities.append(Note(text, part.first, part.end, ranking.name, others))
        return [(ranking, None, part)]

    def _directed(self, keys: list[tuple[FieldSpec, bool | None, Part]]) -> list[tuple[FieldSpec, bool | None, Part]]:
        """Let "highest first" said on its own direct the last term of the order."""
        for mark in self._directions:
            rank: Any = mark.payload
            if keys and keys[-1][1] is None:
                keys = [*keys[:-1], (keys[-1][0], rank.descending, keys[-1][2])]
                self._use(mark, "descending" if rank.descending else "ascending")
            else:
                self._refuse(mark)
        return keys

    def _refuse_order(self) -> None:
        """Figures come ordered by their groups: an order of records says nothing about them."""
        parts = [part for part in (*self._ranks, *self._sorts, *self._directions) if not self._was_figure(part)]
        spans = {(part.first, part.end) for part in parts}
        self._result.uses = [use for use in self._result.uses if (use.first, use.end) not in spans]
        self._result.ambiguities = [n for n in self._result.ambiguities if (n.first, n.end) not in spans]
        self._result.unread += sorted(spans - set(self._result.unread))

    def _was_figure(self, part: Part) -> bool:
        return isinstance(part, RankPart) and self._is_extreme(part)

    # Figures and groups

    def _aggregate(self, *, ranked: bool) -> Aggregate | None:
        """Return the figures and groups asked for, None where records are."""
        figures: dict[Aggregation, None] = {}
        asking: list[FigurePart | RankPart] = [*self._figures, *filter(self._is_extreme, self._ranks)]
        for part in sorted(asking, key=lambda part: part.first):
            asked = self._asked_figures(part)
            if not asked or len({*figures, *asked}) > MAX_FIGURES:
                self._refuse(part)
                continue
            figures.update(dict.fromkeys(asked))
            self._use(part, ", ".join(figure_words(figure, self._schema) for figure in asked))
        groups = self._group_fields(ranked=ranked and not figures)
        if groups and not figures:
            figures.update(dict.fromkeys(self._bare_sums() or [self._counted()]))
        return Aggregate(tuple(figures), groups) if figures else None

    def _asked_figures(self, part: FigurePart | RankPart) -> tuple[Aggregation, ...]:
        """Return the figures of a part, none where the field has none."""
        if isinstance(part, RankPart):
            descending = part.rank is not None and part.rank.descending
            function = Function.MAX if descending else Function.MIN
            return (Aggregation(function, part.field.name),) if part.field is not None else ()
        if part.field is None:
            return tuple(map(Aggregation, part.functions))
        if Function.COUNT_DISTINCT in part.functions and not part.field.groupable:
            return ()
        return tuple(Aggregation(function, part.field.name) for function in part.functions)

    def _group_fields(self, *, ranked: bool) -> tuple[str, ...]:
        """Return the fields to group by, at most `MAX_GROUPS`; a ranking of records has none."""
        fields: dict[str, None] = {}
        for part in self._groups:
            names = [field.name for field in part.fields]
            fits = all(field.groupable for field in part.fields) and len({*fields, *names}) <= MAX_GROUPS
            if not fits or ranked:
                self._refuse(part)
                continue
            fields.update(dict.fromkeys(names))
            self._use(part, f"by {' and '.join(field.label for field in part.fields)}")
        return tuple(fields)

    def _counted(self) -> Aggregation:
        """Return the count of records that groups have where no figure is named."""
        first, end = self._groups[0].first, self._groups[-1].end
        text = "the records of each group are counted, because no figure is named; say sorted by to list them"
        others = tuple(f"sorted by {name}" for group in self._groups for name in (each.name for each in group.fields))
        self._result.ambiguities.append(Note(text, first, end, "count()", others))
        return Aggregation(Function.COUNT)

    def _bare_sums(self) -> list[Aggregation]:
        """Take a field of money in front of groups as its total: "actual cost by manufacturer"."""
        sums = []
        for bare in [bare for bare in self._bare if bare.field.type is FieldType.MONEY]:
            self._bare.remove(bare)
            name = bare.field.name
            sums.append(Aggregation(Function.SUM, name))
            self._use(bare, f"total {bare.field.label}")
            text = f"the {bare.field.label} of each group is its total, because no other figure is named"
            others = tuple(f"{function.value}({name})" for function in (Function.AVG, Function.MEDIAN))
            self._result.ambiguities.append(Note(text, bare.first, bare.end, f"sum({name})", others))
        return sums

    def _refuse_rest(self) -> None:
        """Report the fields about which nothing was said."""
        for bare in self._bare:
            label = bare.field.label
            if bare.field.type is FieldType.MONEY:
                self._refuse(bare, f"total {label}", f"average {label}", f"{label} over …")
            elif bare.field.groupable:
                self._refuse(bare, f"by {label}", f"with a {label}")
            else:
                self._refuse(bare, f"sorted by {label}", f"without {label}")

    def _included(self, aggregate: Aggregate) -> tuple[str, ...]:
        """Return the flags whose records totals take in because the question wants them."""
        if not any(item.function in (Function.SUM, Function.AVG) for item in aggregate.aggregations):
            return ()
        flags = [term for term in self._list.terms if isinstance(term, FlagTerm)]
        wanted = {term.field.name for term in flags if term.state is None or term.state is not term.negative}
        wanted.update(aggregate.group_by)
        for name in (name for name in self._schema.conventions.left_out if name in wanted):
            flag = self._schema.by_name[name].true_words[0]
            self._result.warnings.append(f"Totals and averages leave out {flag} records, whatever is asked for.")
        return tuple(name for name in self._schema.conventions.left_out_of_totals if name in wanted)

    # Conditions

    def _where(self, aggregate: Aggregate | None) -> Condition | None:
        """Return the conditions, those by convention included."""
        self._list.terms = self._compatible(self._list.terms)
        self._settle_amounts()
        terms = self._list.terms
        for term in terms:
            if isinstance(term, ValueTerm) and term.others:
                self._result.ambiguities.append(value_note(term, self._canon))
            condition = term.condition()
            if condition is None and isinstance(term, FlagTerm):
                self._use(term, f"{term.field.label} or not")
            elif condition is not None:
                self._use(term, self._canon.text(condition))
            reach = reach_note(term, self._canon)
            self._result.ambiguities += [reach] if reach is not None else []
        conditions = [*joined(terms), *self._left_out(terms, aggregate)]
        return self._canon.form(conjunction(*conditions))

    def _settle_amounts(self) -> None:
        """Give amounts their fields, and write down what was chosen and what was refused."""
        terms = self._list.terms
        choices, refusals, remarks = settle_amounts(terms, self._schema, self._currency, counted=self._counts)
        refused = [refusal.term for refusal in refusals]
        self._list.terms = [term for term in terms if not any(term is other for other in refused)]
        for refusal in refusals:
            self._refuse(refusal.term)
            self._result.warnings.append(refusal.reason)
        self._result.warnings += remarks
        self._result.ambiguities += [choice_note(choice, self._canon) for choice in choices]
        for term in self._list.terms:
            if isinstance(term, BoundTerm) and term.about and term.resolved is not None:
                self._result.ambiguities.append(roughly_note(term, self._canon))

    def _counts(self, term: BoundTerm) -> bool:
        """Return whether a bound's number is no amount.

        It counts ("over 30 days", "more than 10 rentals"), or stands after a word not understood.
        """
        if term.exact and term.field is None and term.first in self._unread_ends:
            return True
        if term.end >= len(self._tokens):
            return False
        if self._tokens[term.end].key in UNITS:
            return True
        after = self._stretches.get(term.end)
        small = max(amount.value for _, amount in term.limits) < _SMALL_COUNT
        return small and term.field is None and after is not None and after.tag in (RECORD, "VALUE", "FLAG")

    def _compatible(self, terms: list[Term]) -> list[Term]:
        """Return the terms without those that ask one field for something else again: they need a question each."""
        kept: list[Term] = []
        asked: dict[str, Term] = {}
        optional = {term.first for pair in pairwise(terms) if pair[1].alternative for term in pair}
        for number, term in enumerate(terms):
            if isinstance(term, BoundTerm) and term.field is None and len(kept) < number:
                # "rentals over $5k and purchases over $100k": what is not asked has no amount either.
                self._refuse(term)
                continue
            if isinstance(term, BoundTerm) and self._limits_again(term, terms[:number]):
                self._refuse(term)
                self._result.warnings.append("Two amounts are limited apart from each other; ask for each on its own.")
                continue
            if not isinstance(term, (ValueTerm, FlagTerm)) or (isinstance(term, ValueTerm) and term.negative):
                kept.append(term)
                continue
            before = asked.setdefault(term.field.name, term)
            again = before.condition() == term.condition() and not {before.first, term.first} & optional
            if before is term or again:
                kept.append(term)
                continue
            self._refuse(term)
            self._result.warnings.append(
                f"The {term.field.label} is asked for twice, apart from each other; ask for each in its own question."
            )
        return kept

    def _limits_again(self, term: BoundTerm, before: list[Term]) -> bool:
        """Return whether an amount was limited so before, of others: "over 5k rentals or purchases over 100k"."""
        if term.field is not None or not before or isinstance(before[-1], BoundTerm):
            return False
        bounds = (each for each in before if isinstance(each, BoundTerm))
        said = (each for each in bounds if each.field is None and each.negative is term.negative)
        return any(
            {operator for operator, _ in each.limits} & {operator for operator, _ in term.limits} for each in said
        )

    def _left_out(self, terms: list[Term], aggregate: Aggregate | None) -> list[Condition]:
        """Return the conditions that questions have unless they mention the flag."""
        mentioned = {term.field.name for term in terms if isinstance(term, FlagTerm)}
        mentioned.update(aggregate.group_by if aggregate is not None else ())
        names = [name for name in self._schema.conventions.left_out if name not in mentioned]
        self._result.defaults += [left_out_note(name, self._canon) for name in names]
        return [Comparison(name, Operator.EQ, value=False) for name in names]
