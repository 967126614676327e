"""Errors on the wire: `to_status` turns an error of our tree into a google.rpc.Status with exactly one ErrorInfo.

A status travels in trailing metadata, which peers limit to about 8 KB: its details are at most 4 KB, of violations
the first ten are sent, and what a caller sent is echoed up to 100 characters.
"""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from pfa_rpc.errors import PfaError
from pfa_rpc.server.wire_text import harmless

DOMAIN: Final = "pfa"
"""Domain of every ErrorInfo."""
STATUS_BYTES: Final = 4_096
"""Largest serialized status."""
MESSAGE_BYTES: Final = 1_000
"""Longest message, in bytes: it travels a second time, percent-encoded."""
METADATA_ENTRIES: Final = 6
METADATA_BYTES: Final = 300
_WHOLE: Final = frozenset({"changes_through"})
"""Metadata that the service has made for its caller to send back: a token that is cut is of no use."""
VIOLATIONS: Final = 10
"""How many violations are sent; a last one counts the others."""
VIOLATION_BYTES: Final = 300
DETAILS_KEY: Final = "grpc-status-details-bin"
"""Key of the trailing metadata that holds the status."""

_RESOURCES: Final = {
    "ORGANIZATION_NOT_FOUND": "pfa.v1.Organization",
    "ORGANIZATION_EXISTS": "pfa.v1.Organization",
    "RECORD_NOT_FOUND": "pfa.v1.Record",
    "RECORD_EXISTS": "pfa.v1.Record",
    "ETAG_MISMATCH": "pfa.v1.Record",
}


class InternalError(PfaError):
    """The service failed; the request_id names the failure in its log."""

    @classmethod
    def of(cls, request_id: str) -> InternalError:
        """Return the error for a call: nothing of the failure itself is told."""
        return cls(
            f"the service failed; its log has the failure under request_id {request_id}",
            metadata={"request_id": request_id},
        )


def code_of(error: PfaError) -> grpc.StatusCode:
    """Return the status code of an error."""
    return grpc.StatusCode[error.status]


def to_status(error: PfaError) -> status_pb2.Status:
    """Return the status that tells a client of an error."""
    number: int = code_of(error).value[0]
    status = status_pb2.Status(code=number, message=harmless(error.message, MESSAGE_BYTES))
    for detail in _details(error):
        packed = Any()
        packed.Pack(detail)
        if status.ByteSize() + packed.ByteSize() + 8 <= STATUS_BYTES:
            status.details.append(packed)
    return status


def _details(error: PfaError) -> list[Message]:
    """Return the details, the most important first."""
    details: list[Message] = [_error_info(error)]
    if error.retry_seconds is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(error.retry_seconds * 1000))
        details.append(retry)
    if error.reason in _RESOURCES:
        details.append(
            error_details_pb2.ResourceInfo(
                resource_type=_RESOURCES[error.reason],
                resource_name=_resource_name(error),
                description=harmless(error.message, VIOLATION_BYTES),
            )
        )
    if error.violations:
        details.append(_bad_request(error))
    details.extend(error.details)
    return details


def _error_info(error: PfaError) -> error_details_pb2.ErrorInfo:
    entries = list(error.metadata.items())[:METADATA_ENTRIES]
    metadata = {
        harmless(key, 50): value if key in _WHOLE else harmless(value, METADATA_BYTES) for key, value in entries
    }
    return error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=metadata)


def _resource_name(error: PfaError) -> str:
    name = error.metadata.get("id") or error.metadata.get("pfa_id") or error.metadata.get("organization_id", "")
    return harmless(name, METADATA_BYTES)


def _bad_request(error: PfaError) -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation
    bad = error_details_pb2.BadRequest()
    for count, each in enumerate(error.violations[:VIOLATIONS]):
        bad.field_violations.append(
            violation(field=harmless(each.field, 100), description=harmless(each.description, VIOLATION_BYTES))
        )
        if bad.ByteSize() > STATUS_BYTES // 2:  # many violations in a script of many bytes a character
            del bad.field_violations[count:]
            break
    left_out = len(error.violations) - len(bad.field_violations)
    if left_out:
        bad.field_violations.append(violation(description=f"and {left_out} more"))
    return bad
