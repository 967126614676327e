"""Inserts records that are new, in columns: `Inserting`, within one write. Many take a fraction of the time of each.

What is written is what `save_records` would write. `NewRows` makes the rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from pfa_rpc.records.cost import costs_of_columns
from pfa_rpc.records.encode import Values
from pfa_rpc.records.revision import chunk_of
from pfa_rpc.records.steps import number_of
from pfa_rpc.store.bulk import copy_rows, insert_columns
from pfa_rpc.store.copied_rows import COLUMNS, CopiedRows
from pfa_rpc.store.database import Write
from pfa_rpc.store.records import new_record, record_id
from pfa_rpc.store.rows import RowMaker
from pfa_rpc.store.tables import records
from pfa_rpc.store.updating import NAMED
from pfa_rpc.store.vocabulary import add_uses

Uses = Mapping[str, Counter[str | None]]
"""Field whose values can be named → how many records hold each; a missing value is counted too."""
_DEFAULTS: Final = new_record("", "", {}).values


class NewRecords(NamedTuple):
    """Some records that are not stored yet, one at least."""

    columns: dict[str, Sequence[Any]]
    """Every field by name, with its values in the order of the records; ids and costs are set when they are stored."""
    bases: Sequence[Values | None]
    """What both sides last agreed on, where that differs from the values."""
    seen_digests: Sequence[bytes | None]


def pristine(columns: Mapping[str, Sequence[Any]], seen_digests: Sequence[bytes | None]) -> NewRecords:
    """Return records that PEMS has and this database does not, as `new_record` makes one of them.

    A field that is not among the columns, or is missing, has the value that a new record begins with.
    """
    number = len(seen_digests)
    complete = {name: columns.get(name) or [default] * number for name, default in _DEFAULTS.items()}
    return NewRecords(complete, [None] * number, seen_digests)


class NewRows:
    """Makes the rows of new records of one organization, and counts the uses of their values."""

    def __init__(self, organization_id: str, currency: str) -> None:
        self._organization_id = organization_id
        self._rows = RowMaker(organization_id, currency)
        self._copied = CopiedRows()

    def columns(self, parts: Iterable[NewRecords], first: int, revision: int, uses: Uses) -> Iterator[dict[str, Any]]:
        """Yield every column of the records of each part, whose positions begin with `first`."""
        for part in parts:
            columns = self._complete(part, uses)
            number = number_of(columns)
            yield self._rows.in_columns(
                columns,
                bases=part.bases,
                seen_digests=part.seen_digests,
                positions=range(first, first := first + number),
                revision=revision,
            )

    def copied(self, parts: Iterable[NewRecords], first: int, revision: int, uses: Uses) -> Iterator[bytes]:
        """Yield each record in the form of COPY."""
        shared = self._rows.shared(revision)
        for part in parts:
            columns = self._complete(part, uses)
            kept = self._rows.kept(columns, part.bases, revision)
            kept["seen_digest"] = part.seen_digests
            kept["position"] = range(first, first := first + number_of(columns))
            yield from self._copied.rows(shared, kept, columns)

    def _complete(self, part: NewRecords, uses: Uses) -> dict[str, Sequence[Any]]:
        """Return the columns with ids and costs, and count the uses of values that can be named."""
        columns = part.columns
        for name, counted in uses.items():
            counted.update(columns[name])
        ids = [record_id(self._organization_id, pfa_id) for pfa_id in columns["pfa_id"]]
        return columns | {"id": ids} | costs_of_columns(columns)


@lru_cache(maxsize=4)
def new_rows(organization_id: str, currency: str) -> NewRows:
    """Return what makes the rows of an organization, which remembers forms of values from one write to the next."""
    return NewRows(organization_id, currency)


class Inserting:
    """The new records of one write. Nothing else may reserve positions between the first `add` and `finish`."""

    def __init__(self, write: Write, rows: NewRows) -> None:
        self._write = write
        self._rows = rows
        self._uses: Uses = {name: Counter() for name in NAMED}
        self._first = write.next_position + write.reserved

    async def add(self, parts: Iterable[NewRecords], number: int) -> None:
        """Insert the records of some parts, so many together; a part is made when the ones before are on their way."""
        write = self._write
        first, revision = write.reserve_positions(number), write.revision.number
        if write.connection.dialect.name == "postgresql":
            await copy_rows(write.connection, records, COLUMNS, self._rows.copied(parts, first, revision, self._uses))
            return
        for columns in self._rows.columns(parts, first, revision, self._uses):
            await insert_columns(write.connection, records, columns)

    async def finish(self) -> None:
        """Bring chunks and vocabulary in step."""
        end = self._write.next_position + self._write.reserved
        if end == self._first:
            return
        self._write.chunks.update(range(chunk_of(self._first), chunk_of(end - 1) + 1))
        counted = {
            (name, text): number
            for name, texts in self._uses.items()
            for text, number in texts.items()
            if text is not None
        }
        await add_uses(self._write, counted)
