"""Records on the screen of PEMS: `Screen` reads one into a `RemoteObject` and makes the request that writes it.

An UPDATE replaces the whole object: what is left out becomes null. So all of what was read is sent back as it came, but
for the values that change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final

from nlq.schema import FieldType
from pfa_rpc.records.encode import Values
from pfa_rpc.schema import BY_NAME, Field
from pfa_rpc.sync.cells import BadCell, cell_reader, shown
from pfa_rpc.sync.mapping import Fault
from pfa_rpc.sync.pems.errors import MalformedAnswer, NotOnScreen, TooFine
from pfa_rpc.sync.pems.screen_fields import KEYS
from pfa_rpc.sync.pems.settings import PemsSettings
from pfa_rpc.sync.precision import money_steps, too_fine

_LIST: Final = "USERDEFINEDSCREENFIELDVALUELIST"
_PAIR: Final = "USERDEFINEDSCREENFIELDVALUEPAIR"
_NAME: Final = "USERDEFINEDSCREENFIELDNAME"
_VALUE: Final = "USERDEFINEDSCREENFIELDVALUE"
_NUMBER: Final[dict[str, Any]] = {"SIGN": "+", "CURRENCY": "XXX", "DRCR": "D"}
_TIME: Final[dict[str, Any]] = {
    "HOUR": 0,
    "MINUTE": 0,
    "SECOND": 0,
    "SUBSECOND": 0,
    "TIMEZONE": "+0000",
    "qualifier": "OTHER",
}
_MOST_DECIMALS: Final = 18

Pairs = tuple[tuple[str, Any], ...]
"""Name and value of each field of the screen, as they came."""


@dataclass(frozen=True, slots=True)
class RemoteObject:
    """A record as PEMS' screen has it."""

    organization_id: str
    pfa_id: str
    recordid: str
    """The lock: the update counter that a write of it needs."""
    values: Values
    """Values of the fields that are on the screen, in the forms of the table of fields; one at fault is absent."""
    stamp: datetime | None
    """When PEMS last changed it (UTC); None where it does not say."""
    modified_by: str | None
    """Who last changed it in PEMS, where it says so."""
    pairs: Pairs = field(repr=False)
    """Everything that the screen holds, in its order."""
    faults: tuple[Fault, ...] = ()
    """Values that cannot be read, by the names that the screen has for them."""


@dataclass(frozen=True, slots=True)
class Updated:
    """What PEMS says of a record that it has written."""

    recordid: str
    """The lock for the next write."""
    stamp: datetime | None
    """When PEMS wrote it (UTC); None where it does not say."""


class Screen:
    """The user-defined screen of one installation."""

    def __init__(self, settings: PemsSettings) -> None:
        self._settings = settings
        self._names = settings.screen_fields
        self._fields = {name: field for field, name in self._names.items()}
        self._readers = {
            field: cell_reader(BY_NAME[field], settings.zone, settings.formats)
            for field in self._names
            if field in BY_NAME
        }
        self._stamp = cell_reader(BY_NAME["pems_stamp"], settings.zone, settings.formats)

    @property
    def writable(self) -> tuple[str, ...]:
        """The fields that the screen can write."""
        return tuple(name for name in self._names if name not in KEYS)

    def get(self, organization: str, pfa_id: str) -> dict[str, Any]:
        """Return the request for a record."""
        keys = {"pfa_id": pfa_id, "organization_id": organization}
        return self._body("GET", [(self._names[field], {"TEXTDATA": key}) for field, key in keys.items()])

    def update(self, remote: RemoteObject, changes: Mapping[str, Any], recordid: str) -> dict[str, Any]:
        """Return the request that writes changes over a record. Raises TooFine and NotOnScreen."""
        unknown = [name for name in changes if name not in self._names or name in KEYS]
        if unknown:
            labels = ", ".join(BY_NAME[name].label if name in BY_NAME else name for name in unknown)
            raise NotOnScreen(f"{labels}: the screen {self._settings.screen_name} of PEMS does not have it")
        if (message := too_fine(changes, money_steps(self._settings.money_decimals))) is not None:
            raise TooFine(message)
        before = dict(remote.pairs)
        changed = {self._names[name]: self._written(BY_NAME[name], value, before) for name, value in changes.items()}
        keys = {
            self._names["pfa_id"]: {"TEXTDATA": remote.pfa_id},
            self._names["organization_id"]: {"TEXTDATA": remote.organization_id},
        }
        # What becomes null is left out: that is what PEMS makes of it, whatever its type.
        pairs = [(name, value) for name, value in (before | keys | changed).items() if value is not None]
        return self._body("UPDATE", pairs) | {"recordid": int(recordid) if recordid.isdecimal() else recordid}

    def object_of(self, organization: str, pfa_id: str, result: Mapping[str, Any]) -> RemoteObject:
        """Return the record that a GET answered. Raises MalformedAnswer."""
        content = _content(result)
        pairs = tuple(_pairs(content))
        values: Values = {}
        faults: list[Fault] = []
        for name, value in pairs:
            field = self._fields.get(name)
            if field is None or field in KEYS:
                continue
            try:
                values[field] = self._read(BY_NAME[field], value)
            except BadCell as error:
                faults.append(Fault(name, str(value)[:200], str(error)))
        user = content.get("UPDATEDBY")
        return RemoteObject(
            organization,
            pfa_id,
            _recordid(content),
            # A field of the screen that the answer leaves out has no value.
            {**{name: None for name in self.writable if self._names[name] not in dict(pairs)}, **values},
            self._moment(content.get("DATEUPDATED")),
            shown(str(user["USERCODE"])) if isinstance(user, Mapping) and user.get("USERCODE") else None,
            pairs,
            tuple(faults),
        )

    def updated_of(self, result: Mapping[str, Any]) -> Updated:
        """Return what an UPDATE answered. Raises MalformedAnswer."""
        content = _content(result)
        return Updated(_recordid(content), self._moment(content.get("DATEUPDATED")))

    def _body(self, action: str, pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        return {
            "USERDEFINEDSCREENNAME": self._settings.screen_name,
            "USERDEFINEDSERVICEACTION": action,
            _LIST: {_PAIR: [{_NAME: name, _VALUE: value} for name, value in pairs]},
        }

    def _written(self, field: Field, value: Any, before: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return a value as the screen takes it, in the manner of the one it had; None for a missing one."""
        if value is None:
            return None
        match field.type:
            case FieldType.MONEY:
                decimals = self._settings.money_decimals
                digits = abs(value) // 10 ** (field.decimals - decimals)
                number = {"VALUE": digits, "NUMOFDEC": decimals, "SIGN": "-" if value < 0 else "+"}
                return {"NUMERICDATA": _NUMBER | self._part(field, before, "NUMERICDATA") | number}
            case FieldType.DATE:
                day = {"YEAR": value.year, "MONTH": value.month, "DAY": value.day}
                return {"DATETIMEDATA": _TIME | self._part(field, before, "DATETIMEDATA") | day}
            case FieldType.BOOL:
                return {"TEXTDATA": self._settings.flag_texts[0 if value else 1]}
            case FieldType.ENUM:
                return {"TEXTDATA": str(value).upper()}
            case _:
                return {"TEXTDATA": str(value)}

    def _part(self, field: Field, before: Mapping[str, Any], kind: str) -> dict[str, Any]:
        """Return a part of the value that a field had, or nothing."""
        value = before.get(self._names[field.name])
        part = value.get(kind) if isinstance(value, Mapping) else None
        return dict(part) if isinstance(part, Mapping) else {}

    def _read(self, field: Field, value: Any) -> Any:
        """Return a value of the screen in the form of the table of fields. Raises BadCell."""
        parts = {kind: part for kind, part in value.items() if part is not None} if isinstance(value, Mapping) else {}
        if isinstance(parts.get("NUMERICDATA"), Mapping) and field.is_money:
            return _amount(field, parts["NUMERICDATA"])
        if isinstance(parts.get("DATETIMEDATA"), Mapping) and field.type is FieldType.DATE:
            return _day(field, parts["DATETIMEDATA"])
        text = parts.get("TEXTDATA", "")
        if not isinstance(text, str) or set(parts) - {"TEXTDATA"}:
            raise BadCell(f"{field.label} is not what it should be")
        return self._readers[field.name](text.strip())

    def _moment(self, value: Any) -> datetime | None:
        """Return a time that the screen sends in one of its forms; None where it cannot be read.

        Without its seconds: the grid may not show them, and a row of it must not pass for older than what was written.
        """
        try:
            if isinstance(value, Mapping):
                return _moment_of(value, self._settings).replace(second=0)
            text = str(value or "").strip()
            return self._stamp(text) if text else None
        except (BadCell, ValueError, TypeError, KeyError, OverflowError):
            return None


def _content(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object with the lock: the result itself, or what it holds under a name."""
    for found in (result, *result.values()):
        if isinstance(found, Mapping) and "recordid" in found:
            return found
    raise MalformedAnswer("PEMS answered a record without its recordid")


def _recordid(content: Mapping[str, Any]) -> str:
    recordid = content["recordid"]
    if isinstance(recordid, bool) or not isinstance(recordid, (int, str)) or not str(recordid).strip():
        raise MalformedAnswer(f"PEMS answered a record with the recordid {str(recordid)[:80]!r}")
    return shown(str(recordid)).strip()


def _pairs(content: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    try:
        found = content[_LIST][_PAIR]
        return [(str(pair[_NAME]), pair.get(_VALUE)) for pair in (found if isinstance(found, list) else [found])]
    except (KeyError, TypeError, AttributeError):
        raise MalformedAnswer("PEMS answered a record without its values") from None


def _amount(field: Field, number: Mapping[str, Any]) -> int | None:
    """Return an amount, scaled. Raises BadCell."""
    if number.get("VALUE") is None:
        return None
    try:
        digits, decimals = int(str(number["VALUE"])), int(number.get("NUMOFDEC") or 0)
    except (ValueError, TypeError):
        raise BadCell(f"{field.label} is not a number") from None
    if not 0 <= decimals <= _MOST_DECIMALS:
        raise BadCell(f"{field.label} is not a number")
    scaled, rest = divmod(abs(digits) * int(10**field.decimals), int(10**decimals))
    if rest:
        raise BadCell(f"{field.label} has more than {field.decimals} decimals")
    return -scaled if (digits < 0) != (number.get("SIGN") == "-") else scaled


def _day(field: Field, parts: Mapping[str, Any]) -> date | None:
    """Return a day, which is what PEMS shows, whatever its zone. Raises BadCell."""
    if parts.get("YEAR") is None:
        return None
    try:
        return date(int(parts["YEAR"]), int(parts["MONTH"]), int(parts["DAY"]))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise BadCell(f"{field.label} is not a date") from None


def _moment_of(parts: Mapping[str, Any], settings: PemsSettings) -> datetime:
    """Return a time. Raises ValueError, TypeError, KeyError or OverflowError."""
    numbers = [int(parts[name]) for name in ("YEAR", "MONTH", "DAY")]
    numbers += [int(parts.get(name) or 0) for name in ("HOUR", "MINUTE", "SECOND")]
    offset = str(parts.get("TIMEZONE") or "")
    moment = datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001 - its zone comes below
    zone = datetime.strptime(offset, "%z").tzinfo if offset else settings.zone
    return moment.replace(tzinfo=zone).astimezone(UTC)
