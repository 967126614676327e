"""The command `pfa doctor`: compares what the database says twice, and repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from pfa_rpc.cli.errors import CommandError
from pfa_rpc.cli.exits import DAMAGED, INTERRUPTED
from pfa_rpc.cli.options import AsJson, example
from pfa_rpc.cli.service import Database

if TYPE_CHECKING:
    from pfa_rpc.cache.inspection import Inspection
    from pfa_rpc.cli.render import Output
    from pfa_rpc.services.cache_doctor import CacheReport
    from pfa_rpc.store.database import Database as OpenDatabase
    from pfa_rpc.store.upkeep.doctor import Report

DOCTOR_EXAMPLE: Final = example(
    "pfa doctor --database postgresql://pfa@127.0.0.1/pfa", "pfa doctor --organization RIO --repair"
)

_Reports = dict[str, tuple["Report", "Report", "CacheReport | None"]]
"""Code → what was found, what is left after a repair (the same, where none was asked for), what was found in Redis."""


def doctor_command(
    *,
    organization: Annotated[
        list[str] | None,
        typer.Option(
            "--organization",
            "-o",
            metavar="CODE",
            show_default=False,
            help="Examine this organization; may be given again. None: every one.",
        ),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=0, max=100_000, help="Most findings to list of an organization.")
    ] = 20,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Compare what the database says twice.

    Columns with payloads, costs and etags computed anew, local edits with what PEMS holds, and the vocabulary,
    positions and chunk revisions with the records. Where PFA_REDIS_URL is set, what Redis keeps too: an entry of the
    database's revision must say what the database says. The service may run meanwhile.

    --repair takes the payload for the truth, writes what differs as a new revision, and looks again. A record whose
    payload itself is damaged, or that has lost what PEMS held, is left as it is: restore it from a backup. Entries of
    Redis are dropped, and made anew when they are asked for.

    The exit status is 0 where everything is right, or was put right, and 8 where something is wrong.
    """
    from pfa_rpc.cli.render import Output

    output = Output(as_json=as_json)
    reports = _run(database, organization, repair=repair, limit=limit)
    if as_json:
        output.document({code: _document(*both) for code, both in reports.items()})
    else:
        for both in reports.values():
            _show(output, *both, repair=repair)
    unsound = [code for code, (_, after, _) in reports.items() if not after.is_sound]
    if unsound:
        advice = "restore what is left from a backup" if repair else "--repair mends what can be mended"
        raise CommandError(f"not everything is right in {', '.join(unsound)}; {advice}", status=DAMAGED)


def _run(url: str | None, codes: list[str] | None, *, repair: bool, limit: int) -> _Reports:
    import asyncio

    from pfa_rpc.cache.inspection import Inspection
    from pfa_rpc.cli.progress import counting
    from pfa_rpc.server.settings import Settings
    from pfa_rpc.store.database import Database
    from pfa_rpc.store.existing import require_existing
    from pfa_rpc.store.upkeep import doctor, repairing

    settings = Settings.load(database_url=url)

    async def run() -> _Reports:
        database = Database(settings.database_url)
        redis_url = settings.redis_url
        inspection = None if redis_url is None else Inspection(redis_url.get_secret_value())
        reports: _Reports = {}
        try:
            await require_existing(database, settings.database_url)
            async with database.reading() as connection:
                sizes = await doctor.organization_sizes(connection)
            wanted = list(dict.fromkeys(codes)) if codes else list(sizes)
            total, done = sum(sizes.get(code, 0) for code in wanted), 0
            with counting("examining") as progress:

                def read(number: int) -> None:
                    nonlocal done
                    done += number
                    if progress is not None:
                        progress(min(done, total), total)

                for code in wanted:
                    found = left = await doctor.examine(database, code, listed=limit, read=read)
                    cached = await _examine_cache(database, inspection, found, drop=repair)
                    if repair and not found.is_sound:
                        await repairing.repair(database, found)
                        left = await doctor.examine(database, code, listed=limit)
                        await _examine_cache(database, inspection, left)
                    reports[code] = (found, left, cached)
        finally:
            if inspection is not None:
                await inspection.close()
            await database.close()
        return reports

    try:
        return asyncio.run(run())
    except KeyboardInterrupt:
        raise CommandError(
            "stopped; what was mended until then stays. Run the same command again for the rest", status=INTERRUPTED
        ) from None


async def _examine_cache(
    database: OpenDatabase, inspection: Inspection | None, report: Report, *, drop: bool = False
) -> CacheReport | None:
    """Add what is wrong in Redis to a report; return None where there is no Redis, or none that answers."""
    from pfa_rpc.cache.inspection import RedisAway
    from pfa_rpc.services.cache_doctor import examine_cache
    from pfa_rpc.store.upkeep.doctor import Finding

    if inspection is None:
        return None
    try:
        cached = await examine_cache(database, inspection, report.organization_id, drop=drop)
    except RedisAway as error:
        typer.echo(f"pfa: Redis does not answer, so that what it keeps was not compared: {error}", err=True)
        return None
    for entry in cached.damaged:
        report.add(Finding(report.organization_id, "cache", None, entry, "other bytes", "what the database says"))
    return cached


def _document(found: Report, left: Report, cached: CacheReport | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "records": found.records,
        "found": dict(found.counts),
        "left": dict(left.counts),
        "cached": None if cached is None else {"compared": cached.examined, "outdated": cached.outdated},
        "findings": [asdict(finding) for finding in found.findings],
    }


def _show(output: Output, found: Report, left: Report, cached: CacheReport | None, *, repair: bool) -> None:
    from rich.text import Text

    from pfa_rpc.cli.render import new_table
    from pfa_rpc.cli.text import count, plain

    size = count(found.records, "record")
    if cached is not None:
        size += f" and {count(cached.examined, 'cached entry', 'cached entries')}"
    if found.is_sound:
        output.line(f"{found.organization_id}: {size}, everything is right.")
        return
    kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(found.counts.items()))
    output.line(f"{found.organization_id}: {size}, {count(found.counts.total(), 'difference')} ({kinds})")
    table = new_table()
    for heading in ("record", "kind", "field", "stored", "right"):
        table.add_column(heading, overflow="fold")
    for one in found.findings:
        cells = (one.pfa_id or "", one.kind, one.field, one.stored, one.right)
        table.add_row(*(Text(plain(text)) for text in cells))
    if found.findings:
        output.show(table)
    if found.counts.total() > len(found.findings):
        output.line(f"and {found.counts.total() - len(found.findings):,} more")
    if repair:
        mended = "everything was mended" if left.is_sound else f"{count(left.counts.total(), 'difference')} left"
        output.line(f"{found.organization_id}: {mended}.")
