"""Rules over lists while a server ranks: forced, forbidden, renamed, and changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from rules_contract import check_live, fired
from shop import always, serving
from test_service import _pipeline

from apps.recommender.lists.rules import Rules
from apps.recommender.server import build_app
from apps.recommender.service import RankingService
from common.rules.live import LiveRules

RULES = """
[[rule]]
name = "the news of the day"
when = { any = ["Title 58", "Title 59"] }
action = "force"

[[rule]]
name = "not the first"
item_id = "i1"
action = "forbid"

[[rule]]
name = "categories"
action = "rename"
label = "a"
to = { en = "Adventure", zh = "冒险" }
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.fixture
def address(rules: Path) -> Iterator[str]:
    live = LiveRules(rules, Rules)
    service = RankingService(_pipeline(), "release-1", rules=live)
    with serving(build_app(always(service), rules=live)) as served:
        yield served


def rank(address: str, user: str = "ada", **more: object) -> Any:
    return httpx.get(f"{address}/v1/recommendations/{user}", params=more).json()


def test_lists_go_by_rules_and_say_so(address: str) -> None:
    for user in ("ada", "bo"):
        ranking = rank(address, user, k=40)
        first, *others = ranking["items"]
        assert first["item_id"] in {"i58", "i59"}
        assert first["decided_by"]["rule"] == "the news of the day"
        assert [one["rank"] for one in ranking["items"]] == list(range(1, 41))
        assert not any(one["decided_by"] for one in others)
        assert len({one["item_id"] for one in ranking["items"]}) == 40
        assert "i1" not in {one["item_id"] for one in ranking["items"]}
        assert ranking["kept_out"] == {"not the first": 1}
    assert fired(address, "not the first") == 2
    of_a = [one for one in rank(address, k=40, language="zh")["items"] if one["category"] == "a"]
    assert of_a
    assert all(one["shown_as"] == {"a": "冒险"} for one in of_a)


def test_whoever_has_a_list_of_their_own_sees_nothing_else(address: str) -> None:
    assert {one["item_id"] for one in rank(address, "dora")["items"]} <= {"i5", "i50"}


def test_rules_are_live(address: str, rules: Path) -> None:
    def decides() -> bool:
        return rank(address)["items"][0]["decided_by"] is not None

    check_live(address, rules, "the news of the day", decides, "most_per_category = 3\n")
