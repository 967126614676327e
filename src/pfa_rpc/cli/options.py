"""The options that commands share, each declared once; and `example`, which lays out the end of a help text."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import USAGE

if TYPE_CHECKING:
    from pfa.v1.revision_pb2 import Consistency as ConsistencyMessage
    from pfa_rpc.cli.connection import Target

DEFAULT_SERVER: Final = "127.0.0.1:50051"
DEFAULT_TIMEOUT: Final = 30.0

Organization = Annotated[
    str,
    typer.Option("--organization", "-o", envvar="PFA_ORGANIZATION", metavar="CODE", help="Code of the organization."),
]
Server = Annotated[
    str, typer.Option("--server", envvar="PFA_SERVER", metavar="HOST:PORT", help="Address of the server to ask.")
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="PFA_TOKEN",
        metavar="TEXT",
        show_default=False,
        help="Bearer token, for a server that wants one. The variable keeps it out of the list of processes.",
    ),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.001, max=86_400, help="How long to wait for the answer.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
Filter = Annotated[
    str, typer.Option("--filter", "-f", metavar="TEXT", show_default=False, help="AIP-160 filter; none: every record.")
]
Draft = Annotated[
    str,
    typer.Option(
        "--draft", metavar="UUID", show_default=False, help="A draft of yours: records as they would be once committed."
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns", metavar="NAMES", show_default=False, help="Columns of the table: names of fields, comma-separated."
    ),
]
Fields = Annotated[
    str | None,
    typer.Option(
        "--fields", metavar="NAMES", show_default=False, help="Fields to fetch, comma-separated; none: every field."
    ),
]
Today = Annotated[
    str | None,
    typer.Option("--today", metavar="DATE", show_default=False, help='What "today" means in the question: 2026-03-01.'),
]
Consistency = Annotated[
    str,
    typer.Option(
        "--consistency",
        metavar="HOW",
        help="How new the answer must be: fresh, any (of the last five minutes), or at-least:REVISION_TOKEN.",
    ),
]
RequestId = Annotated[
    str,
    typer.Option(
        "--request-id",
        metavar="TEXT",
        show_default=False,
        help="Names the request: sent again within 24 hours, it gets the first answer and changes nothing.",
    ),
]
PageSize = Annotated[int, typer.Option("--page-size", min=1, max=1000, metavar="NUMBER", help="Most to print at once.")]
PageToken = Annotated[
    str, typer.Option("--page-token", metavar="TEXT", show_default=False, help="Goes on after an earlier page.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before something is changed.")]
FRESH: Final = "fresh"
_ANY: Final = "any"
_AT_LEAST: Final = "at-least:"


def example(*lines: str) -> str:
    """Return the end of a help text: command lines to try, kept as they are."""
    return "\b\n" + "\n".join(["Example:" if len(lines) == 1 else "Examples:", *(f"  {line}" for line in lines)])


def target_of(server: str, token: str | None, timeout: float) -> Target:
    """Return where to call. Raises CommandError for an address that is none, or a token that no header can carry."""
    from pfa_rpc.cli.connection import Target

    _, colon, port = server.rpartition(":")
    if "://" in server or not (server.startswith(("unix:", "dns:")) or (colon and port.isdigit() and server[0] != ":")):
        raise CommandError(f"--server takes HOST:PORT, such as {DEFAULT_SERVER}, not {server!r}", status=USAGE)
    if token is not None and not (token.isascii() and token.isprintable()):
        raise CommandError("--token takes printable ASCII characters only", status=USAGE)
    return Target(server, token, timeout)


def consistency_of(text: str) -> ConsistencyMessage | None:
    """Return the message for a --consistency; None for fresh. Raises CommandError for one that is none."""
    from pfa.v1.revision_pb2 import Consistency as ConsistencyMessage

    token = text.removeprefix(_AT_LEAST)
    if text == FRESH:
        return None
    if text == _ANY:
        return ConsistencyMessage(minimize_latency=True)
    if text.startswith(_AT_LEAST) and token:
        return ConsistencyMessage(at_least_revision_token=token)
    raise CommandError(f"--consistency takes {FRESH}, {_ANY} or {_AT_LEAST}REVISION_TOKEN, not {text!r}", status=USAGE)


def names_of(option: str, text: str | None, *, also: Iterable[str] = ()) -> list[str] | None:
    """Return the names of fields in a comma-separated list; None for none. Raises CommandError for an unknown one."""
    from pfa_rpc.cli.text import nearest
    from pfa_rpc.schema import BY_NAME

    if text is None:
        return None
    known = [*BY_NAME, *also]
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise CommandError(
                f"{option}: there is no field {name!r}{nearest(name, known)}",
                status=USAGE,
                notes=[f"fields: {', '.join(known)}"],
            )
    return names or None


def day_of(option: str, text: str | None) -> date | None:
    """Return the day that an option names. Raises CommandError where it names none."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{option} takes a day such as 2026-03-01, not {text!r}", status=USAGE) from error


def time_of(option: str, text: str) -> datetime | None:
    """Return the time that an option names, UTC where it has no zone; None for none. CommandError."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{option} takes a time such as 2026-03-01 or 2026-03-01T08:00Z, not {text!r}"
        raise CommandError(message, status=USAGE) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
