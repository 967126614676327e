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
from datetime import date
from typing import IO, Any, Final

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.type.date_pb2 import Date
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from nlq.schema import FieldType
from pfa.v1.organization_service_pb2 import Organization
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import (
    AggregateFunction,
    AggregateRecordsResponse,
    AggregateValue,
    Aggregation,
    GroupKey,
)
from pfa_rpc.cli.errors import CommandError, ReaderGone
from pfa_rpc.cli.text import cell, count, moment, money, plain
from pfa_rpc.records.encode import from_message, money_amount
from pfa_rpc.schema import BY_NAME, FIELDS, RATE_DECIMALS, Field, Origin

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
    return escaped(json.dumps(as_object(message), ensure_ascii=False, separators=(",", ":"))) + "\n"


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


# --- figures


def function_words(aggregation: Aggregation) -> str:
    """Return what a figure is called: "count", "sum of forecast cost"."""
    name = AggregateFunction.Name(aggregation.function).removeprefix("AGGREGATE_FUNCTION_")
    words = {"COUNT": "count", "COUNT_DISTINCT": "different values", "AVG": "average"}.get(name, name.lower())
    return f"{words} of {label_of(aggregation.field)}" if aggregation.field else words


def label_of(name: str) -> str:
    """Return the label of a field, or of a group such as forecast_start.month."""
    base, _, part = name.partition(".")
    label = BY_NAME[base].label if base in BY_NAME else plain(base)
    return f"{label} {plain(part)}".strip()


def figures_table(response: AggregateRecordsResponse, figures: Sequence[Aggregation], group_by: Sequence[str]) -> Table:
    """Return the table of an aggregate: a line for each group, a column for each key and each figure."""
    if not group_by and len(response.groups) == 1:
        values = response.groups[0].values
        return pairs_table(
            (function_words(figure), figure_text(figure, value)) for figure, value in zip(figures, values, strict=False)
        )
    table = new_table()
    for name in group_by:
        table.add_column(Text(label_of(name)), overflow="fold")
    for figure in figures:
        table.add_column(Text(function_words(figure)), justify="right", no_wrap=True)
    for group in response.groups:
        cells = [key_text(key, name) for key, name in zip(group.keys, group_by, strict=False)]
        cells += [figure_text(figure, value) for figure, value in zip(figures, group.values, strict=False)]
        table.add_row(*map(Text, cells))
    return table


def show_figures(
    output: Output, response: AggregateRecordsResponse, figures: Sequence[Aggregation], group_by: Sequence[str]
) -> None:
    """Write the table of an aggregate, and under it what the figures cover and leave out."""
    output.show(figures_table(response, figures, group_by))
    for note in figure_notes(response, figures):
        output.line(note, "dim")


def key_text(key: GroupKey, name: str) -> str:
    """Return the value of a group; enum values by their label."""
    kind = key.WhichOneof("value")
    if kind is None:
        return "no date" if name == "month" or "." in name else "no value"
    if kind == "flag":
        return "yes" if key.flag else "no"
    if kind == "month":
        return f"{key.month.year:04}-{key.month.month:02}"
    if kind == "date":
        return moment(day_of(key.date))
    field = BY_NAME.get(name)
    labels = {value.name: value.label for value in field.values} if field else {}
    return labels.get(key.text, plain(key.text))


def figure_text(figure: Aggregation, value: AggregateValue) -> str:
    """Return a figure with its currency; "–" where no record had a value."""
    kind = value.WhichOneof("value")
    if kind is None:
        return "–"
    if kind == "count":
        return f"{value.count:,}"
    if kind == "date":
        return moment(day_of(value.date))
    return (
        f"{money(money_amount(value.money, RATE_DECIMALS), RATE_DECIMALS)} {plain(value.money.currency_code)}".strip()
    )


def day_of(message: Date) -> date:
    """Return the day of a google.type.Date."""
    return date(message.year, message.month, message.day)


def figure_notes(response: AggregateRecordsResponse, figures: Sequence[Aggregation]) -> list[str]:
    """Return what each figure covers and left out, over all groups, and how many records matched."""
    notes = []
    for index, figure in enumerate(figures):
        values = [group.values[index] for group in response.groups if index < len(group.values)]
        remarks = _left_out(values)
        if remarks:
            notes.append(f"{function_words(figure)}: {'; '.join(remarks)}")
    return [*notes, f"{count(response.matched, 'record matches', 'records match')}"]


def _left_out(values: Sequence[AggregateValue]) -> list[str]:
    """Return in words what the values of one figure leave out or project."""
    totals = [
        (sum(value.missing for value in values), "without a value left out"),
        (sum(value.discontinued for value in values), "discontinued left out"),
        (sum(value.transferable for value in values), "funds transferable left out"),
        (sum(value.projected for value in values), "still on site, costed to a projected end"),
    ]
    return [f"{number:,} {words}" for number, words in totals if number]


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
