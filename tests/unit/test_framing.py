"""Joined payloads are the message that they stand for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pfa.v1.query_service_pb2 import AskResponse
from pfa.v1.record_pb2 import Record
from pfa.v1.record_service_pb2 import ListRecordsResponse
from pfa_rpc.records.wire import varint
from pfa_rpc.services.reading.framing import embed, frame_records, split_by_bytes, split_frames

sizes = st.lists(st.integers(0, 5_000), max_size=8)


def payloads_of(lengths: list[int]) -> list[bytes]:
    return [Record(description="x" * length).SerializeToString() for length in lengths]


@given(sizes)
def test_framed_payloads_and_a_trailer_parse_as_one_response(lengths: list[int]) -> None:
    trailer = ListRecordsResponse(next_page_token="more", total_size=7).SerializeToString()
    response = ListRecordsResponse.FromString(frame_records(payloads_of(lengths)) + trailer)
    assert [len(record.description) for record in response.records] == lengths
    assert (response.next_page_token, response.total_size) == ("more", 7)


@given(sizes)
def test_framed_payloads_can_be_taken_apart(lengths: list[int]) -> None:
    assert split_frames(frame_records(payloads_of(lengths))) == payloads_of(lengths)


@given(sizes)
def test_an_embedded_message_is_a_field_of_the_outer_one(lengths: list[int]) -> None:
    outer = AskResponse.FromString(embed(AskResponse.RECORDS_FIELD_NUMBER, frame_records(payloads_of(lengths))))
    assert [len(record.description) for record in outer.records.records] == lengths


@given(st.integers(0, 2**63 - 1))
def test_numbers_are_in_the_wire_form(number: int) -> None:
    encoded = varint(number)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(encoded)) == number
    assert all(byte & 0x80 for byte in encoded[:-1])
    assert encoded[-1] < 0x80


def test_a_batch_ends_at_its_bytes_but_holds_one_payload_at_least() -> None:
    assert split_by_bytes([b"x" * 100] * 10, 550) == 5
    assert split_by_bytes([b"x" * 100], 10) == 1
    assert split_by_bytes([b"x"] * 10, 1_000) == 10
    assert split_by_bytes([], 1_000) == 0
