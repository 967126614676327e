"""A record as a row: `RowMaker` makes every column from its values, `encode_base` and `decode_base` one of them.

All writes make their rows here, so that columns, costs and payload cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

from nlq.query import fold
from nlq.schema import FieldType
from pfa_rpc.records.cost import costs_of
from pfa_rpc.records.encode import PAYLOAD_VERSION, Values, decode, to_message
from pfa_rpc.records.fragments import FragmentEncoder
from pfa_rpc.records.remembered import Remembered
from pfa_rpc.schema import FIELDS, MERGED_FIELDS

_TEXTS: Final = [field for field in FIELDS if field.type is FieldType.TEXT]
_OTHERS: Final = [field for field in FIELDS if field.type is not FieldType.TEXT]
_TEXT_COLUMNS: Final = tuple(field.column for field in _TEXTS)
_OTHER_COLUMNS: Final = tuple(field.column for field in _OTHERS)
_take_texts: Final[Callable[[Values], tuple[str | None, ...]]] = itemgetter(*(field.name for field in _TEXTS))
_take_others: Final[Callable[[Values], tuple[Any, ...]]] = itemgetter(*(field.name for field in _OTHERS))


class RowMaker:
    """Makes the rows of one organization, and remembers forms of values that come again. For one thread at a time."""

    def __init__(self, organization_id: str, currency: str) -> None:
        self.organization_id = organization_id
        self._currency = currency
        self._encode = FragmentEncoder(organization_id, currency).encode
        keys: Remembered[str | None] = Remembered(fold)
        keys[None] = None
        self._key = keys.__getitem__

    def row(
        self, values: Values, *, base: Values | None, seen_digest: bytes | None, position: int | None, revision: int
    ) -> dict[str, Any]:
        """Return every column of a record, given all its fields; sets its costs among them.

        `base` is what both sides last agreed on, where that differs from the values.
        """
        row = self.kept(values, base=base, seen_digest=seen_digest, position=position, revision=revision)
        row.update(zip(_OTHER_COLUMNS, _take_others(values), strict=True))
        row.update(zip(_TEXT_COLUMNS, map(self._key, _take_texts(values)), strict=True))
        return row

    def kept(
        self, values: Values, *, base: Values | None, seen_digest: bytes | None, position: int | None, revision: int
    ) -> dict[str, Any]:
        """Return the columns that are no fields, and set the costs, which the payload has too."""
        values.update(costs_of(values))
        return {
            "organization_id": self.organization_id,
            "position": position,
            "revision": revision,
            "payload": self._encode(values, revision),
            "payload_version": PAYLOAD_VERSION,
            "base": None if base is None else encode_base(base, self._currency),
            "seen_digest": seen_digest,
        }


def encode_base(values: Values, currency: str) -> bytes:
    """Return the stored form of the merged fields."""
    merged = {field.name: values.get(field.name) for field in MERGED_FIELDS}
    return to_message(merged, currency).SerializeToString()


def decode_base(stored: bytes) -> Values:
    """Return the merged fields of a stored base."""
    values = decode(stored)
    return {field.name: values[field.name] for field in MERGED_FIELDS}
