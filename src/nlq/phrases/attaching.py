"""Attaching: dates, comparisons of fields and their margins find what they belong to.

Gives `Attaching`. An event, a layer or "on site" waits for its date, a margin for the comparison behind it, a gap for
its limit; what waits in vain is reported.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Final

from nlq.filters.canon import Canon
from nlq.phrases.amounts import scaled
from nlq.phrases.comparing import AgainstTerm, Margin, add_margin, against, lasting, layer_places
from nlq.phrases.gathered import Gathered
from nlq.phrases.parts import (
    AgainstPart,
    BoundPart,
    ClaimPart,
    DatedPart,
    FieldPart,
    GapPart,
    HavingPart,
    LastingPart,
    Mark,
    Part,
    PresencePart,
    SharePart,
)
from nlq.phrases.saying import on_day
from nlq.phrases.term_list import TermList
from nlq.phrases.terms import BoundTerm, DateTerm
from nlq.query import FieldComparison, Function, Operator
from nlq.schema import FieldSpec, FieldType, Layer
from nlq.tagging.changed import is_changed
from nlq.tagging.tags import Amount, Event

_SIDES: Final = frozenset((Operator.GT, Operator.LT, Operator.GE, Operator.LE))
_NEAR: Final = 20
"""Fields before a date that are looked at for the one that it is of."""


class Attaching:
    """Takes the dates and comparisons of one question."""

    def __init__(self, terms: TermList, gathered: Gathered, canon: Canon, today: date) -> None:
        self._list = terms
        self._gathered = gathered
        self._canon = canon
        self._schema = canon.schema
        self._today = today
        self._margin: Margin | None = None
        self.before: Part | None = None
        """The part taken before."""
        self.waiting: dict[str, Mark] = {}
        """Words that belong to a date that is still to come: an event, a layer, or that a period overlaps."""
        self.gap: GapPart | None = None

    def take_field(self, part: FieldPart) -> None:
        """Hand on a field that a list goes on to; keep one about which nothing is said yet."""
        if part.field.name in self._schema.conventions.gaps or not self._list.take_field(part):
            self._list.close()
            self._gathered.bare.append(part)

    def take_waiting(self, mark: Mark) -> None:
        """Give an event or a layer to the date before it, or keep it for the one to come."""
        before = self.last()
        adjacent = isinstance(self.before, (DatedPart, Mark))
        if isinstance(before, DateTerm) and adjacent and self._belongs(mark, before):
            before.end = max(before.end, mark.end)
            return
        if mark.tag in self.waiting:
            self._gathered.refuse(self.waiting.pop(mark.tag))
        self.waiting[mark.tag] = mark

    def _belongs(self, mark: Mark, term: DateTerm) -> bool:
        """Let a date have an event or a layer where it lacks one; return whether it does."""
        if isinstance(mark.payload, Layer) and term.layer is None and term.field is None:
            term.layer = mark.payload
            return True
        if isinstance(mark.payload, Event) and not term.is_bound:
            term.event = mark.payload
            return True
        if mark.tag == "SPAN" and not term.is_bound:
            term.within = True
            return True
        return False

    def drop_waiting(self) -> None:
        """Report what found no date to belong to."""
        for mark in self.waiting.values():
            self._gathered.refuse(mark)
        for part in (self._margin, self.gap):
            if part is not None:
                self._gathered.result.unread.append((part.first, part.end))
        if self.gap is not None:
            gap = self.gap.gap
            self._gathered.result.hints[self.gap.first] = (
                f"{gap.field.label} over {gap.other.label}",
                "variance over $…",
            )

    def take_dated(self, part: DatedPart) -> None:
        """Take a date with the field, the event or the layer that is said of it."""
        if part.field is not None and part.field.type not in (FieldType.DATE, FieldType.TIME):
            self.take_field(FieldPart(part.first, part.head, part.field))
            part = replace(part, first=part.head, field=None)
        self._take_dated_before(part)
        term = self._list.take_dated(part)
        term.negative = term.negative is not part.undone
        for tag in ("EVENT", "SPAN", "LAYER"):
            mark = self.waiting.get(tag)
            if mark is not None and self._belongs(mark, term):
                del self.waiting[tag]
                self._gathered.use(mark, "of the date")
        if term.is_bound or term.linked:
            return
        for bare in reversed(self._gathered.bare[-_NEAR:]):
            if bare.field.type in (FieldType.DATE, FieldType.TIME):
                term.field = bare.field
                self._gathered.take_bare(bare)
                self._gathered.use(bare, "of the date")
                return

    def _take_dated_before(self, part: DatedPart) -> None:
        """Give a date to the field before its own, too, where "and" joins the two: "plan start and plan end in May"."""
        bares = self._gathered.bare
        mark = self.waiting.get("EVENT")
        between = [token.key for token in self._gathered.tokens[mark.end : part.first]] if mark is not None else []
        if mark is not None and part.event is not None and between == ["and"] and isinstance(mark.payload, Event):
            del self.waiting["EVENT"]  # "starting and ending in May"
            self._list.take_dated(replace(part, first=mark.first, end=mark.end, event=mark.payload))
            return
        if part.field is None or not bares or bares[-1].field.type is not part.field.type or part.undone:
            return
        bare = bares[-1]
        if [token.key for token in self._gathered.tokens[bare.end : part.first]] == ["and"]:
            self._gathered.take_bare(bare)
            self._list.take_dated(replace(part, first=bare.first, end=bare.end, field=bare.field))

    def last(self) -> object:
        """Return the term taken last."""
        return self._list.terms[-1] if self._list.terms else None

    def take_against(self, part: AgainstPart) -> None:
        """Take a comparison of two fields."""
        if self._limits_groups(part):
            return
        open_side = part.field is None and part.event is None
        if part.apart is not None:
            self.take_margin(Margin(part.first, part.end, part.limit, duration=part.apart))
        if open_side:
            part.field = self._left_side(part)
        term = against(part, layer_places(self._schema), self._schema)
        if term is None:
            self._list.close()
            self._gathered.refuse(part)
            return
        self._add_against(term, open_side=open_side)

    def _limits_groups(self, part: AgainstPart) -> bool:
        """Take "which areas are over budget" as the groups whose costs together are; return whether it is asked."""
        field, gaps = part.field, self._schema.conventions.gaps
        if field is None or not field.groupable or self._list.terms:
            return False
        first = self._schema.conventions.compared.get(part.other.name)
        name = next((name for name, costs in gaps.items() if costs == (first, part.other.name)), None)
        if name is None or part.operator not in _SIDES:
            return False
        limits = ((part.operator, Amount(Decimal())),)
        self._list.close()
        self._gathered.bare.append(FieldPart(part.first, part.first + 1, field))
        self._gathered.havings.append(
            HavingPart(part.first + 1, part.end, (Function.SUM,), self._schema.by_name[name], limits)
        )
        return True

    def _left_side(self, part: AgainstPart) -> FieldSpec | None:
        """Return the field of what stands right before a comparison without one: "cost $5k over plan cost"."""
        before = self.before
        if isinstance(before, (SharePart, BoundPart)) and before.field is not None:
            return before.field
        if isinstance(before, FieldPart) and before.field.type is part.other.type:
            self._gathered.take_bare(before)
            self._gathered.use(before, "compared")
            return before.field
        return None

    def _add_against(self, term: AgainstTerm, *, open_side: bool) -> None:
        """Take a comparison of fields with the margin that was said before it, where no field stands between."""
        margin = self._margin_before(term) if open_side else self._margin
        if margin is not None and not add_margin(term, margin, self._schema):
            self._gathered.result.unread.append((margin.first, margin.end))
        self._margin = None
        self._list.take_term(term)

    def _margin_before(self, term: AgainstTerm) -> Margin | None:
        """Return the amount, share or time that stands right before."""
        if self._margin is not None:
            return self._margin
        last, before = self.last(), self.before
        if not isinstance(before, BoundPart) or not isinstance(last, BoundTerm):
            return None
        compared = term.stated.field if isinstance(term.stated, FieldComparison) else ""
        if before.end < term.first or (before.field is not None and before.field.name != compared):
            return None  # "with a rate over 5k that are late"
        self._list.terms.pop()
        margins = [
            Margin(before.first, before.end, operator, amount=amount) for operator, amount in scaled(before.limits)
        ]
        return replace(margins[0], upper=margins[1]) if len(margins) > 1 else margins[0]

    def take_share(self, part: SharePart) -> None:
        """Take a percentage as a margin."""
        margin = Margin(part.first, part.end, part.operator, share=part.share)
        if part.upper is not None:
            margin.upper = Margin(part.first, part.end, Operator.LE, share=part.upper)
        self.take_margin(margin)

    def take_lasting(self, part: LastingPart) -> None:
        """Take how long something lasts, or a margin of days."""
        layers = self._schema.conventions.dates.layers
        if part.sure and layers:
            waiting = self.waiting.pop("LAYER", None)
            named = part.layer or (waiting.payload if waiting is not None else None)
            layer = named if isinstance(named, Layer) else layers[0]
            stated = lasting(layer, part)
            if stated is not None:
                others = [lasting(each, part) for each in layers if each is not layer]
                term = AgainstTerm(part.first, part.end, False, False, False, stated)
                term.assumed, term.others = named is None, tuple(each for each in others if each is not None)
                term.note = f"the {layer.name} dates are meant, a month being 30.44 days"
                self._list.take_term(term)
                if waiting is not None:
                    self._gathered.use(waiting, f"{layer.name} dates")
                return
        self.take_margin(Margin(part.first, part.end, part.operator, duration=part.duration))

    def take_margin(self, margin: Margin) -> None:
        """Give a margin to the comparison before it, or keep it for the one right behind."""
        last, before = self.last(), self.before
        behind = isinstance(before, Mark) and before.tag == "MARGIN"
        # "slipped more than 2 weeks"
        behind = behind or (
            isinstance(before, (ClaimPart, AgainstPart)) and before.end == margin.first and margin.amount is None
        )
        if behind and isinstance(last, AgainstTerm):
            if not add_margin(last, margin, self._schema):
                self._gathered.result.unread.append((margin.first, margin.end))
            return
        if self.gap is not None and self.gap is before:
            gap = self.gap
            self.gap = None
            self._take_gap_limit(gap, margin)
            return
        if self._margin is not None:
            self._gathered.result.unread.append((self._margin.first, self._margin.end))
        self._margin = margin

    def take_claim(self, part: ClaimPart) -> None:
        """Take a phrase that stands for a condition."""
        self._gathered.claimed.update(range(part.first, part.end))
        term = AgainstTerm(part.first, part.end, False, False, False, on_day(part.claim.condition, self._today))
        term.others = tuple(on_day(other, self._today) for other in part.claim.others)
        term.assumed = bool(term.others)
        text = self._canon.text(term.stated)
        term.note = f"the words are read as {text}"
        changed = is_changed(term.stated, self._schema.conventions.changed.field)
        self._add_against(term, open_side=not changed)

    def take_gap(self, part: GapPart) -> None:
        """Keep a gap until its limit comes."""
        last, before = self.last(), self.before
        self._list.close()
        if self.gap is not None:
            self._gathered.refuse(self.gap)
        self.gap = part
        limited = isinstance(before, BoundPart) and before.field is None and before.end == part.first
        if limited and isinstance(last, BoundTerm) and isinstance(before, BoundPart) and len(before.limits) == 1:
            self._list.terms.pop()  # "positive variance"
            operator, amount = before.limits[0]
            self.gap = None
            self._take_gap_limit(
                replace(part, first=before.first), Margin(before.first, part.end, operator, amount=amount)
            )

    def take_difference(self, part: PresencePart) -> None:
        """Take "with no variance" as two fields that are equal, "with a variance" as two that are not."""
        field, other = self._schema.conventions.gaps[part.field.name]
        operator = Operator.NE if part.present else Operator.EQ
        stated = FieldComparison(field, operator, other)
        self._list.take_term(AgainstTerm(part.first, part.end, False, False, False, stated))

    def take_gap_limits(self, bound: BoundPart) -> None:
        """Give the gap that waits its limits: "variance over $10k", "variance between 5k and 10k"."""
        gap, self.gap = self.gap, None
        for operator, amount in scaled(bound.limits) if gap is not None else ():
            assert gap is not None  # noqa: S101 - as asked for
            self._take_gap_limit(gap, Margin(bound.first, bound.end, operator, amount=amount))

    def _take_gap_limit(self, gap: GapPart, margin: Margin) -> None:
        """Take "variance over $10k" as one figure above another by more than that."""
        field, other = gap.gap.field, gap.gap.other
        term = AgainstTerm(
            gap.first, margin.end, False, False, False, FieldComparison(field.name, Operator.GT, other.name)
        )
        if margin.amount is not None and margin.amount.foreign:
            self._gathered.refuse(term)
            return
        plain = margin.operator not in (None, Operator.GT, Operator.GE)
        if plain and margin.amount is not None and margin.operator is not None:
            term.stated = FieldComparison(field.name, margin.operator, other.name, plus=margin.amount.value)
        elif not add_margin(term, margin, self._schema):
            self._gathered.refuse(term)
            return
        self._list.take_term(term)
