"""A text that is a number, an amount, a place in an order, a duration or a range is read as that, else not at all."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.amounts.durations import DurationReading, read_duration, read_duration_text, read_durations
from nlq.amounts.money import read_money, read_money_text
from nlq.amounts.number_words import NUMBER_WORDS, ORDINALS
from nlq.amounts.numbers import read_number, read_number_text, read_percent
from nlq.amounts.ordinals import read_ordinal, read_ordinal_text
from nlq.normalize import tokenize
from nlq.range_texts import RangeReading, read_range_text
from tests.unit.nlq.cases import cases

READERS: tuple[Callable[[str], object], ...] = (
    read_number_text,
    read_money_text,
    read_ordinal_text,
    read_duration_text,
    read_range_text,
)
ONES = (
    *("", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
PARTS = (
    *NUMBER_WORDS,
    *ORDINALS,
    *(
        "5",
        "12",
        "1.5",
        "000",
        "5,000",
        "$",
        "€",
        "usd",
        "dollars",
        "cents",
        "¢",
        "%",
        "½",
        "k",
        "m",
        "bn",
        "e",
        "^",
        "+",
    ),
    *(
        "-",
        ",",
        ".",
        "/",
        "'",
        "between",
        "more",
        "less",
        "than",
        "or",
        "and",
        "to",
        "from",
        "at",
        "least",
        "about",
        "of",
    ),
    *(
        "day",
        "weeks",
        "months",
        "year",
        "quarter",
        "hour",
        "h",
        "another",
        "all",
        "th",
        "st",
        "minus",
        "us",
        "u.s.",
        "~",
    ),
)
JUMBLES = st.lists(st.tuples(st.sampled_from(PARTS), st.sampled_from(("", " ", "-", "  "))), max_size=14).map(
    lambda parts: "".join(word + gap for word, gap in parts)
)


def said(value: int, joint: str = " and ") -> str:
    """Return a number in words."""
    for scale, word in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if value >= scale:
            rest = value % scale
            return f"{said(value // scale)} {word}" + (f"{' ' if rest >= 100 else joint}{said(rest)}" if rest else "")
    if value >= 100:
        return f"{ONES[value // 100]} hundred" + (f"{joint}{said(value % 100)}" if value % 100 else "")
    return ONES[value] if value < 20 else f"{TENS[value // 10]}-{ONES[value % 10]}".strip("-")


def same(read: object, wanted: str) -> bool:
    """Return whether a reading is the number that a fixture names; "-" stands for none."""
    if wanted == "-" or read is None:
        return read is None and wanted == "-"
    return abs(Fraction(str(read)) - Fraction(wanted)) < Fraction(1, 10**9)


def written(reading: RangeReading) -> str:
    """Return a range as the fixture writes it."""
    low, high = (f"{end.normalize():f}" if end is not None else "" for end in (reading.low, reading.high))
    return f"{'[' if reading.low_inclusive else '('}{low}, {high}{']' if reading.high_inclusive else ')'}"


@pytest.mark.parametrize(("text", "value"), cases("number_texts.txt", 2))
def test_a_text_is_read_as_a_number(text: str, value: str) -> None:
    assert same(read_number_text(text), value)


@pytest.mark.parametrize(("text", "value"), cases("money_texts.txt", 2))
def test_a_text_is_read_as_an_amount_of_money(text: str, value: str) -> None:
    money = read_money_text(text)
    assert same(money.value if money is not None else None, value)


@pytest.mark.parametrize(("text", "value"), cases("ordinals.txt", 2))
def test_a_text_is_read_as_a_place_in_an_order(text: str, value: str) -> None:
    assert same(read_ordinal_text(text), value)


@pytest.mark.parametrize(("text", "days"), cases("durations.txt", 2))
def test_a_text_is_read_as_a_duration(text: str, days: str) -> None:
    reading = read_duration_text(text)
    assert same(Fraction(reading.nominal) / 86400 if reading is not None else None, days)


@pytest.mark.parametrize(("text", "wanted"), cases("ranges.txt", 2))
def test_a_text_is_read_as_a_range(text: str, wanted: str) -> None:
    reading = read_range_text(text)
    assert (written(reading) if reading is not None else "-") == wanted


@pytest.mark.parametrize(
    ("text", "months", "days", "seconds"),
    [
        ("2 weeks", 0, 14, 0),
        ("3 months", 3, 0, 0),
        ("a year and a half", 18, 0, 0),
        ("2 years, 3 months and 4 days", 27, 4, 0),
        ("half a month", 0, 15, 0),
        ("a day and a half", 0, 1, 43200),
        ("one year and a quarter", 15, 0, 0),
        ("90 minutes", 0, 0, 5400),
    ],
)
def test_months_and_days_of_a_duration_are_kept_apart(text: str, months: int, days: int, seconds: int) -> None:
    reading = read_duration_text(text)
    assert reading is not None
    assert (reading.months, reading.days, reading.seconds) == (months, days, seconds)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("between 3 and 6 weeks", (21, 42)),
        ("from two weeks to 20 days", (14, 20)),
        ("30–60 days", (30, 60)),
        ("60 to 30 days", (30, 60)),
        ("3 or 4 weeks", (21, 28)),
        ("between 3 months and 6", None),
        ("3 and 6 months", None),
        ("3 to 6", None),
        ("between", None),
    ],
)
def test_two_lengths_of_time_are_read_with_the_unit_of_the_second(text: str, days: tuple[int, int] | None) -> None:
    lengths = read_durations(tokenize(text), 0)
    assert ((lengths.low.days, lengths.high.days) if lengths is not None else None) == days


def test_a_duration_of_a_few_is_three_and_says_that_it_was_taken_so() -> None:
    few, three = read_duration_text("a few weeks"), read_duration_text("three weeks")
    assert few is not None
    assert three is not None
    assert (few.days, few.vague, three.vague) == (three.days, True, False)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("10%", "0.1"),
        ("10 %", "0.1"),
        ("ten percent", "0.1"),
        ("2.5 per cent", "0.025"),
        ("twelve and a half pct", "0.125"),
        ("half a percent", "0.005"),
        ("100 %", "1"),
        ("10", "-"),
        ("ten cranes", "-"),
        ("percent", "-"),
    ],
)
def test_a_percentage_is_a_share_of_one(text: str, share: str) -> None:
    read = read_percent(tokenize(text), 0)
    assert same(read[1] if read is not None else None, share)


@given(st.integers(1, 10**12 - 1), st.sampled_from((" and ", " ")))
def test_numbers_are_read_back_from_their_words(value: int, joint: str) -> None:
    assert read_number_text(said(value, joint)) == value
    assert read_number_text(said(value, joint).replace("-", " ").upper()) == value


@given(st.integers(0, 10**9))
def test_places_are_read_back_from_their_figures(value: int) -> None:
    endings = ["th"] * 10 if value % 100 in range(10, 20) else ["th", "st", "nd", "rd", *["th"] * 6]
    for ending in set(endings) | {"st"}:
        right = value if ending == endings[value % 10] else None
        assert read_ordinal_text(f"{value}{ending}") == right
        assert read_ordinal_text(f"the {value:,}{ending}") == right


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_ends_of_a_range_are_the_numbers_that_it_names(one: int, other: int) -> None:
    low, high = sorted((Decimal(one), Decimal(other)))
    for text in (f"between {low} and {high}", f"from {low:,} to {high:,}", f"{low}-{high}", f"${low} to ${high}"):
        assert read_range_text(text) == RangeReading(low, high, True, True)


@given(st.one_of(JUMBLES, st.text(max_size=60)))
def test_readers_take_any_text(text: str) -> None:
    for reader in READERS:
        reader(text)
    tokens = tokenize(text)
    for index in range(len(tokens)):
        readers = (read_number, read_money, read_ordinal, read_duration)
        readings = [reader(tokens, index) for reader in readers]
        assert all(index < reading.end <= len(tokens) for reading in readings if reading)
        percent = read_percent(tokens, index)
        assert percent is None or index < percent[0] <= len(tokens)


@given(JUMBLES)
def test_a_duration_is_the_sum_of_its_parts(text: str) -> None:
    reading = read_duration_text(text)
    if isinstance(reading, DurationReading):
        assert reading.months >= 0
        assert reading.days >= 0
        assert 0 <= reading.seconds < 86400
        assert reading.nominal >= 0


@pytest.mark.parametrize(
    "text",
    [
        "one million " * 400,
        "hundred and " * 400,
        "1 000 " * 400,
        "between " * 600,
        "a couple of " * 400,
        "2 years, " * 400,
        "$" * 2000,
        "1." * 1000,
        "more than 5 and " * 120,
        "point five " * 300,
        "-" * 2000,
        "9" * 2000,
        "1e99 " * 300,
        "9^99 " * 300,
        "minus " * 300 + "5",
        "half of a " * 200,
    ],
)
def test_long_texts_take_no_long_time(text: str) -> None:
    begin = time.process_time()
    for reader in READERS:
        reader(text)
    assert time.process_time() - begin < 2
