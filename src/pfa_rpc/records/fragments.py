"""Payloads for many records of few different values: `FragmentEncoder` joins the wire forms of fields.

It remembers those that it has made, within bounds. It gives the very bytes that `encode` gives, in less time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.records.encode import date_message, money_message, timestamp_message, to_message, with_etag
from pfa_rpc.records.wire import prefix, varint
from pfa_rpc.schema import FIELDS, Field, Origin

_REMEMBERED: Final = 16_384
"""Most values that are remembered of a field."""

_Wire = Callable[[Any], bytes]


class FragmentEncoder:
    """Encodes the records of one organization. For one thread at a time."""

    def __init__(self, organization_id: str, currency: str) -> None:
        self._organization_id = organization_id
        self._revision = -1
        groups: dict[str, list[tuple[int, str, _Wire]]] = {}
        for field in FIELDS:
            parent, _, leaf = field.proto.rpartition(".")
            number, wire = _number(parent, leaf), _remembering(field, _wire_of(field, parent, currency))
            groups.setdefault(parent, []).append((number, field.name, wire))
        self._steps = self._ordered(groups)
        self._plan: list[tuple[str | None, Any]] = []

    @staticmethod
    def _ordered(groups: dict[str, list[tuple[int, str, _Wire]]]) -> list[tuple[str | None, Any]]:
        """Return what stands in a payload, by field number.

        Each is (name, wire form); (None, tag and fields of a nested message); or ("", a field that is none of these).
        """
        steps: list[tuple[int, str | None, Any]] = [*groups.pop("")]
        for parent, members in groups.items():
            number, fields = _number("", parent), sorted(members, key=_first)
            steps.append((number, None, (prefix(number, 0)[:-1], [(name, wire) for _, name, wire in fields])))
        fixed = {Record.ORGANIZATION_ID_FIELD_NUMBER: "organization_id", Record.REVISION_FIELD_NUMBER: "revision"}
        steps += [(number, "", name) for number, name in fixed.items()]
        return [(name, what) for _, name, what in sorted(steps, key=_first)]

    def encode(self, values: Mapping[str, Any], revision: int) -> bytes:
        """Return the payload of a record."""
        if revision != self._revision:
            self._set_revision(revision)
        parts: list[bytes] = []
        for name, what in self._plan:
            if name is None:
                if inner := [wire(value) for key, wire in what[1] if (value := values[key]) is not None]:
                    parts.append(what[0])
                    parts.append(_with_length(b"".join(inner)))
            elif name == "":
                parts.append(what)
            elif (value := values[name]) is not None:
                parts.append(what(value))
        content = b"".join(parts)
        return with_etag(content)

    def _set_revision(self, revision: int) -> None:
        fixed = {
            "organization_id": Record(organization_id=self._organization_id).SerializeToString(),
            "revision": Record(revision=revision).SerializeToString(),
        }
        self._revision = revision
        self._plan = [(name, fixed[what] if name == "" else what) for name, what in self._steps]


def _first(step: tuple[int, Any, Any]) -> int:
    return step[0]


def _number(parent: str, leaf: str) -> int:
    holder = getattr(Record(), parent) if parent else Record()
    return int(holder.DESCRIPTOR.fields_by_name[leaf].number)


def _wire_of(field: Field, parent: str, currency: str) -> _Wire:
    """Return the function value → field of its message as it is serialized, tag and all."""
    number = _number(parent, field.proto.rpartition(".")[2])
    tag = prefix(number, 0)[:-1]
    any_wire = partial(_any_wire, field, parent, currency)
    match field.type:
        case FieldType.ID | FieldType.TEXT:
            return lambda value: tag + _with_length(value.encode()) if value else any_wire(value)
        case FieldType.MONEY:
            decimals = field.decimals
            return lambda value: tag + _with_length(money_message(value, decimals, currency).SerializeToString())
        case FieldType.DATE:
            return lambda value: tag + _with_length(date_message(value).SerializeToString())
        case FieldType.TIME:
            return lambda value: tag + _with_length(timestamp_message(value).SerializeToString())
        case _:
            return any_wire


_LENGTHS: Final = tuple(varint(length) for length in range(512))


def _with_length(data: bytes) -> bytes:
    length = len(data)
    return (_LENGTHS[length] if length < len(_LENGTHS) else varint(length)) + data


def _any_wire(field: Field, parent: str, currency: str, value: Any) -> bytes:
    """Return the same by way of a message that has this field only."""
    message = to_message({field.name: value}, currency)
    return (getattr(message, parent) if parent else message).SerializeToString()


def _remembering(field: Field, wire: _Wire) -> _Wire:
    """Return a function that remembers what it gave, for fields whose values come again."""
    if field.origin in (Origin.KEY, Origin.COST):
        return wire
    return _Remembered(wire).__getitem__


class _Remembered(dict[Any, bytes]):
    """Value → wire form, made when it is first asked for."""

    def __init__(self, wire: _Wire) -> None:
        super().__init__()
        self._wire = wire

    def __missing__(self, value: Any) -> bytes:
        made = self._wire(value)
        if len(self) < _REMEMBERED:
            self[value] = made
        return made
