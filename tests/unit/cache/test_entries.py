"""Entries as they are written down: what is damaged, foreign or misplaced is no entry."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.cache.entries import HEADER_BYTES, EntryFormat, place
from pfa_rpc.cache.interface import MAX_PARTS, MAX_VALUE_BYTES
from pfa_rpc.records.revision import Revision

FORMAT = EntryFormat(b"schema")
WHERE = place("RIO", "query", "key")
REVISION = Revision(7, 2**63 - 1)
ROOM = MAX_VALUE_BYTES - HEADER_BYTES
"""What fits into one entry."""
NUMBERS = st.integers(-(2**63), 2**63 - 1)


def pack(value: bytes = b"value", *, where: bytes = WHERE, entries: EntryFormat = FORMAT) -> bytes:
    """Return an entry."""
    (entry,) = entries.pack(where, REVISION, value, 1_000.5)
    return entry


@given(st.builds(Revision, NUMBERS, NUMBERS), st.binary(max_size=2_000), st.floats(0, 1e10))
def test_an_entry_comes_back_as_it_was(revision: Revision, value: bytes, made: float) -> None:
    (entry,) = FORMAT.pack(WHERE, revision, value, made)
    unpacked = FORMAT.unpack(WHERE, entry)
    assert unpacked is not None
    assert (unpacked.revision, unpacked.value, unpacked.made) == (revision, value, made)


@given(st.one_of(st.binary(max_size=200), st.none(), st.integers(), st.text(), st.just(b"PFA\x03" + bytes(60))))
def test_garbage_is_no_entry(garbage: object) -> None:
    assert FORMAT.unpack(WHERE, garbage) is None


@given(st.data(), st.binary(min_size=1, max_size=300))
def test_a_damaged_entry_is_no_entry(data: st.DataObject, value: bytes) -> None:
    entry = pack(value)
    at = data.draw(st.integers(0, len(entry) - 1))
    other = data.draw(st.integers(1, 255))
    damaged = entry[:at] + bytes([entry[at] ^ other]) + entry[at + 1 :]
    assert FORMAT.unpack(WHERE, damaged) is None


@given(st.data(), st.binary(min_size=1, max_size=300))
def test_a_torn_entry_is_no_entry(data: st.DataObject, value: bytes) -> None:
    entry = pack(value)
    assert FORMAT.unpack(WHERE, entry[: data.draw(st.integers(0, len(entry) - 1))]) is None
    assert FORMAT.unpack(WHERE, entry + data.draw(st.binary(min_size=1, max_size=50))) is None


@pytest.mark.parametrize(
    "where",
    [
        place("RIO2", "query", "key"),
        place("RI", "query", "key"),
        place("RIO", "records", "key"),
        place("RIO", "query", "other"),
    ],
)
def test_an_entry_is_none_at_another_place(where: bytes) -> None:
    assert FORMAT.unpack(where, pack()) is None


@given(st.tuples(st.text(), st.text(), st.text()), st.tuples(st.text(), st.text(), st.text()))
def test_places_are_told_apart(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    # A family holds no colon; with the organization's length that makes places unlike each other.
    one, other = ((a, b.replace(":", ""), c) for a, b, c in (one, other))
    try:
        assert (place(*one) == place(*other)) == (one == other)
    except UnicodeEncodeError:
        assert any("\ud800" <= character <= "\udfff" for text in (*one, *other) for character in text)


@pytest.mark.parametrize("other", [EntryFormat(b"another schema"), EntryFormat(b"schema", payload_version=999)])
def test_an_entry_of_another_version_is_none(other: EntryFormat) -> None:
    assert FORMAT.unpack(WHERE, pack(entries=other)) is None
    assert other.unpack(WHERE, pack()) is None


def test_an_entry_of_a_later_layout_is_none() -> None:
    assert FORMAT.unpack(WHERE, b"PFA\x04" + pack()[4:]) is None


def test_nothing_larger_than_the_limit_is_an_entry() -> None:
    assert len(pack(bytes(MAX_VALUE_BYTES - HEADER_BYTES))) == MAX_VALUE_BYTES
    assert FORMAT.pack(WHERE, REVISION, bytes(MAX_VALUE_BYTES - HEADER_BYTES + 1), 0.0) == ()


def test_a_number_that_no_database_gives_is_not_kept() -> None:
    assert FORMAT.pack(WHERE, Revision(2**63, 0), b"", 0.0) == ()


def parts_of(value: bytes, made: float = 1_000.5, revision: Revision = REVISION) -> list[bytes]:
    """Return the entries of a value that may have parts."""
    return list(FORMAT.pack(WHERE, revision, value, made, MAX_PARTS))


def join(parts: list[bytes]) -> bytes | None:
    """Return the value that entries come to."""
    first = FORMAT.unpack(WHERE, parts[0])
    return None if first is None else FORMAT.join(WHERE, first, parts[1:])


@pytest.mark.parametrize("size", [0, 1, ROOM, ROOM + 1, 3 * ROOM, MAX_PARTS * ROOM])
def test_a_large_value_is_cut_into_entries_that_come_back_as_one(size: int) -> None:
    value = random.Random(size).randbytes(size)
    parts = parts_of(value)
    assert len(parts) == max(1, -(-size // ROOM))
    assert max(map(len, parts)) <= MAX_VALUE_BYTES
    assert join(parts) == value


def test_what_has_too_many_parts_is_not_kept() -> None:
    assert parts_of(bytes(MAX_PARTS * ROOM + 1)) == []


def test_parts_come_together_or_not_at_all() -> None:
    one, two, three = parts_of(bytes(2 * ROOM + 5))
    value = bytes(2 * ROOM + 5)
    assert join([one, two, three]) == value
    for wrong in ([one], [one, two], [one, three, two], [one, two, three, three], [two, two, three], [one, two, b"x"]):
        assert join(wrong) is None
    later = parts_of(value, made=2_000.5)
    elsewhere = parts_of(value, revision=Revision(7, 1))
    longer = parts_of(bytes(3 * ROOM + 5))
    for other in (later, elsewhere, longer):
        assert join([one, other[1], three]) is None
        assert join([one, two, other[2]]) is None
