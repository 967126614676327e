"""The command that asks whether a server answers: `health_command`, for people and for the probes of containers."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from pfa_rpc.cli import options
from pfa_rpc.cli.options import example

HEALTH_EXAMPLE: Final = example(
    "pfa health",
    "pfa health --service pfa.v1.RecordService --server 127.0.0.1:50051 --timeout 3",
)


def health_command(
    *,
    service: Annotated[
        str,
        typer.Option(
            "--service",
            metavar="NAME",
            show_default=False,
            help="Full name of a service, such as pfa.v1.RecordService; none: the server as a whole.",
        ),
    ] = "",
    as_json: options.AsJson = False,
    server: options.Server = options.DEFAULT_SERVER,
    token: options.Token = None,
    timeout: options.Timeout = options.DEFAULT_TIMEOUT,
) -> None:
    """Ask a server whether it answers calls.

    The exit status is 0 when it does, 5 when it does not: it is stopping, or cannot be reached; 4 when it has no such
    service. It asks by grpc.health.v1.Health, for which no token is needed.
    """
    target = options.target_of(server, token, timeout)
    from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

    from pfa_rpc.cli.connection import ServerError, connect
    from pfa_rpc.cli.errors import CommandError
    from pfa_rpc.cli.exits import NOT_FOUND, UNAVAILABLE
    from pfa_rpc.cli.render import Output, as_object

    with connect(target) as connection:
        try:
            response = connection.call(connection.health.Check, HealthCheckRequest(service=service))
        except ServerError as error:
            if error.status != NOT_FOUND:
                raise
            raise CommandError(f"{server} has no service {service!r}", status=NOT_FOUND) from error
    status = HealthCheckResponse.ServingStatus.Name(response.status)
    output = Output(as_json=as_json)
    if as_json:
        output.document(as_object(response))
    else:
        output.line(status)
    if response.status != HealthCheckResponse.SERVING:
        raise CommandError(f"{service or server} is {status}, not SERVING", status=UNAVAILABLE)
