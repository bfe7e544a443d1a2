"""What each route needs: one table for the servers of all applications."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, get_args

from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Scope as Connection

# ask: ask, and report what came of it; edit: what is answered, and cases; learn: what is learned,
# and which release serves; admin: who did what.
Scope = Literal["ask", "edit", "learn", "admin"]
Need = Literal["nothing", "any key"] | Scope
SCOPES: tuple[Scope, ...] = get_args(Scope)

NEEDS: Mapping[str, Need] = {
    # Of every server.
    "GET /": "nothing",
    "GET /healthz": "nothing",
    "GET /readyz": "nothing",
    "GET /v1/access": "nothing",
    "GET /metrics": "any key",
    "GET /openapi.json": "any key",
    "GET /v1/audit": "admin",
    "GET /v1/feedback": "learn",
    "POST /v1/feedback": "ask",
    "POST /v1/feedback/decisions": "learn",
    "GET /v1/releases": "learn",
    "POST /v1/releases/promotions": "learn",
    "POST /v1/releases/rollbacks": "learn",
    # Of the start page.
    "GET /v1/applications": "ask",
    # Of customer service.
    "POST /v1/answers": "ask",
    "GET /v1/answers/{answer_id}/explanation": "ask",
    "GET /v1/conversations/{conversation_id}": "ask",
    "POST /v1/conversations/{conversation_id}/assistant": "ask",
    "POST /v1/conversations/{conversation_id}/contact": "ask",
    "POST /v1/embeddings": "ask",
    "GET /v1/examples": "ask",
    "POST /v1/pictures": "ask",
    "POST /v1/retrieve": "ask",
    "GET /v1/faqs": "edit",
    "POST /v1/faqs": "edit",
    "PUT /v1/faqs/{faq_id:path}": "edit",
    "DELETE /v1/faqs/{faq_id:path}": "edit",
    "POST /v1/faqs/decisions": "edit",
    "GET /v1/faqs/history": "edit",
    "POST /v1/faqs/preview": "edit",
    "POST /v1/faqs/undo": "edit",
    "GET /v1/gaps": "edit",
    "POST /v1/gaps/dismissals": "edit",
    "GET /v1/gaps/export": "edit",
    "GET /v1/resolution": "edit",
    "GET /v1/tickets": "edit",
    "GET /v1/tickets/{ticket_id}": "edit",
    "POST /v1/tickets/{ticket_id}/assign": "edit",
    "POST /v1/tickets/{ticket_id}/close": "edit",
    "POST /v1/tickets/{ticket_id}/replies": "edit",
    "POST /v1/tickets/{ticket_id}/unassign": "edit",
    "GET /widget": "nothing",
    "GET /widget.js": "nothing",
    # Of the finance monitor.
    "GET /v1/alerts": "ask",
    "GET /v1/events": "ask",
    "POST /v1/score": "ask",
    "GET /v1/status": "ask",
    "GET /v1/stories": "ask",
    "GET /v1/stories/{story_id:path}/explanation": "ask",
    "GET /v1/trends": "ask",
    "GET /v1/watchlists": "ask",
    "POST /v1/alerts/{alert_id}/acknowledge": "edit",
    "POST /v1/alerts/{alert_id}/resolve": "edit",
    "POST /v1/alerts/{alert_id}/verdict": "edit",
    "POST /v1/records": "edit",
    "POST /v1/silences": "edit",
    "POST /v1/stories": "edit",
    # Of the recommender.
    "GET /v1/experiment": "ask",
    "POST /v1/events": "ask",
    "GET /v1/items/{item_id:path}/similar": "ask",
    "POST /v1/recommendations": "ask",
    "GET /v1/recommendations/{user_id:path}": "ask",
    "GET /v1/users": "ask",
    "GET /v1/users/{user_id:path}/explanation": "ask",
    "GET /v1/users/{user_id:path}/history": "ask",
}


def need_of(connection: Connection, needs: Mapping[str, Need]) -> Need:
    """What a request needs; of a path or a method that there is not, any key.

    HEAD needs what GET does; OPTIONS, which tells the methods alone, any key.
    """
    method = "GET" if connection["method"] == "HEAD" else connection["method"]
    asked = {**connection, "method": method}
    for route in connection["app"].routes:
        if not isinstance(route, Mount) and route.matches(asked)[0] is Match.FULL:
            return needs[f"{method} {getattr(route, 'path', '')}"]
    return "any key"


def routes_without_need(routes: Iterable[BaseRoute], needs: Mapping[str, Need]) -> list[str]:
    """The routes that the table does not name; a server that has one does not start."""
    return [name for name in _names(routes) if name not in needs]


def _names(routes: Iterable[BaseRoute]) -> Iterator[str]:
    for route in routes:
        # Files of a page: whoever may open it is told by `RequireKey`.
        if not isinstance(route, Mount):
            for method in sorted(getattr(route, "methods", None) or ()):
                if method != "HEAD":
                    yield f"{method} {getattr(route, 'path', '')}"
