"""One installation of PEMS: its rows, its clock, its ledger, and the one way in which a row is changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from pfa_rpc.simulator.clock import Clock
from pfa_rpc.simulator.columns import BY_ALIAS, COLUMNS, MODIFIED_BY, STAMP
from pfa_rpc.simulator.ledger import Effect, Entry, Ledger, Origin
from pfa_rpc.simulator.rows import Image, Rows
from pfa_rpc.simulator.settings import Settings
from pfa_rpc.simulator.values import Locale, Value, rounded

Values = Mapping[str, Value]


class Installation:
    """The state behind both services. Nothing in here waits, so that a call sees it whole."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.rows = Rows()
        self.clock = Clock()
        self.ledger = Ledger()
        self.locale = Locale(settings.formats, settings.decimals)

    def load(self, values: Values, recordid: int = 1) -> None:
        """Take in a row that was there before anything happened: with the stamp that it has, and not in the ledger."""
        self.rows.insert(Image(self._complete(values), recordid))

    def add(self, values: Values, *, by: str, origin: Origin = Origin.PERSON) -> Image:
        """Add a row. Raises RowExists."""
        image = Image(self._complete(values) | self._stamped(by), 1)
        self.rows.insert(image)
        self._note(image, Effect.ADDED, after=image.values, by=by, origin=origin)
        return image

    def change(
        self,
        organization: str,
        pfa_id: str,
        values: Values,
        *,
        by: str,
        origin: Origin = Origin.PERSON,
        request: Mapping[str, Any] | None = None,
    ) -> Image:
        """Give some columns of a row other values, its stamp and update counter too. Raises RowNotFound."""
        before = self.rows.get(organization, pfa_id)
        written = {alias: self._kept(value) for alias, value in values.items()}
        image = Image({**before.values, **written, **self._stamped(by)}, before.recordid + 1)
        self.rows.replace(image)
        changed = [alias for alias, value in written.items() if before.values.get(alias) != value]
        old = {alias: before.values.get(alias) for alias in changed}
        new = {alias: written[alias] for alias in changed}
        self._note(image, Effect.CHANGED, before=old, after=new, by=by, origin=origin, request=request)
        return image

    def delete(self, organization: str, pfa_id: str, *, by: str, origin: Origin = Origin.PERSON) -> Image:
        """Take a row away. Raises RowNotFound."""
        image = self.rows.delete(organization, pfa_id)
        self._note(image, Effect.DELETED, before=image.values, by=by, origin=origin)
        return image

    def now(self) -> datetime:
        """Return the time as a stamp keeps it."""
        moment = self.clock.now().replace(microsecond=0)
        return moment if self.settings.stamp_seconds else moment.replace(second=0)

    def typed(self, values: Mapping[str, Any]) -> dict[str, Value]:
        """Return values by column, of which some may be text as the grid shows it. Raises KeyError, NotValid."""
        return {alias: self.locale.value_of(value, BY_ALIAS[alias].kind) for alias, value in values.items()}

    def _kept(self, value: Value) -> Value:
        """Return a value with the precision that the installation keeps."""
        return rounded(value, self.settings.decimals) if isinstance(value, Decimal) else value

    def _complete(self, values: Values) -> dict[str, Value]:
        return {column.alias: self._kept(values.get(column.alias)) for column in COLUMNS}

    def _stamped(self, by: str) -> dict[str, Value]:
        return {STAMP: self.now(), MODIFIED_BY: by}

    def _note(
        self,
        image: Image,
        effect: Effect,
        *,
        by: str,
        origin: Origin,
        before: Values | None = None,
        after: Values | None = None,
        request: Mapping[str, Any] | None = None,
    ) -> None:
        self.ledger.append(
            Entry(
                sequence=len(self.ledger) + 1,
                at=self.clock.now(),
                origin=origin,
                effect=effect,
                organization=image.organization,
                pfa_id=image.pfa_id,
                by=by,
                recordid=image.recordid,
                before=before or {},
                after=after or {},
                request=request,
            )
        )
