"""What an answer of PEMS stands for."""

from __future__ import annotations

import json

import pytest

from pfa_rpc.sync.pems.answers import failure_of, result_of
from pfa_rpc.sync.pems.errors import (
    Away,
    CredentialsRefused,
    MalformedAnswer,
    NotAuthorized,
    NotValid,
    ObjectNotFound,
    PemsError,
    PermanentFailure,
    SessionExpired,
    StaleLock,
    TooManyRequests,
    Transient,
)

STALE = "This record has been modified by another user. Reload the record to view and/or edit the updated record."


def alert(message: str) -> bytes:
    return json.dumps({"Result": None, "ErrorAlert": [{"Message": message, "Name": "X"}]}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, alert(STALE), StaleLock),
        (400, alert("Record not found."), ObjectNotFound),
        (400, alert("The record 4711 does not exist."), ObjectNotFound),
        (400, alert("Authorization failed. You are not authorized to update this screen."), NotAuthorized),
        (400, alert("The value LEASE is not a valid value for the field PFS_F_SOURCE."), NotValid),
        (400, alert("The session has expired. Run the query again."), SessionExpired),
        (400, alert(""), MalformedAnswer),
        (400, b"", MalformedAnswer),
        (400, b"<html>", MalformedAnswer),
        (401, b"", CredentialsRefused),
        (401, alert("Authentication failed. The user or the password is not valid."), CredentialsRefused),
        (401, alert("The session has expired."), SessionExpired),
        (403, b"", NotAuthorized),
        (404, b"<html>Not Found</html>", PermanentFailure),
        (302, b"", PermanentFailure),
        (429, b"", TooManyRequests),
        (429, alert("Too many requests."), TooManyRequests),
        (500, b"", Transient),
        (500, alert(STALE), Transient),
        (503, b"\xff\xfe", Away),
        (200 + 4, b"", MalformedAnswer),
        (500, b"[" * 100_000, Transient),
    ],
)
def test_an_answer_becomes_the_error_that_says_what_to_do(status: int, body: bytes, kind: type[PemsError]) -> None:
    assert type(failure_of(status, body)) is kind


def test_an_error_says_what_pems_said() -> None:
    said = "The value LEASE is not a valid value for the field PFS_F_SOURCE."
    assert failure_of(400, alert(said)).message == f"PEMS says: {said}"
    assert len(failure_of(400, alert("x" * 10_000)).message) < 400


def test_an_error_may_come_with_status_200() -> None:
    with pytest.raises(StaleLock):
        result_of(json.loads(alert(STALE)))


@pytest.mark.parametrize("frame", [{}, {"Result": None}, {"Result": {"ResultData": None}, "ErrorAlert": []}])
def test_neither_result_nor_error_is_malformed(frame: dict[str, object]) -> None:
    with pytest.raises(MalformedAnswer):
        result_of(frame)


def test_two_sentences_are_both_told() -> None:
    body = {"ErrorAlert": [{"Message": "One is wrong."}, {"Message": None}, "?", {"Message": "Two is wrong."}]}
    assert failure_of(400, json.dumps(body).encode()).message == "PEMS says: One is wrong. Two is wrong."
