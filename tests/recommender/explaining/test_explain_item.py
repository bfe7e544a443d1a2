"""Which past events and which words of an item's text speak for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from command_line import run_here
from trained_shop import SAMPLES, succeed

from apps.recommender.explaining.item import without_each
from apps.recommender.interactions.events import Histories

USER = "user-001"


def _some_item() -> str:
    lines = (SAMPLES / "items.jsonl").read_text(encoding="utf-8").splitlines()
    item: str = json.loads(lines[0])["item_id"]
    return item


def test_words_stand_in_the_text_and_events_come_strongest_first(
    store: Path, data: tuple[object, ...]
) -> None:
    done = succeed("explain", USER, _some_item(), *data, "--store", store, "--json")
    found = json.loads(done.stdout)
    (only,) = found["attributions"]
    assert all(found["text"][w["start"] : w["end"]] == w["text"] for w in only["words"])
    assert any(word["weight"] for word in only["words"])
    weights = [event["weight"] for event in found["events"]]
    assert weights == sorted(weights, reverse=True)
    assert any(weights)
    interactions = pl.read_csv(str(data[1]), infer_schema=False)
    own = set(interactions.filter(pl.col("user_id") == USER)["item_id"])
    assert {event["item_id"] for event in found["events"]} <= own | set(
        pl.read_csv(str(data[3]), infer_schema=False)["item_id"]
    )


@pytest.mark.parametrize(("user", "item"), [(USER, "no-item"), ("nobody", None)])
def test_who_is_not_known_is_named(
    store: Path, data: tuple[object, ...], user: str, item: str | None
) -> None:
    done = run_here("recommender", "explain", user, item or _some_item(), *data, "--store", store)
    assert done.returncode == 2
    assert (item or user) in done.stderr


def test_each_history_lacks_one_event_and_keeps_the_order_of_the_others() -> None:
    past = Histories(
        item=np.array([[-1, 5, 6, 7]], np.int32),
        behavior=np.array([[0, 1, 2, 3]], np.int8),
        time=np.array([[0, 10, 20, 30]], np.int64),
        weight=np.array([[0, 1, 1, 1]], np.float32),
        as_of=np.array([40]),
    )
    left = without_each(past, np.array([1, 2, 3]))
    assert left.item.tolist() == [[-1, -1, 6, 7], [-1, -1, 5, 7], [-1, -1, 5, 6]]
    assert left.behavior.tolist() == [[0, 0, 2, 3], [0, 0, 1, 3], [0, 0, 1, 2]]
    assert left.as_of.tolist() == [40, 40, 40]
