"""What commands print: `Output` for people (tables, lines) or machines (JSON), and the tables of records and figures.

Tables take their headings and the form of their values from the table of fields. On a terminal they are fitted to its
width; elsewhere they are plain and whole. Nothing that came from a server is read as markup.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nlq.schema import FieldType
from pfa.v1.organization_service_pb2 import Organization
from pfa.v1.record_pb2 import Record
from pfa_rpc.cli.errors import CommandError, ReaderGone
from pfa_rpc.cli.text import cell, moment, plain
from pfa_rpc.records.encode import from_message
from pfa_rpc.schema import BY_NAME, FIELDS, Field, Origin

FLAGS: Final = "flags"
"""Name of the column that tells every flag that is set."""
DEFAULT_COLUMNS: Final = (
    "pfa_id",
    "area_silo",
    "category",
    "class",
    "source",
    "monthly_rate",
    "purchase_price",
    "forecast_start",
    "forecast_end",
    "forecast_cost",
    FLAGS,
)
"""Columns of a table of records where none are chosen; one without any value is not shown."""
_GIVEN_UP_FIRST: Final = (FLAGS, "class", "source", "forecast_cost", "forecast_end", "category", "area_silo")
"""Which of them a narrow terminal goes without, in this order."""
_WIDEST_TEXT: Final = 28
_NARROWEST_TEXT: Final = 6
_GAP: Final = 2
_WHOLE: Final = 100_000
"""Width of output that is no terminal, where nothing is to be cut."""
_FLAG_FIELDS: Final = tuple(field for field in FIELDS if field.type is FieldType.BOOL)
_RAW: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Output:
    """Where a command writes. Raises ReaderGone once nobody reads any more."""

    def __init__(self, *, as_json: bool = False, file: IO[str] | None = None) -> None:
        self.as_json = as_json
        """Whether machines read it: then only `document` and `json_line` are used."""
        self._file = file or sys.stdout
        # Rich writes into memory, and only `write_out` to the file: rich has its own mind about broken pipes.
        self._buffer = io.StringIO()
        self._console = make_console(self._file, into=self._buffer)

    @property
    def width(self) -> int:
        """Cells in a line."""
        return self._console.width

    def document(self, value: Any) -> None:
        """Write one JSON document, on many lines."""
        self._write(escaped(json.dumps(value, ensure_ascii=False, indent=2)) + "\n")

    def json_line(self, message: Message) -> None:
        """Write a message as one line of JSON."""
        self._write(json_line(message))

    def write_line(self, value: Any) -> None:
        """Write a JSON value as one line."""
        self._write(_compact(value))

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line for people."""
        self._print(Text(text, style=style))

    def show(self, renderable: Table | Text) -> None:
        """Write a table or styled text for people."""
        self._print(renderable)

    def _print(self, renderable: Table | Text) -> None:
        self._console.print(renderable, soft_wrap=isinstance(renderable, Text))
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        if not self._console.is_terminal:
            # Columns are padded to their width; at the end of a line of plain text that is only noise.
            text = re.sub(r" +$", "", text, flags=re.MULTILINE)
        self._write(text)

    def _write(self, text: str) -> None:
        write_out(self._file, text)


def write_out(file: IO[str], text: str) -> None:
    """Write text at once. Raises ReaderGone where nobody reads any more, CommandError where there is no room."""
    try:
        file.write(text)
        file.flush()
    except BrokenPipeError as error:
        raise ReaderGone from error
    except OSError as error:
        raise CommandError(f"the output cannot be written: {error.strerror}") from error


def make_console(file: IO[str], *, into: IO[str] | None = None) -> Console:
    """Return a console that takes text as it is: no markup, no emoji codes, no colouring of what looks like numbers.

    NO_COLOR, and a file that is no terminal, switch off every control code. `into` takes the output instead.
    """
    is_terminal = file.isatty()
    return Console(
        file=into or file,
        width=None if is_terminal else _WHOLE,
        color_system="auto" if is_terminal and not os.environ.get("NO_COLOR") else None,
        force_terminal=is_terminal,
        markup=False,
        emoji=False,
        highlight=False,
    )


def escaped(document: str) -> str:
    r"""Return JSON text in which characters that a terminal would act upon are written as \uXXXX."""
    return _RAW.sub(lambda found: f"\\u{ord(found[0]):04x}", document)


def as_object(message: Message) -> dict[str, Any]:
    """Return a message in the JSON mapping of protobuf, with the names that the protos use."""
    value: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return value


def json_line(message: Message) -> str:
    """Return a message as one line of JSON, the line's end included."""
    return _compact(as_object(message))


def _compact(value: Any) -> str:
    return escaped(json.dumps(value, ensure_ascii=False, separators=(",", ":"))) + "\n"


def new_table(*, heading: bool = True) -> Table:
    """Return an empty table: no frame, a heading above, its columns as wide as what they hold."""
    return Table(box=None, show_header=heading, header_style="bold", pad_edge=False, padding=(0, _GAP, 0, 0))


def pairs_table(pairs: Iterable[tuple[str, str]]) -> Table:
    """Return a table of names and values, one pair a line."""
    table = new_table(heading=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name), Text(value))
    return table


# --- records


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of records, filled in."""

    name: str
    heading: str
    cells: tuple[str, ...]
    numeric: bool = False
    """Whether its values stand at the right."""
    rigid: bool = False
    """Whether a part of a value would mislead, so that none is cut."""

    @property
    def natural_width(self) -> int:
        """Cells that it needs for its widest value, text up to a limit, and for its heading, broken at spaces."""
        widest = max(map(cell_len, self.cells), default=0)
        return max(widest if self.rigid else min(widest, _WIDEST_TEXT), self.heading_width)

    @property
    def heading_width(self) -> int:
        """Cells of the longest word of its heading."""
        return max(map(cell_len, self.heading.split()))


def currency_of(records: Iterable[Record]) -> str:
    """Return the currency of the first amount in some records; empty where they hold none."""
    for record in records:
        for field in FIELDS:
            if field.is_money and record.HasField(field.proto):  # type: ignore[arg-type]
                return plain(str(getattr(record, field.proto).currency_code))
    return ""


def _filled(name: str, rows: Sequence[Mapping[str, Any]], currency: str) -> Column:
    """Return a column by the name of its field, or FLAGS."""
    if name == FLAGS:
        return Column(name, name, tuple(", ".join(f.label for f in _FLAG_FIELDS if row[f.name]) for row in rows))
    field = BY_NAME[name]
    heading = f"{field.label} {currency}".strip() if field.is_money else field.label
    numeric = field.type in {FieldType.MONEY, FieldType.INTEGER}
    rigid = numeric or field.type in {FieldType.DATE, FieldType.TIME, FieldType.BOOL}
    return Column(name, heading, tuple(cell(field, row[name]) for row in rows), numeric, rigid)


def records_columns(records: Sequence[Record], names: Sequence[str] | None, width: int) -> list[Column]:
    """Return the columns of a table of records.

    Chosen names give these columns. None gives the default ones, without those that hold nothing in any record, and
    without those that do not fit into `width` cells.
    """
    rows, currency = [from_message(record) for record in records], currency_of(records)
    columns = [_filled(name, rows, currency) for name in names or DEFAULT_COLUMNS]
    if names:
        return columns
    columns = [column for column in columns if any(column.cells)]
    for given_up in _GIVEN_UP_FIRST:
        if _total(column.natural_width for column in columns) <= width:
            break
        columns = [column for column in columns if column.name != given_up]
    return columns


def column_widths(columns: Sequence[Column], width: int) -> list[int]:
    """Return the cells for each column: what it needs, or, where all do not fit, the widest texts cut bit by bit."""
    widths = [column.natural_width for column in columns]
    while _total(widths) > width:
        cuttable = [i for i, one in enumerate(columns) if not one.rigid and widths[i] > _NARROWEST_TEXT]
        if not cuttable:
            break
        widths[max(cuttable, key=widths.__getitem__)] -= 1
    return widths


def _total(widths: Iterable[int]) -> int:
    return sum(width + _GAP for width in widths) - _GAP


def records_table(columns: Sequence[Column], width: int) -> Table:
    """Return the table of some columns, fitted into `width` cells."""
    table = new_table()
    whole = width >= _WHOLE
    for column, cells in zip(columns, column_widths(columns, width), strict=True):
        # Where nothing has to fit, values are whole and a heading stays on one line, for the sake of scripts.
        table.add_column(
            Text(column.heading), justify="right" if column.numeric else "left", width=None if whole else cells
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(value, no_wrap=True, overflow="ellipsis") for value in row))
    return table


def show_records(output: Output, records: Sequence[Record], names: Sequence[str] | None) -> None:
    """Write a table of records, and which of the default columns did not fit."""
    if not records:
        return
    columns = records_columns(records, names, output.width)
    output.show(records_table(columns, output.width))
    shown = {column.name for column in columns}
    if not names and (missing := [n for n in DEFAULT_COLUMNS if n not in shown and n in _given_up(records)]):
        output.line(f"Not shown for want of width: {', '.join(missing)}. --columns chooses.", "dim")


def _given_up(records: Sequence[Record]) -> set[str]:
    """Return the default columns that some record has a value for."""
    return {column.name for column in records_columns(records, None, _WHOLE)}


def record_pairs(record: Record, names: Sequence[str] | None = None) -> list[tuple[str, str]]:
    """Return the fields of a record by their labels; "–" where there is no value.

    None gives every field, those of the synchronization last, with the organization, revision and etag.
    """
    values, currency = from_message(record), currency_of([record])

    def pair(field: Field) -> tuple[str, str]:
        text = cell(field, values[field.name])
        return field.label, f"{text} {currency}".strip() if text and field.is_money else text or "–"

    if names:
        return [pair(BY_NAME[name]) for name in names]
    own = [pair(field) for field in FIELDS if field.origin is not Origin.SYNC]
    sync = [pair(field) for field in FIELDS if field.origin is Origin.SYNC]
    tail = [("revision", str(record.revision)), ("etag", plain(record.etag))]
    return [("organization", plain(record.organization_id)), *own, *sync, *tail]


def show_age(output: Output, age: Duration | None) -> None:
    """Write how old an answer is that came from a cache; nothing for None, one that was made for the call."""
    if age is not None:
        seconds = age.ToSeconds()
        output.line(f"from the cache, {f'{seconds:,} s' if seconds else 'less than 1 s'} old", "dim")


def show_next_page(output: Output, page_token: str) -> None:
    """Write how the same command goes on; nothing after the last page, which has no token."""
    if page_token:
        output.line("More follow; the same command goes on with")
        output.line(f"  --page-token {plain(page_token)}")


# --- organizations


def organizations_table(organizations: Sequence[Organization]) -> Table:
    """Return the table of organizations."""
    table = new_table()
    for heading in ("organization", "name", "currency", "time zone"):
        table.add_column(heading, overflow="fold")
    table.add_column("records", justify="right")
    table.add_column("created", no_wrap=True)
    for one in organizations:
        created = moment(one.create_time.ToDatetime()) if one.HasField("create_time") else "–"
        cells = [plain(one.organization_id), plain(one.display_name), plain(one.currency_code), plain(one.time_zone)]
        table.add_row(*map(Text, [*cells, f"{one.record_count:,}", created]))
    return table
