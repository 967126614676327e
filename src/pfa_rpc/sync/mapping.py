"""From a row of PEMS to the values of a record: `RowMapper` gives a `PemsRow`, or a `Rejection` with every fault.

PEMS sends text: by default US dates (06/13/2026, stamps 06/13/2026 15:56), amounts with separators (5,400.00), flags in
three fashions; `Formats` says what an installation uses instead. Nothing is guessed: text that is not exactly one of
these is a fault.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, tzinfo
from functools import lru_cache
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.encode import Values
from pfa_rpc.records.rules import NAME_LIMIT, TEXT_LIMIT, TIED_FIELDS, BrokenRule, broken_rules, money_word
from pfa_rpc.schema import BY_NAME, ID_LENGTH, MERGED_FIELDS, ORGANIZATION_ALIAS, PEMS_FIELDS, Field

CELL_LIMIT: Final = TEXT_LIMIT
"""Longest text of a cell, in characters."""
UNKNOWN_ORGANIZATION: Final = "unknown organization"
"""Reason of a row whose organization is not among those taken in; always a row's first."""

ID_ALIAS: Final = BY_NAME["pfa_id"].pems or "pfs_id"
KEY_ALIASES: Final = (ID_ALIAS, ORGANIZATION_ALIAS)
KNOWN_ALIASES: Final = frozenset((*KEY_ALIASES, *(field.pems for field in PEMS_FIELDS if field.pems)))
"""Every column of PEMS that a record takes a value from."""

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


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that keeps a row from being taken in."""

    column: str
    """Column of PEMS, or empty where the row as a whole is wrong."""
    value: str
    """The text found there, in a rejection as far as it is text."""
    reason: str
    """What is wrong with it; the same words for the same kind of fault."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that cannot be taken in, with all its faults, the one to be counted first."""

    faults: tuple[Fault, ...]

    @classmethod
    def of(cls, faults: Iterable[Fault]) -> Rejection:
        """Return the rejection for faults, one at least, in a form that can be stored and sent."""
        return cls(tuple(replace(fault, value=shown(fault.value)) for fault in faults))


@dataclass(frozen=True, slots=True)
class PemsRow:
    """A row of PEMS as values of a record."""

    organization_id: str
    pfa_id: str
    values: Values
    """Values of MERGED_FIELDS; a field whose column PEMS did not send is absent, and so not known to have changed."""
    stamp: datetime | None
    """When PEMS last changed the row (UTC, to the minute); None where it does not say."""
    modified_by: str | None
    text: str
    """The values as `text_of` writes them."""
    digest: bytes
    """16 bytes that are equal for equal values; stamp and modified_by do not count."""


class BadCell(ValueError):
    """The text of a cell is no value of its field; the message is the reason."""


_NO_TEXT: Final = re.compile("[\0\ud800-\udfff]")
_REPLACEMENT: Final = "\ufffd"


def check_text(text: str, label: str) -> None:
    """Raise BadCell for text that no database holds: with a zero character, or with half of a surrogate pair."""
    found = _NO_TEXT.search(text)
    if found is not None:
        what = "U+0000" if found[0] == "\0" else "half of a surrogate pair, or bytes that are not UTF-8"
        raise BadCell(f"{label} holds {what}")


def shown(text: str) -> str:
    """Return a text with a replacement character for each that it must not hold."""
    return _NO_TEXT.sub(_REPLACEMENT, text)


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


_US: Final = Formats()


def columns_missing(columns: Collection[str]) -> tuple[str, ...]:
    """Return the columns without which no row could be taken in.

    These are the keys, the columns of required fields, and those that a rule ties to a column which is there: half a
    pair of dates cannot be checked, and must not be merged.
    """
    needed = [*KEY_ALIASES, *(field.pems for field in PEMS_FIELDS if field.required and field.pems)]
    for group in TIED_FIELDS:
        aliases = [BY_NAME[name].pems or "" for name in group]
        if any(alias in columns or alias in needed for alias in aliases):
            needed += aliases
    return tuple(dict.fromkeys(alias for alias in needed if alias not in columns))


_ENCODER: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":"), sort_keys=True, default=date.isoformat
)


def text_of(values: Values) -> str:
    """Return the values of MERGED_FIELDS as JSON: one text for equal values, whatever their order."""
    return _ENCODER.encode(values)


def digest_of(text: str) -> bytes:
    """Return the digest of values, given as `text_of` writes them."""
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


_DATE_NAMES: Final = tuple(field.name for field in MERGED_FIELDS if field.type is FieldType.DATE)


def values_of(text: str) -> Values:
    """Return the values that `text_of` wrote."""
    values: Values = json.loads(text)
    for name in _DATE_NAMES:
        day = values.get(name)
        if day is not None:
            values[name] = date.fromisoformat(day)
    return values


class RowMapper:
    """Maps rows whose cells come in the order of some columns.

    Args:
        columns: names of the cells, in PEMS' spelling; names that are not KNOWN_ALIASES are passed over.
        organizations: codes of the organizations whose rows are taken in.
        zone: time zone of PEMS' stamps.
        formats: how dates and amounts are written.
    """

    def __init__(
        self, columns: Sequence[str], organizations: Collection[str], zone: tzinfo = UTC, formats: Formats = _US
    ) -> None:
        self._columns = tuple(columns)
        self._organizations = organizations
        index = {name: number for number, name in enumerate(columns)}
        self._organization_cell = index[ORGANIZATION_ALIAS]
        self._id_cell = index[ID_ALIAS]
        self._readers = [
            (field.name, field.pems, index[field.pems], cell_reader(field, zone, formats))
            for field in PEMS_FIELDS
            if field.pems is not None and field.pems in index
        ]

    def map(self, cells: Sequence[str], known: Sequence[Fault] = ()) -> PemsRow | Rejection:
        """Return the row's values, or every reason why it cannot be taken in.

        `known` are faults that it has whatever its cells say; what stands in their columns is not looked at.
        """
        if len(cells) != len(self._columns):
            reason = "too few cells" if len(cells) < len(self._columns) else "too many cells"
            return Rejection((Fault("", str(len(cells)), reason),))
        organization_id, pfa_id = cells[self._organization_cell].strip(), cells[self._id_cell].strip()
        unread = {fault.column for fault in known}
        faults: list[Fault] = []
        if organization_id not in self._organizations and ORGANIZATION_ALIAS not in unread:
            faults.append(Fault(ORGANIZATION_ALIAS, organization_id, UNKNOWN_ORGANIZATION))
        if ID_ALIAS not in unread:
            try:
                id_of(pfa_id)
            except BadCell as error:
                faults.append(Fault(ID_ALIAS, pfa_id, str(error)))
        faults += known
        if max(map(len, cells)) > CELL_LIMIT:
            too_long = self._too_long(cells)
            faults += too_long
            unread.update(fault.column for fault in too_long)
        values = self._read(cells, faults, unread)
        faults += self._rule_faults(values, cells, faults)
        if faults:
            return Rejection.of(faults)
        return _row(organization_id, pfa_id, values)

    def _read(self, cells: Sequence[str], faults: list[Fault], unread: Collection[str]) -> Values:
        """Return the values of the cells, adding a fault for each that has none."""
        values: Values = {}
        for name, alias, number, read in self._readers:
            if alias in unread:
                continue
            try:
                values[name] = read(cells[number].strip())
            except BadCell as error:
                faults.append(Fault(alias, cells[number].strip(), str(error)))
        return values

    def _too_long(self, cells: Sequence[str]) -> list[Fault]:
        found = zip(self._columns, cells, strict=True)
        return [Fault(column, text, _TOO_LONG) for column, text in found if len(text) > CELL_LIMIT]

    def _rule_faults(self, values: Values, cells: Sequence[str], faults: Sequence[Fault]) -> list[Fault]:
        """Return the rules broken by values that could be read; a field that could not breaks no further rule."""
        broken = broken_rules(values)
        if not broken:
            return []
        unread = {fault.column for fault in faults}
        return [self._fault(rule, cells) for rule in broken if BY_NAME[rule.field].pems not in unread]

    def _fault(self, rule: BrokenRule, cells: Sequence[str]) -> Fault:
        alias = BY_NAME[rule.field].pems or ""
        number = next((number for name, _, number, _ in self._readers if name == rule.field), None)
        return Fault(alias, cells[number].strip() if number is not None else "", rule.reason)


def _row(organization_id: str, pfa_id: str, values: Values) -> PemsRow:
    stamp, modified_by = values.pop("pems_stamp", None), values.pop("pems_modified_by", None)
    text = text_of(values)
    return PemsRow(organization_id, pfa_id, values, stamp, modified_by, text, digest_of(text))


def id_of(text: str) -> str:
    """Return the trimmed text of an id. Raises BadCell where it is none."""
    if not text:
        raise BadCell("missing pfs_id")
    if len(text) > ID_LENGTH:
        raise BadCell(f"pfs_id is longer than {ID_LENGTH} characters")
    check_text(text, ID_ALIAS)
    return text


_TOO_LONG: Final = f"cell is longer than {CELL_LIMIT:,} characters"
_Reader = Callable[[str], Any]


def cell_reader(field: Field, zone: tzinfo = UTC, formats: Formats = _US) -> _Reader:
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


def _text_reader(field: Field) -> _Reader:
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


def _enum_reader(field: Field) -> _Reader:
    stored = {value.stored for value in field.values}
    reason = f"unknown {field.name}"

    def read(text: str) -> str:
        value = text.lower()
        if value not in stored:
            raise BadCell(reason)
        return value

    return read


def _date_reader(field: Field, formats: Formats) -> _Reader:
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


def _stamp_reader(field: Field, zone: tzinfo, formats: Formats) -> _Reader:
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


def _money_reader(field: Field, formats: Formats) -> _Reader:
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
