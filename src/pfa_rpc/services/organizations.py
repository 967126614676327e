"""OrganizationService: ListOrganizations, CreateOrganization."""

from __future__ import annotations

from typing import Final

from pfa.v1.organization_service_pb2 import (
    CreateOrganizationRequest,
    CreateOrganizationResponse,
    ListOrganizationsRequest,
    ListOrganizationsResponse,
)
from pfa.v1.organization_service_pb2 import Organization as OrganizationMessage
from pfa_rpc.errors import InvalidRequest
from pfa_rpc.records.encode import timestamp_message
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import DEFAULT_PAGE, MAX_PAGE, authorize, bounded
from pfa_rpc.services.tokens import Tokens, digest
from pfa_rpc.store.database import Database
from pfa_rpc.store.organizations import Organization, create_organization, list_organizations

_DIGEST: Final = digest("ListOrganizations")


class OrganizationService:
    """The tenants."""

    def __init__(self, database: Database, tokens: Tokens) -> None:
        self._database = database
        self._tokens = tokens

    async def list_organizations(self, request: ListOrganizationsRequest, call: Call) -> ListOrganizationsResponse:
        """Return a page of the organizations that the caller may see."""
        page_size = bounded("page_size", request.page_size, default=DEFAULT_PAGE, most=MAX_PAGE)
        after = self._tokens.open("page", request.page_token, "", _DIGEST) if request.page_token else ""
        async with self._database.reading() as connection:
            found = await list_organizations(
                connection, limit=page_size + 1, after=after, among=call.principal.organizations
            )
        response = ListOrganizationsResponse(organizations=[_message(item) for item in found[:page_size]])
        if len(found) > page_size:
            response.next_page_token = self._tokens.seal("page", "", _DIGEST, found[page_size - 1].organization_id)
        return response

    async def create_organization(self, request: CreateOrganizationRequest, call: Call) -> CreateOrganizationResponse:
        """Create an organization."""
        organization_id = authorize(call, Permission.ADMIN, request.organization_id)
        wanted = request.organization
        if wanted.organization_id not in ("", organization_id):
            raise InvalidRequest.of(
                "organization.organization_id",
                f"{wanted.organization_id[:100]!r} differs from organization_id {organization_id!r}; leave it out",
            )
        created = await create_organization(
            self._database,
            organization_id,
            display_name=wanted.display_name,
            currency_code=wanted.currency_code or "USD",
            time_zone=wanted.time_zone or "UTC",
        )
        return CreateOrganizationResponse(organization=_message(created))


def _message(organization: Organization) -> OrganizationMessage:
    return OrganizationMessage(
        organization_id=organization.organization_id,
        display_name=organization.display_name,
        currency_code=organization.currency_code,
        time_zone=organization.time_zone,
        create_time=timestamp_message(organization.created_at),
        record_count=organization.record_count,
    )
