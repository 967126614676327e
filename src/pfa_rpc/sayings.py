"""What phrases stand for, as conditions on fields: `SAYINGS`, such as "late", "over budget" and "not pushed".

`ENDED` are the words for records that are over.
"""

from __future__ import annotations

from typing import Final

from nlq.query import And, Comparison, FieldComparison, Not, Operator, Or, Present
from nlq.schema import TODAY, Saying


def _above(field: str, other: str) -> FieldComparison:
    return FieldComparison(field, Operator.GT, other)


def _below(field: str, other: str) -> FieldComparison:
    return FieldComparison(field, Operator.LT, other)


def _within(field: str, other: str) -> FieldComparison:
    return FieldComparison(field, Operator.LE, other)


ENDED: Final = (
    *("have left", "has left", "that left", "which left", "already left", "have already left", "has already left"),
    *("returned", "have returned", "has returned", "already returned", "have been returned", "has been returned"),
    *("been returned", "been sent back", "were returned", "was returned", "have ended", "has ended", "already ended"),
    *("that have left", "that has left", "which have left", "that have returned", "that have been returned"),
    *("already gone", "have finished", "has finished", "have demobilized", "already demobilized", "demobilized"),
)
"""Words for records that are over; before a date they say when."""
SAYINGS: Final = (
    Saying(
        (
            *("late", "behind schedule", "delayed", "running late", "running behind", "slipped", "slipping"),
            *("forecast slipped", "forecast has slipped", "forecast end slipped", "forecast has moved out"),
            *("behind plan", "ending late", "finishing late", "returning late", "ends late", "overrun", "overrunning"),
            *("behind", "past schedule", "over schedule", "past plan"),
        ),
        _above("forecast_end", "plan_end"),
        (_above("actual_end", "plan_end"), _above("forecast_start", "plan_start")),
    ),
    Saying(
        (
            *("starting late", "late to start", "late start", "starts late", "arriving late", "late arriving"),
            *("started late", "arrived late", "delivered late"),
        ),
        _above("forecast_start", "plan_start"),
        (_above("actual_start", "plan_start"),),
    ),
    Saying(
        (
            *("starting early", "starts early", "started early", "early start", "arriving early", "arrived early"),
            *("delivered early", "early arriving"),
        ),
        _below("forecast_start", "plan_start"),
        (_below("actual_start", "plan_start"),),
    ),
    Saying(
        (
            "ahead of schedule",
            "early",
            "running early",
            "ending early",
            "finishing early",
            "returning early",
            "ahead of plan",
        ),
        _below("forecast_end", "plan_end"),
        (_below("actual_end", "plan_end"),),
    ),
    Saying(
        ("on schedule", "on time", "not late", "in time"),
        _within("forecast_end", "plan_end"),
        (_within("actual_end", "plan_end"),),
    ),
    Saying(
        ("overspent", "overspending", "cost overrun", "overbudget", "blowing the budget", "in the red"),
        _above("forecast_cost", "plan_cost"),
        (_above("actual_cost", "plan_cost"),),
    ),
    Saying(
        ("underspent", "underspending", "in the black", "underbudget"),
        _below("forecast_cost", "plan_cost"),
        (_below("actual_cost", "plan_cost"),),
    ),
    Saying(
        ("within budget", "on budget", "within plan", "in budget", "within the budget"),
        _within("forecast_cost", "plan_cost"),
        (_within("actual_cost", "plan_cost"),),
    ),
    Saying(
        (
            "overdue",
            "past due",
            *("should have left", "should have been returned", "should have left by now", "should have ended"),
            *("should have been returned by now", "should be back by now", "should be gone by now"),
            "past the end date",
            "past their end date",
            "past its end date",
            "past their end",
            "should be gone",
            "past due date",
            "overstaying",
            "past their return date",
            "past their forecast end",
        ),
        And((Comparison("forecast_end", Operator.LT, TODAY), Not(Present("actual_end")))),
    ),
    Saying(
        ("off schedule", "rescheduled"),
        FieldComparison("forecast_end", Operator.NE, "plan_end"),
        (FieldComparison("forecast_start", Operator.NE, "plan_start"),),
    ),
    Saying(
        (
            *(
                "conflicts",
                "sync conflicts",
                "open conflicts",
                "unresolved conflicts",
                "in conflict",
                "conflicting",
                "conflicted",
                "with conflicts",
                "with a conflict",
                "having conflicts",
            ),
            *(
                "with sync conflicts",
                "with a sync conflict",
                "have conflicts",
                "that conflict",
                "in conflict with PEMS",
            ),
            *("conflicting with PEMS", "with open conflicts", "with unresolved conflicts", "conflict with PEMS"),
        ),
        Present("conflicting_fields"),
    ),
    Saying(
        (
            *("without conflicts", "without a conflict", "not in conflict", "with no conflicts", "without conflict"),
            *("without sync conflicts", "not conflicting", "not in conflict with PEMS", "no conflicts"),
        ),
        Not(Present("conflicting_fields")),
    ),
    Saying(
        (
            *(
                "not ended",
                "not yet ended",
                "not ended yet",
                "not yet finished",
                "not yet returned",
                "not returned yet",
            ),
            *("not returned", "haven't returned", "hasn't returned", "not been returned", "not left", "not yet left"),
            *("haven't left", "hasn't left", "haven't been returned", "hasn't been returned"),
        ),
        Not(Present("actual_end")),
        (Comparison("forecast_end", Operator.GE, TODAY),),
    ),
    Saying(
        ENDED,
        Present("actual_end"),
        (Comparison("forecast_end", Operator.LT, TODAY),),
    ),
    Saying(("never synced", "never been synced", "never yet synced", "never pushed"), Not(Present("last_synced_at"))),
    Saying(
        (
            *("never modified", "never changed", "never edited", "never touched", "never updated", "never altered"),
            *("never been modified", "never been changed", "never been edited", "never been touched"),
        ),
        Not(Present("modified_at")),
    ),
    Saying(
        (
            *("unsynced", "not synced", "not yet synced", "not synced yet", "out of sync", "not in sync"),
            *("not pushed", "not yet pushed", "not pushed yet", "unpushed", "not pushed to PEMS"),
            *("unsynced changes", "with unsynced changes", "not in PEMS yet", "not yet in PEMS"),
        ),
        Or(tuple(Comparison("sync_state", Operator.EQ, state) for state in ("MODIFIED", "PENDING_SYNC", "SYNC_ERROR"))),
    ),
)
"""Phrases that stand for conditions."""
