"""What the server's own description promises, held by every operation."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi import FastAPI
from http_contract import (
    ask_what_balancers_and_browsers_ask,
    hold_scopes,
    make_keys,
    try_every_operation,
)
from privacy_contract import assert_silent, everything_logged, say_it_everywhere
from shop import Shop, always, serving

from apps.recommender.learning.server import collect_events
from apps.recommender.server import build_app
from common.releases.registry import Registry
from common.serving.keys.live import ApiKeys
from common.serving.keys.scopes import SCOPES
from common.serving.keys.writing import add_key


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    collector = collect_events(Registry(tmp_path, "recommender"))
    return build_app(always(Shop()), collector=collector)


def test_every_operation_keeps_to_its_description(app: FastAPI) -> None:
    with serving(app) as address:
        seen = try_every_operation(address)
        ask_what_balancers_and_browsers_ask(address)
    assert {"/v1/users", "/v1/recommendations", "/v1/events", "/healthz", "/readyz"} <= seen
    assert {"/v1/releases", "/v1/releases/promotions", "/v1/releases/rollbacks"} <= seen


def test_with_keys_each_does_what_it_may_and_every_operation_keeps_to_its_description(
    tmp_path: Path,
) -> None:
    file = tmp_path / "keys.toml"
    keys = make_keys(file)
    every = add_key(file, "every", SCOPES)
    collector = collect_events(Registry(tmp_path, "recommender"), has_keys=True)
    app = build_app(always(Shop()), collector=collector, api_keys=ApiKeys.load(file))
    with serving(app) as address:
        hold_scopes(address, keys)
        try_every_operation(address, examples=3, key=every)


def test_nothing_that_a_customer_says_is_logged(app: FastAPI) -> None:
    with everything_logged() as lines, serving(app) as address:
        assert say_it_everywhere(address) > 20
    assert any("request" in line for line in lines)
    assert_silent(lines)
