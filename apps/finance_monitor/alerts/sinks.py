"""Where notifications go: the console, a file, a webhook, or any address that apprise knows."""

from __future__ import annotations

import json
import os
import sys
import urllib.parse
from pathlib import Path
from typing import Protocol

from apps.finance_monitor.alerts.apprised import ApprisedReceiver
from apps.finance_monitor.alerts.notifications import (
    Notification,
    headline,
    in_words,
    to_alertmanager,
)
from common.addresses import check_host
from common.console import is_log_json, messages, say
from common.files import append_whole
from common.webhooks import SECRET, DeliveryError, masked, send_json

# How each line of a file begins; what somebody else wrote there is left as it is.
OUR_LINE = b'{"idempotency_key": '
COLOURS = {"notice": "yellow", "warning": "dark_orange", "critical": "red"}


class Sink(Protocol):
    """One receiver; `name` stays the same over restarts."""

    @property
    def name(self) -> str: ...  # noqa: D102

    def deliver(self, notification: Notification) -> None:
        """Deliver it.

        Raises:
            DeliveryError: to be tried again, if it is no refusal.
        """


def open_sink(address: str) -> Sink:
    """The sink that `address` names: `console`, `jsonl:PATH`, `https://…`, or one of apprise's.

    Raises:
        UserError: nobody knows such an address, or it is this machine.
    """
    if address == "console":
        return ConsoleSink()
    if address.startswith("jsonl:"):
        return FileSink(Path(address.removeprefix("jsonl:")))
    if address.startswith(("http://", "https://")):
        host = urllib.parse.urlsplit(address).hostname or ""
        check_host(host, f"notify {masked(address, host)}")
        return WebhookSink(address, os.environ.get(SECRET))
    return AppriseSink(address)


class ConsoleSink:
    """Lines on stderr."""

    name = "console"

    def deliver(self, notification: Notification) -> None:
        """Print it."""
        for alert in notification.alerts:
            if is_log_json():
                say(f"{headline(alert)} – {in_words(alert)}")
                continue
            style = "green" if alert.status == "resolved" else COLOURS[alert.severity]
            messages().print(headline(alert), style=f"bold {style}", markup=False)
            messages().print(in_words(alert), markup=False)


class LinesSink:
    """JSON lines on stdout, one per alert."""

    name = "stdout"

    def deliver(self, notification: Notification) -> None:
        """Print it."""
        for alert in notification.alerts:
            sys.stdout.write(alert.model_dump_json() + "\n")
        sys.stdout.flush()


class FileSink:
    """JSON lines, one per alert; what stands there already is not written again."""

    def __init__(self, path: Path) -> None:
        self.name = f"jsonl:{path}"
        self._path = path
        self._told: set[str] | None = None

    def deliver(self, notification: Notification) -> None:
        """Append it, and wait until it is on disk."""
        try:
            written = self._read_written()
            key = notification.idempotency_key
            if key in written:
                return
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lines = [
                json.dumps(
                    {"idempotency_key": key, "escalated": notification.escalated}
                    | alert.model_dump(mode="json"),
                    ensure_ascii=False,
                )
                for alert in notification.alerts
            ]
            append_whole(self._path, "".join(line + "\n" for line in lines).encode())
            written.add(key)
        except OSError as error:
            raise DeliveryError(str(error)) from error

    def _read_written(self) -> set[str]:
        if self._told is None:
            kept = self._path.read_bytes() if self._path.exists() else b""
            whole, _, rest = kept.rpartition(b"\n")
            if rest and rest.startswith(OUR_LINE[: len(rest)]):
                # The process died while it wrote this line.
                os.truncate(self._path, len(kept) - len(rest))
            ours = [json.loads(line) for line in whole.splitlines() if line.startswith(OUR_LINE)]
            self._told = {line["idempotency_key"] for line in ours}
        return self._told


class WebhookSink:
    """POST in Alertmanager's form, with an idempotency key, signed if there is a secret."""

    def __init__(self, url: str, secret: str | None = None) -> None:
        self.name = masked(url, urllib.parse.urlsplit(url).hostname or "")
        self._url = url
        self._secret = secret

    def deliver(self, notification: Notification) -> None:
        """Send it; anything but a 2xx is an error."""
        body = to_alertmanager(notification, "bizlm")
        send_json(self._url, body, key=notification.idempotency_key, secret=self._secret)


class AppriseSink:
    """Whatever apprise knows; see `ApprisedReceiver`."""

    def __init__(self, address: str) -> None:
        hint = "console, jsonl:PATH, https://…, or an address as apprise writes it."
        self._receiver = ApprisedReceiver(address, "notify", hint)
        self.name = self._receiver.name

    def deliver(self, notification: Notification) -> None:
        """Send one message for each alert."""
        for alert in notification.alerts:
            if reason := self._receiver.tell(headline(alert), in_words(alert)):
                raise DeliveryError(reason)
