"""A brief sent to people: a few lines, with the page attached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from common.addresses import guarded
from common.errors import UserError
from common.webhooks import masked

# These are for programs, and take no page.
NOT_FOR_PEOPLE = ("console", "jsonl:", "http://", "https://")


def for_people(addresses: Sequence[str]) -> list[str]:
    """Those of the addresses that apprise delivers to."""
    return [address for address in addresses if not address.startswith(NOT_FOR_PEOPLE)]


def send(addresses: Sequence[str], title: str, body: str, page: Path) -> list[str]:
    """Send to each; the page goes to whom it can be attached for, such as mail.

    Returns:
        The addresses that could not be reached, without their passwords, and why where it is known.

    Raises:
        UserError: apprise does not know an address; then nothing is sent.
    """
    from apprise import Apprise, AppriseAsset

    receivers = []
    for address in addresses:
        receiver = Apprise(asset=AppriseAsset(http_redirects=False))
        if not receiver.add(address):
            raise UserError(
                f"no such address to send a brief to: {address.partition('://')[0]}://…",
                hint="An address as apprise writes it, such as mailto://USER:PASSWORD@HOST?to=….",
            )
        receivers.append((masked(address), receiver))
    failed = []
    for name, receiver in receivers:
        with guarded() as refused:
            is_taken = receiver.notify(title=title, body=body, attach=str(page))
        if not is_taken:
            failed.append(": ".join([name, *refused[:1]]))
    return failed
