"""Exit statuses of `pfa`: one for each kind of failure, so that scripts need not read sentences.

Gives the constants, `ALL` of them in order, and `for_code`, which maps the code of a failed call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class ExitStatus(int):
    """A number for the caller of the command, and what it means."""

    meaning: str
    """What happened, in a few words; `pfa --help` shows them."""

    def __new__(cls, number: int, meaning: str) -> ExitStatus:
        """Make the status of a number."""
        status = super().__new__(cls, number)
        status.meaning = meaning
        return status


OK: Final = ExitStatus(0, "done")
"""The command did what it says."""
FAILURE: Final = ExitStatus(1, "anything not named below")
"""A failure that has no status of its own, such as a port that is taken or a defect of the server."""
USAGE: Final = ExitStatus(2, "the command line itself is wrong")
"""An unknown option, a missing argument, a value of the wrong kind. Nothing was sent."""
INVALID_INPUT: Final = ExitStatus(3, "a filter, question, token, name or file cannot be used as given")
"""The input was read and refused; also a question with words that were not understood."""
NOT_FOUND: Final = ExitStatus(4, "no such record or organization")
"""What the command names does not exist."""
UNAVAILABLE: Final = ExitStatus(5, "no server, no database, or no answer in time; try again")
"""The server or its database cannot be reached, or the time limit passed."""
DENIED: Final = ExitStatus(6, "a token is missing, wrong, or may not do this")
"""The server knows not who calls, or will not do this for them."""
CONFLICT: Final = ExitStatus(7, "it exists already, or was changed by someone else meanwhile")
"""What the command wants to make or change is not as it expects."""
DAMAGED: Final = ExitStatus(8, "data are damaged, or a copy is not equal to its source")
"""What is in a database is not what it should be."""
INTERRUPTED: Final = ExitStatus(130, "stopped by Ctrl-C")
"""The person at the keyboard ended the command."""

ALL: Final = (OK, FAILURE, USAGE, INVALID_INPUT, NOT_FOUND, UNAVAILABLE, DENIED, CONFLICT, DAMAGED, INTERRUPTED)
"""Every status that `pfa` ends with."""

_BY_CODE: Final[Mapping[str, ExitStatus]] = {
    "OK": OK,
    "INVALID_ARGUMENT": INVALID_INPUT,
    "OUT_OF_RANGE": INVALID_INPUT,
    "NOT_FOUND": NOT_FOUND,
    "UNAVAILABLE": UNAVAILABLE,
    "DEADLINE_EXCEEDED": UNAVAILABLE,
    "UNAUTHENTICATED": DENIED,
    "PERMISSION_DENIED": DENIED,
    "ABORTED": CONFLICT,
    "ALREADY_EXISTS": CONFLICT,
    "FAILED_PRECONDITION": CONFLICT,
    "DATA_LOSS": DAMAGED,
}


def for_code(code: str) -> ExitStatus:
    """Return the exit status for the name of a grpc.StatusCode; FAILURE for those without one of their own."""
    return _BY_CODE.get(code, FAILURE)
