"""How questions about records are read where they leave something open: `CONVENTIONS`, with what commands change.

Which period a date is of, what an amount is of, and what is never changed; what phrases stand for, `sayings.py` has.
Every use of a convention is reported with the alternatives.
"""

from __future__ import annotations

from typing import Final

from nlq.schema import ChangedFields, CommandConventions, Conventions, DateConventions, Layer
from pfa_rpc.sayings import ENDED, SAYINGS

_PLAN_IS_LOCKED: Final = "The plan is the locked budget: it never changes once it is set."
_SET_ON_ARRIVAL: Final = "The day that equipment came on site is a fact that PEMS keeps."
COMMANDS: Final = CommandConventions(
    period=("forecast_start", "forecast_end"),
    periods={
        **dict.fromkeys(
            (
                *("forecast date", "date", "forecast", "schedule", "period", "duration", "timeline", "time frame"),
                *("timing", "start and end date", "rental period", "forecast period", "forecast duration"),
                *("forecasted date", "window", "dates and duration"),
            ),
            ("forecast_start", "forecast_end"),
        ),
        **dict.fromkeys(
            ("plan date", "planned date", "original date", "plan period", "plan duration", "baseline date"),
            ("plan_start", "plan_end"),
        ),
        **dict.fromkeys(("actual date", "actual period", "actual duration"), ("actual_start", "actual_end")),
    },
    reset={"forecast_start": "plan_start", "forecast_end": "plan_end"},
    reset_words=("plan", "plan date", "planned date", "original plan", "budget", "baseline", "original date"),
    verbs={
        "discontinue": ("is_discontinued", True),
        "cancel": ("is_discontinued", True),
        "retire": ("is_discontinued", True),
        "deactivate": ("is_discontinued", True),
        "reactivate": ("is_discontinued", False),
        "reinstate": ("is_discontinued", False),
        "uncancel": ("is_discontinued", False),
        "un discontinue": ("is_discontinued", False),
        "undiscontinue": ("is_discontinued", False),
        "un cancel": ("is_discontinued", False),
    },
    assigned="equipment",
    fixed={
        "plan_start": _PLAN_IS_LOCKED,
        "plan_end": _PLAN_IS_LOCKED,
        "plan_cost": _PLAN_IS_LOCKED,
        "actual_start": _SET_ON_ARRIVAL,
        "is_actualized": _SET_ON_ARRIVAL,
        "id": "An id names a record for good.",
        "pfa_id": "An id names a record for good.",
        "forecast_cost": "A cost is computed from the dates and the rate or price.",
        "actual_cost": "A cost is computed from the dates and the rate or price.",
        "variance": "A variance is computed from two costs.",
        "actual_variance": "A variance is computed from two costs.",
    },
)
CHANGED: Final = ChangedFields(
    field="modified_fields",
    fields=(
        *("area_silo", "category", "forecast_category", "class", "source", "dor", "monthly_rate", "purchase_price"),
        *("manufacturer", "model", "plan_start", "plan_end", "forecast_start", "forecast_end", "actual_start"),
        *("actual_end", "contract", "equipment", "description"),
    ),
    verbs=("changed", "modified", "edited", "updated", "touched", "altered"),
    histories=(
        *(
            f"{noun} {of}"
            for noun in ("changes", "edits", "modifications", "updates")
            for of in ("to", "of", "in", "on")
        ),
        *("changes made to", "edits made to", "updates made to", "what changed in", "audit trail of", "audit log of"),
        *(
            "history of",
            "history for",
            "change history of",
            "change log of",
            "edit history of",
            "history of changes to",
        ),
        *("audit trail for", "audit log for", "audit trail", "change log for", "edit history for"),
        *(
            f"{late} {noun} {to}"
            for late in ("recent", "latest")
            for noun in ("changes", "edits")
            for to in ("to", "in")
        ),
        *("history of changes of", "history of the changes to", "change history for", "changes for"),
    ),
    note="the fields that differ from PEMS at present are meant; who changed them, the history tells",
)
DATES: Final = DateConventions(
    layers=(
        Layer(
            "forecast",
            "forecast_start",
            "forecast_end",
            "forecast_cost",
            (
                *(
                    "forecast",
                    "forecasted",
                    "in the forecast",
                    "by forecast",
                    "according to the forecast",
                    "per forecast",
                ),
                *("by the forecast", "forecast date", "forecast period"),
            ),
        ),
        Layer(
            "plan",
            "plan_start",
            "plan_end",
            "plan_cost",
            (
                *(
                    "plan",
                    "planned",
                    "by plan",
                    "in the plan",
                    "according to plan",
                    "according to the plan",
                    "per plan",
                ),
                *("as planned", "original", "originally", "by the plan", "plan date", "plan period", "per the plan"),
                *("original plan", "baseline", "budgeted"),
            ),
        ),
        Layer(
            "actual",
            "actual_start",
            "actual_end",
            "actual_cost",
            (
                *("actual", "actually", "in reality", "by actual date", "actual date", "actual period", "by actual"),
                *("really", "by actuals", "based on actuals"),
            ),
        ),
    ),
    start_words=(
        *("start", "starts", "starting", "started", "start date", "to start", "begin", "begins", "beginning", "began"),
        *("arrive", "arrives", "arriving", "arrived", "arrival", "arrival date", "to arrive", "coming on site"),
        *("coming in", "mobilize", "mobilizing", "mobilized", "mobilization", "delivered", "delivery", "delivery date"),
        *("be delivered", "kick off", "kicking off", "showing up", "coming to site", "coming", "begin date"),
        *("has arrived", "have arrived", "has started", "have started", "already started", "already arrived"),
        *(
            "that have arrived",
            "that has arrived",
            "which have arrived",
            "that have started",
            "that have already arrived",
        ),
        *("starting date", "getting here", "due to arrive", "due to start", "due in", "on rent from"),
        *("due on site", "due at site", "arriving on site", "arriving at site", "expected on site", "come on site"),
        *("landing", "landing on site", "rolling in", "turning up", "due to land"),
    ),
    end_words=(
        *("end", "ends", "ending", "ended", "end date", "to end", "finish", "finishes", "finishing", "finished"),
        *("return", "returns", "returning", "returned", "return date", "to return", "be returned", "leave", "leaves"),
        *("leaving", "left site", "departing", "departs", "expire", "expires", "expiring", "expired", "demobilize"),
        *("demobilizing", "demobilized", "off rent", "going off rent", "coming off rent", "due back", "going back"),
        *("wrap up", "wrapping up", "finish date", "leaving site", "off site", "going off site", "due to end"),
        *("due to return", "due to leave", "completing", "completed", "rolling off", "run out", "running out"),
        *("ending date", "needed until", "off hire", "completion", "completion date", "gone", "be gone"),
        *("go back", "goes back", "going back to the vendor", "sent back", "be sent back", "due to go back"),
        *ENDED,
        *("coming off hire", "going off hire", "come off hire", "come off rent", "leave site", "leaves site"),
        *("departure", "departure date"),
    ),
    within_words=(
        *(
            "on site",
            "onsite",
            "on rent",
            "needed",
            "in use",
            "required",
            "on location",
            "on the job",
            "working",
            "wanted",
        ),
        *("wanted", "active", "in place", "here", "on hire", "rented out", "in the field", "on the ground", "running"),
        *("required on site", "needed on site", "wanted on site", "needed onsite", "required onsite"),
        *("be on site", "will be on site", "on site at any time", "at work", "deployed", "overlapping", "overlap"),
        *("overlap with", "overlapping with", "overlaps with", "spanning", "spans", "that span"),
    ),
    recorded={
        "modified_by": "modified_at",
        "pems_modified_by": "pems_stamp",
        "sync_state": "modified_at",
    },
    happened={"is_actualized": "actual_start"},
    awaited={"is_actualized": "forecast_start"},
    deeds={
        "modified_by": (
            *("change", "modify", "edit", "update", "touch", "alter"),
            *("changed", "modified", "edited", "updated", "touched", "altered"),
        )
    },
    done={"modified_at": ("changes", "edits", "modifications", "updates", "changes made", "edits made")},
    undone={
        "modified_at": (
            *("unmodified", "unchanged", "unedited", "untouched", "not touched", "unaltered"),
            *(
                f"{nobody} {verb}"
                for nobody in ("nobody", "nobody has", "no one", "no one has", "noone has")
                for verb in ("changed", "modified", "edited", "updated", "touched")
            ),
        )
    },
    spread=("plan_cost", "forecast_cost", "actual_cost", "variance", "actual_variance"),
)
CONVENTIONS: Final = Conventions(
    commands=COMMANDS,
    dates=DATES,
    changed=CHANGED,
    sayings=SAYINGS,
    compared={
        "plan_cost": "forecast_cost",
        "forecast_cost": "actual_cost",
        "plan_end": "forecast_end",
        "plan_start": "forecast_start",
        "forecast_end": "actual_end",
        "forecast_start": "actual_start",
    },
    gaps={"variance": ("forecast_cost", "plan_cost"), "actual_variance": ("actual_cost", "plan_cost")},
    exclusive=(("is_discontinued", "is_funds_transferable"),),
    left_out=("is_discontinued",),
    left_out_of_totals=("is_funds_transferable",),
    amount_fields={("source", "RENTAL"): "monthly_rate", ("source", "PURCHASE"): "purchase_price"},
    amount_words=dict.fromkeys(
        ("per month", "a month", "each month", "every month", "monthly", "per mo"), "monthly_rate"
    ),
    ranking_field="forecast_cost",
    newest_field="forecast_start",
    key="pfa_id",
    key_words=("record", "pfa"),
    written=("pems_modified_by",),
    equipment_words=(
        "record",
        "item",
        "equipment",
        "piece",
        "unit",
        "machine",
        "asset",
        "pfa",
        "pfa record",
        "gear",
        "kit",
        "machinery",
        "requirement",
    ),
    prepositions={
        "area_silo": "in",
        "category": "of",
        "class": "of",
        "manufacturer": "of",
        "model": "of",
        "modified_by": "",
        "pems_modified_by": "",
        "modified_at": "",
        "last_synced_at": "",
    },
)
"""How questions are read where they leave something open."""
