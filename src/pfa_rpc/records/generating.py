"""Invented records in any number, the same for the same seed: `plan` organizations, then `draw` a batch of one.

Values, shapes and frequencies are those of real exports: some organizations are large and many small, a third of the
equipment is bought, most of what has begun is on site, about one record in a hundred was edited here. Every record
obeys the rules of `records.rules`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from pfa_rpc.records.encode import Values
from pfa_rpc.records.pools import AREAS, CONTRACTS, CURRENCIES, EDITORS, KINDS, PEOPLE, SYNC_ERRORS
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


def draw(organization: PlannedOrganization, batch: int) -> Iterator[Drawn]:
    """Yield the records of a batch, 0 the first: always the same ones, whichever batches were drawn before."""
    uniform = random.Random(f"{organization.seed}/{batch}").random
    first = batch * BATCH_RECORDS
    tags = max(300, organization.records // 5)
    for number in range(first, min(first + BATCH_RECORDS, organization.records)):
        values = _values(uniform, tags)
        values["pfa_id"] = str(70_000 + number)
        yield _edited(values, uniform) if uniform() < _EDITED else Drawn(values, None)


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

_TEMPLATE: Final[Values] = {field.name: None for field in FIELDS} | {
    "is_actualized": False,
    "is_discontinued": False,
    "is_funds_transferable": False,
    "sync_state": "pristine",
    "local_version": 1,
    "sync_retry_count": 0,
    "modified_fields": (),
    "last_synced_at": _SYNCED_AT,
}


def _values(uniform: Callable[[], float], tags: int) -> Values:
    kind = KINDS[int(uniform() * len(KINDS))]
    values = _TEMPLATE | kind.values
    values["area_silo"] = AREAS[int(uniform() * len(AREAS))]
    values["description"] = kind.descriptions[int(uniform() * len(kind.descriptions))]
    values["contract"] = CONTRACTS[int(uniform() * len(CONTRACTS))]
    if uniform() < _TAGGED:
        values["equipment"] = f"EQ-{2_000 + int(uniform() * tags)}"
    values["dor"] = "project" if uniform() < _PROJECT else "beo"
    rate = max(int(kind.rate * _UNITS * _RATES[int(uniform() * 1_024)] / 100) // _RATE_STEP, 1) * _RATE_STEP
    if uniform() < _RENTED:
        values["source"], values["monthly_rate"] = "rental", rate
    else:
        values["source"] = "purchase"
        cents = rate // 100 * _PRICES[int(uniform() * 1_024)] // 100 + int(uniform() * 100_000)
        values["purchase_price"] = cents * 100
    _set_dates(values, uniform)
    flag = uniform()
    if flag < _DISCONTINUED:
        values["is_discontinued"] = True
    elif flag < _DISCONTINUED + _TRANSFERABLE:
        values["is_funds_transferable"] = True
    values["pems_stamp"] = _STAMPS_FROM + timedelta(minutes=int(uniform() * _STAMP_MINUTES))
    values["pems_modified_by"] = PEOPLE[int(uniform() * len(PEOPLE))]
    return values


def _set_dates(values: Values, uniform: Callable[[], float]) -> None:
    """Set the three periods: the forecast drifts from the plan, the actual follows the forecast."""
    start = _MIDDLE + _STARTS[int(uniform() * 1_024)]
    end = start + _LENGTHS[int(uniform() * 1_024)]
    if uniform() < _PLANNED:
        values["plan_start"], values["plan_end"] = _DAYS[start], _DAYS[end]
    start += _SHIFTS[int(uniform() * 1_024)]
    end = max(start, end + _SHIFTS[int(uniform() * 1_024)])
    values["forecast_start"], values["forecast_end"] = _DAYS[start], _DAYS[end]
    if start <= _AS_OF and uniform() < _ARRIVES:
        arrived = start - 4 + int(uniform() * 13)
        values["is_actualized"], values["actual_start"] = True, _DAYS[arrived]
        left = max(arrived, end - 15 + int(uniform() * 45))
        if left <= _AS_OF:
            values["actual_end"] = _DAYS[left]


def _edited(values: Values, uniform: Callable[[], float]) -> Drawn:
    """Return a record whose strategy was changed here since PEMS sent it: moved, made cheaper, or sent elsewhere."""
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
    return Drawn(values, base)
