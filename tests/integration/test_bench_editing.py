"""The edits that benchmarks make are those that the store itself would accept as sound."""

from __future__ import annotations

from pathlib import Path

from bench.editing import edit
from pfa_rpc.records.encode import decode
from pfa_rpc.store import reads
from pfa_rpc.store.database import Database
from pfa_rpc.store.migrating.migrate import migrate
from pfa_rpc.store.organizations import get_organization
from pfa_rpc.store.upkeep.doctor import examine
from pfa_rpc.store.upkeep.generating import generate


async def test_an_edit_of_a_benchmark_leaves_a_sound_record(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/pfa.sqlite3"
    database = Database(url)
    await migrate(database)
    await generate(url, records=20, organizations=1, seed=1)
    async with database.reading() as connection:
        organization = await get_organization(connection, "GEN01")
    for _ in range(2):
        await edit(database, organization, "70000")
    async with database.reading() as connection:
        payload = await reads.get_payload(connection, "GEN01", "pfa_id", "70000")
    assert payload is not None
    values = decode(payload)
    assert values["modified_by"] == "jsmith"
    assert "forecast_end" in values["modified_fields"]
    assert (await examine(database, "GEN01")).findings == []
    await database.close()
