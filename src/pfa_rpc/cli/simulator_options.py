"""The options of `pfa simulate-pems`, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

_MOST_RECORDS: Final = 10_000_000

Listen = Annotated[
    str, typer.Option("--listen", metavar="HOST:PORT", help="Loopback address, port 0 for any that is free.")
]
Export = Annotated[
    Path | None, typer.Option("--export", metavar="FILE", show_default=False, help="Hold the rows of a PEMS export.")
]
Records = Annotated[
    int,
    typer.Option(
        "--records",
        metavar="N",
        min=1,
        max=_MOST_RECORDS,
        help="Without an export: invent rows, those of `pfa generate` as they were before it edits some.",
    ),
]
Organizations = Annotated[
    int, typer.Option("--organizations", metavar="N", min=1, max=10_000, help="How many share the invented rows.")
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Another seed: other rows, other chances.")]
Tenant = Annotated[str, typer.Option("--tenant", metavar="TEXT", help="The tenant that calls must name.")]
Users = Annotated[
    list[str] | None,
    typer.Option("--user", metavar="NAME:PASSWORD", show_default=False, help="Who may call; else pfa:pfa-demo."),
]
ApiKeys = Annotated[
    list[str] | None,
    typer.Option("--api-key", metavar="KEY", show_default=False, help="A key of the first user; else demo-key."),
]
Tokens = Annotated[
    list[str] | None,
    typer.Option("--token", metavar="TEXT", show_default=False, help="A token of the first user; else demo-token."),
]
Zone = Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Zone of the stamps.")]
Collation = Annotated[
    str,
    typer.Option("--collation", metavar="NAME", help="Order of text: binary, ignore-case, linguistic, natural."),
]
PageLimit = Annotated[int, typer.Option("--page-limit", metavar="N", min=1, max=10_000, help="Most rows of a page.")]
Latency = Annotated[
    float, typer.Option("--latency", metavar="SECONDS", min=0, max=3_600, help="What every call takes.")
]
LatencyPerRow = Annotated[
    float, typer.Option("--latency-per-row", metavar="SECONDS", min=0, max=10, help="What each row of a page takes.")
]
RateLimit = Annotated[
    float | None,
    typer.Option(
        "--rate-limit", metavar="N", min=0.001, show_default=False, help="Requests a second; more are answered 429."
    ),
]
Faults = Annotated[
    list[str] | None,
    typer.Option("--fault", metavar="TEXT", show_default=False, help="What goes wrong; see below. Several may."),
]
