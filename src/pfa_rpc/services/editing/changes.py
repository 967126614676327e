"""Changes as messages → changes as commands have them: `read_changes`, which lists every violation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from google.protobuf.message import Message
from google.type.money_pb2 import Money

from nlq.changes import Change, ChangeOperation, Shift, ordered
from nlq.schema import FieldType
from pfa.v1.change_pb2 import Change as ChangeMessage
from pfa.v1.change_pb2 import ChangeOperation as ChangeOperationMessage
from pfa_rpc.errors import InvalidRequest, Violation
from pfa_rpc.records.editing import refused_changes
from pfa_rpc.schema import BY_NAME, SCHEMA, Field
from pfa_rpc.services.editing.entries import NotRead, read_amount, read_day, violations_error

MAX_CHANGES: Final = 20
"""Most changes of one proposal."""
_FACTOR_LENGTH: Final = 50
_SHOWN: Final = 100
_OPERATIONS: Final[dict[int, ChangeOperation]] = {
    ChangeOperationMessage.Value(f"CHANGE_OPERATION_{operation.name}"): operation for operation in ChangeOperation
}
_MEMBERS: Final[dict[FieldType, str]] = {
    FieldType.TEXT: "text_value",
    FieldType.ENUM: "text_value",
    FieldType.BOOL: "flag_value",
    FieldType.MONEY: "money_value",
    FieldType.DATE: "date_value",
}
"""Type of a field → the member of a message that sets it."""


def read_changes(messages: Sequence[ChangeMessage], currency: str) -> tuple[Change, ...]:
    """Return the changes of a request, in the order of the fields. Raises InvalidRequest with every violation.

    Changes that break a rule whatever the record are refused here, too.
    """
    if not 0 < len(messages) <= MAX_CHANGES:
        said = f"{len(messages):,} of them" if messages else "is missing"
        raise InvalidRequest.of("changes", f"{said}; write 1 to {MAX_CHANGES}, or a question")
    changes: list[Change] = []
    violations: list[Violation] = []
    for number, message in enumerate(messages):
        try:
            changes.append(read_change(message, currency))
        except NotRead as wrong:
            violations.append(Violation(f"changes[{number}]", str(wrong)))
    if not violations:
        first = {change.field: number for number, change in reversed(list(enumerate(changes)))}
        violations += [
            Violation(f"changes[{first[broken.field]}]", f"{broken.field}: {broken.reason}")
            for broken in refused_changes(changes)
        ]
    if violations:
        raise violations_error(violations)
    return ordered(changes, SCHEMA)


def read_change(message: ChangeMessage, currency: str) -> Change:
    """Return the change of a message. Raises NotRead where it is none."""
    field = BY_NAME.get(message.field)
    if field is None:
        raise NotRead(f"{message.field[:_SHOWN]!r} is not a field; write one such as forecast_end")
    operation = _OPERATIONS.get(message.operation)
    if operation is None:
        raise NotRead("its operation is missing, or unknown; write SET, SHIFT, SCALE, ADD, CLEAR or RESET")
    if operation is ChangeOperation.CLEAR:
        return Change(field.name, operation)
    member, read = _VALUES.get(operation) or (_MEMBERS.get(field.type, ""), _set_value)
    if not member:
        raise NotRead(f"{field.name} cannot be set")
    if message.WhichOneof("value") != member:
        raise NotRead(f"{operation.value} of {field.name} takes {member}")
    return Change(field.name, operation, read(field, getattr(message, member), currency))


def _set_value(field: Field, value: Any, currency: str) -> Any:
    if field.type is FieldType.MONEY:
        return read_amount(value, currency)
    if field.type is FieldType.DATE:
        return read_day(value)
    if field.type is FieldType.ENUM:
        return value.upper()
    if field.type is FieldType.TEXT and not value.strip():
        raise NotRead(f"the value of {field.name} is empty; CLEAR takes a value away")
    return value


def _shift(_field: Field, value: Message, _currency: str) -> Shift:
    months, days = getattr(value, "months"), getattr(value, "days")  # noqa: B009 (a message of any kind, to its type)
    return Shift(months, days)


def _factor(_field: Field, value: str, _currency: str) -> Decimal:
    try:
        factor = Decimal(value[:_FACTOR_LENGTH])
    except InvalidOperation:
        factor = Decimal("NaN")
    if len(value) > _FACTOR_LENGTH or not factor.is_finite() or factor < 0:
        raise NotRead(f"{value[:_SHOWN]!r} is not a number from 0 on, such as 0.9")
    return factor


def _added(_field: Field, value: Money, currency: str) -> Decimal:
    return read_amount(value, currency)


def _other(_field: Field, value: str, _currency: str) -> str:
    if value not in BY_NAME:
        raise NotRead(f"{value[:_SHOWN]!r} is not a field; write one such as plan_end")
    return value


_VALUES: Final[dict[ChangeOperation, tuple[str, Callable[[Field, Any, str], Any]]]] = {
    ChangeOperation.SHIFT: ("shift", _shift),
    ChangeOperation.SCALE: ("factor", _factor),
    ChangeOperation.RESET: ("other_field", _other),
    ChangeOperation.ADD: ("money_value", _added),
}
