"""Resolve: the parts of a question become a query, once each part knows which others it belongs to.

Gives `resolve` and `Resolved`. Conditions come from `terms.py`, `attaching.py` and `conditions.py`, figures from
`figuring.py`, the order from `ordering.py`; here the parts are handed to them, and what they say is brought together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any, Final

from nlq.filters.canon import Canon
from nlq.normalize import Token
from nlq.phrases.alternatives import AlternativesTerm
from nlq.phrases.attaching import Attaching
from nlq.phrases.comparing import AgainstTerm, Margin
from nlq.phrases.conditions import Conditions
from nlq.phrases.context import Settled
from nlq.phrases.figuring import Figuring
from nlq.phrases.gathered import Gathered, Resolved, Use
from nlq.phrases.lacking import negates_groups, take_lacking
from nlq.phrases.leftovers import refuse_both, refuse_records, refuse_rest
from nlq.phrases.limits import counts_groups, limits_records
from nlq.phrases.ordering import is_extreme, order_of
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
    SortPart,
    ValuePart,
)
from nlq.phrases.presently import note_presence
from nlq.phrases.sharing import COPULAS, mentions, share_of
from nlq.phrases.singling import asks_for_one
from nlq.phrases.term_list import TermList, likeliest_first
from nlq.phrases.terms import DateTerm, FlagTerm, Term, ValueTerm
from nlq.phrases.totals import included, totals_costs
from nlq.phrases.windows import with_window
from nlq.query import Aggregate, Query, Sort
from nlq.schema import FieldSpec, FieldType
from nlq.tagging.changed_openings import NOT_COUNTED, NOT_SORTED
from nlq.tagging.tags import RECORD, UNKNOWN, Tagged
from nlq.tagging.value_ranges import missing_ends

__all__ = ["Resolved", "Use", "resolve"]


def resolve(
    parts: Sequence[Part], settled: Settled, tokens: list[Token], *, canon: Canon, currency: str, today: date
) -> Resolved:
    """Return the query that the parts make up, with every token that they hold accounted for."""
    return _Resolver(settled, tokens, canon, currency, today).run(parts)


class _Resolver:
    """Hands the parts of one question to what they belong to, and brings together what they say."""

    def __init__(self, settled: Settled, tokens: list[Token], canon: Canon, currency: str, today: date) -> None:
        self._schema = canon.schema
        self._canon = canon
        self._today = today
        self._gathered = Gathered(tokens, canon.schema)
        self._result = self._gathered.result
        self._stretches: dict[int, Tagged] = {stretch.first: stretch for stretch in settled.tagged}
        self._list = TermList(settled, tokens)
        self._before: Part | None = None
        self._content: Part | None = None
        """The part before that is no mark."""
        self._extreme: RankPart | None = None
        """An extreme that values stand right behind: "the highest rate crane"."""
        self._unread_ends = {0}  # what begins a question stands behind nothing that was read
        self._conditions = Conditions(self._gathered, canon, currency, self._stretches, self._unread_ends)
        self._attaching = Attaching(self._list, self._gathered, canon, today)

    def run(self, parts: Sequence[Part]) -> Resolved:
        """Take the parts in their order, then bring together what they said."""
        for part in parts:
            if self._gathered.share is not None and self._is_behind_copula(part):
                self._list.close()
            self._HANDLERS[type(part)](self, part)
            self._before = self._attaching.before = part
            if not isinstance(part, Mark):
                self._content = part
        self._list.close()
        self._result.unread += self._list.dangling
        self._result.query = self._records() if self._gathered.asks_for_records else self._ordered_or_figured()
        return self._result

    def _records(self) -> Query:
        """Return the query of a question that says nothing but which records it is about, as most do."""
        self._attaching.drop_waiting()
        self._conditions.settle(self._list.terms, None)
        mentioned = self._mentioned()
        return Query(self._conditions.where(self._conditions.terms, mentioned))

    def _ordered_or_figured(self) -> Query:
        """Return the query of a question that asks for figures, for records in an order, or for their changes."""
        self._gathered.event = self._attaching.waiting.get("EVENT")
        if self._gathered.lacking is not None and not self._list.terms:
            self._gathered.refuse(self._gathered.lacking)
            self._gathered.lacking = None
        self._gathered.names_one = self._names_one()
        figuring = Figuring(self._gathered)
        asked = figuring.run()
        if self._gathered.event is None:
            self._attaching.waiting.pop("EVENT", None)
        self._attaching.drop_waiting()
        sort, limit = order_of(self._gathered) if asked is None else ((), figuring.limit)
        if asked is None and limit is None and sort and asks_for_one(self._gathered, self._list.terms):
            limit = 1
        totals = asked if asked is not None and totals_costs(asked, self._schema) else None
        self._conditions.settle(self._list.terms, self._asked_field(), totals)
        mentioned = self._mentioned()
        asked, terms = share_of(asked, self._conditions.terms, self._gathered, self._canon)
        if asked is not None:
            refuse_records(asked, self._gathered)
            refuse_both(asked, terms, self._gathered)
            mentioned.update(asked.group_by)
        refuse_rest(self._gathered)
        where = self._conditions.where(terms, mentioned)
        if asked is not None:
            including = included(asked, self._conditions.terms, self._gathered)
            asked = replace(asked, including=including) if including else asked
            asked = with_window(asked, self._gathered, self._canon, self._today)
        history = self._is_history(asked, sort, limit)
        return Query(where, sort, limit, asked, history)

    def _names_one(self) -> bool:
        """Return whether a value names a single record."""
        conventions = self._schema.conventions
        values = (term for term in self._list.terms if isinstance(term, ValueTerm) and len(term.values) == 1)
        return any(term.field.name in (conventions.key, conventions.commands.assigned) for term in values)

    def _mentioned(self) -> set[str]:
        """Return the flags that the terms speak of; report what says how records are at present."""
        terms = self._conditions.terms
        if _SAYING_STATE.isdisjoint(map(type, terms)):
            return set()
        note_presence(terms, self._gathered, self._canon, self._today)
        return mentions(terms)

    def _is_behind_copula(self, part: Part) -> bool:
        """Return whether "are" stands right before a part: what a share is of ends there."""
        start = self._before.end if self._before is not None else 0
        return any(token.key in COPULAS for token in self._gathered.tokens[start : part.first])

    # Marks

    def _take_mark(self, mark: Mark) -> None:
        """Hand on a word that joins or negates; whatever else stands between two terms parts them."""
        tag = mark.tag
        if tag == UNKNOWN:
            self._list.close()
            self._unread_ends.add(mark.end)
            self._give_reason(mark)
        elif tag == "AMOUNT":
            self._list.close()
            self._gathered.refuse(mark)
        elif tag == "DIRECTION":
            self._gather(self._gathered.directions, mark)
        elif tag in ("EVENT", "LAYER", "SPAN"):
            self._attaching.take_waiting(mark)
        elif tag == "MARGIN":
            if not isinstance(self._attaching.last(), AgainstTerm):
                self._gathered.refuse(mark)
        elif tag == "HISTORY":
            self._gathered.history = mark
        elif tag == "YES_NO":
            self._gathered.yes_no = mark
        elif tag == "SHARE":
            self._take_share_mark(mark)
        elif tag == "VERSUS":
            self._take_versus(mark)
        elif tag in ("WITHOUT", "NOT") and negates_groups(mark, self._before, self._content, self._gathered):
            self._list.close()
            take_lacking(mark, self._content, self._gathered, is_first=not self._list.terms)
        else:
            self._list.take_mark(mark)

    def _give_reason(self, mark: Mark) -> None:
        """Say why words are not understood that are known, but that no query can say."""
        stretch = self._stretches.get(mark.first)
        reason = stretch.readings[0].payload if stretch is not None and stretch.tag == UNKNOWN else None
        if isinstance(reason, str):
            self._result.reasons[mark.first] = reason

    def _take_share_mark(self, mark: Mark) -> None:
        self._list.close()
        if self._gathered.share is not None:
            self._gathered.refuse(mark)
        else:
            self._gathered.share = mark
            self._list.shared = True

    def _take_versus(self, mark: Mark) -> None:
        """Take "versus" as a list of what a share or a count tells apart, the count where nothing else is asked."""
        if self._gathered.share is None:
            self._gathered.versus = mark
        self._list.take_mark(replace(mark, tag="AND"))

    # Values and states

    def _take_value(self, part: ValuePart) -> None:
        """Hand on a value; right behind an extreme it says which records are asked for, and whether one or several."""
        if part.end > part.first + 2 and self._stretches[part.first].path is not None:
            self._tell_missing(part)
        if len(part.meanings) > 1:
            word = self._gathered.tokens[part.first - 1].key if part.first else ""
            part.meanings = likeliest_first(part.meanings, self._schema.conventions.prepositions, word)
        before = self._before
        if isinstance(before, RankPart) and self._is_open_extreme(before):
            self._extreme = before
        elif not isinstance(before, ValuePart):
            self._extreme = None
        touches = before is not None and before.end == part.first
        if self._extreme is not None and touches and self._names_records(part):
            self._extreme.holder, self._extreme.several = True, self._gathered.is_plural(part)
        self._list.take_value(part)

    def _tell_missing(self, part: ValuePart) -> None:
        """Say which ends of a range of values no record has."""
        missing = missing_ends(self._gathered.tokens[part.first : part.end], part.meanings)
        if missing:
            said = f"No record has the {part.meanings[0].field.label} {' or '.join(missing)}"
            self._result.warnings.append(f"{said}: the range is of those that there are.")

    def _is_open_extreme(self, rank: RankPart) -> bool:
        """Return whether a rank is "the highest rate", of which a figure can be meant as well as a record."""
        return is_extreme(rank, self._gathered.ranks) and _is_measure(rank.field)

    def _names_records(self, part: ValuePart) -> bool:
        """Return whether a value can be the noun for records: "crane", "rental"."""
        conventions = self._schema.conventions
        name = part.meanings[0].field.name
        return conventions.prepositions.get(name) == "of" or any(name == enum for enum, _ in conventions.amount_fields)

    def _take_flag(self, part: FlagPart) -> None:
        """Hand on a flag; "with discontinued" takes in what is left out unasked."""
        with_ = isinstance(self._before, Mark) and self._before.tag == "WITH" and self._before.end == part.first
        after = self._stretches.get(part.end)
        named = after is not None and after.tag in ("VALUE", RECORD, "FIELD", UNKNOWN)
        if with_ and part.state and part.field.name in self._schema.conventions.left_out and not named:
            part.state, part.included = None, True
        self._list.take_flag(part)

    # Amounts, fields and presence

    def _take_presence(self, part: PresencePart) -> None:
        """Hand on whether a field has a value; a flag always has one."""
        computed = part.field.name in self._schema.conventions.gaps
        if part.field.type is FieldType.BOOL or (computed and part.missing):
            self._list.close()
            self._gathered.refuse(part)
        elif computed:
            self._attaching.take_difference(part)
        else:
            self._list.take_presence(part)

    def _take_period(self, part: PeriodPart) -> None:
        """Hand on whether both dates of a period are there."""
        for name in (part.layer.start, part.layer.end):
            field = self._schema.by_name[name]
            self._list.take_presence(PresencePart(part.first, part.end, field, part.present, missing=False))

    def _take_bound(self, part: BoundPart) -> None:
        """Hand on limits: of records, of the figure right before, of how many there are, or of a gap."""
        before = self._before
        if part.field is not None and part.field.name in self._schema.conventions.gaps:
            self._list.close()
            self._gathered.refuse(part)
            return
        if limits_records(part, self._gathered, self._stretches, begins=self._begins):
            self._gather(self._gathered.ranks, RankPart(part.first, part.end, None, part.limits[0][1], None))
            return
        follows = before is not None and not any(
            self._stretches[index].tag == RECORD for index in range(before.end, part.first) if index in self._stretches
        )
        if self._attaching.gap is not None and self._attaching.gap is before:
            self._attaching.take_gap_limits(part)
        elif isinstance(before, Mark) and before.tag == "MARGIN" and len(part.limits) == 1:
            operator, amount = part.limits[0]
            said = None if part.exact else operator
            self._attaching.take_margin(Margin(part.first, part.end, said, amount=amount))
        elif part.field is None and follows and isinstance(before, FigurePart):
            self._list.close()
            self._gathered.figure_bounds.append((before, part))
        elif part.field is None and counts_groups(part, self._gathered, self._stretches):
            self._list.close()
            self._gathered.counted.append(part)
        elif part.field is None and follows and isinstance(before, GroupPart) and self._gathered.figures:
            self._list.close()
            self._gathered.figure_bounds.append((self._gathered.figures[-1], part))
        else:
            heading = self._gathered.heading
            if part.field is None and follows and isinstance(before, RankPart) and _is_measure(before.field):
                part.field = before.field
            elif part.field is None and heading is not None and self._is_limited(heading):
                part.field = heading.field  # "monthly rate of cranes over 5k"
                self._gathered.take_bare(heading)
                self._gathered.use(heading, "compared")
            self._list.take_bound(part)

    def _is_limited(self, heading: FieldPart) -> bool:
        """Return whether a limit is of the rate or price that the question begins with; costs are totalled instead."""
        total = heading.field.name in self._schema.conventions.dates.spread
        return heading in self._gathered.bare and heading.field.type is FieldType.MONEY and not total

    @property
    def _begins(self) -> bool:
        """Whether nothing was said yet that the question keeps."""
        return self._content is None and (self._before is None or self._before.first == self._before.end)

    def _take_field(self, part: FieldPart) -> None:
        """Hand on a field; one that opens the question can be what is asked for: "forecast cost in Silo 4"."""
        if self._content is None:
            self._gathered.heading = part
        if self._content is None and _is_measure(part.field):
            before = self._gathered.tokens[part.end].key if part.end < len(self._gathered.tokens) else ""
            self._gathered.opening = part if before in _INTRODUCING else None
        self._attaching.take_field(part)

    def _take_dated(self, part: DatedPart) -> None:
        """Hand on a date; a figure right before it is what is asked for: "forecast cost in 2026"."""
        before = self._before
        opens = isinstance(before, FieldPart) and before is self._content and len(self._gathered.bare) == 1
        if opens and isinstance(before, FieldPart) and before.end == part.first and not self._list.terms:
            self._gathered.opening = before
        self._attaching.take_dated(part)

    def _take_rank(self, part: RankPart) -> None:
        """Take a rank; of several, or of times, those that have the extreme are asked for: "highest monthly rates"."""
        if part.field is not None and part.field.type not in _RANKED:
            self._list.close()
            self._gathered.refuse(part)
            return
        if part.field is not None and part.count is None and part.rank is not None:
            part.several = part.field.type is FieldType.TIME or self._gathered.is_plural(part)
            part.holder = part.holder or part.several
        self._gather(self._gathered.ranks, part)

    def _gather(self, into: list[Any], part: Part) -> None:
        self._list.close()
        into.append(part)

    _HANDLERS: Final[Mapping[type[Part], Callable[[_Resolver, Any], None]]] = {
        Mark: _take_mark,
        ValuePart: _take_value,
        FlagPart: _take_flag,
        BoundPart: _take_bound,
        PresencePart: _take_presence,
        PeriodPart: _take_period,
        DatedPart: _take_dated,
        AgainstPart: lambda self, part: self._attaching.take_against(part),
        SharePart: lambda self, part: self._attaching.take_share(part),
        LastingPart: lambda self, part: self._attaching.take_lasting(part),
        ClaimPart: lambda self, part: self._attaching.take_claim(part),
        GapPart: lambda self, part: self._attaching.take_gap(part),
        FigurePart: lambda self, part: self._gather(self._gathered.figures, part),
        HavingPart: lambda self, part: self._gather(self._gathered.havings, part),
        DistinctPart: lambda self, part: self._gather(self._gathered.distinct, part),
        MostPart: lambda self, part: self._gather(self._gathered.most, part),
        ByFigurePart: lambda self, part: self._gather(self._gathered.by_figures, part),
        GroupPart: lambda self, part: self._gather(self._gathered.groups, part),
        SortPart: lambda self, part: self._gather(self._gathered.sorts, part),
        RankPart: _take_rank,
        FieldPart: _take_field,
    }
    """What takes each part; one mapping for all questions, as making it took as long as writing out a condition."""

    # What is left

    def _is_history(self, asked: Aggregate | None, sort: tuple[Sort, ...], limit: int | None) -> bool:
        """Return whether changes are asked for; they come newest first, and none are counted."""
        history = self._gathered.history
        if history is None:
            return False
        if asked is not None or sort or limit is not None:
            # Where the noun for the changes says what they are of as well, the mark before it has no words.
            self._gathered.refuse(replace(history, end=max(history.end, history.first + 1)))
            self._result.reasons[history.first] = NOT_COUNTED if asked is not None else NOT_SORTED
            return False
        self._gathered.use(history, "changes, newest first")
        return True

    def _asked_field(self) -> FieldSpec | None:
        """Return the field whose values are asked for: "who changed ..."."""
        if self._gathered.history is not None:
            return next((self._schema.by_name[name] for name in self._schema.conventions.dates.deeds), None)
        parts = [use for use in self._result.uses if use.meaning.startswith("the different values of ")]
        if not parts:
            return None
        label = parts[0].meaning.removeprefix("the different values of ")
        return next((field for field in self._schema.fields if field.label == label), None)


_SAYING_STATE: Final[frozenset[type[Term]]] = frozenset((FlagTerm, DateTerm, AlternativesTerm))
_INTRODUCING: Final = frozenset(("in", "at", "on", "under", "from"))
"""What stands between a figure that is asked for and the records that it is of."""
_MEASURED: Final = (FieldType.MONEY, FieldType.INTEGER)
_RANKED: Final = (*_MEASURED, FieldType.DATE, FieldType.TIME)


def _is_measure(field: FieldSpec | None) -> bool:
    return field is not None and field.type in _MEASURED
