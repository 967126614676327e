"""What can be wrong with a text handed to the language. Each error says where, what was expected, and what is near."""

from __future__ import annotations


class LanguageError(ValueError):
    """A text could not be read."""

    def __init__(
        self, message: str, *, position: int = 0, expected: tuple[str, ...] = (), nearest: tuple[str, ...] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.position = position
        """Offset into the text, in code points."""
        self.expected = expected
        """What could stand there, in words."""
        self.nearest = nearest
        """Known names closest to what stands there, best first."""


class FilterError(LanguageError):
    """The filter text could not be read."""


class OrderError(LanguageError):
    """The order_by text could not be read."""


class QuestionError(LanguageError):
    """The question is no text that could be read at all: empty, too long, or not text."""
