"""Dates: how people write days, periods and ranges, read from the tokens of a question or from a text of its own."""

from nlq.dates.neighbours import DATE_STARTS
from nlq.dates.reading import DateReading, TextReading, read_date, read_date_text

__all__ = ["DATE_STARTS", "DateReading", "TextReading", "read_date", "read_date_text"]
