"""Dates are read as people write them, and what only looks like one is left alone."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlq.dates import DateReading, read_date, read_date_text
from nlq.dates import conventions as said
from nlq.dates.holidays import HOLIDAY_STARTS
from nlq.dates.lexicon import MONTH_NAMES, MONTHS, UNITS, WEEKDAYS
from nlq.dates.limits import CLOSERS, OPENERS
from nlq.dates.pieces import LIMIT
from nlq.dates.simple import STARTS
from nlq.normalize import tokenize
from tests.unit.nlq.cases import TODAY, cases

_OTHERS = "than of ago now and to - / . , 1 2 31 30 2026 2016 99 0 99999 10.31 5.12.1 st th nd am pm t z : crane"
WORDS = sorted({*MONTHS, *WEEKDAYS, *UNITS, *STARTS, *OPENERS, *CLOSERS, *HOLIDAY_STARTS, *_OTHERS.split()})
DAYS = st.dates(date(1900, 1, 1), date(2199, 12, 31))
FORMATS = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%m/%d/%Y", "%m-%d-%Y", "%Y%m%d", "%Y-%m-%dT%H:%M:%SZ", "%A, %d %B %Y"),
    *("%B %d, %Y", "%B %d %Y", "%b %d, %Y", "%d %B %Y", "%d-%b-%Y", "%d%b%Y", "%Y-%b-%d", "%Y %B %d", "%a %b %d %Y"),
)


def _side(day: date | None) -> str:
    """Return one side of a period as the fixture files write it."""
    return "-" if day is None else day.isoformat()


@pytest.mark.parametrize(("text", "first", "after"), cases("dates.txt", 3))
def test_a_text_means_its_period(text: str, first: str, after: str) -> None:
    reading = read_date_text(text, TODAY)
    if first == "none":
        assert reading.unread
    elif first == "invalid":
        assert reading.invalid
        assert (reading.start, reading.stop, reading.unread) == (None, None, ())
    else:
        assert (_side(reading.start), _side(reading.stop), reading.unread) == (first, after, ())


def _found(question: str) -> list[str]:
    """Return the dates among the words of a question as the fixture file writes them."""
    tokens = tokenize(question)
    found = []
    index = 0
    while index < len(tokens):
        reading = read_date(tokens, index, TODAY)
        if reading is not None:
            text = question[tokens[index].start : tokens[reading.end - 1].end]
            period = "invalid" if reading.invalid else f"{_side(reading.start)}..{_side(reading.stop)}"
            found.append(f"{text} = {period}{'?' if reading.amount else ''}")
        index = index + 1 if reading is None else reading.end
    return found


@pytest.mark.parametrize(("question", "expected"), cases("date_questions.txt", 2))
def test_a_question_holds_its_dates_and_nothing_else_that_looks_like_one(question: str, expected: str) -> None:
    assert "; ".join(_found(question)) or expected == "-"
    assert (expected == "-") == (not _found(question))


@pytest.mark.parametrize(
    ("text", "convention"),
    [
        ("3/4/2026", said.MONTH_FIRST),
        ("3/15/26", said.TWO_DIGIT_YEAR),
        ("March", said.THIS_YEAR),
        ("Q3", said.THIS_YEAR),
        ("Friday", said.COMING_DAY),
        ("the 5th", said.COMING_DAY),
        ("Mon March 17", said.NEAREST_YEAR),
        ("Sunday March 16 2026", said.WEEKDAY_DISAGREES),
        ("Monday 8/6", said.WEEKDAY_ORDER),
        ("Feb 29", said.LEAP_DAY),
        ("next Monday", said.WEEKDAY_OF_WEEK),
        ("next March", said.NAMED_AROUND_TODAY),
        ("next week", said.CALENDAR_WEEK),
        ("first week of May", said.WEEK_OF_PERIOD),
        ("the month", said.THE_PERIOD),
        ("last 3 months", said.ROLLING),
        ("within 3 weeks", said.WITHIN),
        ("3 weeks ago", said.OFFSET_DAY),
        ("after 5 days", said.AFTER_OFFSET),
        ("March to May", said.RANGE_ENDS),
        ("after May", said.AFTER_PERIOD),
        ("by May", said.UNTIL_INCLUDED),
        ("early May", said.PARTS_OF_PERIOD),
        ("before the end of May", said.EDGE_OF_PERIOD),
        ("rest of the year", said.REST_OF_PERIOD),
        ("year to date", said.TO_DATE),
        ("summer 2026", said.SEASONS),
        ("Christmas", said.COMING_HOLIDAY),
        ("since Monday", said.LAST_BEGUN),
        ("a few days ago", said.FEW),
        ("2026-03-15T09:00", said.TIME_DROPPED),
    ],
)
def test_a_reading_names_the_convention_that_decided_it(text: str, convention: str) -> None:
    assert convention in read_date_text(text, TODAY).conventions


@pytest.mark.parametrize(
    "text", ["2026-03-15", "15 March 2026", "March 2026", "Q3 2026", "today", "2 days ago", "2026"]
)
def test_what_needs_no_convention_names_none(text: str) -> None:
    assert read_date_text(text, TODAY).conventions == ()


def test_what_has_happened_is_asked_about_with_past() -> None:
    tokens = tokenize("Monday")
    ahead, begun = read_date(tokens, 0, date(2026, 3, 11)), read_date(tokens, 0, date(2026, 3, 11), past=True)
    assert ahead is not None
    assert begun is not None
    assert (ahead.start, begun.start) == (date(2026, 3, 16), date(2026, 3, 9))


def test_a_day_is_a_point_and_a_period_is_none() -> None:
    assert [_read("March 5").point, _read("3 days ago").point] == [True, True]
    assert [_read("March").point, _read("since March 5").point] == [False, False]


@pytest.mark.parametrize(
    ("text", "start", "stop"),
    [
        ("2026-05-01 to 2026-03-01", date(2026, 3, 1), date(2026, 5, 2)),
        ("from May 2026 to March 2026", date(2026, 3, 1), date(2026, 6, 1)),
    ],
)
def test_a_range_in_reverse_holds_both_of_its_ends_and_says_so(text: str, start: date, stop: date) -> None:
    found = _read(text)
    assert (found.start, found.stop, found.is_reversed) == (start, stop, True)
    assert not _read("2026-03-01 to 2026-05-01").is_reversed


def _read(text: str) -> DateReading:
    """Return the reading at the beginning of a text."""
    reading = read_date(tokenize(text), 0, TODAY)
    assert reading is not None
    return reading


@given(DAYS, st.sampled_from(FORMATS))
def test_a_full_date_is_itself_in_every_order(day: date, form: str) -> None:
    reading = read_date_text(day.strftime(form), TODAY)
    assert (reading.start, reading.stop, reading.unread) == (day, day + timedelta(days=1), ())


@given(DAYS, DAYS, st.sampled_from([" to ", " - ", " through ", " until "]), st.sampled_from(FORMATS))
def test_a_range_of_full_dates_includes_both(first: date, last: date, joint: str, form: str) -> None:
    first, last = sorted((first, last))
    reading = read_date_text(first.strftime(form) + joint + last.strftime(form), TODAY)
    assert (reading.start, reading.stop, reading.unread) == (first, last + timedelta(days=1), ())


@given(DAYS, st.integers(1, 5000))
def test_days_ago_and_days_ahead_are_counted_from_today(today: date, count: int) -> None:
    assert read_date_text(f"{count} days ago", today).start == today - timedelta(days=count)
    assert read_date_text(f"in {count} days", today).start == today + timedelta(days=count)
    assert read_date_text(f"next {count} days", today).stop == today + timedelta(days=count + 1)
    assert read_date_text(f"last {count} days", today).start == today - timedelta(days=count)


@given(DAYS, st.sampled_from(["week", "month", "quarter", "year"]))
def test_units_of_the_calendar_lie_side_by_side(today: date, unit: str) -> None:
    last, this, following = (read_date_text(f"{word} {unit}", today) for word in ("last", "this", "next"))
    assert last.stop == this.start
    assert this.stop == following.start
    assert this.start is not None
    assert this.stop is not None
    assert this.start <= today < this.stop


@given(DAYS, st.sampled_from(MONTH_NAMES[1:]))
def test_a_month_goes_with_before_and_after_without_gap(today: date, month: str) -> None:
    whole = read_date_text(month, today)
    assert read_date_text(f"before {month}", today).stop == whole.start
    assert read_date_text(f"after {month}", today).start == whole.stop
    assert read_date_text(f"by {month}", today).stop == whole.stop


PERIODS = st.one_of(
    st.sampled_from([*MONTH_NAMES[1:], *MONTHS]).flatmap(
        lambda name: st.sampled_from(
            [name, f"{name} 2026", f"{name} 5", f"5 {name}", f"next {name}", f"last {name}", f"first week of {name}"]
        )
    ),
    st.sampled_from(sorted(WEEKDAYS)).flatmap(
        lambda name: st.sampled_from([name, f"next {name}", f"last {name}", f"{name} next week", f"{name} the 13th"])
    ),
    st.sampled_from(["day", "week", "month", "quarter", "year", "decade"]).flatmap(
        lambda unit: st.sampled_from(
            [f"next {unit}", f"last {unit}", f"this {unit}", f"3 {unit}s ago", f"a {unit} ago"]
        )
    ),
    st.sampled_from(
        ["Q1", "Q4 2026", "H2 2027", "2026", "2026-05-01", "5/1/2026", "third quarter", "week 12", "today"]
    ),
)


@given(PERIODS, DAYS)
def test_every_limit_goes_with_every_period(period: str, today: date) -> None:
    whole = read_date_text(period, today)
    assert whole.start is not None
    assert whole.stop is not None
    limits = {
        (None, whole.start): ("before {}", "prior to {}", "earlier than {}"),
        (None, whole.stop): ("by {}", "until {}", "no later than {}", "{} or earlier", "through {}"),
        (whole.start, None): ("from {}", "on or after {}", "{} onwards", "{} or later", "starting {}"),
        (whole.stop, None): ("after {}", "later than {}"),
        (whole.start, whole.stop): ("in {}", "on {}", "during {}"),
    }
    for sides, frames in limits.items():
        for frame in frames:
            reading = read_date_text(frame.format(period), today)
            assert (reading.start, reading.stop, reading.unread) == (*sides, ()), frame


@given(st.lists(st.sampled_from(WORDS), max_size=14), st.dates(), st.sampled_from([" ", "-", "/", ""]))
def test_any_words_are_read_without_an_error(words: list[str], today: date, joint: str) -> None:
    tokens = tokenize(joint.join(words[:3]) + " " + " ".join(words[3:]))
    for index in range(len(tokens)):
        reading = read_date(tokens, index, today)
        assert reading is None or index < reading.end <= min(len(tokens), index + LIMIT)
        assert reading is None or reading.invalid or (reading.start, reading.stop) != (None, None)


@given(st.text(max_size=60), st.dates())
def test_any_text_is_read_without_an_error(text: str, today: date) -> None:
    reading = read_date_text(text, today)
    assert reading.unread or reading.invalid or (reading.start, reading.stop) != (None, None) or not tokenize(text)


@pytest.mark.parametrize(
    "words",
    ["first day of the ", "next ", "2 years and ", "from March to ", "week of ", "1-", "twenty ", "the end of "],
)
def test_a_long_text_takes_time_in_proportion(words: str) -> None:
    tokens = tokenize(words * 600)
    began = time.process_time()
    for index in range(len(tokens)):
        read_date(tokens, index, TODAY)
    assert (time.process_time() - began) / len(tokens) < 0.005
