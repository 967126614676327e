"""Cutting an answer of the grid into its rows: the same rows as decoding it as a whole gives, or an error."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pfa_rpc.sync.pems.decoding import decode_row
from pfa_rpc.sync.pems.errors import MalformedAnswer
from pfa_rpc.sync.pems.rows import Cut, cut, rows_at

TEXTS = st.text(st.sampled_from(list('{}[]":,\\ \n\tidDROWnvalue1é–\u2028😀')), max_size=12)


def answer(rows: object, **more: object) -> dict[str, Any]:
    """Return an envelope with rows."""
    grid = {"METADATA": {"MORERECORDPRESENT": "-"}, "DATA": {"ROW": rows}, **more}
    return {"Result": {"ResultData": {"GRID": grid}}, "ErrorAlert": []}


def row(number: int, *values: str | None) -> dict[str, Any]:
    return {"id": number, "D": [{"n": 17 + n, "value": value} for n, value in enumerate(values)]}


def with_digits(rows: object) -> Any:
    """Return rows as they are decoded, with the digits of their numbers."""
    return json.loads(json.dumps(rows), parse_int=str)


def cut_of(text: str) -> Cut:
    body = text.encode()
    return cut(body, rows_at(body))


def rows_of(found: Cut) -> list[bytes]:
    return [one for part in found.parts() for one in part]


def decoded(found: Cut) -> list[dict[str, Any]]:
    rows = [decode_row(found.head + one) for one in rows_of(found)]
    assert not rows or decode_row(found.last) == rows[-1]
    return rows


@given(
    st.lists(st.lists(TEXTS, max_size=4), max_size=5),
    st.sampled_from([(",", ":"), (", ", ": "), (" ,", " :")]),
    st.sampled_from([None, 1]),
    st.booleans(),
    TEXTS,
)
def test_the_rows_are_those_of_the_whole_answer(
    texts: list[list[str]], separators: tuple[str, str], indent: int | None, ascii_only: bool, beside: str
) -> None:
    rows = [row(number, *values) for number, values in enumerate(texts, start=1)]
    whole = answer(rows, NOTE=beside)
    text = json.dumps(whole, separators=separators, indent=indent, ensure_ascii=ascii_only)
    found = cut_of(text)
    assert decoded(found) == with_digits(rows)
    assert found.frame == answer([], NOTE=beside)
    assert bool(found.head) == bool(rows)
    assert not rows or text.encode()[: found.end].endswith(b"]")


@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_rows_that_begin_with_another_key_are_cut_too(texts: list[str]) -> None:
    rows = [{"D": [{"n": 17, "value": text}], "id": number} for number, text in enumerate(texts)]
    found = cut_of(json.dumps(answer(rows)))
    assert decoded(found) == with_digits(rows)
    assert found.frame == answer([])


@given(TEXTS)
def test_a_single_row_comes_as_an_object(text: str) -> None:
    found = cut_of(json.dumps(answer(row(1, text))))
    assert decoded(found) == with_digits([row(1, text)])
    assert found.frame == answer([])


@pytest.mark.parametrize("data", [{"ROW": []}, {"ROW": None}, {}, None, {"ROW": ""}])
def test_an_answer_may_have_no_row(data: object) -> None:
    whole: dict[str, Any] = {"Result": {"ResultData": {"GRID": {"DATA": data}}}}
    assert cut_of(json.dumps(whole, indent=1)).last == b""


def test_objects_behind_the_rows_that_look_like_rows_are_none() -> None:
    whole = answer([row(1, "a"), row(2, "b")], FOOTER=[{"id": 7}, {"id": 8}])
    found = cut_of(json.dumps(whole))
    assert decoded(found) == with_digits([row(1, "a"), row(2, "b")])
    assert found.frame["Result"]["ResultData"]["GRID"]["FOOTER"] == [{"id": 7}, {"id": 8}]


GOOD = json.dumps(answer([row(1, "a"), row(2, "b")]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "<html>",
        GOOD[:-1],
        GOOD[: GOOD.index("[{") + 20],
        GOOD.replace("]}}}}", "]}}}"),
        GOOD + "x",
        '{"DATA": {"ROW": [1 2]}}',
        '{"DATA": {"ROW": ["a",,"b"]}}',
        '{"DATA": {"ROW": ' + "[" * 100_000,
        "[" * 100_000,
        '{"DATA": {"ROW": ' + '{"a":' * 100_000,
    ],
)
def test_what_is_no_answer_is_malformed(text: str) -> None:
    with pytest.raises(MalformedAnswer, match="PEMS answered with something that is not JSON"):
        cut_of(text)


@pytest.mark.parametrize("rows", [[row(1), 5, row(2)], ["a"], [[]]])
def test_a_row_that_is_no_object_is_malformed(rows: list[Any]) -> None:
    with pytest.raises(MalformedAnswer):
        decoded(cut_of(json.dumps(answer(rows))))


def test_two_rows_that_cannot_be_told_apart_are_malformed() -> None:
    text = json.dumps(answer([row(1, "a"), row(2, "b"), row(3, "c")])).replace('{"id": 2', '{"id" : 2')
    with pytest.raises(MalformedAnswer, match="a row that is no object"):
        decoded(cut_of(text))


@pytest.mark.parametrize("cut_at", range(1, len(GOOD) - 1, 7))
def test_an_answer_that_ends_too_early_is_malformed(cut_at: int) -> None:
    with pytest.raises(MalformedAnswer):
        decoded(cut_of(GOOD[:cut_at]))
