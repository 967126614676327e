"""Proposals as people read them: `show_proposal`, with counts, reasons, costs and a few records before and after."""

from __future__ import annotations

from collections.abc import Iterator

from google.type.money_pb2 import Money
from rich.text import Text

from pfa.v1.proposal_pb2 import ChangeProposal, CostEffect, CostLayer, ProposeChangeResponse
from pfa.v1.record_pb2 import Record
from pfa_rpc.cli.render import Output, new_table
from pfa_rpc.cli.text import cell, count, money, plain
from pfa_rpc.records.encode import from_message, money_amount
from pfa_rpc.schema import BY_NAME, COST_DECIMALS, FIELDS, Origin


def show_proposal(output: Output, response: ProposeChangeResponse, *, with_months: bool = False) -> None:
    """Write what a change would do."""
    proposal = response.proposal
    if response.sentence:
        output.line(plain(response.sentence), "bold")
    output.line(f"filter   {plain(proposal.filter) or '(every record)'}")
    for change in proposal.changes:
        output.line(f"change   {plain(change.text)}")
    output.line()
    show_outcome(output, proposal, with_months=with_months)


def show_outcome(output: Output, proposal: ChangeProposal, *, with_months: bool = False) -> None:
    """Write how many records would change, why others would not, what it would cost, and some records."""
    others = [f"{proposal.unchanged:,} have the values already"] if proposal.unchanged else []
    others += [f"{proposal.refused:,} are refused"] if proposal.refused else []
    matching = count(proposal.matched, "record")
    output.line("; ".join([f"{proposal.changed:,} of {matching} would change", *others]))
    for refusal in proposal.refusals:
        named = ", ".join(plain(pfa_id) for pfa_id in refusal.pfa_ids[:3]) + (" …" if refusal.count > 3 else "")
        label = BY_NAME[refusal.field].label if refusal.field in BY_NAME else plain(refusal.field)
        output.line(f"  refused  {refusal.count:,}: {label}: {plain(refusal.reason)} ({named})")
    for note in proposal.notes:
        output.line(f"  note     {note.count:,}: {plain(note.text)}")
    if proposal.HasField("effect"):
        show_effect(output, proposal.effect, with_months=with_months)
    _show_samples(output, proposal)


def show_effect(output: Output, effect: CostEffect, *, with_months: bool) -> None:
    """Write what records cost before and after."""
    currency = effect.layers[0].before.currency_code if effect.layers else ""
    table = new_table()
    table.add_column(Text(f"cost {plain(currency)}".strip()))
    for heading in ("before", "after", "difference"):
        table.add_column(heading, justify="right")
    for layer in effect.layers:
        table.add_row(_layer(layer.layer), *_sides(layer.before, layer.after))
    if with_months:
        for month in effect.months:
            day = f"{month.month.year:04}-{month.month.month:02}" if month.HasField("month") else "no date"
            for cost in month.layers:
                table.add_row(f"{day} {_layer(cost.layer)}", *_sides(cost.before, cost.after))
    output.line()
    output.show(table)
    left = [("discontinued", effect.discontinued.after), ("funds-transferable", effect.transferable.after)]
    said = [f"{number:,} {word}" for word, number in left if number]
    projected = sum(layer.projected.after for layer in effect.layers)
    notes = [f"without {' and '.join(said)} records"] if said else []
    notes += [f"{projected:,} still on site, costed to a projected end"] if projected else []
    if notes:
        output.line("; ".join(notes), "dim")


def _sides(before: Money, after: Money) -> Iterator[str]:
    old, new = money_amount(before, COST_DECIMALS), money_amount(after, COST_DECIMALS)
    yield money(old, COST_DECIMALS)
    yield money(new, COST_DECIMALS)
    yield f"{'+' if new > old else ''}{money(new - old, COST_DECIMALS)}" if new != old else "–"


def _layer(layer: CostLayer.ValueType) -> str:
    return CostLayer.Name(layer).removeprefix("COST_LAYER_").lower()


def _show_samples(output: Output, proposal: ChangeProposal) -> None:
    if not proposal.samples:
        return
    table = new_table()
    for heading in ("PFA id", "field", "before", "after"):
        table.add_column(heading)
    for sample in proposal.samples:
        for number, (label, old, new) in enumerate(_differences(sample.before, sample.after)):
            table.add_row(Text("" if number else plain(sample.before.pfa_id)), Text(label), Text(old), Text(new))
    output.line()
    output.show(table)


def _differences(before: Record, after: Record) -> Iterator[tuple[str, str, str]]:
    old, new = from_message(before), from_message(after)
    for field in FIELDS:
        if field.origin is not Origin.SYNC and old[field.name] != new[field.name]:
            yield field.label, cell(field, old[field.name]) or "–", cell(field, new[field.name]) or "–"
