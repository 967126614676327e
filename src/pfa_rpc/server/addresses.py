"""Addresses that a server listens on: `Address`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    """An IP address or a name, without brackets."""
    port: int
    """0: any free port."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Return the address in HOST:PORT or [IPV6]:PORT. Raises ValueError with what would be right."""
        host, colon, port = text.strip().rpartition(":")
        if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
            raise ValueError("write HOST:PORT, such as 127.0.0.1:50051 or [::1]:50051, with a port from 0 to 65535")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"write an IPv6 address in brackets: [{host}]:{port}")
        if any(character.isspace() or not character.isprintable() for character in host):
            raise ValueError("the host has a space or a control character in it")
        return cls(host, int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def with_port(self, port: int) -> Address:
        """Return the same host with another port."""
        return Address(self.host, port)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
