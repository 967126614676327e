"""Dates: how people write days, periods and ranges, read from the tokens of a question or from a text of its own."""

from nlq.dates.reading import DateReading, TextReading, read_date, read_date_text

__all__ = ["DateReading", "TextReading", "read_date", "read_date_text"]
