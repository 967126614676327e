"""Who makes a call, and what they may do. Made once for each call, and passed on explicitly."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from pfa_rpc.errors import PermissionDenied


class Permission(enum.StrEnum):
    """What a principal may do within an organization."""

    READ = "read"
    """Read records and ask questions."""
    SEE_MONEY = "see-money"
    """See rates, prices and costs; without it they are absent from every answer, filter, sort and figure."""
    EDIT = "edit"
    """Change records."""
    SYNC = "sync"
    """Run syncs and resolve conflicts."""
    ADMIN = "admin"
    """Create organizations, clear caches."""


@dataclass(frozen=True, slots=True)
class Principal:
    """The maker of a call."""

    name: str
    organizations: frozenset[str] | None
    """Codes of the organizations that they may name; None: all."""
    permissions: frozenset[Permission]

    def may(self, permission: Permission) -> bool:
        """Tell whether they hold a permission."""
        return permission in self.permissions

    def require(self, permission: Permission, organization_id: str) -> None:
        """Raise PermissionDenied where they may not do this with the organization, whether it exists or not."""
        if self.organizations is not None and organization_id not in self.organizations:
            raise PermissionDenied(
                f"{self.name} may not use organization {organization_id!r}",
                metadata={"organization_id": organization_id, "permission": permission.value},
            )
        if not self.may(permission):
            raise PermissionDenied(
                f"{self.name} lacks the permission {permission.value!r}",
                metadata={"organization_id": organization_id, "permission": permission.value},
            )


LOCAL_ADMIN = Principal("local-admin", None, frozenset(Permission))
"""Whoever reaches a server that listens on loopback, or that holds one of its tokens."""
