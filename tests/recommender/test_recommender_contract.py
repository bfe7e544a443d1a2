"""What the server's own description promises, held by every operation."""

from __future__ import annotations

from http_contract import try_every_operation
from shop import Shop, always, serving

from apps.recommender.server import build_app


def test_every_operation_keeps_to_its_description() -> None:
    with serving(build_app(always(Shop()))) as address:
        seen = try_every_operation(address)
    assert {"/v1/users", "/v1/recommendations", "/healthz", "/readyz"} <= seen
