"""Which routes change something, and what is noted of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.requests import Request

CHANGES: Mapping[str, str] = {
    "POST /v1/feedback": "knowledge.corrected",
    "POST /v1/feedback/decisions": "feedback.decided",
    "POST /v1/releases/promotions": "release.promoted",
    "POST /v1/releases/rollbacks": "release.rolled_back",
    "POST /v1/faqs": "knowledge.added",
    "PUT /v1/faqs/{faq_id:path}": "knowledge.edited",
    "DELETE /v1/faqs/{faq_id:path}": "knowledge.removed",
    "POST /v1/faqs/decisions": "knowledge.decided",
    "POST /v1/faqs/undo": "knowledge.undone",
    "POST /v1/gaps/dismissals": "gap.dismissed",
    "POST /v1/tickets/{ticket_id}/assign": "ticket.assigned",
    "POST /v1/tickets/{ticket_id}/close": "ticket.closed",
    "POST /v1/tickets/{ticket_id}/replies": "ticket.replied",
    "POST /v1/tickets/{ticket_id}/unassign": "ticket.unassigned",
    "POST /v1/alerts/{alert_id}/acknowledge": "alert.acknowledged",
    "POST /v1/alerts/{alert_id}/resolve": "alert.resolved",
    "POST /v1/alerts/{alert_id}/verdict": "alert.judged",
    "POST /v1/silences": "alert.silenced",
}
# They do not always change something; where they do, they say so by `note`.
IF_NOTED = frozenset({"POST /v1/feedback"})


def note(
    request: Request,
    *,
    about: Iterable[str] | str | None = None,
    before: object = "",
    after: object = "",
) -> None:
    """Tell what a request changed, for the audit log: ids and short words, never what people said.

    Args:
        about: ids; None: those of the path.
    """
    noted = {"before": str(before), "after": str(after)}
    if about is not None:
        noted["about"] = about if isinstance(about, str) else ", ".join(about)
    request.scope.setdefault("state", {})["noted"] = noted
