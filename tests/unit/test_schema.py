"""The table of fields agrees with itself, the protos and the tables."""

from __future__ import annotations

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from nlq.schema import FieldType
from pfa.v1.record_pb2 import Record
from pfa_rpc.conventions import CONVENTIONS
from pfa_rpc.schema import BY_NAME, FIELDS, MERGED_FIELDS, PEMS_FIELDS, Field, Origin
from pfa_rpc.store.tables import records

WIRE_TYPES = {
    FieldType.ID: (FieldDescriptor.TYPE_STRING, None),
    FieldType.TEXT: (FieldDescriptor.TYPE_STRING, None),
    FieldType.ENUM: (FieldDescriptor.TYPE_ENUM, None),
    FieldType.BOOL: (FieldDescriptor.TYPE_BOOL, None),
    FieldType.MONEY: (FieldDescriptor.TYPE_MESSAGE, "google.type.Money"),
    FieldType.DATE: (FieldDescriptor.TYPE_MESSAGE, "google.type.Date"),
    FieldType.TIME: (FieldDescriptor.TYPE_MESSAGE, "google.protobuf.Timestamp"),
    FieldType.NAMES: (FieldDescriptor.TYPE_STRING, None),
}
every_field = pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)


def proto_field(field: Field) -> FieldDescriptor:
    message: Descriptor = Record.DESCRIPTOR
    *parents, leaf = field.proto.split(".")
    for parent in parents:
        inner = message.fields_by_name[parent].message_type
        assert inner is not None
        message = inner
    return message.fields_by_name[leaf]


@every_field
def test_its_proto_path_leads_to_a_field_of_its_type(field: Field) -> None:
    found = proto_field(field)
    if field.type is FieldType.INTEGER:
        assert found.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64)
        return
    wire_type, message = WIRE_TYPES[field.type]
    assert found.type == wire_type
    assert message is None or (found.message_type is not None and found.message_type.full_name == message)


@every_field
def test_what_may_be_missing_has_presence_on_the_wire(field: Field) -> None:
    assert field.required or field.type is FieldType.NAMES or proto_field(field).has_presence


@every_field
def test_its_column_exists_and_is_nullable_as_it_may_be_missing(field: Field) -> None:
    assert records.c[field.column].nullable is not field.required


@every_field
def test_its_enum_values_are_those_of_the_proto(field: Field) -> None:
    if field.type is not FieldType.ENUM:
        assert field.values == ()
        return
    enum_type = proto_field(field).enum_type
    assert enum_type is not None
    prefix = f"{field.name.upper()}_"
    listed = {(f"{prefix}{value.name}", value.number) for value in field.values}
    assert {(value.name, value.number) for value in enum_type.values} == listed | {(f"{prefix}UNSPECIFIED", 0)}


@every_field
def test_flags_have_words_and_money_has_decimals(field: Field) -> None:
    assert bool(field.true_words) is (field.type is FieldType.BOOL)
    assert bool(field.decimals) is field.is_money


def test_names_columns_aliases_and_paths_are_used_once() -> None:
    for attribute in ("name", "column", "proto", "label"):
        values = [getattr(field, attribute) for field in FIELDS]
        assert len(set(values)) == len(values), attribute
    aliases = [field.pems for field in FIELDS if field.pems]
    assert len(set(aliases)) == len(aliases)


def test_only_what_pems_owns_is_merged_and_editable() -> None:
    assert {field.origin for field in PEMS_FIELDS} == {Origin.PEMS}
    assert {field.name for field in FIELDS if field.editable} <= {field.name for field in MERGED_FIELDS}


def test_conventions_name_fields_that_exist() -> None:
    for name in CONVENTIONS.left_out:
        assert BY_NAME[name].type is FieldType.BOOL
    for (name, value), money in CONVENTIONS.amount_fields.items():
        assert value in {item.name for item in BY_NAME[name].values}
        assert BY_NAME[money].is_money
    assert BY_NAME[CONVENTIONS.ranking_field].is_money
