"""The client of PEMS: `PemsClient` reads pages of rows and reads and writes records, as `PemsSettings` say."""

from pfa_rpc.sync.pems.client import PemsClient
from pfa_rpc.sync.pems.columns import Columns, Drift
from pfa_rpc.sync.pems.page import Page, Paging
from pfa_rpc.sync.pems.row_reader import RejectedRow, SweptPart, SweptRow
from pfa_rpc.sync.pems.screen import RemoteObject, Updated
from pfa_rpc.sync.pems.seen import SeenRows
from pfa_rpc.sync.pems.settings import PemsSettings
from pfa_rpc.sync.pems.sweep import Sweep
from pfa_rpc.sync.pems.transport import Link

__all__ = [
    "Columns",
    "Drift",
    "Link",
    "Page",
    "Paging",
    "PemsClient",
    "PemsSettings",
    "RejectedRow",
    "RemoteObject",
    "SeenRows",
    "Sweep",
    "SweptPart",
    "SweptRow",
    "Updated",
]
