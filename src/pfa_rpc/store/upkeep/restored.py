"""After a restore: `renew` gives an organization a revision and chunk revisions that no cache has ever seen."""

from __future__ import annotations

from typing import Final

from pfa_rpc.records.cause import Cause, How
from pfa_rpc.records.revision import Revision, chunk_of
from pfa_rpc.store.database import Database

_CAUSE: Final = Cause(How.REPAIR, "pfa restored")


async def renew(database: Database, organization_id: str) -> tuple[Revision, int]:
    """Put an organization and all its chunks at a new revision of a new history; return it and the number of chunks.

    Whatever any cache holds of the organization is out of date then, and no revision from before counts as older or
    newer than one from now on. Raises OrganizationNotFound.
    """
    async with database.write(organization_id, _CAUSE, new_history=True) as write:
        # Positions have no gaps: the next one tells how many chunks there are, also where their rows are missing.
        chunks = chunk_of(write.next_position - 1) + 1
        write.chunks.update(range(chunks))
        write.vocabulary_changed = True
    return write.revision, chunks
