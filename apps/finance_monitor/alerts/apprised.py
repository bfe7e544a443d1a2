"""One receiver that apprise knows, held to the addresses that may be connected to."""

from __future__ import annotations

from typing import Any

from common.addresses import OwnAddressError, check_host, guarded
from common.errors import UserError
from common.webhooks import masked


class ApprisedReceiver:
    """Slack, DingTalk, WeCom, Feishu, mail and all else that apprise knows.

    Args:
        purpose: what is done with the address, for errors.

    Raises:
        UserError: apprise does not know such an address, or it is this machine.
    """

    def __init__(self, address: str, purpose: str, hint: str) -> None:
        from apprise import Apprise, AppriseAsset

        # A redirect would take what is told, and the key to tell it, to whom nobody named.
        self._apprise = Apprise(asset=AppriseAsset(http_redirects=False))
        if not self._apprise.add(address):
            raise UserError(
                f"no such address to {purpose}: {address.partition('://')[0]}://…", hint=hint
            )
        self.name = masked(address)
        hosts = [_host_of(server) for server in self._apprise]
        for host in filter(None, hosts):
            check_host(host, f"{purpose} {self.name}")
        written = [f"[{host}]" if ":" in host else host for host in hosts]
        # A service may ask by either, and a proxy stand before one of them alone.
        self._urls = [f"{scheme}://{host}/" for host in written for scheme in ("http", "https")]

    def tell(self, title: str, body: str, attach: str | None = None) -> str | None:
        """Send it; returns None where it is taken, else why not."""
        try:
            with guarded(*self._urls) as refused:
                is_taken = self._apprise.notify(title=title, body=body, attach=attach)
        except OwnAddressError as error:
            return str(error)
        if is_taken:
            return None
        return refused[0] if refused else "apprise could not deliver it"


def _host_of(server: Any) -> str:
    """The host that the user names; empty for a service whose address apprise knows itself.

    There the same place holds a token, which no name server is to learn.
    """
    has_host = "host" in server.template_tokens and getattr(server, "mode", "") != "cloud"
    return str(server.host or "").strip("[]") if has_host else ""
