"""Parts: what the grammar makes of tags. A question is a row of them; `first` and `end` bound their tokens."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from nlq.amounts.durations import DurationReading
from nlq.dates import DateReading
from nlq.query import DatePart, Function, Operator
from nlq.schema import FieldSpec, Layer
from nlq.tagging.tags import Amount, Claim, Event, Gap, Meaning, Payload, Rank


@dataclass(slots=True)
class Part:
    """A part of a question: `first` and `end` bound its tokens."""

    first: int
    end: int


@dataclass(slots=True)
class Mark(Part):
    """A word that joins, negates or orders its neighbours."""

    tag: str
    payload: Payload


@dataclass(slots=True)
class ValuePart(Part):
    """A value, with the fields that have it."""

    meanings: tuple[Meaning, ...]


@dataclass(slots=True)
class FlagPart(Part):
    """A flag; state None: set or not."""

    field: FieldSpec
    state: bool | None
    included: bool = False
    """Whether it was said that those with the flag are wanted as well ("including discontinued")."""


@dataclass(slots=True)
class BoundPart(Part):
    """One or two limits of a figure; field None: not said of which."""

    limits: tuple[tuple[Operator, Amount], ...]
    field: FieldSpec | None
    exact: bool
    """Whether no word of comparison was said."""
    about: bool = False
    """Whether the limits stand for one amount, said to be meant roughly."""
    unnamed: bool = False
    """Whether the word "amount" stands in place of a field."""


@dataclass(slots=True)
class PresencePart(Part):
    """Whether a field has a value."""

    field: FieldSpec
    present: bool
    missing: bool = False
    """Whether "missing" says that it has none; "or" behind it is an or, behind "without" it goes on negating."""


@dataclass(slots=True)
class PeriodPart(Part):
    """A period that has its dates, or none: "without plan dates"."""

    layer: Layer
    present: bool


@dataclass(slots=True)
class FieldPart(Part):
    """A field and nothing said about it."""

    field: FieldSpec


@dataclass(slots=True)
class DatedPart(Part):
    """A date; field None: not said of what.

    An event names the end of a period that is not said; `within` asks that the period and the date overlap.
    """

    date: DateReading
    field: FieldSpec | None = None
    event: Event | None = None
    within: bool = False
    undone: bool = False
    """Whether it is told that nothing was done then: "unmodified since May"."""
    window: bool = False
    """Whether it is said that the costs of these days are meant: "incurred in May"."""
    head: int = 0
    """Index of the token after the field or the event."""


@dataclass(slots=True)
class Step:
    """How far the other side of a comparison is moved."""

    sign: int
    amount: Amount | DurationReading


@dataclass(slots=True)
class AgainstPart(Part):
    """A field against another of the same record; field None: not said which."""

    field: FieldSpec | None
    operator: Operator
    other: FieldSpec
    event: Event | None = None
    """What the field was called where the word does not say of which period."""
    factor: Decimal = Decimal(1)
    step: Step | None = None
    apart: DurationReading | None = None
    """How far the two dates are from each other ("2 weeks after"), and by which operator."""
    limit: Operator | None = None


@dataclass(slots=True)
class SharePart(Part):
    """A percentage, as a limit or as the margin of a comparison that stands beside it."""

    share: Decimal
    operator: Operator | None
    field: FieldSpec | None
    upper: Decimal | None = None
    """The larger one, where it is between two."""


@dataclass(slots=True)
class LastingPart(Part):
    """A length of time, as what a record lasts or as the margin of a comparison that stands beside it."""

    duration: DurationReading
    operator: Operator | None
    sure: bool
    """Whether it was said that it is how long something lasts."""
    upper: DurationReading | None = None
    """The longer one, where two were said."""
    layer: Layer | None = None
    """The period that lasts so long, where it was named."""


@dataclass(slots=True)
class ClaimPart(Part):
    """A phrase that stands for a condition."""

    claim: Claim


@dataclass(slots=True)
class GapPart(Part):
    """What one figure is above another."""

    gap: Gap


@dataclass(slots=True)
class DistinctPart(Part):
    """The different values of a field."""

    field: FieldSpec


@dataclass(slots=True)
class MostPart(Part):
    """The group that has the most or the fewest records."""

    rank: Rank


@dataclass(slots=True)
class HavingPart(Part):
    """Limits of a figure of a group; field None: of the count."""

    functions: tuple[Function, ...]
    field: FieldSpec | None
    limits: tuple[tuple[Operator, Amount], ...]


@dataclass(slots=True)
class FigurePart(Part):
    """Figures asked for; field None: of the records themselves."""

    functions: tuple[Function, ...]
    field: FieldSpec | None
    more: tuple[FieldSpec, ...] = ()
    """Other fields that the same figures are asked of."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class GroupKey:
    """What to group by: a field, a part of its dates, or a part of dates that are not said."""

    field: FieldSpec | None
    part: DatePart | None = None


@dataclass(slots=True)
class GroupPart(Part):
    """What to group by."""

    keys: tuple[GroupKey, ...]


@dataclass(slots=True)
class ByFigurePart(Part):
    """Figures to order groups by."""

    functions: tuple[Function, ...]
    field: FieldSpec | None


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class SortKey:
    """A field to sort by, or a figure of a group; the direction None where it was not said."""

    field: FieldSpec | None
    descending: bool | None
    function: Function | None = None


@dataclass(slots=True)
class SortPart(Part):
    """Terms of an order."""

    keys: list[SortKey]
    ranked: bool = False
    """Whether the largest figure comes first where nothing else is said: "rank by"."""
    event: Event | None = None
    """The end of a period that does not say of which: "ending soonest"."""


@dataclass(slots=True)
class RankPart(Part):
    """The records at one end of an order, or the first few of any."""

    rank: Rank | None
    count: Amount | None
    field: FieldSpec | None
    functions: tuple[Function, ...] = ()
    """The figure of the field that is ranked by: "the highest average rate"."""
    holder: bool = False
    """Whether the record that has the extreme is asked for ("with the highest rate"), not the figure."""
    several: bool = False
    """Whether it is more than one: "the highest rates"."""
    open: bool = False
    """Whether the words leave it to others what is ranked by: "the largest 20 by actual cost"."""
