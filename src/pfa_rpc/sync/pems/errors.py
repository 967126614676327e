"""What can go wrong with PEMS: a small tree of errors, by what the caller should do about each.

* `Transient` (`TooManyRequests`; `Away`; `Resting`: PEMS was away a moment ago and is not asked again yet;
  `SessionExpired`): try again later; what was asked for did not happen. Of another one that met a write, such as status
  500, that is not certain.
* `UnknownOutcome`: an UPDATE was sent and its answer is lost; read the record back.
* `StaleLock`: somebody else changed the record; read it, merge, and send again.
* `PermanentFailure` (`ObjectNotFound`, `NotAuthorized`, `NotValid`; `TooFine` and `NotOnScreen`, refused here before
  anything is sent; `CredentialsRefused`; `SchemaDrift`): the same again would fail again; the message is for a person.
* `MalformedAnswer`: PEMS, or what stands before it, answered something else.
"""

from __future__ import annotations

from typing import ClassVar

from pfa_rpc.errors import PfaError


class PemsError(PfaError):
    """PEMS cannot be worked with."""

    status = "UNAVAILABLE"
    reason = "PEMS_UNAVAILABLE"
    retry_seconds: ClassVar[float | None] = 30.0


class Transient(PemsError):
    """PEMS does not answer right now; it did not do what was asked for."""

    def __init__(self, message: str | None = None, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds that PEMS, or our patience with it, asks to wait for; None: nobody said."""


class TooManyRequests(Transient):
    """PEMS has too many requests to answer."""


class Resting(Transient):
    """PEMS did not answer several times in a row and is given a rest."""


class Away(Transient):
    """PEMS cannot be reached, or says that it is not available; what was asked for has not reached it."""


class SessionExpired(Transient):
    """PEMS has ended the session; the next call begins another."""


class UnknownOutcome(PemsError):
    """The answer to a write was lost, and PEMS may have written it or not; read the record before sending again."""


class StaleLock(PemsError):
    """Somebody else has changed the record in PEMS since it was read."""

    status = "FAILED_PRECONDITION"
    reason = "PEMS_REFUSED"
    retry_seconds = None


class PermanentFailure(PemsError):
    """PEMS refuses this, and would refuse it again."""

    status = "FAILED_PRECONDITION"
    reason = "PEMS_REFUSED"
    retry_seconds = None


class ObjectNotFound(PermanentFailure):
    """PEMS has no such record."""


class NotAuthorized(PermanentFailure):
    """PEMS does not let its user do this."""


class NotValid(PermanentFailure):
    """PEMS does not accept a value."""


class TooFine(PermanentFailure):
    """An amount has more decimals than PEMS keeps."""


class NotOnScreen(PermanentFailure):
    """A field cannot be written to PEMS: its screen does not have it."""


class CredentialsRefused(PermanentFailure):
    """PEMS refuses the credentials; correct PFA_PEMS_USER and PFA_PEMS_PASSWORD, PFA_PEMS_API_KEY or PFA_PEMS_TOKEN."""


class SchemaDrift(PermanentFailure):
    """The grid of PEMS lacks columns without which no row can be taken in."""


class MalformedAnswer(PemsError):
    """PEMS answered with something that is not of its own format."""
