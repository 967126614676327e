"""Building: what each rule of the grammar makes of its tags: a part of the question.

Gives `builder` and `Leaf`. One method of the builder is called for each rule that is complete, by the rule's name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, cast

import lark

from nlq.amounts.durations import DurationRange, DurationReading
from nlq.phrases.parts import (
    AgainstPart,
    BoundPart,
    ByFigurePart,
    ClaimPart,
    DatedPart,
    DistinctPart,
    FieldPart,
    FigurePart,
    FlagPart,
    GapPart,
    GroupKey,
    GroupPart,
    HavingPart,
    LastingPart,
    Mark,
    MostPart,
    Part,
    PeriodPart,
    PresencePart,
    RankPart,
    SharePart,
    SortKey,
    SortPart,
    Step,
    ValuePart,
)
from nlq.query import Function, Operator
from nlq.schema import FieldSpec
from nlq.tagging.tags import Amount, Event, Flagged, Rank, Share

_ROUGHLY_FROM: Final = Decimal("0.9")
_ROUGHLY_TO: Final = Decimal("1.1")


@dataclass(slots=True)
class Leaf:
    """A tag as the grammar sees it."""

    type: str
    payload: Any
    first: int
    end: int


class _Builder(lark.Transformer[Any, Any]):
    """Makes parts of the grammar's rules, as they are reduced. Each method is named after its rule."""

    def start(self, children: list[Any]) -> list[Part]:
        return cast("list[Part]", children[0])

    def nothing(self, _children: list[Any]) -> list[Part]:
        return []

    def more(self, children: list[Any]) -> list[Part]:
        parts, part = children
        parts.append(part)
        return cast("list[Part]", parts)

    def mark(self, children: list[Leaf]) -> Mark:
        (leaf,) = children
        return Mark(
            leaf.first,
            leaf.end,
            leaf.payload if leaf.type in ("JOIN_FIELD", "JOIN_FUNCTION") else leaf.type,
            leaf.payload,
        )

    def value(self, children: list[Leaf]) -> ValuePart:
        (leaf,) = children
        return ValuePart(leaf.first, leaf.end, leaf.payload)

    def flag(self, children: list[Leaf]) -> FlagPart:
        (leaf,) = children
        return FlagPart(leaf.first, leaf.end, leaf.payload.field, leaf.payload.state)

    def flag_either(self, children: list[Leaf]) -> FlagPart:
        flagged: Flagged = next(leaf.payload for leaf in children if leaf.type == "FLAG")
        included = children[0].type == "INCLUDING"
        return FlagPart(children[0].first, children[-1].end, flagged.field, None, included)

    def bare(self, children: list[Leaf]) -> FieldPart:
        (leaf,) = children
        return FieldPart(leaf.first, leaf.end, leaf.payload)

    def present(self, children: list[Leaf]) -> PresencePart:
        return PresencePart(children[0].first, children[-1].end, children[1].payload, present=True)

    def filled(self, children: list[Leaf]) -> PresencePart:
        return PresencePart(children[0].first, children[-1].end, children[0].payload, present=True)

    def absent(self, children: list[Leaf]) -> PresencePart:
        field = next(leaf.payload for leaf in children if leaf.type in ("FIELD", "MEASURE"))
        missing = any(leaf.type == "ABSENT" for leaf in children)
        return PresencePart(children[0].first, children[-1].end, field, present=False, missing=missing)

    def period_absent(self, children: list[Leaf]) -> PeriodPart:
        layer = next(leaf.payload for leaf in children if leaf.type == "LAYER")
        return PeriodPart(children[0].first, children[-1].end, layer, present=False)

    def period_present(self, children: list[Leaf]) -> PeriodPart:
        return PeriodPart(children[0].first, children[-1].end, children[1].payload, present=True)

    def with_part(self, children: list[Any]) -> Part:
        leaf, part = children
        part.first = leaf.first
        return cast("Part", part)

    def dated(self, children: list[Leaf]) -> DatedPart:
        part = DatedPart(children[0].first, children[-1].end, children[-1].payload)
        head = children[0]
        if head.type in ("FIELD", "UNDONE"):
            part.field, part.undone = head.payload, head.type == "UNDONE"
        elif head.type == "EVENT":
            part.event = head.payload
        part.within, part.window = head.type == "SPAN", head.type == "WINDOW"
        part.head = head.end
        return part

    def against(self, children: list[Any]) -> AgainstPart:
        step = children.pop() if isinstance(children[-1], tuple) else None
        part = AgainstPart(children[0].first, children[-1].end, None, Operator.EQ, children[-1].payload)
        limited = any(leaf.type == "WHEN" for leaf in children)
        for leaf in children[:-1]:
            if leaf.type == "COMPARE" and limited:
                part.limit = leaf.payload
            elif isinstance(leaf.payload, DurationReading):
                part.apart = leaf.payload
            elif isinstance(leaf.payload, Operator):
                part.operator = leaf.payload
            elif isinstance(leaf.payload, Share):
                part.factor = leaf.payload.value
            elif isinstance(leaf.payload, Event):
                part.event = leaf.payload
            else:
                part.field = leaf.payload
        if step is not None:
            part.step, part.end = step
        return part

    def step(self, children: list[Leaf]) -> tuple[Step, int]:
        sign, amount = children
        return Step(-1 if sign.payload == "-" else 1, amount.payload), amount.end

    def percentage(self, children: list[Leaf]) -> SharePart:
        operator = next((leaf.payload for leaf in children if isinstance(leaf.payload, Operator)), None)
        field = children[0].payload if children[0].type == "MEASURE" else None
        share = next(leaf.payload.value for leaf in children if leaf.type == "PERCENT")
        return SharePart(children[0].first, children[-1].end, share, operator, field)

    def percentages(self, children: list[Leaf]) -> SharePart:
        low, high = (leaf.payload for leaf in children if isinstance(leaf.payload, (Amount, Share)))
        assert isinstance(high, Share)  # noqa: S101 - as the rule says
        share = low.value if isinstance(low, Share) else low.value / 100  # "5 to 10 %"
        return SharePart(children[0].first, children[-1].end, share, Operator.GE, None, high.value)

    def lasting_part(self, children: list[Leaf]) -> LastingPart:
        operator = next((leaf.payload for leaf in children if isinstance(leaf.payload, Operator)), None)
        sure = children[0].type in ("LASTING", "LONGER")
        said = next(leaf.payload for leaf in children if leaf.type in ("DURATION", "DURATIONS"))
        duration, upper = (said.low, said.high) if isinstance(said, DurationRange) else (said, None)
        return LastingPart(children[0].first, children[-1].end, duration, operator, sure, upper)

    def layer_lasting(self, children: list[Any]) -> LastingPart:
        with_, layer, part = children
        return replace(cast("LastingPart", part), first=with_.first, layer=layer.payload)

    def claim(self, children: list[Leaf]) -> ClaimPart:
        (leaf,) = children
        return ClaimPart(leaf.first, leaf.end, leaf.payload)

    def gap(self, children: list[Leaf]) -> GapPart:
        (leaf,) = children
        return GapPart(leaf.first, leaf.end, leaf.payload)

    def distinct(self, children: list[Leaf]) -> DistinctPart:
        return DistinctPart(children[0].first, children[-1].end, children[-1].payload)

    def most(self, children: list[Leaf]) -> MostPart:
        return MostPart(children[0].first, children[-1].end, children[-1].payload)

    def having(self, children: list[Any]) -> HavingPart:
        with_, *of, bound = children
        functions, field = _figure(of)
        return HavingPart(with_.first, bound.end, functions, field, bound.limits)

    def having_different(self, children: list[Any]) -> HavingPart:
        bound: BoundPart = children[1]
        field = children[-1]
        return HavingPart(children[0].first, field.end, (Function.COUNT_DISTINCT,), field.payload, bound.limits)

    def by_figure(self, children: list[Any]) -> ByFigurePart:
        functions, field = _figure(children[1:])
        return ByFigurePart(children[0].first, children[-1].end, functions, field)

    def amount(self, children: list[Leaf]) -> Leaf:
        return children[0]

    def hedged(self, children: list[Leaf]) -> Leaf:
        return children[1]

    def bound(self, children: list[Leaf]) -> BoundPart:
        first, end = children[0].first, children[-1].end
        amounts = [leaf.payload for leaf in children if isinstance(leaf.payload, Amount)] or [Amount(Decimal())]
        operators = [leaf.payload for leaf in children if isinstance(leaf.payload, Operator)]
        pairs = zip(operators or (Operator.GE, Operator.LE), amounts, strict=True)
        return BoundPart(first, end, tuple(pairs), None, exact=False)

    def about(self, children: list[Leaf]) -> BoundPart:
        amount: Amount = next(leaf.payload for leaf in children if isinstance(leaf.payload, Amount))
        low, high = (replace(amount, value=amount.value * share) for share in (_ROUGHLY_FROM, _ROUGHLY_TO))
        limits = ((Operator.GE, low), (Operator.LE, high))
        return BoundPart(children[0].first, children[1].end, limits, None, exact=False, about=True)

    def about_bound(self, children: list[Leaf]) -> BoundPart:
        compare, _, amount = children
        if compare.payload is Operator.EQ:
            return replace(self.about(children[1:]), first=compare.first)
        return self.bound([compare, amount])  # what is about a limit is that limit

    def near(self, children: list[Leaf]) -> BoundPart:
        said = [leaf.payload for leaf in children if isinstance(leaf.payload, (Amount, Share))]
        amount: Any
        apart: Amount | Share
        amount, apart = said if children[0].type != "WITHIN" else reversed(said)
        width = amount.value * apart.value if isinstance(apart, Share) else apart.value
        low, high = (replace(amount, value=amount.value + sign * width, scale=Decimal(1)) for sign in (-1, 1))
        return BoundPart(
            children[0].first, children[-1].end, ((Operator.GE, low), (Operator.LE, high)), None, exact=False
        )

    def comparison(self, children: list[Any]) -> BoundPart:
        first, end = children[0].first, children[-1].end
        field: FieldSpec | None = None
        bound: BoundPart | None = None
        unnamed = False
        last = children[-1]
        behind = not isinstance(last, BoundPart) and last.type == "SUFFIX"  # "$2,000 a month or more"
        operator: Operator | None = last.payload if behind else None
        for child in children[:-1] if behind else children:
            if isinstance(child, BoundPart):
                bound = child
            elif child.type == "LIMITING":
                operator = child.payload
            elif child.type == "MEASURE":
                field = child.payload
            elif child.type == "AMOUNT":
                unnamed = True
            else:
                limit = (operator or Operator.EQ, child.payload)
                bound = BoundPart(first, end, (limit,), None, exact=operator is None)
        assert bound is not None  # noqa: S101 - every alternative of the rule has an amount
        return BoundPart(first, end, bound.limits, field, bound.exact, bound.about, unnamed)

    def count(self, children: list[Leaf]) -> FigurePart:
        return FigurePart(children[0].first, children[0].end, (Function.COUNT,), None)

    def count_different(self, children: list[Leaf]) -> FigurePart:
        return FigurePart(children[0].first, children[-1].end, (Function.COUNT_DISTINCT,), children[-1].payload)

    def functions(self, children: list[Any]) -> list[Leaf]:
        before = children[0] if isinstance(children[0], list) else children[:1]
        return before if len(children) == 1 else [*before, children[2]]

    def figure(self, children: list[Any]) -> FigurePart:
        functions, measure, *others = children
        kinds = tuple(leaf.payload for leaf in functions)
        more = tuple(leaf.payload for leaf in others[1::2])
        return FigurePart(functions[0].first, children[-1].end, kinds, measure.payload, more)

    def ordered(self, children: list[Leaf]) -> SortPart:
        extreme, field, last = children
        return SortPart(extreme.first, last.end, [SortKey(field.payload, extreme.payload.descending)])

    def ordered_event(self, children: list[Leaf]) -> SortPart:
        first, last = children
        event = next(leaf.payload for leaf in children if leaf.type == "EVENT")
        rank = next(leaf.payload for leaf in children if leaf.type == "EXTREME")
        return SortPart(first.first, last.end, [SortKey(event.field, rank.descending)], event=event)

    def extreme(self, children: list[Any]) -> RankPart:
        return self.ranking(children)

    def holder_of_extreme(self, children: list[Any]) -> RankPart:
        part = self.ranking(children)
        part.holder = True
        return part

    def total_of(self, children: list[Leaf]) -> FigurePart:
        (leaf,) = children
        return FigurePart(leaf.first, leaf.end, (Function.SUM,), leaf.payload)

    def ranking(self, children: list[Any]) -> RankPart:
        part = RankPart(children[0].first, children[-1].end, None, None, None)
        for leaf in children:
            if isinstance(leaf, list):
                part.functions = tuple(each.payload for each in leaf)
            elif leaf.type == "COUNT":
                part.functions = (Function.COUNT,)
            elif leaf.type in ("EXTREME", "RANK"):
                part.rank = leaf.payload
            elif leaf.type in ("NUMBER", "SOME"):
                part.count = leaf.payload
            elif leaf.type in ("MEASURE", "FIELD"):
                part.field = leaf.payload
        part.open = part.field is None and any(isinstance(c, Leaf) and c.type == "EXTREME" for c in children)
        return part

    def group_key(self, children: list[Leaf]) -> tuple[GroupKey, int]:
        field = next((leaf.payload for leaf in children if leaf.type != "DATEPART"), None)
        part = next((leaf.payload for leaf in children if leaf.type == "DATEPART"), None)
        return GroupKey(field, part), children[-1].end

    def group(self, children: list[Any]) -> GroupPart:
        first = children[0]
        if first.type == "BY_PART":
            return GroupPart(first.first, first.end, (GroupKey(None, first.payload),))
        found = [child for child in children if isinstance(child, tuple)]
        return GroupPart(first.first, found[-1][1], tuple(key for key, _ in found))

    def key(self, children: list[Any]) -> tuple[SortKey, int]:
        last = children[-1]
        direction = last.payload.descending if last.type == "DIRECTION" else None
        functions, field = _figure(children[:-1] if last.type == "DIRECTION" else children)
        return SortKey(field, direction, functions[0] if functions else None), last.end

    def sorting(self, children: list[Any]) -> SortPart:
        key, end = children[-1]
        head = children[0]
        if isinstance(head, SortPart):
            head.keys.append(key)
            head.end = end
            return head
        if len(children) > 2:
            key = replace(key, descending=children[1].payload.descending)
        return SortPart(head.first, end, [key], ranked=isinstance(head.payload, Rank))


def builder() -> lark.Transformer[Any, Any]:
    """Return what makes the parts."""
    return _Builder()


def _figure(children: list[Any]) -> tuple[tuple[Function, ...], FieldSpec | None]:
    """Return the functions and the field of a figure; of a field alone no function."""
    if isinstance(children[0], list):
        return tuple(leaf.payload for leaf in children[0]), children[1].payload
    if children[0].type == "COUNT":
        return ((Function.COUNT,), None) if len(children) == 1 else ((Function.COUNT_DISTINCT,), children[-1].payload)
    return (), children[0].payload
