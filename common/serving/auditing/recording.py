"""What writes the audit log of a server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from threading import Thread

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from common.records.personal import mask
from common.serving.auditing.changes import CHANGES, IF_NOTED
from common.serving.keys.key import ApiKey
from common.storage.audit_log import AuditLog, Change

NO_KEY = "without a key"
KEYS_FILE = "keys file"

logger = logging.getLogger(__name__)


class RecordChanges:
    """ASGI middleware: a request that changed something is in the audit log before it is answered.

    Where the log cannot be written the change stands, and the server's log tells of it.
    """

    def __init__(self, app: ASGIApp, log: AuditLog, changes: Mapping[str, str] = CHANGES) -> None:
        self._app = app
        self._log = log
        self._changes = changes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and write what it changed."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def recorded(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] < 400:
                route = f"{scope['method']} {getattr(scope.get('route'), 'path', '')}"
                is_sure = route not in IF_NOTED or "noted" in scope.get("state", {})
                if (what := self._changes.get(route)) and is_sure:
                    await asyncio.to_thread(write, self._log, _change_of(scope, what))
            await send(message)

        await self._app(scope, receive, recorded)


def _change_of(scope: Scope, what: str) -> Change:
    state = scope.get("state", {})
    noted: dict[str, str] = state.get("noted", {})
    of_path = ", ".join(map(str, scope.get("path_params", {}).values()))
    address, _ = scope.get("client") or ("", 0)
    return Change(
        who=state.get("api_key_name", NO_KEY),
        what=what,
        about=mask(noted.get("about", of_path)),
        before=mask(noted.get("before", "")),
        after=mask(noted.get("after", "")),
        source=address,
    )


def write(log: AuditLog, change: Change) -> None:
    """Write one change; where that fails, tell of it in the server's log."""
    try:
        log.add(change)
    except Exception:
        fields = asdict(change)
        logger.exception("a change is not in the audit log", extra={"fields": fields})


def record_keys(
    log: AuditLog, before: Sequence[ApiKey], after: Sequence[ApiKey], version: str
) -> None:
    """Write down that a file of keys was changed; several processes that see it write it once.

    Beside the request that met it, which must not wait for the database.

    Args:
        version: of the file.
    """
    old, new = set(before), set(after)
    shown = ["; ".join(map(_described, sorted(keys, key=_name))) for keys in (old - new, new - old)]
    change = Change(
        who=KEYS_FILE,
        what="keys.changed",
        about=", ".join(sorted({key.name for key in old ^ new})),
        before=shown[0],
        after=shown[1],
        id=f"keys-{sha256(version.encode()).hexdigest()[:48]}",
    )
    Thread(target=write, args=(log, change), name="audit").start()


def _name(key: ApiKey) -> str:
    return key.name


def _described(key: ApiKey) -> str:
    ends = f" until {key.valid_until.isoformat()}" if key.valid_until else ""
    return f"{key.name} ({','.join(sorted(key.scopes))}){ends}"
