"""What the server's own description promises, held by every operation."""

from __future__ import annotations

from http_contract import ask_what_balancers_and_browsers_ask, try_every_operation
from privacy_contract import assert_silent, everything_logged, say_it_everywhere
from shop import Shop, always, serving

from apps.recommender.server import build_app


def test_every_operation_keeps_to_its_description() -> None:
    with serving(build_app(always(Shop()))) as address:
        seen = try_every_operation(address)
        ask_what_balancers_and_browsers_ask(address)
    assert {"/v1/users", "/v1/recommendations", "/healthz", "/readyz"} <= seen


def test_nothing_that_a_customer_says_is_logged() -> None:
    with everything_logged() as lines, serving(build_app(always(Shop()))) as address:
        assert say_it_everywhere(address) > 20
    assert any("request" in line for line in lines)
    assert_silent(lines)
