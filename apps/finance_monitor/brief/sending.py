"""A brief sent to people: a few lines, with the page attached."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.finance_monitor.alerts.apprised import ApprisedReceiver

# These are for programs, and take no page.
NOT_FOR_PEOPLE = ("console", "jsonl:", "http://", "https://")


def for_people(addresses: Sequence[str]) -> list[str]:
    """Those of the addresses that apprise delivers to."""
    return [address for address in addresses if not address.startswith(NOT_FOR_PEOPLE)]


def send(addresses: Sequence[str], title: str, body: str, page: Path) -> list[str]:
    """Send to each; the page goes to whom it can be attached for, such as mail.

    Returns:
        The addresses that could not be reached, without their passwords, and why.

    Raises:
        UserError: apprise does not know an address, or it is this machine; then nothing is sent.
    """
    hint = "An address as apprise writes it, such as mailto://USER:PASSWORD@HOST?to=…."
    receivers = [ApprisedReceiver(one, "send a brief to", hint) for one in addresses]
    told = [(one.name, one.tell(title, body, str(page))) for one in receivers]
    return [f"{name}: {reason}" for name, reason in told if reason]
