"""Who may ask, and for what: a key on every request."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from common.serving.keys.live import ApiKeys
from common.serving.keys.scopes import Need, need_of
from common.serving.problems import problem
from common.serving.visitors import Visitors


class RequireKey:
    """ASGI middleware: 401 without a valid key, 403 with one that may not do this.

    Open are `public_paths`, routes that need nothing, and what visitors may ask. Takes
    `Authorization: Bearer KEY` or `X-API-Key: KEY`. The key is then in `request.state.api_key`, and
    its name in `request.state.api_key_name`.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: ApiKeys,
        public_paths: Collection[str],
        needs: Mapping[str, Need],
        visitors: Visitors | None = None,
    ) -> None:
        self._app = app
        self._keys = keys
        self._public_paths = frozenset(public_paths)
        self._needs = needs
        self._visitors = visitors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 or 403."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        need = "nothing" if scope["path"] in self._public_paths else need_of(scope, self._needs)
        if self._keys.is_due:
            await asyncio.to_thread(self._keys.refresh)
        key = self._keys.check(_sent_key(Headers(scope=scope)))
        if key is not None:
            scope.setdefault("state", {}).update(api_key=key, api_key_name=key.name)
            if need not in {"nothing", "any key", *key.scopes}:
                detail = f"This key may not do this: it lacks the scope {need!r}."
                await problem(403, detail, scope=need)(scope, receive, send)
                return
        elif need != "nothing" and not (self._visitors and self._visitors.may_ask(scope["path"])):
            headers = {"WWW-Authenticate": 'Bearer realm="bizlm"'}
            detail = "Send a valid API key: Authorization: Bearer KEY, or X-API-Key: KEY."
            await problem(401, detail, headers=headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _sent_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
