"""Text for a terminal: `plain` disarms what others wrote; `money`, `moment` and `cell` write values for people.

Descriptions, names and messages come from other systems. Nothing in them may move the cursor, change colours, turn the
direction of writing around, or be read as markup.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from nlq.schema import FieldType
from pfa_rpc.schema import Field

if TYPE_CHECKING:
    from google.type.date_pb2 import Date

_UNPRINTABLE: Final = "�"
_DIRECTION_MARKS: Final = (0x061C, *range(0x200E, 0x2010), *range(0x202A, 0x202F), *range(0x2066, 0x206A))


def _substitutes() -> Mapping[int, str]:
    """Return what stands for each character that a terminal would act upon. One for one, so that offsets hold."""
    table = {code: chr(0x2400 + code) for code in range(0x20)}
    table |= dict.fromkeys(range(0x80, 0xA0), _UNPRINTABLE)
    table |= dict.fromkeys(_DIRECTION_MARKS, _UNPRINTABLE)
    table |= dict.fromkeys(range(0xD800, 0xE000), _UNPRINTABLE)
    table |= dict.fromkeys((*b"\t\n\v\f\r", 0x85, 0x2028, 0x2029), " ")
    table[0x7F] = "␡"
    return table


_SUBSTITUTES: Final = _substitutes()


def plain(text: str) -> str:
    """Return text of the same length on one line, with a visible sign for each character a terminal would act upon."""
    return text.translate(_SUBSTITUTES)


def money(amount: int, decimals: int) -> str:
    """Return a scaled integer with thousands separators and two decimals, or all of them where two would not do."""
    shown = 2 if amount % 10 ** max(decimals - 2, 0) == 0 else decimals
    return f"{Decimal(amount).scaleb(-decimals):,.{shown}f}"


def cell(field: Field, value: Any) -> str:
    """Return a field's value, in the form that `schema.Field.type` lists, for a table; empty where there is none.

    Amounts come without their currency: a table names it once, in the heading.
    """
    match field.type:
        case _ if value is None:
            return ""
        case FieldType.MONEY:
            return money(value, field.decimals)
        case FieldType.BOOL:
            return "yes" if value else "no"
        case FieldType.ENUM:
            return field.enum_value(value).label
        case FieldType.NAMES:
            return ", ".join(plain(name) for name in value)
        case _:
            return moment(value) if isinstance(value, date) else plain(str(value))


def moment(value: date) -> str:
    """Return a day as 2026-03-01, and an aware time as 2026-03-01 12:30 UTC."""
    return f"{value:%Y-%m-%d %H:%M} UTC" if isinstance(value, datetime) else value.isoformat()


def count(number: int, singular: str, plural: str | None = None) -> str:
    """Return "1 record" or "8,778 records"."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "; did you mean x or y?" for known names close to one that is not, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=3)
    return f"; did you mean {' or '.join(close)}?" if close else ""


def caret(text: str, position: int, width: int = 76) -> tuple[str, str]:
    """Return two lines: the text, or at most `width` characters of it, and a caret under a position in it."""
    shown, offset = excerpt(text, min(position, len(text)), width)
    return shown, " " * cell_len(shown[:offset]) + "^"


def excerpt(text: str, position: int, width: int) -> tuple[str, int]:
    """Return at most `width` characters of a text around a position, and where the position is in them."""
    if len(text) <= width:
        return plain(text), position
    start = max(0, min(position - width // 2, len(text) - width))
    before, after = "…" if start else "", "…" if start + width < len(text) else ""
    shown = text[start + len(before) : start + width - len(after)]
    return before + plain(shown) + after, position - start


def date_message(day: date | None) -> Date | None:
    """Return a day as a message, None for none."""
    from google.type.date_pb2 import Date

    return Date(year=day.year, month=day.month, day=day.day) if day is not None else None
