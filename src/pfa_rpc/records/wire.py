"""The protobuf wire format, as far as serialized messages are joined without being built again."""

from __future__ import annotations

from typing import Final

from pfa_rpc.records.remembered import Remembered

_LENGTH_DELIMITED: Final = 2

_BITS: Final = 14
"""Of an integer at a time: as many as two bytes hold."""
_LIMIT: Final = 1 << _BITS
_LAST: Final = tuple(
    bytes((number & 0x7F | 0x80, number >> 7) if number > 0x7F else (number,)) for number in range(_LIMIT)
)
"""The integers of at most two bytes: lengths, tags, and the amounts of most rents."""
_followed: Final = Remembered(lambda low: bytes((low & 0x7F | 0x80, low >> 7 | 0x80)), _LIMIT).__getitem__
"""Returns two bytes that others follow."""


def varint(number: int) -> bytes:
    """Return a non-negative integer in the variable-length form: seven bits a byte, the lowest first."""
    if number < _LIMIT:
        return _LAST[number]
    high = number >> _BITS
    return _followed(number % _LIMIT) + (_LAST[high] if high < _LIMIT else varint(high))


def prefix(field_number: int, length: int) -> bytes:
    """Return what stands before the bytes of a string, bytes or message field: its tag and its length."""
    return varint(field_number << 3 | _LENGTH_DELIMITED) + varint(length)
