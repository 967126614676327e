"""The wire form of a record."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record, Source
from pfa_rpc.records.cost import costs_of
from pfa_rpc.records.encode import columns_from_messages, decode, encode, money_amount, money_message
from pfa_rpc.schema import FIELDS
from pfa_rpc.store.records import new_record
from tests.fixtures.records import make_values, random_values


@pytest.mark.parametrize("seed", range(200))
def test_values_survive_the_way_there_and_back(seed: int) -> None:
    values = new_record("RIO", str(seed), random_values(random.Random(seed), str(seed))).values
    values |= costs_of(values)
    payload = encode(values, organization_id="RIO", currency="USD", revision=7)
    assert decode(payload) == values


def test_columns_of_many_records_hold_what_each_record_holds() -> None:
    made = [new_record("RIO", str(seed), random_values(random.Random(seed), str(seed))).values for seed in range(100)]
    made += [values | {"monthly_rate": 0, "contract": "", "forecast_cost": 0} for values in made[:10]]
    payloads = [encode(values, organization_id="RIO", currency="USD", revision=7) for values in made]
    columns = columns_from_messages(list(map(Record.FromString, payloads)), [*(field.name for field in FIELDS), "none"])
    assert [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)] == made
    assert columns_from_messages([], ["id"]) == {"id": []}


def test_missing_is_not_empty_or_zero() -> None:
    payload = encode(
        make_values(monthly_rate=0, purchase_price=None, contract="", description=None),
        organization_id="RIO",
        currency="EUR",
        revision=1,
    )
    values, record = decode(payload), Record.FromString(payload)
    assert (values["monthly_rate"], values["purchase_price"]) == (0, None)
    assert (values["contract"], values["description"]) == ("", None)
    assert record.monthly_rate.currency_code == "EUR"
    assert not record.HasField("plan")


def test_a_record_carries_its_organization_revision_and_an_etag_that_follows_its_content() -> None:
    def etag(revision: int, **changes: Any) -> str:
        payload = encode(make_values(**changes), organization_id="RIO", currency="USD", revision=revision)
        record = Record.FromString(payload)
        assert (record.organization_id, record.revision, record.source) == ("RIO", revision, Source.SOURCE_RENTAL)
        return record.etag

    assert etag(1) == etag(1)
    assert len({etag(1), etag(2), etag(1, area_silo="Yard A")}) == 3


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from([2, 4]))
def test_money_is_exact(amount: int, decimals: int) -> None:
    message = money_message(amount, decimals, "USD")
    assert money_amount(message, decimals) == amount
    assert message.units * 10**9 + message.nanos == amount * 10 ** (9 - decimals)
    assert message.units * message.nanos >= 0


def test_every_field_of_the_record_message_is_in_the_table_or_kept_by_the_encoder() -> None:
    listed = {field.proto.split(".")[0] for field in FIELDS}
    assert {field.name for field in Record.DESCRIPTOR.fields} - listed == {"organization_id", "etag", "revision"}


def test_dates_of_the_first_and_last_year_survive() -> None:
    values = make_values(forecast_start=date.min, forecast_end=date.max)
    read = decode(encode(values, organization_id="RIO", currency="USD", revision=1))
    assert (read["forecast_start"], read["forecast_end"]) == (date.min, date.max)


def test_each_type_has_a_field_so_that_the_tests_above_cover_it() -> None:
    assert {field.type for field in FIELDS} == set(FieldType)
