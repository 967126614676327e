"""Cells: what the text of a cell of PEMS is as the value of a field, by how an installation writes values.

Gives `cell_reader` with `Formats` and `BadCell`, and `id_of`, `check_text` and `shown`, for what is no text. By default
PEMS sends US dates (06/13/2026, stamps 06/13/2026 15:56), amounts with separators (5,400.00), and flags in three
fashions; `Formats` says what an installation uses instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.rules import NAME_LIMIT, TEXT_LIMIT, money_word
from pfa_rpc.schema import BY_NAME, ID_LENGTH, Field

CELL_LIMIT: Final = TEXT_LIMIT
"""Longest text of a cell, in characters."""
ID_ALIAS: Final = BY_NAME["pfa_id"].pems or "pfs_id"
_FLAGS: Final = {"+": True, "y": True, "true": True, "1": True, "-": False, "n": False, "false": False, "0": False}
_DATE_PARTS: Final = {
    "YYYY": "(?P<year>[0-9]{4})",
    "MON": "(?P<month>[A-Za-z]{3})",
    "MM": "(?P<month>[0-9]{1,2})",
    "DD": "(?P<day>[0-9]{1,2})",
}
_TIME: Final = r"(?: (?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2}))?"
_MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS: Final = {name: number for number, name in enumerate(_MONTH_NAMES, start=1)}
_MONEY_LENGTH: Final = 40
"""Longest amount that is read as a number; Python itself refuses to read a few thousand digits."""
_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"


class BadCell(ValueError):
    """The text of a cell is no value of its field; the message is the reason."""


def check_text(text: str, label: str) -> None:
    """Raise BadCell for text that no database holds: with a zero character, or with half of a surrogate pair."""
    found = _NO_TEXT.search(text)
    if found is not None:
        what = "U+0000" if found[0] == "\0" else "half of a surrogate pair, or bytes that are not UTF-8"
        raise BadCell(f"{label} holds {what}")


def shown(text: str) -> str:
    """Return a text with a replacement character for each that it must not hold."""
    return _NO_TEXT.sub(_REPLACEMENT, text)


def id_of(text: str) -> str:
    """Return the trimmed text of an id. Raises BadCell where it is none."""
    if not text:
        raise BadCell("missing pfs_id")
    if len(text) > ID_LENGTH:
        raise BadCell(f"pfs_id is longer than {ID_LENGTH} characters")
    check_text(text, ID_ALIAS)
    return text


@dataclass(frozen=True, slots=True)
class Formats:
    """How an installation of PEMS writes values. Raises ValueError where that could not be read."""

    date: str = "MM/DD/YYYY"
    """Form of a date: YYYY, DD, and MM or MON (JAN, Feb, …) once each, and what stands between. A stamp is a date, or
    a date, a space and HH:MM."""
    point: str = "."
    """What stands before decimals."""
    thousands: str = ","
    """What may stand between thousands; empty: nothing."""

    def __post_init__(self) -> None:
        if sorted(re.findall("YYYY|MON|MM|DD", self.date)) not in (["DD", "MM", "YYYY"], ["DD", "MON", "YYYY"]):
            raise ValueError("write a date as YYYY, DD, and MM or MON, each once, such as MM/DD/YYYY or DD-MON-YYYY")
        if len(self.point) != 1 or len(self.thousands) > 1 or self.point == self.thousands:
            raise ValueError("decimals and thousands each need one character, not the same")
        if any(character.isalnum() or character in "+-" for character in self.point + self.thousands):
            raise ValueError("no letter, digit or sign can stand before decimals or between thousands")

    def date_pattern(self) -> str:
        """Return the regular expression of a date, with the groups year, month and day."""
        parts = re.split("(YYYY|MON|MM|DD)", self.date)
        return "".join(_DATE_PARTS.get(part) or re.escape(part) for part in parts)

    def money_pattern(self) -> str:
        """Return the regular expression of an amount: sign, whole, decimals."""
        grouped = rf"[0-9]{{1,3}}(?:{re.escape(self.thousands)}[0-9]{{3}})+|" if self.thousands else ""
        return rf"([+-]?)({grouped}[0-9]+)(?:{re.escape(self.point)}([0-9]*))?"


US: Final = Formats()
Reader = Callable[[str], Any]


def cell_reader(field: Field, zone: tzinfo = UTC, formats: Formats = US) -> Reader:
    """Return the function trimmed text → value of a field; it raises BadCell. Empty text is a missing value."""
    match field.type:
        case FieldType.MONEY:
            return lru_cache(maxsize=4096)(_money_reader(field, formats))
        case FieldType.DATE:
            return lru_cache(maxsize=16_384)(_date_reader(field, formats))
        case FieldType.TIME:
            return _stamp_reader(field, zone, formats)
        case FieldType.BOOL:
            return _flag
        case FieldType.ENUM:
            return _enum_reader(field)
        case _:
            return _text_reader(field)


def _text_reader(field: Field) -> Reader:
    limit = NAME_LIMIT if field.named else TEXT_LIMIT
    too_long = f"{field.label} is longer than {limit:,} characters"

    def read(text: str) -> str | None:
        if len(text) > limit:
            raise BadCell(too_long)
        check_text(text, field.label)
        return text or None

    return read


def _flag(text: str) -> bool:
    try:
        return _FLAGS[text.lower()]
    except KeyError:
        raise BadCell("flag is neither yes nor no") from None


def _enum_reader(field: Field) -> Reader:
    stored = {value.stored for value in field.values}
    reason = f"unknown {field.name}"

    def read(text: str) -> str:
        value = text.lower()
        if value not in stored:
            raise BadCell(reason)
        return value

    return read


def _date_reader(field: Field, formats: Formats) -> Reader:
    reason = f"{field.label} is not a date"
    matched = re.compile(formats.date_pattern()).fullmatch

    def read(text: str) -> date | None:
        if not text:
            return None
        match = matched(text)
        if match is None:
            raise BadCell(reason)
        try:
            return date(*_day_of(match))
        except ValueError:
            raise BadCell(reason) from None

    return read


def _day_of(match: re.Match[str]) -> tuple[int, int, int]:
    """Return year, month and day; 0 for a month that there is not."""
    month = match["month"]
    return int(match["year"]), int(month) if month.isdigit() else _MONTHS.get(month.lower(), 0), int(match["day"])


def _stamp_reader(field: Field, zone: tzinfo, formats: Formats) -> Reader:
    reason = f"{field.label} is not a date"
    matched = re.compile(formats.date_pattern() + _TIME).fullmatch

    def read(text: str) -> datetime | None:
        if not text:
            return None
        match = matched(text)
        if match is None:
            raise BadCell(reason)
        try:
            moment = datetime(*_day_of(match), int(match["hour"] or 0), int(match["minute"] or 0), tzinfo=zone)
            return moment if zone is UTC else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadCell(reason) from None

    return read


def _money_reader(field: Field, formats: Formats) -> Reader:
    word = money_word(field.name)
    matched = re.compile(formats.money_pattern()).fullmatch
    thousands = formats.thousands or ","

    def read(text: str) -> int | None:
        if not text:
            return None
        match = matched(text)
        if match is None:
            raise BadCell(f"{word} is not a number")
        sign, whole, decimals = match.groups()
        decimals = (decimals or "").rstrip("0")
        if len(decimals) > field.decimals:
            raise BadCell(f"{word} has more than {field.decimals} decimals")
        if len(text) > _MONEY_LENGTH:
            raise BadCell(f"{word} is too large")
        amount = int(whole.replace(thousands, "") + decimals.ljust(field.decimals, "0"))
        return -amount if sign == "-" else amount

    return read
