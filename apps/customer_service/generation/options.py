"""Who writes replies of several passages, as `serve` is told."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from common.addresses import check_host
from common.errors import UserError

COMPOSING, ENDPOINT, NOBODY = "compose", "openai", "none"


@dataclass(frozen=True)
class Generation:
    """What `--generator` names.

    Attributes:
        name: `compose`, `openai`, `none`, or a causal model.
        url: of the endpoint, with `/v1`.
        model: of the endpoint.
    """

    name: str
    url: str = ""
    model: str = ""


def read_generation(name: str | None, base_url: str | None, model: str | None) -> Generation | None:
    """The options of `serve`, checked; None: as the release says that serves.

    Raises:
        UserError: they have no sense together, or the address is none, or this machine's.
    """
    if name != ENDPOINT:
        if base_url or model:
            raise UserError(
                "--base-url and --model name an endpoint, and none is asked",
                hint="Give --generator openai, or leave them out.",
            )
        return Generation(name) if name else None
    if not base_url or not model:
        raise UserError(
            "--generator openai: which endpoint, and which model?",
            hint="Give --base-url URL and --model NAME.",
        )
    address = urlsplit(base_url)
    if address.scheme not in {"http", "https"} or not address.hostname:
        raise UserError(f"--base-url: not an address: {base_url!r}", hint="https://…/v1")
    check_host(address.hostname, "--base-url")
    url = base_url.rstrip("/")
    return Generation(name, url if url.endswith("/v1") else f"{url}/v1", model)
