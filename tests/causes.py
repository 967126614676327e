"""The cause that tests give for what they write."""

from __future__ import annotations

from typing import Final

from pfa_rpc.records.cause import Cause, How

CAUSE: Final = Cause(How.EDIT, "anna")
