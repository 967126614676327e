"""Questions of requests: `read_question` reads one, and lets nothing through that the caller may not see."""

from __future__ import annotations

from datetime import date, datetime

from nlq.interpretation import Interpretation
from pfa.v1.proposal_pb2 import ProposeChangeRequest
from pfa.v1.query_service_pb2 import AskRequest, InterpretRequest
from pfa_rpc.services.asking.contexts import open_context
from pfa_rpc.services.asking.hiding import visible_context, visible_reading
from pfa_rpc.services.asking.languages import Languages, Prepared
from pfa_rpc.services.call import Call
from pfa_rpc.services.principal import Permission
from pfa_rpc.services.requests import authorize, read_date
from pfa_rpc.services.tokens import Tokens
from pfa_rpc.store.organizations import Organization

Question = InterpretRequest | AskRequest | ProposeChangeRequest
"""The requests that have a question."""


async def read_question(
    request: Question, call: Call, languages: Languages, tokens: Tokens, permission: Permission = Permission.READ
) -> tuple[Prepared, Interpretation]:
    """Return the reading of a question that says nothing of what the caller may not see.

    Raises InvalidQuestion, InvalidRequest, InvalidToken,
    OrganizationNotFound and PermissionDenied.
    """
    organization_id = authorize(call, permission, request.organization_id)
    context = visible_context(call.principal, open_context(tokens, organization_id, request.context_token))
    prepared = await languages.get(organization_id)
    today = read_date("today", request.today) if request.HasField("today") else _local_day(prepared.organization)
    reading = await languages.read(prepared, request.question, today, context)
    return prepared, visible_reading(call.principal, reading)


def _local_day(organization: Organization) -> date:
    return datetime.now(organization.zone).date()
