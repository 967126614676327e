"""What every service checks of a request: its organization, filter, order, sizes, mask, and what the caller may see."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date

from nlq.errors import FilterError, LanguageError, OrderError, QuestionError
from nlq.filters.canonical import canonical_filter
from nlq.filters.filter_text import parse_filter
from nlq.filters.order_text import canonical_order, parse_order
from nlq.query import Condition, Sort, fields_of
from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa.v1.revision_pb2 import Consistency
from pfa_rpc.errors import (
    InvalidFilter,
    InvalidOrderBy,
    InvalidQuestion,
    InvalidRequest,
    PermissionDenied,
    PfaError,
    Violation,
)
from pfa_rpc.records.differences import DIFFERENCES
from pfa_rpc.records.quoting import without_amounts
from pfa_rpc.records.revision import Revision
from pfa_rpc.schema import BY_NAME, FIELDS, ID_LENGTH, SCHEMA
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import Permission, Principal
from pfa_rpc.services.reading.answers import Need
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.organizations import CODE_RULE, is_code

MAX_PAGE: Final = 1_000
"""Most records or organizations on one page."""
DEFAULT_PAGE: Final = 100
MAX_PATHS: Final = 100
"""Most paths in a read_mask; a record has fewer."""
LISTING: Final = frozenset(field.name for field in FIELDS if field.type is FieldType.NAMES)
"""Fields that list names of fields: a condition on what they list tells of these."""
_MASKED_AT_ONCE: Final = 200
"""Payloads that a mask is applied to before other calls get their turn: about 3 ms."""
_SHORT_TEXT: Final = 1_024
"""Longest filter that is read on the event loop: about 3 ms; longer ones would hold up other calls."""
_CANONICAL_KEPT: Final = 512
"""Conditions whose canonical text is remembered: a request asks for it several times."""

_LANGUAGE_ERRORS: Final[dict[type[LanguageError], type[PfaError]]] = {
    FilterError: InvalidFilter,
    OrderError: InvalidOrderBy,
    QuestionError: InvalidQuestion,
}


def authorize(call: Call, permission: Permission, organization_id: str) -> str:
    """Return the code of the organization that a request names, which the caller may use.

    Raises InvalidRequest where there is none, PermissionDenied before anything says whether it exists.
    """
    if not organization_id:
        raise InvalidRequest.of("organization_id", "is missing; name the organization, such as RIO")
    if not is_code(organization_id):
        message = f"{organization_id[:100]!r} is not the code of an organization; {CODE_RULE}"
        raise InvalidRequest.of("organization_id", message)
    call.principal.require(permission, organization_id)
    return organization_id


def bounded(field: str, value: int, *, default: int, most: int) -> int:
    """Return a size from a request: the default for 0. Raises InvalidRequest for one outside 0 to `most`."""
    if not 0 <= value <= most:
        raise InvalidRequest.of(field, f"{value} is out of range; write 1 to {most:,}, or 0 for {default:,}")
    return value or default


async def read_filter(text: str, principal: Principal) -> Condition | None:
    """Return the condition of a filter text. Raises InvalidFilter, and PermissionDenied for hidden fields."""
    try:
        condition = await asyncio.to_thread(_parse, text) if len(text) > _SHORT_TEXT else parse_filter(text, SCHEMA)
    except LanguageError as error:
        raise language_error("filter", error) from error
    require_visible(principal, fields_of(condition, LISTING))
    return condition


def _parse(text: str) -> Condition | None:
    """Read a long filter, and put it into its canonical form, which every request asks for."""
    condition = parse_filter(text, SCHEMA)
    canonical(condition)
    return condition


def read_order(text: str, principal: Principal) -> tuple[Sort, ...]:
    """Return the terms of an order_by. Raises InvalidOrderBy, and PermissionDenied for hidden fields."""
    try:
        terms = parse_order(text, SCHEMA)
    except LanguageError as error:
        raise language_error("order_by", error) from error
    require_visible(principal, (term.field for term in terms))
    return terms


def language_error(field: str, error: LanguageError) -> PfaError:
    """Return the error of the API for a text of a request that could not be read."""
    metadata = {"position": str(error.position)}
    if error.expected:
        metadata["expected"] = ", ".join(error.expected)[:300]
    if error.nearest:
        metadata["nearest"] = ", ".join(error.nearest)[:300]
    error_class = next(known for kind, known in _LANGUAGE_ERRORS.items() if isinstance(error, kind))
    return error_class(error.message, violations=[Violation(field, error.message)], metadata=metadata)


def require_visible(principal: Principal, names: Iterable[str]) -> None:
    """Raise PermissionDenied where a field shows money that the caller may not see: it could be probed else."""
    if principal.may(Permission.SEE_MONEY):
        return
    hidden = next(filter(None, map(money_of, names)), None)
    if hidden is not None:
        raise PermissionDenied(
            f"{principal.name} may not see {hidden}, and so may not filter, sort or compute by it",
            metadata={"permission": Permission.SEE_MONEY.value},
        )


def is_visible(principal: Principal, name: str) -> bool:
    """Tell whether the caller may see a field."""
    return principal.may(Permission.SEE_MONEY) or not money_of(name)


def money_of(name: str) -> str:
    """Return what of a field or a difference shows money, in words; "" where nothing does."""
    if name in DIFFERENCES or BY_NAME[name].is_money:
        return name
    return f"the amounts that {name} may quote" if BY_NAME[name].quotes_pems else ""


def canonical(condition: Condition | None, order: Sequence[Sort] = ()) -> tuple[str, str]:
    """Return the canonical filter and order, which name a request in tokens and caches."""
    return "" if condition is None else _canonical_text(condition), canonical_order(order)


@lru_cache(maxsize=_CANONICAL_KEPT)
def _canonical_text(condition: Condition) -> str:
    return canonical_filter(condition, SCHEMA)


@dataclass(frozen=True, slots=True)
class Mask:
    """Which parts of a record a caller gets."""

    paths: tuple[str, ...]
    """Paths of Record to keep; empty: all."""
    hide_money: bool

    def __bool__(self) -> bool:
        """Tell whether anything is left out, so that payloads cannot be sent as they are."""
        return bool(self.paths) or self.hide_money

    def apply(self, payload: bytes) -> bytes:
        """Return a payload with what the mask leaves out taken away."""
        record = Record.FromString(payload)
        if self.hide_money:
            _hide_money(record)
        if not self.paths:
            return record.SerializeToString()
        kept = Record()
        FieldMask(paths=self.paths).MergeMessage(record, kept)
        return kept.SerializeToString()

    async def apply_all(self, payloads: Sequence[bytes]) -> Sequence[bytes]:
        """Return payloads with what the mask leaves out taken away, letting other calls go on in between."""
        if not self:
            return payloads
        kept: list[bytes] = []
        for start in range(0, len(payloads), _MASKED_AT_ONCE):
            kept += map(self.apply, payloads[start : start + _MASKED_AT_ONCE])
            await asyncio.sleep(0)
        return kept


_MONEY_PATHS: Final = tuple(field.proto for field in FIELDS if field.is_money)
_NAMING: Final = tuple(field.proto.removeprefix("sync.") for field in FIELDS if field.name in LISTING)
"""Fields of the synchronization that name others: that an amount was changed tells of it, as a filter would."""
_MONEY_NAMES: Final = frozenset(field.name for field in FIELDS if field.is_money)
_QUOTES: Final = tuple(field.proto.removeprefix("sync.") for field in FIELDS if field.quotes_pems)


def _hide_money(record: Record) -> None:
    for path in _MONEY_PATHS:
        record.ClearField(path)  # type: ignore[arg-type] # mypy wants a literal
    for name in _NAMING:
        names = getattr(record.sync, name)
        if not _MONEY_NAMES.isdisjoint(names):
            names[:] = [each for each in names if each not in _MONEY_NAMES]
    for name in _QUOTES:
        said = getattr(record.sync, name)
        if said:
            setattr(record.sync, name, without_amounts(said))


def read_mask(mask: FieldMask, principal: Principal) -> Mask:
    """Return what a request's read_mask and the caller's permissions leave of a record. Raises InvalidRequest."""
    if len(mask.paths) > MAX_PATHS:
        raise InvalidRequest.of("read_mask", f"{len(mask.paths):,} paths are too many; name at most {MAX_PATHS}")
    unknown = [path for path in mask.paths if not FieldMask(paths=[path]).IsValidForDescriptor(Record.DESCRIPTOR)]
    if unknown:
        violations = [
            Violation("read_mask", f"{path[:100]!r} is not a path of Record, such as forecast.start_date")
            for path in unknown
        ]
        raise InvalidRequest(f"read_mask: {violations[0].description}", violations=violations)
    return Mask(tuple(mask.paths), hide_money=not principal.may(Permission.SEE_MONEY))


def read_name(field: str, value: str) -> tuple[str, str]:
    """Return what names a record: its field, `id` or `pfa_id`, and the value. Raises InvalidRequest."""
    if field == "id":
        try:
            return "id", str(uuid.UUID(value))
        except ValueError as error:
            raise InvalidRequest.of("id", f"{value[:100]!r} is not a UUID; PEMS' own ids go into pfa_id") from error
    if "\0" in value:
        raise InvalidRequest.of("pfa_id", "holds the character U+0000, which no id can have")
    if not 0 < len(value) <= ID_LENGTH:
        raise InvalidRequest.of("pfa_id", f"has {len(value)} characters; ids have 1 to {ID_LENGTH}")
    return "pfa_id", value


def read_time(field: str, message: Timestamp) -> datetime:
    """Return the time of a google.protobuf.Timestamp. Raises InvalidRequest where it is none."""
    try:
        return message.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise InvalidRequest.of(field, "is no time between the years 1 and 9999") from error


def read_date(field: str, message: Date) -> date:
    """Return the day of a google.type.Date. Raises InvalidRequest where it is none, or not a whole date."""
    try:
        return date(message.year, message.month, message.day)
    except ValueError as error:
        shown = f"{message.year}-{message.month}-{message.day}"
        raise InvalidRequest.of(field, f"{shown} is not a day; give year, month and day") from error


def revision_token(tokens: Tokens, organization_id: str, revision: Revision) -> str:
    """Return the token that names a revision of an organization."""
    return tokens.seal("revision", organization_id, b"", [revision.number, revision.nonce], None)


def read_need(message: Consistency, tokens: Tokens, organization_id: str) -> Need:
    """Return how new an answer must be. Raises InvalidRequest, and InvalidToken for a token of something else."""
    requirement = message.WhichOneof("requirement")
    if requirement == "at_least_revision_token":
        number, nonce = tokens.open("revision", message.at_least_revision_token, organization_id, b"")
        return Need(at_least=Revision(number, nonce))
    if requirement is not None and not getattr(message, requirement):
        raise InvalidRequest.of(f"consistency.{requirement}", "is false; set it to true, or leave it out")
    return Need(any_age=requirement == "minimize_latency")
