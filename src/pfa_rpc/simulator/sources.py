"""Where the rows come from: `rows_of` reads an export or invents rows, as values by column with an update counter."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from pfa_rpc.records.encode import Values as RecordValues
from pfa_rpc.records.generating import BATCH_RECORDS, draw, plan
from pfa_rpc.schema import PEMS_FIELDS
from pfa_rpc.simulator.columns import BY_ALIAS, ID, ORGANIZATION, STAMP, Kind
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.simulator.values import Locale, NotValid, Value
from pfa_rpc.sync.export_file import ExportFile

_UNITS: Final = 10_000
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


def rows_of(settings: Settings) -> Iterator[tuple[dict[str, Value], int]]:
    """Yield the values and the update counter of each row. Raises UnreadableExport."""
    found = _exported(settings.export) if settings.export else _invented(settings)
    rng = random.Random(f"rows/{settings.seed}")
    for values in found:
        yield values | _unmapped(rng), rng.randrange(1, 40)


def _exported(path: Path) -> Iterator[dict[str, Value]]:
    """Yield the rows of an export: of those with one id the newest; text that is no value stays as it is."""
    kept: dict[tuple[str, str], dict[str, Value]] = {}
    locale = Locale()
    with ExportFile.open(path) as export:
        columns = [BY_ALIAS.get(name) for name in export.header.columns]
        for _, cells in export.rows():
            pairs = zip(columns, cells, strict=False)
            values = {column.alias: _cell(locale, text, column.kind) for column, text in pairs if column is not None}
            key = (str(values.get(ORGANIZATION) or ""), str(values.get(ID) or ""))
            if all(key) and (key not in kept or _stamp(values) >= _stamp(kept[key])):
                kept[key] = values
    yield from kept.values()


def _stamp(values: dict[str, Value]) -> datetime:
    stamp = values.get(STAMP)
    return stamp if isinstance(stamp, datetime) else _EARLIEST


def _cell(locale: Locale, text: str, kind: Kind) -> Value:
    try:
        return locale.read(text, kind)
    except NotValid:
        return text.strip()


def _invented(settings: Settings) -> Iterator[dict[str, Value]]:
    """Yield the rows that `pfa generate` has for the same numbers, as PEMS holds them: without the edits of here."""
    if not settings.records:
        return
    for organization in plan(settings.records, settings.organizations, settings.seed):
        batches = -(-organization.records // BATCH_RECORDS)
        for drawn in (one for batch in range(batches) for one in draw(organization, batch)):
            held = drawn.values | (drawn.base or {})
            yield {ORGANIZATION: organization.organization_id, ID: held["pfa_id"]} | _held(held)


def _held(values: RecordValues) -> dict[str, Value]:
    return {field.pems: _value(values[field.name], BY_ALIAS[field.pems].kind) for field in PEMS_FIELDS if field.pems}


def _value(value: Any, kind: Kind) -> Value:
    if kind is Kind.MONEY and value is not None:
        return Decimal(value) / _UNITS
    if isinstance(value, str) and value in {"rental", "purchase", "beo", "project"}:
        return value.upper()
    found: Value = value
    return found


def _unmapped(rng: random.Random) -> dict[str, Value]:
    """Return values of the fields that only the screen has."""
    return {
        "pfs_f_rate_uom": rng.choice(("MONTH", "WEEK", None)),
        "pfs_f_freight": Decimal(rng.randrange(0, 500_000)).scaleb(-2),
        "pfs_a_leadtimerental": Decimal(rng.randrange(0, 90)),
        "pfa_ca_contractre": rng.choice(("1", "2", None)),
        "pfs_f_intlastupdated": date(2026, 1, 1) + timedelta(days=rng.randrange(200)),
    }
