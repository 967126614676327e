"""What a service's method is given beside its request."""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message

from pfa_rpc.services.principal import Principal


class Call(Protocol):
    """One call, from its start to its end."""

    @property
    def principal(self) -> Principal:
        """Who makes the call."""

    @property
    def request_id(self) -> str:
        """Names the call in the log, and in the error that an unexpected failure gives."""

    async def write(self, response: Message | bytes) -> None:
        """Send one message of a stream; bytes are a serialized message. Raises SlowClient after the server's limit."""
