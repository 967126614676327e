"""Commands of Redis: how much is sent at once, and what is told by the errors that it answers with.

Gives `Command`, `slices` and `batches`, `UNREACHABLE`, `is_wrong_type` and `reason_of`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from redis import exceptions

from pfa_rpc.cache.redis_keys import part_field

SLICE_BYTES: Final = 2_000_000
"""How much is written at once."""

Command = tuple[str | bytes | int, ...]
Item = TypeVar("Item")

UNREACHABLE: Final = (
    exceptions.ConnectionError,  # also: still loading, wrong password
    exceptions.TimeoutError,
    exceptions.ClusterError,
    exceptions.RedisClusterException,
    exceptions.NoPermissionError,
)


def slices(values: Iterable[tuple[int, Sequence[bytes]]]) -> Iterator[list[int | str | bytes]]:
    """Yield fields and entries of a hash, in turn, as many as are written at once."""
    fields: list[int | str | bytes] = []
    size = 0
    for field, parts in values:
        for number, entry in enumerate(parts):
            if fields and size + len(entry) > SLICE_BYTES:
                yield fields
                fields, size = [], 0
            fields += (part_field(field, number), entry)
            size += len(entry)
    if fields:
        yield fields


def batches(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Yield items, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def is_wrong_type(answer: object) -> bool:
    """Return whether a key holds a value of another type than the command is for."""
    return isinstance(answer, exceptions.ResponseError) and str(answer).startswith("WRONGTYPE")


def reason_of(error: BaseException) -> str:
    """Return an error as the log and the breakers tell it."""
    return f"{type(error).__name__}: {error}"[:200]
