"""Why records change: a `Cause` goes with every write, and stays in the history."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class How(enum.StrEnum):
    """By which way a change came."""

    EDIT = "edit"
    """A person or a service changed records one by one."""
    PROPOSAL = "proposal"
    """A bulk change that was proposed and then applied."""
    DRAFT = "draft"
    """A draft was committed."""
    UNDO = "undo"
    """An applied change was reversed."""
    REDO = "redo"
    """A reversed change was applied again."""
    IMPORT = "import"
    """The file of an export was taken in."""
    SYNC = "sync"
    """PEMS was read, or written to, or a conflict with it was resolved."""
    GENERATE = "generate"
    """Records were invented."""
    VOCABULARY = "vocabulary"
    """A synonym was added or removed; no record changed."""
    REPAIR = "repair"
    """The doctor put right what did not fit together, or the database was restored."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Who changes something, how, and by which request."""

    how: How
    by: str
    """Name of the principal, or of the command."""
    request_id: str | None = None
    """What the caller named the request, so that it can be repeated safely."""
    change_id: str | None = None
    """Names the change as a whole, where it can be undone."""
