"""How an entry is written down outside the process: `EntryFormat` packs and unpacks it.

    offset  bytes  what
    0       4      "PFA" and the version of this layout, and of what values hold
    4       4      CRC-32 of the place, the rest of the header and the value
    8       2      version of the payload encoding
    10      8      fingerprint of the schema
    18      8      revision: its number, signed
    26      8      revision: its nonce, signed
    34      8      when it was made, in seconds since 1970, as a float
    42      2      number of this part, from 0
    44      2      how many parts the value has
    46             the value, or this part of it

Everything is big-endian. The place (organization, family and key) is not in the entry but in its checksum: a value that
turns up under another key, or that a connection gives to the wrong caller, is as worthless as a damaged one.

A value that is too large for an entry is cut into parts. All of them carry the pair and the time of the one fill that
made them, and `join` takes them together or not at all.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pfa_rpc.cache.interface import MAX_PARTS, MAX_VALUE_BYTES
from pfa_rpc.records.encode import PAYLOAD_VERSION
from pfa_rpc.records.revision import Revision

MAGIC: Final = b"PFA\x03"
_START: Final = struct.Struct(">4sI")
_REST: Final = struct.Struct(">H8sqqdHH")
HEADER_BYTES: Final = _START.size + _REST.size
_PART_BYTES: Final = MAX_VALUE_BYTES - HEADER_BYTES


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An entry that is sound and of this version."""

    revision: Revision
    value: bytes
    """The value, or this part of it."""
    made: float
    """In seconds since 1970, by the clock of the process that made it."""
    part: int
    parts: int


def place(organization_id: str, family: str, key: str | int) -> bytes:
    """Return what an entry's checksum says of where it belongs; two places never give the same bytes."""
    organization = organization_id.encode()
    return b"%d:%b:%b:%b" % (len(organization), organization, family.encode(), str(key).encode())


class EntryFormat:
    """Packs and unpacks entries of one payload version and one schema; those of others are unreadable."""

    def __init__(self, fingerprint: bytes, payload_version: int = PAYLOAD_VERSION) -> None:
        self._fingerprint = hashlib.blake2b(fingerprint, digest_size=8).digest()
        self._payload_version = payload_version

    def pack(self, where: bytes, revision: Revision, value: bytes, made: float, most_parts: int = 1) -> Sequence[bytes]:
        """Return the entries for a place, one for each part; none for a value that is never kept: it is too large."""
        parts = max(1, -(-len(value) // _PART_BYTES))
        if parts > most_parts:
            return ()
        cut = [value[start : start + _PART_BYTES] for start in range(0, parts * _PART_BYTES, _PART_BYTES)]
        try:
            return [self._pack(where, revision, part, made, (number, parts)) for number, part in enumerate(cut)]
        except struct.error:  # a number beyond 64 bits, which no database gave
            return ()

    def _pack(self, where: bytes, revision: Revision, value: bytes, made: float, part: tuple[int, int]) -> bytes:
        numbers = (revision.number, revision.nonce, made, *part)
        rest = _REST.pack(self._payload_version, self._fingerprint, *numbers)
        return b"".join((_START.pack(MAGIC, _checksum(where, rest, value)), rest, value))

    def unpack(self, where: bytes, entry: object, part: int = 0) -> Unpacked | None:
        """Return what an entry holds, or None: garbage, damaged, another version's, another place's or another part."""
        if not isinstance(entry, bytes) or not HEADER_BYTES <= len(entry) <= MAX_VALUE_BYTES:
            return None
        magic, checksum = _START.unpack_from(entry)
        if magic != MAGIC:
            return None
        version, fingerprint, number, nonce, made, of_part, parts = _REST.unpack_from(entry, _START.size)
        if version != self._payload_version or fingerprint != self._fingerprint or not math.isfinite(made):
            return None
        if of_part != part or not part < parts <= MAX_PARTS:
            return None
        if _checksum(where, memoryview(entry)[_START.size :]) != checksum:
            return None
        return Unpacked(Revision(number, nonce), entry[HEADER_BYTES:], made, part, parts)

    def join(self, where: bytes, first: Unpacked, others: Sequence[object]) -> bytes | None:
        """Return the value whose first part is given, with its other entries in order; None where they are not one."""
        rest = [self.unpack(where, entry, number) for number, entry in enumerate(others, 1)]
        of_fill = first.revision, first.made, first.parts
        if len(rest) != first.parts - 1 or any(
            part is None or (part.revision, part.made, part.parts) != of_fill for part in rest
        ):
            return None
        return b"".join((first.value, *(part.value for part in rest if part is not None)))


def _checksum(*parts: bytes | memoryview) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum
