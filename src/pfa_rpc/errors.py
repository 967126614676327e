"""The tree of errors: each class is a name, a sentence, a status code and a reason of `pfa.v1.ErrorReason`.

The sentence is the docstring's first line. It speaks where no message of its own is given. The server turns every error
of this tree into a google.rpc.Status; anything else is a defect and becomes INTERNAL without its text.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:  # commands that speak to no server import this module too
    from google.protobuf.message import Message


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is wrong with a request."""

    field: str
    """Path in the request: "page_size"."""
    description: str
    """What is wrong, and what would be right."""


class PfaError(Exception):
    """The service cannot do this."""

    status: ClassVar[str] = "INTERNAL"
    """Name of the grpc.StatusCode."""
    reason: ClassVar[str] = "INTERNAL"
    """Name of the ErrorReason, without its prefix."""
    retry_seconds: ClassVar[float | None] = None
    """When to try again, for errors that pass."""

    def __init__(
        self,
        message: str | None = None,
        *,
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        details: Sequence[Message] = (),
    ) -> None:
        self.message = message or (inspect.getdoc(type(self)) or "").split("\n", 1)[0]
        super().__init__(self.message)
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.details = tuple(details)
        """Messages of the API that go with it, where they fit."""


class InvalidRequest(PfaError):
    """A field of the request is missing or wrong."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_REQUEST"

    @classmethod
    def of(cls, field: str, description: str) -> InvalidRequest:
        """Return the error for a single violation."""
        return cls(f"{field}: {description}", violations=[Violation(field, description)])


class MalformedRequest(PfaError):
    """The request is not the message that this method takes."""

    status = "INVALID_ARGUMENT"
    reason = "MALFORMED_REQUEST"


class InvalidFilter(PfaError):
    """The filter cannot be read."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_FILTER"


class InvalidOrderBy(PfaError):
    """The order_by cannot be read."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_ORDER_BY"


class InvalidToken(PfaError):
    """The token is damaged, expired, or belongs to another request; start again without it."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_TOKEN"


class InvalidQuestion(PfaError):
    """The question cannot be read as text."""

    status = "INVALID_ARGUMENT"
    reason = "INVALID_QUESTION"


class OrganizationNotFound(PfaError):
    """There is no such organization."""

    status = "NOT_FOUND"
    reason = "ORGANIZATION_NOT_FOUND"


class RecordNotFound(PfaError):
    """The organization has no such record."""

    status = "NOT_FOUND"
    reason = "RECORD_NOT_FOUND"


class OrganizationExists(PfaError):
    """An organization with this code exists already."""

    status = "ALREADY_EXISTS"
    reason = "ORGANIZATION_EXISTS"


class SynonymExists(PfaError):
    """The words mean something already."""

    status = "ALREADY_EXISTS"
    reason = "SYNONYM_EXISTS"


class SynonymNotFound(PfaError):
    """The organization has no synonym of these words."""

    status = "NOT_FOUND"
    reason = "SYNONYM_NOT_FOUND"


class RecordExists(PfaError):
    """The organization has a record with this pfa_id already."""

    status = "ALREADY_EXISTS"
    reason = "RECORD_EXISTS"


class EtagMismatch(PfaError):
    """A record was changed meanwhile; read it again, and change what it is now."""

    status = "ABORTED"
    reason = "ETAG_MISMATCH"


class RequestIdReused(PfaError):
    """The request_id belongs to another request; take a new one for each."""

    status = "INVALID_ARGUMENT"
    reason = "REQUEST_ID_REUSED"


class ProposalStale(PfaError):
    """Records of the proposal were changed since it was made; look at a fresh one."""

    status = "ABORTED"
    reason = "PROPOSAL_STALE"


class ChangeRefused(PfaError):
    """Rules refuse some of the records; narrow the filter, or let them be left out."""

    status = "FAILED_PRECONDITION"
    reason = "CHANGE_REFUSED"


class ConflictNotOpen(PfaError):
    """A conflict is not open any more; list them again."""

    status = "FAILED_PRECONDITION"
    reason = "CONFLICT_NOT_OPEN"


class ResolutionRefused(PfaError):
    """Rules refuse what was decided about a conflict."""

    status = "FAILED_PRECONDITION"
    reason = "RESOLUTION_REFUSED"


class ChangeNotFound(PfaError):
    """None of the last changes of the caller has this change_id."""

    status = "NOT_FOUND"
    reason = "CHANGE_NOT_FOUND"


class WrongChangeState(PfaError):
    """The change is undone already, or is not undone."""

    status = "FAILED_PRECONDITION"
    reason = "WRONG_CHANGE_STATE"


class ChangeConflict(PfaError):
    """Fields that are to be set back were changed again since."""

    status = "FAILED_PRECONDITION"
    reason = "CHANGE_CONFLICT"


class DraftNotFound(PfaError):
    """The caller has no such draft."""

    status = "NOT_FOUND"
    reason = "DRAFT_NOT_FOUND"


class DraftConflict(PfaError):
    """Fields that the draft changes were changed otherwise meanwhile; say what becomes of them."""

    status = "ABORTED"
    reason = "DRAFT_CONFLICT"


class Unauthenticated(PfaError):
    """The call carries no valid token; send `authorization: Bearer TOKEN` with one of the server's PFA_API_TOKENS."""

    status = "UNAUTHENTICATED"
    reason = "UNAUTHENTICATED"


class PermissionDenied(PfaError):
    """The caller may not do this."""

    status = "PERMISSION_DENIED"
    reason = "PERMISSION_DENIED"


class DatabaseUnavailable(PfaError):
    """The database cannot be used right now."""

    status = "UNAVAILABLE"
    reason = "DATABASE_UNAVAILABLE"
    retry_seconds = 1.0


class SlowClient(PfaError):
    """The client read too slowly; go on with the last resume_token."""

    status = "ABORTED"
    reason = "SLOW_CLIENT"


class ShuttingDown(PfaError):
    """The server is stopping; try again."""

    status = "UNAVAILABLE"
    reason = "SHUTTING_DOWN"
    retry_seconds = 1.0


class LimitExceeded(PfaError):
    """The request or its answer is larger than a limit."""

    status = "RESOURCE_EXHAUSTED"
    reason = "LIMIT_EXCEEDED"


class RevisionCompacted(PfaError):
    """The history that is kept does not go back this far; begin again without the revision_token."""

    status = "OUT_OF_RANGE"
    reason = "REVISION_COMPACTED"


class SetupError(PfaError):
    """The service cannot start as it is set up."""

    status = "FAILED_PRECONDITION"


class SchemaTooNew(SetupError):
    """The database was made by a newer version of this service; upgrade the service, or use another database."""


class SchemaTooOld(SetupError):
    """The database was made by an older version of this service; run `pfa migrate`."""
