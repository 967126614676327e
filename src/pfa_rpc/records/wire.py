"""The protobuf wire format, as far as serialized messages are joined without being built again."""

from __future__ import annotations

from typing import Final

_LENGTH_DELIMITED: Final = 2


def varint(number: int) -> bytes:
    """Return a non-negative integer in the variable-length form: seven bits a byte, the lowest first."""
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def prefix(field_number: int, length: int) -> bytes:
    """Return what stands before the bytes of a string, bytes or message field: its tag and its length."""
    return varint(field_number << 3 | _LENGTH_DELIMITED) + varint(length)
