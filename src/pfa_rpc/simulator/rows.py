"""The rows of an installation: `Rows` keeps them by organization and id, and in the orders that were asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pfa_rpc.errors import PfaError
from pfa_rpc.simulator.collations import Collation
from pfa_rpc.simulator.columns import ID, ORGANIZATION
from pfa_rpc.simulator.values import Value

MISSING_PLACE: Final[tuple[int, Any]] = (2, 0)
"""Where rows without a value stand in the order of a column: last."""


class RowNotFound(PfaError):
    """The installation has no such row."""

    status = "NOT_FOUND"
    reason = "RECORD_NOT_FOUND"


class RowExists(PfaError):
    """The installation has a row with this id already."""

    status = "ALREADY_EXISTS"
    reason = "INVALID_REQUEST"


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """What a row holds at a time; a change gives the row another."""

    values: Mapping[str, Value]
    recordid: int
    """The update counter: the lock that a write needs."""
    rendered: dict[int, bytes] = field(default_factory=dict)
    """Its cells as a layout of the grid writes them, by the layout's number; kept, since most rows never change."""

    @property
    def pfa_id(self) -> str:
        """The id within the organization."""
        return str(self.values[ID])

    @property
    def organization(self) -> str:
        """Code of the organization."""
        return str(self.values[ORGANIZATION])


@dataclass(slots=True, eq=False)
class Row:
    """A row: its place in the orders stays while its image changes."""

    image: Image


class Rows:
    """Every row of an installation."""

    def __init__(self) -> None:
        self._organizations: dict[str, dict[str, Row]] = {}
        self._orders: dict[tuple[str | None, str], list[Row]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._organizations.values()))

    def __iter__(self) -> Iterator[Image]:
        return (row.image for row in self.rows())

    @property
    def organizations(self) -> Mapping[str, int]:
        """Number of rows by organization, in the order of their coming."""
        return {code: len(rows) for code, rows in self._organizations.items() if rows}

    def rows(self, organization: str | None = None) -> Iterator[Row]:
        """Yield the rows of an organization, or all, in the order of their coming."""
        codes = list(self._organizations) if organization is None else [organization]
        for code in codes:
            yield from self._organizations.get(code, {}).values()

    def get(self, organization: str, pfa_id: str) -> Image:
        """Return what a row holds. Raises RowNotFound."""
        return self._row(organization, pfa_id).image

    def find(self, organization: str, pfa_id: str) -> Image | None:
        """Return what a row holds, or None where there is no such row."""
        row = self._organizations.get(organization, {}).get(pfa_id)
        return row.image if row else None

    def insert(self, image: Image) -> None:
        """Add a row. Raises RowExists."""
        rows = self._organizations.setdefault(image.organization, {})
        if image.pfa_id in rows:
            raise RowExists(f"{image.organization} has a row {image.pfa_id!r} already")
        rows[image.pfa_id] = Row(image)
        self._forget(image.organization)

    def replace(self, image: Image) -> None:
        """Give a row another image. Raises RowNotFound."""
        row = self._row(image.organization, image.pfa_id)
        before, row.image = row.image, image
        for key in list(self._orders):
            if key[0] in (None, image.organization) and before.values.get(key[1]) != image.values.get(key[1]):
                del self._orders[key]

    def delete(self, organization: str, pfa_id: str) -> Image:
        """Take a row away, and return what it held. Raises RowNotFound."""
        image = self._row(organization, pfa_id).image
        del self._organizations[organization][pfa_id]
        self._forget(organization)
        return image

    def ordered(self, organization: str | None, alias: str, collation: Collation) -> list[Row]:
        """Return the rows of an organization, or all, in the ascending order of a column; missing values come last."""
        key = (organization, alias)
        if key not in self._orders:
            self._orders[key] = sorted(self.rows(organization), key=lambda row: place_of(row, alias, collation))
        return self._orders[key]

    def _row(self, organization: str, pfa_id: str) -> Row:
        try:
            return self._organizations[organization][pfa_id]
        except KeyError:
            raise RowNotFound(f"{organization} has no row {pfa_id!r}") from None

    def _forget(self, organization: str) -> None:
        for key in [key for key in self._orders if key[0] in (None, organization)]:
            del self._orders[key]


def text_place(collated: Any) -> tuple[int, Any]:
    """Return where text stands in an order: behind values of the column's own kind, before missing ones."""
    return 1, collated


def place_of(row: Row, alias: str, collation: Collation) -> tuple[int, Any]:
    """Return where a row stands in the order of a column."""
    value = row.image.values.get(alias)
    if value is None:
        return MISSING_PLACE
    return text_place(collation(value)) if isinstance(value, str) else (0, value)
