"""Invented records in any number, the same for the same seed: `plan` organizations, then `draw_columns` of one.

Values, shapes and frequencies are those of real exports: some organizations are large and many small, a third of the
equipment is bought, most of what has begun is on site, about one record in a hundred was edited here. Every record
obeys the rules of `records.rules`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from pfa_rpc.records.encode import Values
from pfa_rpc.records.pools import AREAS, CONTRACTS, CURRENCIES, EDITORS, KINDS, PEOPLE, SYNC_ERRORS, Kind
from pfa_rpc.records.revision import CHUNK_RECORDS
from pfa_rpc.schema import FIELDS, MERGED_FIELDS

BATCH_RECORDS: Final = 10 * CHUNK_RECORDS
"""Records that are drawn, and written, together."""
AS_OF: Final = date(2026, 8, 1)
"""The day that the records are seen on: what began before it is on site."""

_LARGE_SHARE: Final = 0.4
_LARGE_TIMES: Final = 1.8
"""Four of ten organizations are 1.8 times as large as the mean: 60,000 where it is 33,333."""
_STEEPNESS: Final = 3.0

_UNITS: Final = 10_000  # ten-thousandths in a currency unit
_RATE_STEP: Final = 25 * _UNITS
_FIRST_DAY: Final = date(2023, 1, 1)
_MIDDLE: Final = (date(2026, 5, 11) - _FIRST_DAY).days
_AS_OF: Final = (AS_OF - _FIRST_DAY).days
_DAYS: Final = tuple(_FIRST_DAY + timedelta(days=number) for number in range(4_000))
_STAMPS_FROM: Final = datetime(2026, 1, 1, tzinfo=UTC)
_STAMP_MINUTES: Final = (AS_OF - _STAMPS_FROM.date()).days * 24 * 60
_SYNCED_AT: Final = datetime(2026, 8, 1, 5, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class PlannedOrganization:
    """An organization that is to be generated."""

    organization_id: str
    display_name: str
    """Names the plan too, so that an interrupted run is known again."""
    currency_code: str
    time_zone: str
    records: int
    seed: str


def plan(records: int, organizations: int, seed: int) -> list[PlannedOrganization]:
    """Return the organizations that share a number of records, the largest first. Each gets at least one."""
    width = max(2, len(str(organizations)))
    planned = []
    for index, size in enumerate(_sizes(records, organizations)):
        currency, zone = CURRENCIES[index % len(CURRENCIES)]
        code = f"GEN{index + 1:0{width}}"
        name = f"Generated {index + 1} of {organizations} ({size:,} records, seed {seed})"
        planned.append(PlannedOrganization(code, name, currency, zone, size, f"{seed}/{index}"))
    return planned


def _sizes(records: int, organizations: int) -> list[int]:
    """Return sizes that add up to `records`: equal large ones, then ever smaller ones."""
    large = round(_LARGE_SHARE * organizations)
    small = organizations - large
    biggest = int(_LARGE_TIMES * records / organizations) if large else 0
    weights = [math.exp(-_STEEPNESS * (index + 0.5) / small) for index in range(small)]
    sizes = [biggest] * large
    left = records - biggest * large - small  # one is set aside for each
    sizes += [1 + int(left * weight / sum(weights)) for weight in weights]
    sizes[large if small else 0] += records - sum(sizes)
    return sorted(sizes, reverse=True)


class Drawn(NamedTuple):
    """A record as it was drawn: what is set when it is stored, such as its id and costs, is missing."""

    values: Values
    base: Values | None
    """What PEMS holds, for a record that was edited here."""


class DrawnColumns(NamedTuple):
    """Some records as they were drawn."""

    columns: dict[str, Sequence[Any]]
    """Every field by name, with its values in the order of the records."""
    bases: Sequence[Values | None]

    def records(self) -> Iterator[Drawn]:
        """Yield them one by one."""
        rows = zip(*self.columns.values(), strict=True)
        return (
            Drawn(dict(zip(self.columns, row, strict=True)), base) for row, base in zip(rows, self.bases, strict=True)
        )


def draw(organization: PlannedOrganization, batch: int) -> Iterator[Drawn]:
    """Yield the records of a batch, 0 the first: always the same ones, whichever batches were drawn before."""
    for part in draw_columns(organization, batch):
        yield from part.records()


def draw_columns(organization: PlannedOrganization, batch: int) -> Iterator[DrawnColumns]:
    """Yield the same, a chunk at a time: that much the processor's own memory holds."""
    rng = random.Random(f"{organization.seed}/{batch}")
    tags = max(300, organization.records // 5)
    end = min((batch + 1) * BATCH_RECORDS, organization.records)
    for first in range(batch * BATCH_RECORDS, end, CHUNK_RECORDS):
        yield _draw(rng, range(first, min(first + CHUNK_RECORDS, end)), tags)


def _table(name: str, make: Callable[[random.Random], float], low: int, high: int) -> tuple[int, ...]:
    """Return a thousand values of a distribution, cut to a range: to pick one is quicker than to draw anew."""
    rng = random.Random(name)
    return tuple(min(max(round(make(rng)), low), high) for _ in range(1_024))


_STARTS: Final = _table("starts", lambda rng: rng.gauss(0, 230), -480, 600)
_LENGTHS: Final = _table("lengths", lambda rng: rng.lognormvariate(math.log(145), 0.58), 18, 1_100)
_SHIFTS: Final = _table("shifts", lambda rng: rng.gauss(0, 33) if rng.random() < 0.65 else 0, -110, 110)
_PRICES: Final = _table("prices", lambda rng: 1_600 * rng.lognormvariate(0, 0.5), 300, 9_000)
"""Price in percent of a month's rent."""
_RATES: Final = _table("rates", lambda rng: 100 * rng.lognormvariate(0, 0.4), 25, 400)
"""Rent in percent of the usual."""

_RENTED: Final = 0.71
_PLANNED: Final = 0.97
_PROJECT: Final = 0.66
_DISCONTINUED: Final = 0.06
_TRANSFERABLE: Final = 0.035
_TAGGED: Final = 0.69
_ARRIVES: Final = 0.97
_EDITED: Final = 0.01
_FAILED: Final = 0.1

_DEFAULTS: Final[Values] = {field.name: None for field in FIELDS} | {
    "sync_state": "pristine",
    "local_version": 1,
    "sync_retry_count": 0,
    "modified_fields": (),
    "conflicting_fields": (),
    "deleted_in_pems": False,
    "last_synced_at": _SYNCED_AT,
}


def _draw(rng: random.Random, numbers: range, tags: int) -> DrawnColumns:
    """Draw a value of every record before the next field: lists of few different values are quick to make."""
    size, pick = len(numbers), rng.choices
    columns: dict[str, list[Any]] = {name: [value] * size for name, value in _DEFAULTS.items()}
    columns["pfa_id"] = [str(70_000 + number) for number in numbers]
    kinds = pick(KINDS, k=size)
    for name in KINDS[0].values:
        columns[name] = [kind.values[name] for kind in kinds]
    places = pick(range(len(KINDS[0].descriptions)), k=size)
    columns["description"] = [kind.descriptions[place] for kind, place in zip(kinds, places, strict=True)]
    columns["area_silo"] = pick(AREAS, k=size)
    columns["contract"] = pick(CONTRACTS, k=size)
    columns["equipment"] = [
        f"EQ-{2_000 + tag}" if is_tagged else None
        for is_tagged, tag in zip(_chances(rng, size, _TAGGED), pick(range(tags), k=size), strict=True)
    ]
    columns["dor"] = ["project" if is_project else "beo" for is_project in _chances(rng, size, _PROJECT)]
    _draw_money(columns, rng, kinds)
    _draw_dates(columns, rng)
    flags = [rng.random() for _ in numbers]
    columns["is_discontinued"] = [flag < _DISCONTINUED for flag in flags]
    columns["is_funds_transferable"] = [_DISCONTINUED <= flag < _DISCONTINUED + _TRANSFERABLE for flag in flags]
    columns["pems_stamp"] = [_STAMPS_FROM + timedelta(minutes=number) for number in pick(range(_STAMP_MINUTES), k=size)]
    columns["pems_modified_by"] = pick(PEOPLE, k=size)
    bases = [_edit(columns, place, rng.random) if rng.random() < _EDITED else None for place in range(size)]
    return DrawnColumns({**columns}, bases)


def _chances(rng: random.Random, size: int, chance: float) -> list[bool]:
    """Return for each record whether something holds that has a chance."""
    return [rng.random() < chance for _ in range(size)]


def _draw_money(columns: dict[str, list[Any]], rng: random.Random, kinds: Sequence[Kind]) -> None:
    """Set the source, and the rate of what is rented or the price of what is bought."""
    size = len(kinds)
    rates = [
        max(int(kind.rate * _UNITS * percent / 100) // _RATE_STEP, 1) * _RATE_STEP
        for kind, percent in zip(kinds, rng.choices(_RATES, k=size), strict=True)
    ]
    rented = _chances(rng, size, _RENTED)
    columns["source"] = ["rental" if is_rented else "purchase" for is_rented in rented]
    columns["monthly_rate"] = [rate if is_rented else None for is_rented, rate in zip(rented, rates, strict=True)]
    columns["purchase_price"] = [
        None if is_rented else (rate // 100 * percent // 100 + int(rng.random() * 100_000)) * 100
        for is_rented, rate, percent in zip(rented, rates, rng.choices(_PRICES, k=size), strict=True)
    ]


def _draw_dates(columns: dict[str, list[Any]], rng: random.Random) -> None:
    """Set the three periods: the forecast drifts from the plan, the actual follows the forecast."""
    uniform, size = rng.random, len(columns["source"])
    periods = zip(
        rng.choices(_STARTS, k=size),
        rng.choices(_LENGTHS, k=size),
        rng.choices(_SHIFTS, k=size),
        rng.choices(_SHIFTS, k=size),
        strict=True,
    )
    drawn = []
    for offset, length, earlier, later in periods:
        start = _MIDDLE + offset
        end = start + length
        planned = (_DAYS[start], _DAYS[end]) if uniform() < _PLANNED else _NO_PERIOD
        start += earlier
        end = max(start, end + later)
        arrived = left = None
        if start <= _AS_OF and uniform() < _ARRIVES:
            day = start - 4 + int(uniform() * 13)
            last = max(day, end - 15 + int(uniform() * 45))
            arrived, left = _DAYS[day], _DAYS[last] if last <= _AS_OF else None
        drawn.append((*planned, _DAYS[start], _DAYS[end], arrived, left, arrived is not None))
    columns |= zip(_DATED, map(list, zip(*drawn, strict=True)), strict=True)


_NO_PERIOD: Final = (None, None)
_DATED: Final = (
    *("plan_start", "plan_end", "forecast_start", "forecast_end", "actual_start", "actual_end"),
    "is_actualized",
)


def _edit(columns: dict[str, list[Any]], place: int, uniform: Callable[[], float]) -> Values:
    """Change the strategy of a record as someone here did: moved, made cheaper, or sent elsewhere; return its base."""
    values = {name: column[place] for name, column in columns.items()}
    base = {field.name: values[field.name] for field in MERGED_FIELDS}
    choice = uniform()
    if choice < 0.6 and not values["is_actualized"]:
        shift = timedelta(days=7 * (1 + int(uniform() * 8)))
        values["forecast_start"] += shift
        values["forecast_end"] += shift
    elif choice < 0.8 and values["monthly_rate"] is not None:
        values["monthly_rate"] = values["monthly_rate"] * 9 // 10
    else:
        values["area_silo"] = f"Silo {13 + int(uniform() * 4)}"
    values["modified_fields"] = tuple(name for name in base if values[name] != base[name])
    values["modified_by"] = EDITORS[int(uniform() * len(EDITORS))]
    values["modified_at"] = _SYNCED_AT + timedelta(minutes=int(uniform() * 600))
    values["local_version"] = 2 + int(uniform() * 3)
    values["sync_state"] = "modified"
    if uniform() < _FAILED:
        message = SYNC_ERRORS[int(uniform() * len(SYNC_ERRORS))]
        values |= {"sync_state": "sync_error", "sync_error_message": message, "sync_retry_count": 3}
    for name, value in values.items():
        columns[name][place] = value
    return base
