"""The protobuf wire format, as far as serialized messages are joined without being built again."""

from __future__ import annotations

from typing import Final

_LENGTH_DELIMITED: Final = 2


_TWO_BYTES: Final = 1 << 14
_SHORT: Final = tuple(
    bytes((number & 0x7F | 0x80, number >> 7) if number > 0x7F else (number,)) for number in range(_TWO_BYTES)
)
"""The integers of at most two bytes: lengths, tags, and the amounts of most money."""


def varint(number: int) -> bytes:
    """Return a non-negative integer in the variable-length form: seven bits a byte, the lowest first."""
    if number < _TWO_BYTES:
        return _SHORT[number]
    return bytes((number & 0x7F | 0x80, number >> 7 & 0x7F | 0x80)) + varint(number >> 14)


def prefix(field_number: int, length: int) -> bytes:
    """Return what stands before the bytes of a string, bytes or message field: its tag and its length."""
    return varint(field_number << 3 | _LENGTH_DELIMITED) + varint(length)
