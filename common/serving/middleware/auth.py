"""Who may ask: a key on every request."""

from __future__ import annotations

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from common.serving.api_keys import ApiKeys
from common.serving.problems import problem

# Orchestrators ask these before they know any key.
PROBES = frozenset({"/healthz", "/readyz"})


class RequireKey:
    """ASGI middleware: 401 without a valid key, but for `public_paths`.

    Takes `Authorization: Bearer KEY` or `X-API-Key: KEY`. The key's name is then in
    `request.state.api_key_name`.
    """

    def __init__(self, app: ASGIApp, keys: ApiKeys, public_paths: Collection[str]) -> None:
        self._app = app
        self._keys = keys
        self._public_paths = PROBES | frozenset(public_paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401."""
        if scope["type"] == "lifespan" or scope["path"] in self._public_paths:
            await self._app(scope, receive, send)
            return
        name = self._keys.check(_sent_key(Headers(scope=scope)))
        if name is None:
            headers = {"WWW-Authenticate": 'Bearer realm="bizlm"'}
            detail = "Send a valid API key: Authorization: Bearer KEY, or X-API-Key: KEY."
            await problem(401, detail, headers=headers)(scope, receive, send)
            return
        scope.setdefault("state", {})["api_key_name"] = name
        await self._app(scope, receive, send)


def _sent_key(headers: Headers) -> str:
    scheme, _, key = headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
