"""JSON sent to an address of somebody else's, signed, with a key to know it again by.

A redirect is not followed: a POST would go on as a GET without its body, and count as delivered;
and what signs it, or lets it in, would go to a machine that nobody named.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPMessage
from typing import IO, Any

from common.addresses import guarded
from common.durations import retry_after

SECRET = "BIZLM_WEBHOOK_SECRET"
TIMEOUT = 10.0
MOST_ANSWER_BYTES = 1_000_000
# These speak of the key, the address or the moment; any other 4xx of what was sent.
NOT_OF_THE_BODY = frozenset({401, 404, 407, 408, 410, 425, 429})


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nothing; the redirect is the answer."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> None:
        return None


class DeliveryError(Exception):
    """It was not delivered.

    Attributes:
        retry_after: seconds, where the receiver said so.
        is_refusal: the receiver does not take this body, whenever it is sent.
    """

    def __init__(
        self, reason: str, retry_after: float | None = None, *, is_refusal: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.is_refusal = is_refusal


def send_json(
    url: str,
    content: Mapping[str, Any],
    *,
    key: str,
    secret: str | None = None,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Send it; gives the body of the answer.

    Args:
        key: the same however often this is sent, in `Idempotency-Key`.
        secret: signs the body by HMAC-SHA256 in `X-Signature-256`.
        headers: further ones.

    Raises:
        DeliveryError: nobody took it; to be tried again, if it is no refusal. A redirect is none:
            it is tried again until the address is put right.
    """
    body = json.dumps(content, ensure_ascii=False).encode()
    sent = {"Content-Type": "application/json", "Idempotency-Key": key, **(headers or {})}
    if secret:
        sent["X-Signature-256"] = signature(body, secret)
    request = urllib.request.Request(url, body, sent, method=method)
    try:
        opener = urllib.request.build_opener(_Stay)
        with guarded(url), opener.open(request, timeout=TIMEOUT) as answer:
            found: bytes = answer.read(MOST_ANSWER_BYTES)
            return found
    except urllib.error.HTTPError as error:
        raise DeliveryError(
            f"HTTP {error.code}{_moved(url, error)}",
            retry_after(error.headers.get("Retry-After", ""), time.time()) or None,
            is_refusal=400 <= error.code < 500 and error.code not in NOT_OF_THE_BODY,
        ) from error
    except urllib.error.URLError as error:
        raise DeliveryError(str(error.reason)) from error
    except (OSError, ValueError) as error:
        raise DeliveryError(str(error)) from error


def _moved(url: str, error: urllib.error.HTTPError) -> str:
    """Where an answer sends on to, as far as it can be shown: a path may hold a token."""
    if not 300 <= error.code < 400:
        return ""
    try:
        there = urllib.parse.urlsplit(urllib.parse.urljoin(url, error.headers.get("Location", "")))
        host = f"{there.scheme}://{there.hostname or ''}"
    except ValueError:
        host = "an address that is none"
    return f": it sends on to {host}, which is not followed; give the address that it moved to"


def signature(body: bytes, secret: str) -> str:
    """The HMAC-SHA256 of a body, as `X-Signature-256` holds it."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def is_signed(body: bytes, secret: str, given: str) -> bool:
    """Whether `given` is the signature of a body; takes as long whatever is given."""
    return hmac.compare_digest(signature(body, secret).encode(), given.encode())


def masked(address: str, host: str = "") -> str:
    """A name for an address that may hold tokens, which are never shown."""
    digest = hashlib.sha256(address.encode()).hexdigest()[:8]
    return f"{address.partition('://')[0]}://{host}#{digest}"
