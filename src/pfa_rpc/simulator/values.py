"""Values and their text: `Locale` writes and reads them as an installation does; what it cannot read is `NotValid`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from pfa_rpc.simulator.columns import Kind
from pfa_rpc.simulator.settings import Formats

Value = str | Decimal | date | datetime | bool | None
"""A value of a row. Text in a column of another kind is a value that somebody forced in; it is shown as it is."""

FLAGS: Final = {"+": True, "y": True, "true": True, "1": True, "-": False, "n": False, "false": False, "0": False}
_TYPES: Final = {Kind.TEXT: str, Kind.MONEY: Decimal, Kind.DATE: date, Kind.STAMP: datetime, Kind.FLAG: bool}
_REMEMBERED: Final = 1 << 14


class NotValid(ValueError):
    """The text is no value of its column."""


class Locale:
    """Writes values as text, and reads them.

    Args:
        formats: how the installation writes values.
        decimals: decimals that an amount is shown with.
    """

    def __init__(self, formats: Formats | None = None, decimals: int = 2) -> None:
        self._formats = formats or Formats()
        self._decimals = decimals
        self._read_date = lru_cache(_REMEMBERED)(self._date_of)
        self._date_text = lru_cache(_REMEMBERED)(self._date_to_text)
        self._writers: dict[Kind, Callable[..., str]] = {
            Kind.MONEY: lru_cache(_REMEMBERED)(self._amount_text),
            Kind.DATE: self._date_text,
            Kind.STAMP: self._stamp_text,
            Kind.FLAG: self._flag_text,
        }

    def text_of(self, value: Value, kind: Kind) -> str | None:
        """Return the text of a value; None for a missing one."""
        if value is None or isinstance(value, str):
            return value
        return self._writers[kind](value)

    def value_of(self, given: Any, kind: Kind) -> Value:
        """Return what a person gives for a column: its text, or its value; a number will do for an amount.

        Raises NotValid.
        """
        if isinstance(given, str):
            return self.read(given, kind)
        if kind is Kind.MONEY and type(given) is int:
            return Decimal(given)
        value: Value = given
        if given is not None and type(given) is not _TYPES[kind]:
            raise NotValid(f"{given!r} is not a {kind.value}")
        return value

    def read(self, text: str, kind: Kind) -> Value:
        """Return the value of a text; a missing one for an empty text. Raises NotValid."""
        text = text.strip()
        if not text or kind is Kind.TEXT:
            return text or None
        try:
            match kind:
                case Kind.MONEY:
                    return Decimal(text.replace(self._formats.thousands, "").replace(self._formats.point, "."))
                case Kind.DATE:
                    return self._read_date(text)
                case Kind.STAMP:
                    return self._stamp_of(text)
                case _:
                    return FLAGS[text.lower()]
        except (ValueError, KeyError, InvalidOperation):
            raise NotValid(f"{text!r} is not a {kind.value}") from None

    def _date_of(self, text: str) -> date:
        try:
            return datetime.strptime(text, self._formats.date).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            return datetime.fromisoformat(text).date()

    def _stamp_of(self, text: str) -> datetime:
        """Read a stamp in the installation's form, or in ISO form as filters may send it; both in its zone."""
        try:
            moment = datetime.strptime(text, f"{self._formats.date} %H:%M")  # noqa: DTZ007 - its zone comes below
        except ValueError:
            moment = self._iso_stamp(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=self._formats.zone)).astimezone(UTC)

    def _iso_stamp(self, text: str) -> datetime:
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return datetime.strptime(text, self._formats.date)  # noqa: DTZ007 - its zone comes with the caller

    def _date_to_text(self, value: date) -> str:
        return value.strftime(self._formats.date)

    def _stamp_text(self, value: datetime) -> str:
        local = value.astimezone(self._formats.zone)
        return f"{self._date_text(local.date())} {local.hour:02}:{local.minute:02}"

    def _flag_text(self, value: bool) -> str:
        return self._formats.true if value else self._formats.false

    def _amount_text(self, value: Decimal) -> str:
        text = f"{rounded(value, self._decimals):,f}"
        return text.translate({ord(","): self._formats.thousands, ord("."): self._formats.point})


def rounded(value: Decimal, decimals: int) -> Decimal:
    """Return an amount with a number of decimals, half up."""
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
