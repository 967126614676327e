"""Organizations: `create_organization`, `get_organization`, `current_organization`, `list_organizations`, `is_code`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo, available_timezones

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from pfa_rpc.errors import InvalidRequest, OrganizationExists, OrganizationNotFound, Violation
from pfa_rpc.records.revision import Revision
from pfa_rpc.store.database import Database
from pfa_rpc.store.direct import SmallRead
from pfa_rpc.store.tables import CODE_LENGTH, organization_revisions, organizations

CODE_RULE: Final = f'write 1 to {CODE_LENGTH} letters, digits, "-" and "_", beginning with a letter or digit'
_CODE: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{CODE_LENGTH - 1}}}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_NAME_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Organization:
    """One construction project."""

    organization_id: str
    display_name: str
    currency_code: str
    """ISO 4217 code of every amount."""
    time_zone: str
    """IANA name of the zone that says what today is."""
    created_at: datetime
    record_count: int
    revision: Revision
    vocabulary_nonce: int
    """Names what questions can name: equal ones of an organization mean the same spellings and synonyms."""

    @property
    def zone(self) -> ZoneInfo:
        """The time zone."""
        return ZoneInfo(self.time_zone)


def is_code(text: str) -> bool:
    """Tell whether a text may be the code of an organization."""
    return _CODE.fullmatch(text) is not None


def organization_not_found(organization_id: str) -> OrganizationNotFound:
    """Return the error that says that there is no such organization."""
    return OrganizationNotFound(
        f"there is no organization {organization_id!r}", metadata={"organization_id": organization_id}
    )


def _select() -> sa.Select[Any]:
    o, r = organizations.c, organization_revisions.c
    # Records are never deleted and positions have no gaps: the next position is the number of records.
    return sa.select(
        o.organization_id,
        o.display_name,
        o.currency_code,
        o.time_zone,
        o.created_at,
        r.next_position,
        r.revision,
        r.nonce,
        r.vocabulary_nonce,
    ).join_from(organizations, organization_revisions, o.organization_id == r.organization_id)


def _organization(row: Sequence[Any]) -> Organization:
    code, display_name, currency_code, time_zone, created_at, count, revision, nonce, vocabulary_nonce = row
    return Organization(
        organization_id=code,
        display_name=display_name,
        currency_code=currency_code,
        time_zone=time_zone,
        created_at=created_at,
        record_count=count,
        revision=Revision(revision, nonce),
        vocabulary_nonce=vocabulary_nonce,
    )


_ONE: Final = SmallRead(
    _select().where(organizations.c.organization_id == sa.bindparam("organization_id", type_=sa.Text))
)


async def get_organization(connection: AsyncConnection, organization_id: str) -> Organization:
    """Return an organization as of the connection's snapshot. Raises OrganizationNotFound."""
    row = (await connection.execute(_ONE.statement, {"organization_id": organization_id})).one_or_none()
    if row is None:
        raise organization_not_found(organization_id)
    return _organization(row)


async def current_organization(database: Database, organization_id: str) -> Organization:
    """Return an organization as it is now, by the shortest way there is. Raises OrganizationNotFound."""
    rows = await database.read_small(_ONE, organization_id)
    if not rows:
        raise organization_not_found(organization_id)
    return _organization(rows[0])


class KnownOrganizations:
    """Organizations of a database, for who needs of them what never changes: currency, time zone, name."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, Organization] = {}

    async def get(self, organization_id: str) -> Organization:
        """Return an organization as it was when it was first asked for. Raises OrganizationNotFound."""
        known = self._known.get(organization_id)
        if known is None:
            known = self._known[organization_id] = await current_organization(self._database, organization_id)
        return known


async def list_organizations(
    connection: AsyncConnection, *, limit: int, after: str = "", among: Collection[str] | None = None
) -> list[Organization]:
    """Return at most `limit` organizations ordered by code, those after a code, and among the codes given."""
    code = organizations.c.organization_id
    query = _select().where(code > after).order_by(code).limit(limit)
    if among is not None:
        query = query.where(code.in_(sorted(among)))
    return [_organization(row) for row in await connection.execute(query)]


async def create_organization(
    database: Database,
    organization_id: str,
    *,
    display_name: str = "",
    currency_code: str = "USD",
    time_zone: str = "UTC",
) -> Organization:
    """Create an organization without records. Raises InvalidRequest and OrganizationExists."""
    _check(organization_id, display_name, currency_code, time_zone)
    organization = Organization(
        organization_id=organization_id,
        display_name=display_name,
        currency_code=currency_code,
        time_zone=time_zone,
        created_at=datetime.now(UTC),
        record_count=0,
        revision=Revision(0, secrets.randbits(63)),
        vocabulary_nonce=secrets.randbits(63),
    )
    try:
        async with database.writing() as connection:
            await connection.execute(
                sa.insert(organizations).values(
                    organization_id=organization_id,
                    display_name=display_name,
                    currency_code=currency_code,
                    time_zone=time_zone,
                    created_at=organization.created_at,
                )
            )
            await connection.execute(
                sa.insert(organization_revisions).values(
                    organization_id=organization_id,
                    revision=organization.revision.number,
                    nonce=organization.revision.nonce,
                    next_position=0,
                    vocabulary_nonce=organization.vocabulary_nonce,
                )
            )
    except sa.exc.IntegrityError as error:
        raise OrganizationExists(
            f"organization {organization_id!r} exists already", metadata={"organization_id": organization_id}
        ) from error
    return organization


def _check(organization_id: str, display_name: str, currency_code: str, time_zone: str) -> None:
    """Raise InvalidRequest with every violation."""
    violations = []
    if not is_code(organization_id):
        violations.append(Violation("organization_id", f"{organization_id[:100]!r} is not a code; {CODE_RULE}"))
    if len(display_name) > _NAME_LENGTH or not display_name.isprintable():
        rule = f"write at most {_NAME_LENGTH} printable characters"
        violations.append(Violation("organization.display_name", f"{display_name[:100]!r} is not a name; {rule}"))
    if not _CURRENCY.fullmatch(currency_code):
        rule = "write an ISO 4217 code such as USD"
        violations.append(Violation("organization.currency_code", f"{currency_code[:100]!r} is not a currency; {rule}"))
    if not _is_time_zone(time_zone):
        rule = "write an IANA name such as America/Denver"
        violations.append(Violation("organization.time_zone", f"{time_zone[:100]!r} is not a time zone; {rule}"))
    if violations:
        text = "; ".join(f"{violation.field}: {violation.description}" for violation in violations)
        raise InvalidRequest(text, violations=violations)


@cache
def _time_zones() -> frozenset[str]:
    # Two names that mean no place: one depends on the machine, the other says that none was set.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _is_time_zone(name: str) -> bool:
    return name in _time_zones()
