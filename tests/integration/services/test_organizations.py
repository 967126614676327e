"""OrganizationService over a socket."""

from __future__ import annotations

import grpc
import pytest

from pfa.v1.organization_service_pb2 import (
    CreateOrganizationRequest,
    ListOrganizationsRequest,
    Organization,
)
from tests.integration.services.conftest import Client, failure


async def test_organizations_are_listed_page_by_page(client: Client) -> None:
    first = await client.organizations.ListOrganizations(ListOrganizationsRequest(page_size=1))
    second = await client.organizations.ListOrganizations(
        ListOrganizationsRequest(page_size=1, page_token=first.next_page_token)
    )
    assert [item.organization_id for item in (*first.organizations, *second.organizations)] == ["RIO", "RIO2"]
    assert [item.record_count for item in first.organizations] == [300]
    assert second.next_page_token == ""


async def test_a_new_organization_has_what_was_asked_for(client: Client) -> None:
    wanted = Organization(display_name="Harbour", currency_code="EUR", time_zone="Europe/Oslo")
    created = await client.organizations.CreateOrganization(
        CreateOrganizationRequest(organization_id="BAY-7", organization=wanted)
    )
    listed = await client.organizations.ListOrganizations(ListOrganizationsRequest())
    assert created.organization == listed.organizations[0]
    assert created.organization.organization_id == "BAY-7"
    assert created.organization.currency_code == "EUR"
    assert created.organization.HasField("create_time")


async def test_what_is_left_out_has_defaults(client: Client) -> None:
    created = await client.organizations.CreateOrganization(CreateOrganizationRequest(organization_id="NEW"))
    assert (created.organization.currency_code, created.organization.time_zone) == ("USD", "UTC")


@pytest.mark.parametrize(
    ("request_", "code", "reason"),
    [
        (CreateOrganizationRequest(organization_id="RIO"), "ALREADY_EXISTS", "ORGANIZATION_EXISTS"),
        (CreateOrganizationRequest(), "INVALID_ARGUMENT", "INVALID_REQUEST"),
        (
            CreateOrganizationRequest(organization_id="A", organization=Organization(organization_id="B")),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
        ),
        (
            CreateOrganizationRequest(organization_id="A", organization=Organization(time_zone="Mars")),
            "INVALID_ARGUMENT",
            "INVALID_REQUEST",
        ),
    ],
)
async def test_a_bad_organization_is_refused(
    client: Client, request_: CreateOrganizationRequest, code: str, reason: str
) -> None:
    told = await failure(client.organizations.CreateOrganization(request_))
    assert (told.code, told.reason) == (grpc.StatusCode[code], reason)
