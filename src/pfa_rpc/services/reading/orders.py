"""The orders of views in which clients jump: `ViewOrders` keeps the ones used last, each valid by its pair."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from nlq.query import Condition, Sort
from pfa_rpc.records.revision import Revision
from pfa_rpc.services.requests import canonical
from pfa_rpc.store.orders import read_order
from pfa_rpc.store.organizations import Organization

KEPT_BYTES: Final = 16 << 20
"""Most that is kept of orders: those of 200 views of 20,000 records."""


class ViewOrders:
    """Orders of views, within bounds; what was used longest ago gives way."""

    def __init__(self, max_bytes: int = KEPT_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str, str], tuple[Revision, bytes]] = OrderedDict()

    async def get(
        self,
        connection: AsyncConnection,
        organization: Organization,
        condition: Condition | None,
        sort: tuple[Sort, ...],
    ) -> bytes:
        """Return the order that the connection's snapshot has; the organization is as of that snapshot."""
        view = organization.organization_id, *canonical(condition, sort)
        revision, order = self._kept.get(view, (None, b""))
        if revision == organization.revision:
            self._kept.move_to_end(view)
            return order
        order = await read_order(connection, organization.organization_id, condition, sort)
        self._keep(view, organization.revision, order)
        return order

    def _keep(self, view: tuple[str, str, str], revision: Revision, order: bytes) -> None:
        _, before = self._kept.pop(view, (revision, b""))
        self._kept[view] = revision, order
        self._bytes += len(order) - len(before)
        while self._bytes > self._max_bytes:
            _, (_, oldest) = self._kept.popitem(last=False)
            self._bytes -= len(oldest)
