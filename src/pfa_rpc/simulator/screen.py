"""The user-defined-screen service: `ScreenService.answer` reads one object, or replaces it whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from pfa_rpc.simulator.access import NOT_AUTHORIZED
from pfa_rpc.simulator.calls import Answer, Call, Refused, enveloped
from pfa_rpc.simulator.columns import (
    BY_SCREEN,
    ID,
    MODIFIED_BY,
    ORGANIZATION,
    PERIODS,
    SCREEN_ID,
    SCREEN_ORGANIZATION,
    STAMP,
    Column,
    Kind,
)
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.ledger import Origin
from pfa_rpc.simulator.rows import Image
from pfa_rpc.simulator.values import FLAGS, Value

STALE: Final = (
    "This record has been modified by another user. Reload the record to view and/or edit the updated record."
)
NOT_FOUND: Final = "Record not found."
_DIGITS_LIMIT: Final = 30


class ScreenService:
    """Answers requests of the screen."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def answer(self, call: Call) -> Answer:
        """Answer a call. Raises Refused."""
        settings = self._installation.settings
        name = call.body.get("USERDEFINEDSCREENNAME")
        if name != settings.screen_name:
            raise Refused(f"The screen {name} was not found.", "USERDEFINEDSCREENNAME")
        pairs = pairs_of(call.body)
        image = self._found(call, pairs)
        if call.action == "GET":
            return self._object(image, "GET", self._pairs(image))
        if call.action != "UPDATE":
            raise Refused(NOT_AUTHORIZED.format(what=f"{call.action or 'do this'} on this screen"), "ACTION")
        if call.user in settings.readers:
            raise Refused(NOT_AUTHORIZED.format(what="update this screen"), "ACTION")
        return self._object(self._update(call, image, pairs), "UPDATE", None)

    def _found(self, call: Call, pairs: Mapping[str, Mapping[str, Any]]) -> Image:
        """Return the row that a call is about. Raises Refused."""
        organization = text_of(pairs.get(SCREEN_ORGANIZATION)) or call.organization
        visible = self._installation.settings.organizations_of.get(call.user)
        if visible is not None and organization not in visible:
            raise Refused(NOT_AUTHORIZED.format(what=f"see the organization {organization}"), SCREEN_ORGANIZATION)
        image = self._installation.rows.find(organization, call.pfa_id)
        if image is None:
            raise Refused(NOT_FOUND, SCREEN_ID)
        return image

    def _update(self, call: Call, image: Image, pairs: Mapping[str, Mapping[str, Any]]) -> Image:
        """Replace an object: what the call leaves out becomes null. Raises Refused."""
        lock = call.body.get("recordid")
        if lock is None or str(lock) != str(image.recordid):
            raise Refused(STALE, "recordid")
        values = {column.alias: read(column, pairs.get(name)) for name, column in BY_SCREEN.items()}
        for name in pairs:
            if name not in BY_SCREEN:
                raise Refused(f"The field {name} is not a field of the screen.", name)
        key = {ID: values.pop(ID), ORGANIZATION: values.pop(ORGANIZATION)}
        if key[ORGANIZATION] not in (None, image.organization):
            raise Refused(NOT_FOUND, SCREEN_ORGANIZATION)
        _check_periods(image, values)
        return self._installation.change(
            image.organization, image.pfa_id, values, by=call.user, origin=Origin.SERVICE, request=call.body
        )

    def _object(self, image: Image, action: str, pairs: Iterable[Mapping[str, Any]] | None) -> Answer:
        stamp = image.values[STAMP]
        content = {
            "USERDEFINEDSCREENNAME": self._installation.settings.screen_name,
            "USERDEFINEDSERVICEACTION": action,
            "recordid": image.recordid,
            "DATEUPDATED": self._moment(stamp) if isinstance(stamp, datetime) else None,
            "UPDATEDBY": {"USERCODE": image.values[MODIFIED_BY], "DESCRIPTION": None},
        }
        if pairs is not None:
            content["USERDEFINEDSCREENFIELDVALUELIST"] = {"USERDEFINEDSCREENFIELDVALUEPAIR": list(pairs)}
        return enveloped({"SessionID": None, "ResultData": {"UserDefinedScreenService": content}})

    def _pairs(self, image: Image) -> Iterable[Mapping[str, Any]]:
        for name, column in BY_SCREEN.items():
            value = self._written(column, image.values.get(column.alias))
            yield {"USERDEFINEDSCREENFIELDNAME": name, "USERDEFINEDSCREENFIELDVALUE": value}

    def _written(self, column: Column, value: Value) -> dict[str, Any]:
        """Return a value as the screen sends it."""
        if column.kind is Kind.MONEY:
            return {"NUMERICDATA": self._number(value) if isinstance(value, Decimal) else None}
        if column.kind is Kind.DATE:
            return {"DATETIMEDATA": _day(value) if isinstance(value, date) else None}
        if column.kind is Kind.FLAG and isinstance(value, bool):
            true, false = self._installation.settings.screen_flags
            return {"TEXTDATA": true if value else false}
        return {"TEXTDATA": value}

    def _number(self, value: Decimal) -> dict[str, Any]:
        decimals = self._installation.settings.decimals
        return {
            "VALUE": abs(int(value.scaleb(decimals))),
            "NUMOFDEC": decimals,
            "SIGN": "-" if value < 0 else "+",
            "CURRENCY": "XXX",
            "DRCR": "D",
            "qualifier": "OTHER",
        }

    def _moment(self, stamp: datetime) -> dict[str, Any]:
        """Return a stamp, in the installation's zone."""
        local = stamp.astimezone(self._installation.settings.formats.zone)
        return _day(local) | {
            "HOUR": local.hour,
            "MINUTE": local.minute,
            "SECOND": local.second,
            "TIMEZONE": local.strftime("%z"),
        }


def pairs_of(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the values of a request by the name of their field. Raises Refused."""
    try:
        found = body["USERDEFINEDSCREENFIELDVALUELIST"]["USERDEFINEDSCREENFIELDVALUEPAIR"]
        pairs = found if isinstance(found, list) else [found]
        named = {pair["USERDEFINEDSCREENFIELDNAME"]: pair["USERDEFINEDSCREENFIELDVALUE"] or {} for pair in pairs}
    except (KeyError, TypeError):
        raise Refused("The request could not be read.", "USERDEFINEDSCREENFIELDVALUELIST") from None
    if not all(isinstance(value, Mapping) for value in named.values()):
        raise Refused("The request could not be read.", "USERDEFINEDSCREENFIELDVALUE")
    return named


def text_of(value: Mapping[str, Any] | None) -> str:
    """Return the text that a value holds, or an empty one."""
    text = (value or {}).get("TEXTDATA")
    return text.strip() if isinstance(text, str) else ""


def read(column: Column, value: Mapping[str, Any] | None) -> Value:
    """Return what a value of the screen means; None for none. Raises Refused."""
    if not value or all(part is None for part in value.values()):
        return None
    text = text_of(value)
    if column.allowed and text and text.upper() not in column.allowed:
        raise _not_valid(column, value)
    try:
        return _READERS[column.kind](value)
    except (KeyError, TypeError, ValueError, ArithmeticError):
        raise _not_valid(column, value) from None


def _not_valid(column: Column, value: Mapping[str, Any]) -> Refused:
    shown = next(iter(value.values()), None)
    return Refused(
        f"The value {str(shown)[:80]} is not a valid value for the field {column.screen}.", column.screen or ""
    )


def _text(value: Mapping[str, Any]) -> Value:
    text = value["TEXTDATA"]
    if not isinstance(text, str):
        raise TypeError
    return text or None


def _flag(value: Mapping[str, Any]) -> Value:
    text = text_of(value)
    return FLAGS[text.lower()] if text else None


def _amount(value: Mapping[str, Any]) -> Value:
    number = value["NUMERICDATA"]
    digits, decimals = Decimal(str(number["VALUE"])), int(number.get("NUMOFDEC") or 0)
    amount = digits.scaleb(-decimals)
    if not amount.is_finite() or amount.adjusted() > _DIGITS_LIMIT or number.get("SIGN", "+") == "-" or amount < 0:
        raise ValueError
    return amount


def _date(value: Mapping[str, Any]) -> Value:
    day = value["DATETIMEDATA"]
    return date(int(day["YEAR"]), int(day["MONTH"]), int(day["DAY"]))


_READERS: Final = {Kind.TEXT: _text, Kind.FLAG: _flag, Kind.MONEY: _amount, Kind.DATE: _date}


def _check_periods(image: Image, values: Mapping[str, Value]) -> None:
    """Check that no period would end before it starts; an end that the screen lacks stays as it is. Raises Refused."""
    for first, last in PERIODS:
        start, end = (values.get(column.alias, image.values.get(column.alias)) for column in (first, last))
        if isinstance(start, date) and isinstance(end, date) and start > end:
            raise Refused(f"The value {end} is not a valid value for the field {last.screen}.", last.screen or "")


def _day(value: date) -> dict[str, Any]:
    return {
        "YEAR": value.year,
        "MONTH": value.month,
        "DAY": value.day,
        "HOUR": 0,
        "MINUTE": 0,
        "SECOND": 0,
        "SUBSECOND": 0,
        "TIMEZONE": "+0000",
        "qualifier": "OTHER",
    }
