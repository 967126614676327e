"""Joins payloads into responses without building messages: a serialized message is its fields one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Final

from pfa_rpc.records.wire import prefix

BATCH_BYTES: Final = 1 << 20
"""Most bytes of records in one message."""
# Records are a few hundred bytes long: nearly every prefix is one of these.
_RECORD_PREFIXES: Final = tuple(prefix(1, length) for length in range(2_048))


def frame_records(payloads: Iterable[bytes]) -> bytes:
    """Return the payloads as the repeated field 1, `records`, which every response with many records has."""
    known = len(_RECORD_PREFIXES)
    pairs = (
        (_RECORD_PREFIXES[length] if (length := len(payload)) < known else prefix(1, length), payload)
        for payload in payloads
    )
    return b"".join(chain.from_iterable(pairs))


def split_frames(framed: bytes) -> list[bytes]:
    """Return the payloads that `frame_records` joined."""
    return [framed[start:end] for start, end in _frames(framed)]


def frames_length(framed: bytes, number: int) -> int:
    """Return how many bytes the first so many of framed payloads take."""
    return next(islice(_frames(framed), number - 1, None), (0, len(framed)))[1]


def _frames(framed: bytes) -> Iterator[tuple[int, int]]:
    """Yield where each payload begins and ends."""
    place, end = 0, len(framed)
    while place < end:
        length, shift = 0, 0
        place += 1  # the tag of field 1 is one byte
        while True:
            byte = framed[place]
            place += 1
            length |= (byte & 0x7F) << shift
            if byte < 0x80:
                break
            shift += 7
        yield place, place + length
        place += length


def embed(field_number: int, message: bytes) -> bytes:
    """Return a serialized message as a field of another."""
    return prefix(field_number, len(message)) + message


def split_by_bytes(payloads: Sequence[bytes], limit: int) -> int:
    """Return how many payloads, one at least where there are any, fit into a number of bytes."""
    total = 0
    for number, payload in enumerate(payloads):
        total += len(payload) + 8
        if total > limit and number:
            return number
    return len(payloads)
