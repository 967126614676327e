"""People who work in PEMS meanwhile: `People` change, add and delete rows of an organization, by the seed."""

from __future__ import annotations

import random
from datetime import date, timedelta
from decimal import Decimal

from pfa_rpc.schema import BY_NAME
from pfa_rpc.simulator.columns import ID
from pfa_rpc.simulator.faults import Move
from pfa_rpc.simulator.installation import Installation
from pfa_rpc.simulator.rows import Image
from pfa_rpc.simulator.values import Value

_NAMES = ("okafor", "achen", "jsmith", "maria")
_AREA, _RATE, _START, _END = (
    BY_NAME[name].pems or "" for name in ("area_silo", "monthly_rate", "forecast_start", "forecast_end")
)


class People:
    """Plays what happens in PEMS while somebody reads it."""

    def __init__(self, installation: Installation, seed: int) -> None:
        self._installation = installation
        self._rng = random.Random(f"people/{seed}")

    def work(self, organization: str, move: Move) -> None:
        """Change, add and delete rows of an organization, each another one, anywhere in it."""
        images = [row.image for row in self._installation.rows.rows(organization)]
        chosen = self._rng.sample(images, min(len(images), move.edit + move.add + move.delete))
        for number, image in enumerate(chosen):
            by = self._rng.choice(_NAMES)
            if number < move.edit:
                self._installation.change(organization, image.pfa_id, self._changes(image), by=by)
            elif number < move.edit + move.add:
                self._add_beside(image, by)
            else:
                self._installation.delete(organization, image.pfa_id, by=by)

    def _changes(self, image: Image) -> dict[str, Value]:
        rate, start, end = (image.values.get(alias) for alias in (_RATE, _START, _END))
        choice = self._rng.random()
        if choice < 0.4 and isinstance(rate, Decimal):
            return {_RATE: rate + 25}
        if choice < 0.8 and isinstance(start, date) and isinstance(end, date):
            return {_START: start + timedelta(days=7), _END: end + timedelta(days=7)}
        return {_AREA: f"Silo {self._rng.randrange(1, 90)}"}

    def _add_beside(self, image: Image, by: str) -> None:
        """Add a row whose id stands right behind that of another, so that windows move wherever they are."""
        pfa_id = f"{image.pfa_id}-{self._rng.randrange(16**6):06x}"
        self._installation.add({**image.values, ID: pfa_id}, by=by)
