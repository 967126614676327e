"""Who calls, and what they may do: `user_of` knows the ways of authentication, `check_headers` what must be named."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from pfa_rpc.simulator.calls import Call, Refused
from pfa_rpc.simulator.settings import Settings

NOT_AUTHORIZED = "Authorization failed. You are not authorized to {what}."


def user_of(headers: Mapping[str, str], settings: Settings) -> str:
    """Return who calls. Raises Refused (401)."""
    key = headers.get("x-api-key")
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if key is not None:
        user = _held(key, settings.api_keys)
    elif scheme.lower() == "bearer":
        user = _held(credentials.strip(), settings.tokens)
    elif scheme.lower() == "basic":
        user = _basic(credentials.strip(), settings.users)
    else:
        user = None
    if user is None:
        raise Refused("Authentication failed. The user or the password is not valid.", "LOGIN", status=401)
    return user


def _held(secret: str, users: Mapping[str, str]) -> str | None:
    return next((user for held, user in users.items() if hmac.compare_digest(held.encode(), secret.encode())), None)


def _basic(credentials: str, users: Mapping[str, str]) -> str | None:
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    held = users.get(user)
    return user if held is not None and hmac.compare_digest(held.encode(), password.encode()) else None


def check_headers(call: Call, settings: Settings) -> None:
    """Check the tenant and the organization that a call names. Raises Refused."""
    for name in ("tenant", "organization"):
        if not call.headers.get(name):
            raise Refused(f"The header {name} is required.", name.upper())
    if call.headers["tenant"] != settings.tenant:
        raise Refused(f"The tenant {call.headers['tenant']} is not a valid tenant.", "TENANT")
    visible = settings.organizations_of.get(call.user)
    if visible is not None and call.organization not in visible:
        raise Refused(NOT_AUTHORIZED.format(what=f"see the organization {call.organization}"), "ORGANIZATION")
