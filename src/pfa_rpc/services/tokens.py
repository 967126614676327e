"""The one module of tokens: `Tokens.seal` makes them, `Tokens.open` takes them back, `digest` names a request.

A token carries a position or a revision through the hands of a client that must neither forge it nor use it elsewhere.
It is URL-safe base64 of: version (1 byte), id of the key (4), digest of the request (16), JSON of kind, organization,
expiry and content, and HMAC-SHA256 over all of that (16 bytes of it). Its content can be read by who holds it: it is
authenticated, not secret.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import time
from collections.abc import Callable
from typing import Any, Final, NoReturn

from google.protobuf.message import Message

from pfa_rpc.errors import InvalidToken, LimitExceeded

DAY_SECONDS: Final = 86_400
"""How long a page token or a resume token is valid."""
TOKEN_LENGTH: Final = 2_048
"""Longest token, in characters, of most kinds."""
LONGER: Final = {"proposal": 32_768}
"""Longest token of the kinds that hold what the caller wrote: a filter, and changes."""
KEY_LENGTH: Final = 16
"""Shortest key, in bytes."""

_VERSION: Final = b"\x01"
_KEY_ID: Final = 4
_DIGEST: Final = 16
_MAC: Final = 16
_HEADER: Final = len(_VERSION) + _KEY_ID + _DIGEST


class Tokens:
    """Makes and opens the tokens of all processes that share a key.

    Args:
        key: The shared secret, at least 16 bytes.
        now: The clock, in seconds since 1970.
    """

    def __init__(self, key: bytes, now: Callable[[], float] = time.time) -> None:
        if len(key) < KEY_LENGTH:
            raise ValueError(f"a key of {len(key)} bytes is too short; it needs {KEY_LENGTH}")
        # Two keys derived from one, so that the id that is shown says nothing about the key that signs.
        self._key = hmac.digest(key, b"pfa token signature", "sha256")
        self._key_id = hmac.digest(key, b"pfa token key id", "sha256")[:_KEY_ID]
        self._now = now

    def seal(
        self,
        kind: str,
        organization_id: str,
        request_digest: bytes,
        content: object,
        lifetime_seconds: int | None = DAY_SECONDS,
    ) -> str:
        """Return a token.

        Args:
            kind: What it is for: page, resume, revision.
            organization_id: The organization that it may be used with.
            request_digest: `digest` of the parts of the request that must be the same when it comes back.
            content: What it carries: str, int, bool, None, and lists and dicts of them.
            lifetime_seconds: How long it is valid; None: for ever.

        Raises LimitExceeded where the content makes it longer than a token may be.
        """
        expiry = None if lifetime_seconds is None else math.ceil(self._now()) + lifetime_seconds
        body = json.dumps([kind, organization_id, expiry, content], separators=(",", ":"), ensure_ascii=False)
        signed = _VERSION + self._key_id + _normal_digest(request_digest) + body.encode("utf-8", errors="surrogatepass")
        token = base64.urlsafe_b64encode(signed + self._mac(signed)).rstrip(b"=").decode("ascii")
        longest = LONGER.get(kind, TOKEN_LENGTH)
        if len(token) > longest:
            shorter = (
                "name records and values more shortly" if kind in LONGER else "order by a field with shorter values"
            )
            raise LimitExceeded(
                f"the {kind} token would have {len(token)} characters, {longest} are allowed; {shorter}",
                metadata={"limit": "token"},
            )
        return token

    def open(self, kind: str, token: str, organization_id: str, request_digest: bytes) -> Any:
        """Return the content of a token. InvalidToken, with a sentence that says why, for one not made for this."""
        of_request, of_kind, of_organization, expiry, content = self._read(kind, token)
        if of_kind != kind:
            _refuse(kind, f"is a {of_kind} token; a {kind} token goes here")
        if of_organization != organization_id:
            _refuse(kind, "was made for another organization")
        if expiry is not None and self._now() >= expiry:
            _refuse(kind, "has expired; start again without it")
        if not hmac.compare_digest(of_request, _normal_digest(request_digest)):
            _refuse(kind, "was made for a request with another filter or order; send the same request again")
        return content

    def _read(self, kind: str, token: str) -> tuple[bytes, str, str, int | None, Any]:
        """Return the digest and the body of a token that one of our processes made."""
        longest = LONGER.get(kind, TOKEN_LENGTH)
        if len(token) > longest:
            _refuse(kind, f"has {len(token)} characters; at most {longest} are possible")
        raw = _decode(token)
        if len(raw) < _HEADER + _MAC or raw[:1] != _VERSION:
            _refuse(kind, "is damaged; send it as it was received")
        if not hmac.compare_digest(raw[1 : 1 + _KEY_ID], self._key_id):
            _refuse(kind, "was made by a server with another key, or is damaged")
        signed, mac = raw[:-_MAC], raw[-_MAC:]
        if not hmac.compare_digest(mac, self._mac(signed)):
            _refuse(kind, "is damaged; send it as it was received")
        of_kind, of_organization, expiry, content = json.loads(signed[_HEADER:].decode("utf-8", "surrogatepass"))
        return signed[1 + _KEY_ID : _HEADER], of_kind, of_organization, expiry, content

    def _mac(self, signed: bytes) -> bytes:
        return hmac.digest(self._key, signed, "sha256")[:_MAC]


def _refuse(kind: str, why: str) -> NoReturn:
    raise InvalidToken(f"the {kind} token {why}", metadata={"token": kind})


def _decode(token: str) -> bytes:
    """Return the bytes of a token, b"" where it is no base64 in the one form that `seal` writes."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return b""
    # The decoder takes more than one spelling of the same bytes (the last bits, "+" for "-"): only one is ours.
    return raw if base64.urlsafe_b64encode(raw).rstrip(b"=") == token.encode("ascii", "replace") else b""


def _normal_digest(request_digest: bytes) -> bytes:
    """Return a digest of the length that tokens hold, whatever the length of the one given."""
    return request_digest if len(request_digest) == _DIGEST else hashlib.sha256(request_digest).digest()[:_DIGEST]


def digest(*parts: object) -> bytes:
    """Return 16 bytes that name these parts: str, bytes, int, bool, None, messages, and lists and tuples of them.

    Every part is framed by its type and length: ("ab", "c") and ("a", "bc") differ, and so do 1, True and "1".
    """
    framed = hashlib.sha256()
    for part in parts:
        _frame(framed.update, part)
    return framed.digest()[:_DIGEST]


def _frame(update: Callable[[bytes], object], part: object) -> None:
    match part:
        case None | bool() | int():
            tag, raw = type(part).__name__, str(part).encode("ascii")
        case str():
            tag, raw = "str", part.encode("utf-8", "surrogatepass")
        case bytes():
            tag, raw = "bytes", part
        case Message():
            tag, raw = part.DESCRIPTOR.full_name, part.SerializeToString(deterministic=True)
        case list() | tuple():
            update(f"list {len(part)}:".encode("ascii"))
            for item in part:
                _frame(update, item)
            return
        case _:
            raise TypeError(f"a {type(part).__name__} cannot be part of a digest")
    update(f"{tag} {len(raw)}:".encode("ascii"))
    update(raw)
