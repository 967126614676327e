"""How the grid lays its rows out: `Layout` says which columns it shows, under which numbers, and writes the rows."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pfa_rpc.simulator.columns import COLUMNS, Column, Kind
from pfa_rpc.simulator.rows import Image
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.simulator.values import Locale, Value

_REMEMBERED: Final = 1 << 16
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class _Form:
    """How rows are written as JSON."""

    row: Callable[[int, bytes], bytes]
    """Number and joined cells → the row."""
    cell: Callable[[int, bytes], bytes]
    """Number of the column and value as JSON → the cell."""
    comma: bytes = b","
    ascii: bool = False


_FORMS: Final[Mapping[str, _Form]] = {
    "compact": _Form(
        lambda number, cells: b'{"id":%d,"D":[%b]}' % (number, cells),
        lambda number, value: b'{"n":%d,"value":%b}' % (number, value),
    ),
    "spaced": _Form(
        lambda number, cells: b'{ "id": %d, "D": [ %b ] }' % (number, cells),
        lambda number, value: b'{ "n": %d, "value": %b }' % (number, value),
        b", ",
        ascii=True,
    ),
    "reordered": _Form(
        lambda number, cells: b'{"D":[%b],"id":%d}' % (cells, number),
        lambda number, value: b'{"value":%b,"n":%d}' % (value, number),
    ),
}


class Layout:
    """The columns of a grid: numbered in no order, and sent in another."""

    def __init__(self, settings: Settings, locale: Locale, hidden: Iterable[str] = (), seed: int = 0) -> None:
        rng = random.Random(f"layout/{seed}")
        extra = [Column(alias, Kind.TEXT, "VARCHAR", alias) for alias in settings.extra_columns]
        if settings.version_column:
            extra.append(Column(settings.version_column, Kind.TEXT, "NUMBER", "update counter"))
        taken = settings.hidden_columns.union(hidden)
        shown = [column for column in (*COLUMNS, *extra) if column.in_grid and column.alias not in taken]
        numbers = rng.sample(range(11, 11 + 3 * len(shown)), len(shown))
        self.columns: Mapping[str, Column] = {column.alias: column for column in shown}
        """Columns by alias."""
        self.numbers: Mapping[str, int] = dict(zip(self.columns, numbers, strict=True))
        """aliasnum by alias."""
        self._version = settings.version_column
        self._key = next(_numbers)
        self._form = _FORMS[settings.json_form]
        self._cells = [
            (alias, _Cells(column.kind, self.numbers[alias], self._form, locale, null_cells=settings.null_cells))
            for alias, column in rng.sample(list(self.columns.items()), len(shown))
        ]

    def fields(self) -> list[dict[str, Any]]:
        """Return what a head request answers for the columns."""
        return [
            {
                "aliasnum": self.numbers[alias],
                "name": alias,
                "label": column.label,
                "type": column.type,
                "order": place,
                "visible": "+",
            }
            for place, (alias, column) in enumerate(self.columns.items(), start=1)
        ]

    def rows(self, images: Sequence[Image], first: int) -> list[bytes]:
        """Return rows as JSON, numbered from the first one's place."""
        row, cells = self._form.row, self._rendered
        return [row(number, cells(image)) for number, image in enumerate(images, start=first)]

    @property
    def comma(self) -> bytes:
        """What stands between two rows."""
        return self._form.comma

    def _rendered(self, image: Image) -> bytes:
        rendered = image.rendered.get(self._key)
        if rendered is None:
            # Of another layout nobody will ask any more.
            image.rendered.clear()
            rendered = image.rendered[self._key] = self._render(image)
        return rendered

    def _render(self, image: Image) -> bytes:
        values = image.values
        if self._version:
            values = {**values, self._version: str(image.recordid)}
        return self._form.comma.join(
            [cell for alias, cells in self._cells if (cell := cells[values.get(alias)])],
        )


class _Cells(dict[Value, bytes]):
    """The cells of a column by value, remembered as they are written: most values come again and again."""

    def __init__(self, kind: Kind, number: int, form: _Form, locale: Locale, *, null_cells: bool) -> None:
        super().__init__()
        self._kind = kind
        self._number = number
        self._form = form
        self._quote = json.JSONEncoder(ensure_ascii=form.ascii).encode
        self._locale = locale
        self[None] = self._null = form.cell(number, b"null") if null_cells else b""

    def __missing__(self, value: Value) -> bytes:
        """Write the cell of a value."""
        if len(self) > _REMEMBERED:
            self.clear()
            self[None] = self._null
        text = self._quote(self._locale.text_of(value, self._kind))
        cell = self[value] = self._form.cell(self._number, text.encode())
        return cell
