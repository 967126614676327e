"""A record as a row: `RowMaker` makes every column from its values, `encode_base` and `decode_base` one of them.

All writes make their rows here, so that columns, costs and payload cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from typing import Any, Final

from nlq.query import fold
from nlq.schema import FieldType
from pfa_rpc.records.cost import costs_of_columns
from pfa_rpc.records.deltas import decode_partial, encode_partial
from pfa_rpc.records.encode import PAYLOAD_VERSION, Values
from pfa_rpc.records.fragments import FragmentEncoder
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.records.steps import Columns, columns_of
from pfa_rpc.schema import FIELDS, MERGED_FIELDS

_MERGED: Final = tuple(field.name for field in MERGED_FIELDS)
_NOTHING: Final[Values] = dict.fromkeys(_MERGED)
_FIELD_COLUMNS: Final = tuple((field.name, field.column, field.type is FieldType.TEXT) for field in FIELDS)


class RowMaker:
    """Makes the rows of one organization, and remembers forms of values that come again. For one thread at a time."""

    def __init__(self, organization_id: str, currency: str) -> None:
        self.organization_id = organization_id
        self._currency = currency
        self._encode = FragmentEncoder(organization_id, currency).encode
        keys: Remembered[str | None] = Remembered(fold)
        keys[None] = None
        self._key = keys.__getitem__

    def rows(
        self,
        values: Sequence[Values],
        *,
        bases: Sequence[Values | None],
        seen_digests: Sequence[bytes | None],
        positions: Sequence[int | None],
        revision: int,
    ) -> list[dict[str, Any]]:
        """Return every column of some records, given all their fields; sets the costs among these.

        A base is what both sides last agreed on, where that differs from the values.
        """
        if not values:
            return []
        made = self.in_columns(
            with_costs(values), bases=bases, seen_digests=seen_digests, positions=positions, revision=revision
        )
        return [dict(zip(made, row, strict=True)) for row in zip(*made.values(), strict=True)]

    def in_columns(
        self,
        columns: Columns,
        *,
        bases: Sequence[Values | None],
        seen_digests: Sequence[bytes | None],
        positions: Sequence[int | None],
        revision: int,
    ) -> dict[str, Sequence[Any]]:
        """Return the same in columns, of records that have all their fields, and their costs."""
        made: dict[str, Sequence[Any]] = {name: [value] * len(bases) for name, value in self.shared(revision).items()}
        made |= {**self.kept(columns, bases, revision), "seen_digest": seen_digests, "position": positions}
        return made | self.of_fields(columns, columns)

    def of_fields(self, columns: Columns, names: Container[str]) -> dict[str, Sequence[Any]]:
        """Return the columns of some fields by the names that they have in the table."""
        return {
            column: list(map(self._key, columns[name])) if is_text else columns[name]
            for name, column, is_text in _FIELD_COLUMNS
            if name in names
        }

    def shared(self, revision: int) -> dict[str, Any]:
        """Return the columns that are no fields, and are the same in all records that a write makes."""
        return {
            "organization_id": self.organization_id,
            "revision": revision,
            "payload_version": PAYLOAD_VERSION,
        }

    def kept(self, columns: Columns, bases: Iterable[Values | None], revision: int) -> dict[str, Sequence[Any]]:
        """Return columns that are no fields, of records that have all their fields, and their costs, in columns."""
        return {
            "payload": self.payloads(columns, revision),
            "base": self.bases(bases),
        }

    def payloads(self, columns: Columns, revision: int) -> list[bytes]:
        """Return the payloads of records that have all their fields, and their costs."""
        return list(self._encode(columns, revision))

    def bases(self, bases: Iterable[Values | None]) -> list[bytes | None]:
        """Return the stored forms of bases."""
        return [None if base is None else encode_base(base, self._currency) for base in bases]


def with_costs(values: Sequence[Values]) -> dict[str, Sequence[Any]]:
    """Return the columns of records, one at least, that have all their fields; sets the costs, in both."""
    columns = columns_of(values)
    costs = costs_of_columns(columns)
    for one, cents in zip(values, zip(*costs.values(), strict=True), strict=True):
        one.update(zip(costs, cents, strict=True))
    return columns | costs


def encode_base(values: Values, currency: str) -> bytes:
    """Return the stored form of the merged fields."""
    return encode_partial(_NOTHING | values, _MERGED, currency)


def decode_base(stored: bytes) -> Values:
    """Return the merged fields of a stored base."""
    return decode_partial(stored, _MERGED)
