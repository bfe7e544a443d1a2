"""What a server goes by while it ranks: dates, ages, and what is to be had."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from processes import wait_for
from rules_contract import write
from shop import always, serving
from test_service import START, _pipeline, ids

from apps.recommender.catalogue import stock as stock_module
from apps.recommender.catalogue.stock import LiveStock, read_stock
from apps.recommender.lists.item_rules import ItemRule
from apps.recommender.lists.rules import Rules
from apps.recommender.pipeline.choices import Choices
from apps.recommender.pipeline.pipeline import Pipeline
from apps.recommender.related.relations import Relations
from apps.recommender.server import build_app
from apps.recommender.service import RankingService
from common.errors import UserError

DAY = 86_400.0
NOW = START.timestamp() + 10 * DAY


def _rules(**more: Any) -> Rules:
    campaign = {"name": "campaign", "action": "force", "item_id": "i40", "position": 2}
    dates = {"from": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00+00:00"}
    return Rules(rule=(ItemRule.model_validate({**campaign, **dates}),), **more)


def test_a_campaign_begins_and_ends_while_the_server_runs() -> None:
    now = [NOW]
    service = RankingService(_pipeline(_rules()), "m", clock=lambda: now[0])
    plain = ids(service.recommend("ada", 5))
    now[0] = START.timestamp() + 11.5 * DAY
    during = service.recommend("ada", 5)
    assert ids(during) == [plain[0], "i40", *plain[1:4]]
    assert [row.decided_by.rule if row.decided_by else None for row in during] == [
        None, "campaign", None, None, None,
    ]  # fmt: skip
    now[0] = START.timestamp() + 12 * DAY
    assert ids(service.recommend("ada", 5)) == plain


def _aged(rules: Rules) -> Pipeline:
    """Item n was made n days before `NOW`; the last ten at an unknown time."""
    whole = _pipeline()
    created = (NOW - np.arange(60) * DAY).astype(np.int64)
    created[50:] = np.iinfo(np.int64).min
    prepared = replace(whole.prepared, catalogue=replace(whole.prepared.catalogue, created=created))
    return Pipeline(whole.towers, prepared, Choices(rules=rules, history=10))


def test_a_change_that_two_threads_see_at_once_is_not_lost() -> None:
    now, waiting = [NOW], list[threading.Thread]()

    def clock() -> float:
        if waiting:
            # Somebody else asks while this thread is about to follow.
            other = waiting.pop()
            other.start()
            other.join(0.5)
        return now[0]

    service = RankingService(_pipeline(_rules()), "m", clock=clock)
    other = threading.Thread(target=service.related, args=("i21", "similar", 3))
    now[0] = START.timestamp() + 11.5 * DAY
    waiting.append(other)
    service.recommend("ada", 5)
    other.join()
    assert "i40" in ids(service.recommend("ada", 5))


def test_items_leave_all_lists_when_they_are_old() -> None:
    now = [NOW]
    service = RankingService(_aged(Rules(item_ttl=20)), "m", clock=lambda: now[0])
    young = {f"i{n}" for n in (*range(20), *range(50, 60))}
    assert {*ids(service.recommend("bo", 60))} <= young
    assert {*ids(service.recommend("bo", 60))} >= {"i19", "i50"}
    assert service.kept_out == {"item_ttl": 30}
    assert "i25" not in {one.item_id for one in service.related("i5", "similar", 60)}
    now[0] += DAY
    assert "i19" not in ids(service.recommend("bo", 60))
    assert service.kept_out == {"item_ttl": 31}


@pytest.fixture
def stock(tmp_path: Path) -> Path:
    path = tmp_path / "stock.csv"
    path.write_text("item_id,stock\ni18,0\nnobody has it,3\n", encoding="utf-8")
    return path


@pytest.fixture
def address(stock: Path) -> Iterator[str]:
    live = LiveStock(stock)
    with serving(build_app(always(RankingService(_pipeline(), "m", stock=live)), stock=live)) as at:
        yield at


def _shown(address: str) -> set[str]:
    """Items of all lists that there are."""
    reader = httpx.get(f"{address}/v1/recommendations/ada", params={"k": 60}).json()
    visitor = httpx.post(f"{address}/v1/recommendations", json={"events": [], "k": 60}).json()
    similar = httpx.get(f"{address}/v1/items/i21/similar", params={"k": 60}).json()
    return {one["item_id"] for found in (reader, visitor, similar) for one in found["items"]}


def test_what_is_sold_out_leaves_all_lists_at_once_and_comes_back(
    address: str, stock: Path
) -> None:
    assert "i18" not in _shown(address)
    assert "i24" in _shown(address)
    write(stock, "item_id,stock,available\ni24,0,\ni27,5,no\ni18,2,\n")
    wait_for(lambda: "i24" not in _shown(address))
    assert "i27" not in _shown(address), "not to be had, though there are some"
    assert "i18" in _shown(address)

    def refused() -> str:
        found: str = httpx.get(f"{address}/readyz").json()["reasons"].get("refused_stock", "")
        return found

    write(stock, "item_id,stock\ni18,none at all\n")
    wait_for(refused)
    assert "stock.csv:2: stock" in refused()
    assert "i18" in _shown(address), "what was read before holds"
    write(stock, "item_id,stock\ni18,0\n")
    wait_for(lambda: not refused())
    assert "i18" not in _shown(address)
    assert "i24" in _shown(address)


def test_what_the_items_lack_comes_back_by_the_stock(tmp_path: Path) -> None:
    whole = _pipeline()
    gone = np.ones(60, np.bool_)
    gone[[18, 19]] = False
    prepared = replace(whole.prepared, catalogue=replace(whole.prepared.catalogue, available=gone))
    pipeline = Pipeline(whole.towers, prepared, Choices(history=10))
    assert not {"i18", "i19"} & {*ids(RankingService(pipeline, "m").recommend("ada", 60))}
    path = tmp_path / "stock.csv"
    path.write_text("item_id,available\ni18,yes\n", encoding="utf-8")
    service = RankingService(pipeline, "m", stock=LiveStock(path))
    assert {"i18", "i19"} & {*ids(service.recommend("ada", 60))} == {"i18"}


def test_what_has_a_successor_comes_back_when_that_is_sold_out(stock: Path) -> None:
    relations = Relations([(21, 18, "successor"), (24, 27, "successor")])
    service = RankingService(_pipeline(), "m", relations=relations, stock=LiveStock(stock))
    found = ids(service.recommend("ada", 60))
    assert "i21" in found, "its successor is sold out"
    assert "i24" not in found


def test_who_asks_for_the_stock_does_not_wait_for_the_file(
    stock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_module, "POLL_SECONDS", 0.0)
    live = LiveStock(stock)
    before = live.current
    write(stock, "item_id,stock\ni18,none at all\n")
    assert live.current is before
    assert live.refused is None, "nothing watches yet"
    live.start()
    wait_for(lambda: live.refused)
    write(stock, "item_id,stock\ni18,1\n")
    wait_for(lambda: live.current is not before)
    live.stop()


def test_a_stock_that_is_being_written_is_not_read(stock: Path) -> None:
    live = LiveStock(stock)
    before = live.current
    for rows in ("i1,0\n", "i1,0\ni2,0\n", "i1,0\ni2,0\ni3,0\n"):
        write(stock, f"item_id,stock\n{rows}")
        live.refresh()
        assert live.current is before
    live.refresh()
    assert set(live.current.there) == {"i1", "i2", "i3"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("item_id,colour\ni1,red\n", "give stock or available"),
        ("stock\n1\n", "item_id"),
        ("item_id,stock\ni1,nan\n", "stock.csv:2: stock"),
        ("item_id,stock\ni1,3\ni2,1\ni1,0\n", "two rows are about the item 'i1'"),
    ],
)
def test_a_stock_that_says_nothing_clear_is_refused(tmp_path: Path, rows: str, said: str) -> None:
    path = tmp_path / "stock.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        read_stock(path)


def test_stock_that_could_not_be_opened_for_a_moment_is_read_then(
    stock: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveStock(stock)
    write(stock, "item_id,stock\ni1,5\n")
    live.refresh()

    def refuses(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as outage:
        outage.setattr(stock_module, "read_stock", refuses)
        live.refresh()
        assert live.refused is not None
    live.refresh()
    assert live.refused is None
    assert live.current.there == {"i1": True}
