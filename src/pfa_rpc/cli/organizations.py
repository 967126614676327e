"""Commands about organizations: `organizations`, a group with `list` and `create`."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

organizations = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
"""The group of commands."""

LIST_EXAMPLE: Final = example("pfa organizations list")
CREATE_EXAMPLE: Final = example("pfa organizations create RIO --name 'Rio expansion' --time-zone America/Sao_Paulo")
_PAGE: Final = 1000


@organizations.command("list", epilog=LIST_EXAMPLE)
def list_command(
    *,
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Print the organizations that the caller may see.

    Each with its name, currency, time zone and number of records, ordered by code.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.organization_service_pb2 import ListOrganizationsRequest, ListOrganizationsResponse
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, organizations_table
    from pfa_rpc.cli.text import count

    everything, request = ListOrganizationsResponse(), ListOrganizationsRequest(page_size=_PAGE)
    with connect(target) as connection:
        while True:
            page = connection.call(connection.organizations.ListOrganizations, request)
            everything.organizations.extend(page.organizations)
            request.page_token = page.next_page_token
            if not request.page_token:
                break
    output = Output(as_json=as_json)
    if as_json:
        output.document({"organizations": [], **as_object(everything)})
        return
    if everything.organizations:
        output.show(organizations_table(everything.organizations))
    output.line(count(len(everything.organizations), "organization"), "dim")


@organizations.command("create", epilog=CREATE_EXAMPLE)
def create_command(
    *,
    code: Annotated[
        str, typer.Argument(metavar="CODE", show_default=False, help="1 to 32 letters, digits, - and _; case counts.")
    ],
    name: Annotated[str, typer.Option("--name", metavar="TEXT", show_default=False, help="Name for people.")] = "",
    currency: Annotated[
        str, typer.Option("--currency", metavar="CODE", help="ISO 4217 code of the currency of every amount.")
    ] = "USD",
    time_zone: Annotated[
        str, typer.Option("--time-zone", metavar="NAME", help='IANA name of the zone that says what "today" is.')
    ] = "UTC",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Create an organization.

    An organization is one construction project and owns its records. Its currency holds for every amount it has.
    """
    target = options.target_of(server, token, timeout)
    from pfa.v1.organization_service_pb2 import CreateOrganizationRequest, Organization
    from pfa_rpc.cli.connection import connect
    from pfa_rpc.cli.render import Output, as_object, organizations_table

    request = CreateOrganizationRequest(
        organization_id=code,
        organization=Organization(display_name=name, currency_code=currency, time_zone=time_zone),
    )
    with connect(target) as connection:
        response = connection.call(connection.organizations.CreateOrganization, request)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        output.show(organizations_table([response.organization]))
