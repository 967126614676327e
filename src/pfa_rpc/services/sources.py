"""What services answer from: `Sources`, one of each, so that calls of all services share what is under way and kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from pfa_rpc.cache.interface import Cache
from pfa_rpc.services.asking.languages import Languages
from pfa_rpc.services.drafts.reads import DraftReads
from pfa_rpc.services.following.queues import BACKLOG_BYTES, Backlog
from pfa_rpc.services.reading.answers import Answers
from pfa_rpc.services.reading.chunk_reads import RecordChunks
from pfa_rpc.services.reading.figures import Figures
from pfa_rpc.services.reading.modified import MOST_RECORDS, ModifiedRecords
from pfa_rpc.services.reading.pages import RecordPages
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.database import Database


@dataclass(frozen=True, slots=True)
class Sources:
    """What services answer from."""

    database: Database
    tokens: Tokens
    cache: Cache
    answers: Answers
    chunks: RecordChunks
    modified: ModifiedRecords
    pages: RecordPages
    figures: Figures
    languages: Languages
    drafts: DraftReads
    backlog: Backlog

    @classmethod
    def of(
        cls,
        database: Database,
        tokens: Tokens,
        cache: Cache,
        *,
        modified_records: int = MOST_RECORDS,
        watch_bytes: int = BACKLOG_BYTES,
    ) -> Self:
        """Return the sources over a database and a cache.

        `modified_records` is how many modified records of an organization are kept together in the cache; 0 keeps none.
        `watch_bytes` is how much may wait for all who watch.
        """
        answers = Answers(database, cache)
        modified = ModifiedRecords(answers, modified_records)
        return cls(
            database=database,
            tokens=tokens,
            cache=cache,
            answers=answers,
            chunks=RecordChunks(database, cache),
            modified=modified,
            pages=RecordPages(answers, modified),
            figures=Figures(answers, tokens),
            languages=Languages(database, cache),
            drafts=DraftReads(database, tokens),
            backlog=Backlog(watch_bytes),
        )
