"""The values of the fields that have a fixed set of them, with the words that questions use for each."""

from __future__ import annotations

from typing import Final

from nlq.schema import EnumValue

SOURCES: Final = (
    EnumValue(
        "RENTAL",
        1,
        "Rental",
        ("rental", "rented", "rent", "renting", "hired", "hire", "rentable", "leased", "leasing"),
    ),
    EnumValue(
        "PURCHASE",
        2,
        "Purchase",
        (
            "purchase",
            "purchased",
            "bought",
            "buy",
            "owned",
            "own",
            "purchasing",
            "purchase equipment",
            "to be purchased",
            "buying",
        ),
    ),
)
DORS: Final = (
    EnumValue("BEO", 1, "BEO", ("beo", "overhead")),
    EnumValue("PROJECT", 2, "PROJECT", ("project",)),
)
SYNC_STATES: Final = (
    EnumValue(
        "PRISTINE",
        1,
        "synced",
        (
            "synced",
            "pristine",
            "in sync",
            "clean",
            "up to date",
            "unmodified",
            "unchanged",
            "unedited",
            "synchronized",
            "untouched",
            *("in sync with PEMS", "synced with PEMS", "in step with PEMS", "the same as in PEMS"),
        ),
    ),
    EnumValue(
        "MODIFIED",
        2,
        "modified",
        (
            *("modified", "edited", "changed locally", "changed", "dirty"),
            *("with local changes", "local changes", "locally modified", "modified locally", "edited locally"),
            *("with local edits", "local edits", "locally edited", "locally changed", "changed here"),
            *("unsaved changes", "with unsaved changes", "pending changes", "with pending changes"),
        ),
    ),
    EnumValue(
        "PENDING_SYNC",
        3,
        "pending sync",
        (
            *("pending", "pending sync", "being synced", "waiting to sync", "waiting for sync", "sync pending"),
            *("syncing", "currently syncing", "queued", "queued for sync", "waiting to be synced", "awaiting sync"),
            *("to be synced", "in the sync queue", "queued to sync", "still syncing", "waiting to be pushed"),
            *("to be pushed", "queued to be pushed", "ready to be pushed", "pending push"),
        ),
    ),
    EnumValue(
        "SYNC_ERROR",
        4,
        "failed to sync",
        (
            *(
                "failed",
                "sync error",
                "failed to sync",
                "sync failed",
                "sync failure",
                "failing to sync",
                "with errors",
            ),
            *(
                "sync errors",
                "with sync errors",
                "with a sync error",
                "with sync failures",
                "did not sync",
                "didn't sync",
            ),
            *(
                "error",
                "in error state",
                "in sync error",
                "in a sync error",
                "in a sync error state",
                "in sync error state",
                "with sync error",
            ),
            *("couldn't sync", "could not sync", "could not be synced", "couldn't be synced", "in error", "errored"),
            *("failed sync", "with sync problems"),
            *(
                "have sync errors",
                "has a sync error",
                "fail to sync",
                "having sync errors",
                "sync problems",
                "broken sync",
            ),
            *("failed to push", "push failed", "failed pushes", "could not be pushed", "couldn't be pushed"),
            *("failed syncing", "have failed to sync", "has failed to sync", "failed synchronization"),
        ),
    ),
)
