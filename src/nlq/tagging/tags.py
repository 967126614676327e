"""Tags: what a stretch of tokens can mean, as the tagger hands it to the grammar.

Gives `Reading`, `Tagged`, and the payloads.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, cast

from nlq.amounts.durations import DurationRange, DurationReading
from nlq.dates import DateReading
from nlq.query import Condition, DatePart, Function, Operator
from nlq.schema import FieldSpec, Layer

FILLER: Final = "FILLER"
RECORD: Final = "RECORD"
PRONOUN: Final = "PRONOUN"
"""Stands for something said before; settled before the grammar sees it."""
UNKNOWN: Final = "UNKNOWN"
LABEL: Final = "LABEL"
SILENT: Final = frozenset((FILLER, RECORD, LABEL))
"""Tags that the grammar does not see."""
_AMOUNTS: Final = frozenset(("NUMBER", "MONEY"))


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Meaning:
    """A value of a field."""

    field: FieldSpec
    value: str
    """The spelling most used, or the name of the enum value."""
    partly: bool = False
    """Whether only the end of its name was said: "lifts" for Aerial Lifts."""
    uses: int = 0
    """How many records have it; 0 for what is no value of the vocabulary."""


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Amount:
    """A number as it was written."""

    value: Decimal
    scale: Decimal = Decimal(1)
    marked: bool = False
    """Whether a currency or the shorthand of amounts says that it is money."""
    foreign: bool = False
    """Whether it is in another currency than the organization's."""
    multiple: Decimal = Decimal(1)
    """All multipliers together: 100,000 of "three hundred thousand"."""


@dataclass(frozen=True, slots=True)
class Flagged:
    """A flag and its state."""

    field: FieldSpec
    state: bool


@dataclass(frozen=True, slots=True)
class Rank:
    """From which end records are ranked: the most or the least first."""

    descending: bool
    money: bool = False
    """Whether the word itself says that money is meant ("cheapest")."""
    dated: bool = False
    """Whether it says that a date is meant ("newest")."""


@dataclass(frozen=True, slots=True)
class Event:
    """A word for one end of a period that does not say of which: "starting"."""

    field: FieldSpec
    """What it means by convention."""
    others: tuple[FieldSpec, ...]
    """The same end of other periods."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A phrase that stands for a condition: "late"."""

    condition: Condition
    others: tuple[Condition, ...] = ()
    """What else it can be meant for."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What one figure is above another: "variance"."""

    field: FieldSpec
    other: FieldSpec


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Share:
    """A percentage."""

    value: Decimal
    """Of one: 0.1 for 10 %."""


Payload = (
    tuple[Meaning, ...]
    | Flagged
    | FieldSpec
    | Amount
    | Operator
    | Function
    | Rank
    | Event
    | Claim
    | Gap
    | Share
    | Layer
    | DatePart
    | DateReading
    | DurationReading
    | DurationRange
    | str
    | None
)


@dataclass(slots=True, unsafe_hash=True)  # never changed; frozen ones take three times as long to make
class Reading:
    """One thing that a stretch can be."""

    tag: str
    payload: Payload = None


@dataclass(slots=True)
class Tagged:
    """A stretch of tokens and its possible readings, the preferred first."""

    first: int
    """Index of the first token."""
    end: int
    """Index of the token after the last."""
    readings: tuple[Reading, ...]
    path: tuple[str, ...] | None = None
    """Keys of the whole value where a list left out its beginning ("4" of "silos 2, 4 and 7")."""

    def reading(self, tag: str) -> Reading | None:
        """Return the reading with a tag, None where there is none."""
        for reading in self.readings:
            if reading.tag == tag:
                return reading
        return None

    @property
    def tag(self) -> str:
        """Tag of the preferred reading."""
        return self.readings[0].tag

    @property
    def field(self) -> FieldSpec | None:
        """The field that it can name."""
        for reading in self.readings:
            if reading.tag in ("FIELD", "MEASURE"):
                return cast("FieldSpec", reading.payload)
        return None

    @property
    def meanings(self) -> tuple[Meaning, ...]:
        """The values that it can be."""
        for reading in self.readings:
            if reading.tag == "VALUE":
                return cast("tuple[Meaning, ...]", reading.payload)
        return ()

    @property
    def is_quantity(self) -> bool:
        """Return whether it can be an end of a range: an amount or a percentage."""
        return self.is_amount or self.readings[0].tag == "PERCENT"

    @property
    def is_amount(self) -> bool:
        """Whether it can be an amount."""
        return not _AMOUNTS.isdisjoint([reading.tag for reading in self.readings])
