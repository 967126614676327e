"""From a row of PEMS to the values of a record: `RowMapper` gives a `PemsRow`, or a `Rejection` with every fault.

What the text of a cell means, `cells.py` says. Nothing is guessed: text that is no value of its field is a fault.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import TIED_FIELDS, BrokenRule, broken_rules
from pfa_rpc.schema import BY_NAME, MERGED_FIELDS, ORGANIZATION_ALIAS, PEMS_FIELDS
from pfa_rpc.sync.cells import (
    CELL_LIMIT,
    ID_ALIAS,
    US,
    BadCell,
    Formats,
    cell_reader,
    id_of,
    shown,
)

UNKNOWN_ORGANIZATION: Final = "unknown organization"
"""Reason of a row whose organization is not among those taken in; always a row's first."""

KEY_ALIASES: Final = (ID_ALIAS, ORGANIZATION_ALIAS)
KNOWN_ALIASES: Final = frozenset((*KEY_ALIASES, *(field.pems for field in PEMS_FIELDS if field.pems)))
"""Every column of PEMS that a record takes a value from."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a row from being taken in."""

    column: str
    """Column of PEMS, or empty where the row as a whole is wrong."""
    value: str
    """The text found there, in a rejection as far as it is text."""
    reason: str
    """What is wrong with it; the same words for the same kind of fault."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that cannot be taken in, with all its faults, the one to be counted first."""

    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Rejection:
        """Return the rejection for faults, one at least, in a form that can be stored and sent."""
        return cls(tuple(replace(fault, value=shown(fault.value)) for fault in faults))


@dataclass(frozen=True, slots=True)
class PemsRow:
    """A row of PEMS as values of a record."""

    organization_id: str
    pfa_id: str
    values: Values
    """Values of MERGED_FIELDS; a field whose column PEMS did not send is absent, and so not known to have changed."""
    stamp: datetime | None
    """When PEMS last changed the row (UTC, to the minute); None where it does not say."""
    modified_by: str | None
    text: str
    """The values as `text_of` writes them."""
    digest: bytes
    """16 bytes that are equal for equal values; stamp and modified_by do not count."""


def columns_missing(columns: Collection[str]) -> tuple[str, ...]:
    """Return the columns without which no row could be taken in.

    These are the keys, the columns of required fields, and those that a rule ties to a column which is there: half a
    pair of dates cannot be checked, and must not be merged.
    """
    needed = [*KEY_ALIASES, *(field.pems for field in PEMS_FIELDS if field.required and field.pems)]
    for group in TIED_FIELDS:
        aliases = [BY_NAME[name].pems or "" for name in group]
        if any(alias in columns or alias in needed for alias in aliases):
            needed += aliases
    return tuple(dict.fromkeys(alias for alias in needed if alias not in columns))


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True, default=date.isoformat
)


_quoted: Final = json.JSONEncoder(ensure_ascii=False).encode
"""Writes a text: what the encoder does for a text alone it does without going through objects."""


def text_of(values: Values) -> str:
    """Return the values of MERGED_FIELDS as JSON: one text for equal values, whatever their order."""
    return _ENCODER.encode(values)


def value_text(value: Any) -> str:
    """Return one value as `text_of` writes it, in a fraction of the time."""
    match value:
        case None:
            return "null"
        case str():
            return _quoted(value)
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            return f'"{value.isoformat()}"'


def digest_of(text: str) -> bytes:
    """Return the digest of values, given as `text_of` writes them."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


_DATE_NAMES: Final = tuple(field.name for field in MERGED_FIELDS if field.type is FieldType.DATE)


def values_of(text: str) -> Values:
    """Return the values that `text_of` wrote."""
    values: Values = json.loads(text)
    for name in _DATE_NAMES:
        day = values.get(name)
        if day is not None:
            values[name] = date.fromisoformat(day)
    return values


class RowMapper:
    """Maps rows whose cells come in the order of some columns.

    Args:
        columns: names of the cells, in PEMS' spelling; names that are not KNOWN_ALIASES are passed over.
        organizations: codes of the organizations whose rows are taken in.
        zone: time zone of PEMS' stamps.
        formats: how dates and amounts are written.
    """

    def __init__(
        self, columns: Sequence[str], organizations: Collection[str], zone: tzinfo = UTC, formats: Formats = US
    ) -> None:
        self._columns = tuple(columns)
        self._organizations = organizations
        index = {name: number for number, name in enumerate(columns)}
        self._organization_cell = index[ORGANIZATION_ALIAS]
        self._id_cell = index[ID_ALIAS]
        self._readers = [
            (field.name, field.pems, index[field.pems], cell_reader(field, zone, formats))
            for field in PEMS_FIELDS
            if field.pems is not None and field.pems in index
        ]

    def map(self, cells: Sequence[str], known: Sequence[Fault] = ()) -> PemsRow | Rejection:
        """Return the row's values, or every reason why it cannot be taken in.

        `known` are faults that it has whatever its cells say; what stands in their columns is not looked at.
        """
        if len(cells) != len(self._columns):
            reason = "too few cells" if len(cells) < len(self._columns) else "too many cells"
            return Rejection((Fault("", str(len(cells)), reason),))
        organization_id, pfa_id = cells[self._organization_cell].strip(), cells[self._id_cell].strip()
        unread = {fault.column for fault in known}
        faults: list[Fault] = []
        if organization_id not in self._organizations and ORGANIZATION_ALIAS not in unread:
            faults.append(Fault(ORGANIZATION_ALIAS, organization_id, UNKNOWN_ORGANIZATION))
        if ID_ALIAS not in unread:
            try:
                id_of(pfa_id)
            except BadCell as error:
                faults.append(Fault(ID_ALIAS, pfa_id, str(error)))
        faults += known
        if max(map(len, cells)) > CELL_LIMIT:
            too_long = self._too_long(cells)
            faults += too_long
            unread.update(fault.column for fault in too_long)
        values = self._read(cells, faults, unread)
        faults += self._rule_faults(values, cells, faults)
        if faults:
            return Rejection.of(faults)
        return _row(organization_id, pfa_id, values)

    def _read(self, cells: Sequence[str], faults: list[Fault], unread: Collection[str]) -> Values:
        """Return the values of the cells, adding a fault for each that has none."""
        values: Values = {}
        for name, alias, number, read in self._readers:
            if alias in unread:
                continue
            try:
                values[name] = read(cells[number].strip())
            except BadCell as error:
                faults.append(Fault(alias, cells[number].strip(), str(error)))
        return values

    def _too_long(self, cells: Sequence[str]) -> list[Fault]:
        found = zip(self._columns, cells, strict=True)
        return [Fault(column, text, _TOO_LONG) for column, text in found if len(text) > CELL_LIMIT]

    def _rule_faults(self, values: Values, cells: Sequence[str], faults: Sequence[Fault]) -> list[Fault]:
        """Return the rules broken by values that could be read; a field that could not breaks no further rule."""
        broken = broken_rules(values)
        if not broken:
            return []
        unread = {fault.column for fault in faults}
        return [self._fault(rule, cells) for rule in broken if BY_NAME[rule.field].pems not in unread]

    def _fault(self, rule: BrokenRule, cells: Sequence[str]) -> Fault:
        alias = BY_NAME[rule.field].pems or ""
        number = next((number for name, _, number, _ in self._readers if name == rule.field), None)
        return Fault(alias, cells[number].strip() if number is not None else "", rule.reason)


def _row(organization_id: str, pfa_id: str, values: Values) -> PemsRow:
    stamp, modified_by = values.pop("pems_stamp", None), values.pop("pems_modified_by", None)
    text = text_of(values)
    return PemsRow(organization_id, pfa_id, values, stamp, modified_by, text, digest_of(text))


_TOO_LONG: Final = f"cell is longer than {CELL_LIMIT:,} characters"
