"""How an entry is written down outside the process: `EntryFormat` packs and unpacks it.

    offset  bytes  what
    0       4      "PFA" and the version of this layout
    4       4      CRC-32 of the place, the rest of the header and the value
    8       2      version of the payload encoding
    10      8      fingerprint of the schema
    18      8      revision: its number, signed
    26      8      revision: its nonce, signed
    34      8      when it was made, in seconds since 1970, as a float
    42             the value

Everything is big-endian. The place (organization, family and key) is not in the entry but in its checksum: a value that
turns up under another key, or that a connection gives to the wrong caller, is as worthless as a damaged one.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from dataclasses import dataclass
from typing import Final

from pfa_rpc.cache.interface import MAX_VALUE_BYTES
from pfa_rpc.records.encode import PAYLOAD_VERSION
from pfa_rpc.records.revision import Revision

MAGIC: Final = b"PFA\x01"
_START: Final = struct.Struct(">4sI")
_REST: Final = struct.Struct(">H8sqqd")
HEADER_BYTES: Final = _START.size + _REST.size


@dataclass(frozen=True, slots=True)
class Unpacked:
    """An entry that is sound and of this version."""

    revision: Revision
    value: bytes
    made: float
    """In seconds since 1970, by the clock of the process that made it."""


def place(organization_id: str, family: str, key: str | int) -> bytes:
    """Return what an entry's checksum says of where it belongs; two places never give the same bytes."""
    organization = organization_id.encode()
    return b"%d:%b:%b:%b" % (len(organization), organization, family.encode(), str(key).encode())


class EntryFormat:
    """Packs and unpacks entries of one payload version and one schema; those of others are unreadable."""

    def __init__(self, fingerprint: bytes, payload_version: int = PAYLOAD_VERSION) -> None:
        self._fingerprint = hashlib.blake2b(fingerprint, digest_size=8).digest()
        self._payload_version = payload_version

    def pack(self, where: bytes, revision: Revision, value: bytes, made: float) -> bytes | None:
        """Return the entry for a place, or None for one that is never kept: it is too large."""
        if len(value) + HEADER_BYTES > MAX_VALUE_BYTES:
            return None
        try:
            rest = _REST.pack(self._payload_version, self._fingerprint, revision.number, revision.nonce, made)
        except struct.error:  # a number beyond 64 bits, which no database gave
            return None
        return b"".join((_START.pack(MAGIC, _checksum(where, rest, value)), rest, value))

    def unpack(self, where: bytes, entry: object) -> Unpacked | None:
        """Return what an entry holds, or None: garbage, damaged, another version's, or another place's."""
        if not isinstance(entry, bytes) or not HEADER_BYTES <= len(entry) <= MAX_VALUE_BYTES:
            return None
        magic, checksum = _START.unpack_from(entry)
        if magic != MAGIC:
            return None
        version, fingerprint, number, nonce, made = _REST.unpack_from(entry, _START.size)
        if version != self._payload_version or fingerprint != self._fingerprint or not math.isfinite(made):
            return None
        if _checksum(where, memoryview(entry)[_START.size :]) != checksum:
            return None
        return Unpacked(Revision(number, nonce), entry[HEADER_BYTES:], made)


def _checksum(*parts: bytes | memoryview) -> int:
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)
    return checksum
