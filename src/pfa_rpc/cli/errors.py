"""How a command ends early: `CommandError` carries the sentence for stderr and the exit status."""

from __future__ import annotations

from collections.abc import Sequence

from pfa_rpc.cli.exits import FAILURE, ExitStatus


class CommandError(Exception):
    """The command cannot go on."""

    def __init__(self, message: str, *, status: ExitStatus = FAILURE, notes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.notes = tuple(notes)
        """Lines that follow the sentence, such as the filter with a caret under its fault."""


class ReaderGone(Exception):
    """Whoever reads the output has closed it, as `head` does; there is nobody left to write for."""
