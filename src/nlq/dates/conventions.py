"""Conventions: what a date means where people differ, as data.

Gives the sentences that a reading names when a convention decided it, and the figures that go with them.
"""

from __future__ import annotations

from datetime import date
from typing import Final

MONTH_FIRST: Final = "Numeric dates are month/day."
TWO_DIGIT_YEAR: Final = "Two digits of a year from 00 to 68 mean 2000 to 2068, from 69 to 99 they mean 1969 to 1999."
THIS_YEAR: Final = "A month, a quarter or a half without a year is the one of this year."
NEAREST_YEAR: Final = "A weekday beside a date without a year tells the year: the nearest in which they agree."
WEEKDAY_ORDER: Final = "A weekday beside a numeric date tells whether the month or the day comes first."
LEAP_DAY: Final = "February 29 without a year is the next one there is."
COMING_DAY: Final = "A weekday or a day of the month alone is the next one, today included."
LAST_BEGUN: Final = "Since a month, a weekday or a holiday without a year means the last one that has begun."
COMING_HOLIDAY: Final = "A holiday without a year is the next one, today included."
CALENDAR_WEEK: Final = "Weeks start on Monday."
WEEKDAY_OF_WEEK: Final = "This, next and last with a weekday mean that day of this, the next and the last week."
NAMED_AROUND_TODAY: Final = (
    "Next and last with a month or a holiday mean the first one after and the last one before today."
)
WEEK_OF_PERIOD: Final = "A week belongs to the month and to the year that hold its Thursday."
THE_PERIOD: Final = "The week, the month, the quarter and the year alone are the ones that today is in."
ROLLING: Final = "The next and the last N units count from today, and both ends are included."
WITHIN: Final = "Within N units means from today through today plus N, both included."
OFFSET_DAY: Final = "N weeks, months or years ago or from now are one day."
AFTER_OFFSET: Final = "After N units means from that day on."
RANGE_ENDS: Final = "Ranges include both of their ends."
AFTER_PERIOD: Final = "After a period starts when the period is over."
UNTIL_INCLUDED: Final = "By and until include the day or the period that they name."
PARTS_OF_PERIOD: Final = (
    "Early, mid and late are days 1-10, 11-20 and 21-end of a month, thirds of a year, a quarter or a half, "
    "and Monday-Wednesday, Tuesday-Thursday and Friday-Sunday of a week."
)
EDGE_OF_PERIOD: Final = "As a limit, the beginning and the end of a period are its first and its last day."
REST_OF_PERIOD: Final = "Later in a period and the rest of it start today, earlier in it ends before today."
TO_DATE: Final = "To date includes today."
SEASONS: Final = (
    "Seasons are those of the north: spring, summer, autumn and winter begin in March, June, September, December."
)
FEW: Final = "A few means three, a couple means two."
TIME_DROPPED: Final = "Dates are whole days: the time of day is not used."
RANGE_REVERSED: Final = "The range of dates was given in reverse; it was turned around."
WEEKDAY_DISAGREES: Final = "The weekday does not agree with the date, and the date was taken."

PIVOT: Final = 69
"""First two-digit year of the 1900s."""
DECADE_PIVOT: Final = 30
"""First decade that in two digits, or by its name alone, is one of the 1900s."""
COUPLE: Final = 2
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2199
"""Four digits between these two can be a year by themselves."""
SEASON_STARTS: Final = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
WEEKEND_START: Final = 5
"""The weekday that a weekend begins with, Monday being 0; it has two days."""
WEEK_PARTS: Final = {"early": (0, 3), "mid": (1, 4), "late": (4, 7)}
MONTH_PARTS: Final = {"early": (0, 10), "mid": (10, 20), "late": (20, None)}
"""First day and the day after the last, counted from the start; None is the end of the period."""
EARLIEST: Final = date(1, 1, 1)
