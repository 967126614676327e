"""The columns that a grid of PEMS really has: `Columns.of` reads a head answer, `Drift` says what differs from ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.schema import BY_NAME
from pfa_rpc.sync.cells import shown
from pfa_rpc.sync.mapping import columns_missing
from pfa_rpc.sync.pems.errors import MalformedAnswer, SchemaDrift
from pfa_rpc.sync.pems.settings import GRID_ALIASES, PemsSettings

_TEXT: Final = frozenset({"VARCHAR", "MIXVARCHAR", "CLOB"})
_TYPES: Final[Mapping[FieldType, frozenset[str]]] = {
    FieldType.MONEY: frozenset({"NUMBER", "DECIMAL", "CURRENCY"}),
    FieldType.DATE: frozenset({"DATE", "DATETIME"}),
    FieldType.TIME: frozenset({"DATE", "DATETIME"}),
    FieldType.BOOL: frozenset({"CHKBOOLEAN"}),
}
"""Types of the grid whose cells are sure to be read as a field's; text may hold anything, and is let through."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the grid that a field is read from."""

    alias: str
    """As the grid calls it."""
    number: int
    """Its aliasnum, which cells name it by."""
    type: str
    """As the grid calls it: VARCHAR, CURRENCY, …."""
    field: str
    """Name of the field; pfa_id, organization_id, and pems_version where the grid shows it, among them."""


@dataclass(frozen=True, slots=True)
class MissingColumn:
    """A column that the grid lacks."""

    alias: str
    field: str
    is_needed: bool
    """Whether no row can be taken in without it; else its field keeps the values that it has."""

    def __str__(self) -> str:
        effect = "no row can be taken in without it" if self.is_needed else f"{_label(self.field)} stays as it is"
        return f"{self.alias} ({_label(self.field)}) is missing: {effect}"


@dataclass(frozen=True, slots=True)
class Drift:
    """How a grid differs from what is configured."""

    unknown: tuple[str, ...] = ()
    """Columns that no field is read from; they are passed over."""
    missing: tuple[MissingColumn, ...] = ()
    retyped: tuple[Column, ...] = ()
    """Columns whose type does not fit their field; cells that cannot be read so make their rows rejected."""

    @property
    def is_fatal(self) -> bool:
        """Whether no row could be taken in."""
        return any(column.is_needed for column in self.missing)

    def sentences(self) -> tuple[str, ...]:
        """Return a sentence for each difference, those first that matter most."""
        ordered = sorted(self.missing, key=lambda column: not column.is_needed)
        retyped = (
            f"{c.alias} ({_label(c.field)}) is of type {c.type}: cells that do not fit reject their row"
            for c in self.retyped
        )
        unknown = (f"{alias} is not known: it is passed over" for alias in self.unknown)
        return (*map(str, ordered), *retyped, *unknown)


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a grid."""

    known: Mapping[int, Column]
    """By aliasnum, those that a field is read from."""
    numbers: frozenset[int]
    """Every aliasnum of the grid."""
    drift: Drift

    @classmethod
    def of(cls, grid: Mapping[str, Any], settings: PemsSettings) -> Columns:
        """Read what a head request answered. Raises MalformedAnswer."""
        fields = grid.get("FIELDS")
        found = fields.get("FIELD") if isinstance(fields, Mapping) else None
        entries = [_entry(entry) for entry in (found if isinstance(found, list) else [found])]
        wanted = {alias: field for field, alias in settings.columns.items()}
        if settings.version_column:
            wanted[settings.version_column] = "pems_version"
        known = {
            number: Column(alias, number, type_, wanted[alias]) for alias, number, type_ in entries if alias in wanted
        }
        return cls(known, frozenset(number for _, number, _ in entries), _drift(entries, known, wanted))

    def check(self) -> None:
        """Raise SchemaDrift where no row of the grid could be taken in."""
        if self.drift.is_fatal:
            needed = "; ".join(str(column) for column in self.drift.missing if column.is_needed)
            raise SchemaDrift(f"the grid of PEMS has changed: {needed}; correct PFA_PEMS_COLUMNS, or the grid")


def _entry(entry: Any) -> tuple[str, int, str]:
    """Return alias, aliasnum and type of a column. Raises MalformedAnswer."""
    try:
        return (
            shown(str(entry["name"])).strip().lower(),
            int(entry["aliasnum"]),
            shown(str(entry.get("type") or "")).upper(),
        )
    except (TypeError, KeyError, ValueError, AttributeError):
        raise MalformedAnswer(f"PEMS answered a head request with a column that is none: {str(entry)[:80]!r}") from None


def _drift(entries: list[tuple[str, int, str]], known: Mapping[int, Column], wanted: Mapping[str, str]) -> Drift:
    present = {column.field for column in known.values()}
    # What is needed is said in the names of the table of fields, whatever an installation calls them.
    needed = set(columns_missing({GRID_ALIASES[field] for field in present if field in GRID_ALIASES}))
    missing = tuple(
        MissingColumn(alias, field, GRID_ALIASES.get(field) in needed)
        for alias, field in wanted.items()
        if field not in present
    )
    unknown = tuple(alias for alias, _, _ in entries if alias not in wanted)
    return Drift(unknown, missing, tuple(column for column in known.values() if not _fits(column)))


def _fits(column: Column) -> bool:
    field = BY_NAME.get(column.field)
    expected = _TYPES.get(field.type) if field is not None else None
    return expected is None or column.type in expected or column.type in _TEXT


def _label(field: str) -> str:
    return BY_NAME[field].label if field in BY_NAME else field.replace("_id", "")
