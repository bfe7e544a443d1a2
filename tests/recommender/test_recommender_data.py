from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from apps.recommender.catalogue.items import ALWAYS
from apps.recommender.data import Sources, read_dataset
from common.errors import UserError

ITEMS = [
    {"item_id": "a", "title": "Bread", "tags": ["cooking"], "category": "books", "price": 9},
    {"item_id": "b", "title": "面包", "description": "从一袋面粉开始", "created_at": 86400},
    {"item_id": "c", "title": "Salt", "available": False},
]
ROWS = "user_id,item_id,behavior,timestamp,impression_id,label,rating\n"


@pytest.fixture
def items(tmp_path: Path) -> Path:
    return _items(tmp_path / "items.jsonl", ITEMS)


def _items(path: Path, items: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(item) + "\n" for item in items), encoding="utf-8")
    return path


def _read(tmp_path: Path, items: Path, rows: str, **more: Path):
    path = tmp_path / "interactions.csv"
    path.write_text(ROWS + rows, encoding="utf-8")
    return read_dataset(Sources([path], [items], **more))


def test_files_become_arrays_by_user_and_time(tmp_path: Path, items: Path) -> None:
    dataset = _read(
        tmp_path, items, "u2,a,click,300,,,\nu1,b,purchase,200,,,\nu1,a,browse,100,,,\n"
    )
    events = dataset.events
    assert dataset.user_ids == ["u1", "u2"]
    assert events.user.tolist() == [0, 0, 1]
    assert events.item.tolist() == [0, 1, 0]
    assert events.behavior.tolist() == [0, 4, 1]
    catalogue = dataset.catalogue
    assert catalogue.texts[1] == "面包 从一袋面粉开始"
    assert catalogue.created.tolist() == [ALWAYS, 86400, ALWAYS]
    assert np.isnan(catalogue.price[1])
    assert dataset.allowed.everybody.tolist() == [True, True, True]
    assert catalogue.available.tolist() == [True, True, False], "the rules keep it out"


def test_what_was_shown_and_not_taken_is_no_event(tmp_path: Path, items: Path) -> None:
    dataset = _read(tmp_path, items, "u,a,click,100,i1,1,\nu,b,click,100,i1,0,\nu,b,click,200,,,\n")
    assert dataset.events.item.tolist() == [0, 1]
    assert dataset.impressions is not None
    assert dataset.impressions.label.tolist() == [1, 0]
    assert len(set(dataset.impressions.impression.tolist())) == 1


def test_what_two_users_were_shown_under_one_name_was_not_shown_together(
    tmp_path: Path, items: Path
) -> None:
    rows = "u,a,click,100,i1,1,\nv,a,click,100,i1,0,\nu,b,click,100,i1,0,\nv,b,click,100,i1,1,\n"
    shown = _read(tmp_path, items, rows).impressions
    assert shown is not None
    assert shown.impression.tolist() == [0, 0, 1, 1]
    assert shown.user.tolist() == [0, 0, 1, 1]


def test_a_rating_above_the_mean_weighs_more(tmp_path: Path, items: Path) -> None:
    dataset = _read(tmp_path, items, "u,a,click,100,,,5\nu,b,click,200,,,1\nu,c,click,300,,,\n")
    high, low, none = dataset.events.weight.tolist()
    assert low < none == 1.0 < high


def test_a_rating_below_the_middle_of_the_scale_is_no_wish(tmp_path: Path, items: Path) -> None:
    """Half a star of five says that it was met, and is nothing to recommend by."""
    rated = [("a", 5.0), ("b", 0.5), ("a", 3.0), ("b", 2.5)]
    rows = "".join(f"{n},{i},click,{100 + n},,,{r}\n" for n, (i, r) in enumerate(rated))
    events = _read(tmp_path, items, rows).events
    assert (events.weight > 0).tolist() == [True, False, True, False]
    assert len(events) == 4


def test_hours_of_play_are_amounts_and_no_scale(tmp_path: Path, items: Path) -> None:
    rows = "".join(f"{n},a,click,{100 + n},,,{n * n + 0.5}\n" for n in range(40))
    assert (_read(tmp_path, items, rows).events.weight > 0).all()


def test_rows_of_unknown_items_are_counted_and_left_out(tmp_path: Path, items: Path) -> None:
    dataset = _read(tmp_path, items, "u,a,click,100,,,\nu,gone,click,200,,,\nu,b,click,3,,,\n")
    (finding,) = [f for f in dataset.audit.findings if f.code == "unknown_item"]
    assert (finding.severity, finding.count, finding.examples) == ("warning", 1, ["gone"])
    assert len(dataset.events) == 2


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, items: Path) -> None:
    with pytest.raises(UserError, match="no interaction names an item"):
        _read(tmp_path, items, "u,x,click,100,,,\n")
    mostly = _read(tmp_path, items, "u,x,click,100,,,\nu,y,click,1,,,\nu,a,click,2,,,\n")
    with pytest.raises(UserError, match="the audit failed"):
        mostly.audit.raise_on_errors()


def test_repeated_rows_are_told(tmp_path: Path, items: Path) -> None:
    dataset = _read(tmp_path, items, "u,a,click,100,,,\nu,a,click,100,,,\nu,a,browse,100,,,\n")
    (finding,) = [f for f in dataset.audit.findings if f.code == "repeated"]
    assert finding.count == 1


def test_two_items_of_one_id_are_refused_with_both_places(tmp_path: Path) -> None:
    twice = _items(tmp_path / "items.jsonl", [*ITEMS, ITEMS[0]])
    with pytest.raises(UserError, match=r"items.jsonl:4: item 'a' stands here and at .*:1"):
        _read(tmp_path, twice, "u,a,click,100,,,\n")


def test_an_item_without_a_title_is_refused(tmp_path: Path) -> None:
    blank = _items(tmp_path / "items.jsonl", [*ITEMS, {"item_id": "d", "title": " "}])
    with pytest.raises(UserError, match=r"items.jsonl:4: title"):
        _read(tmp_path, blank, "u,a,click,100,,,\n")


def test_a_price_that_cannot_be_computed_with_is_refused_with_its_row(tmp_path: Path) -> None:
    dear = tmp_path / "dear.csv"
    dear.write_text("item_id,title,price\na,tea,1e39\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"dear\.csv:2: price"):
        _read(tmp_path, dear, "u,a,click,100,,,\n")


def test_columns_of_users_become_numbers(tmp_path: Path, items: Path) -> None:
    users = tmp_path / "users.csv"
    users.write_text("user_id,age,city,language\nu,30,Ulm,en\nnew,,Bonn,zh\n", encoding="utf-8")
    dataset = _read(tmp_path, items, "u,a,click,100,,,\n", users=users)
    assert dataset.user_ids == ["new", "u"]
    assert dataset.languages == ["zh", "en"]
    assert dataset.features.names == ["age", "city", "language"]
    assert dataset.features.values[1].tolist() == [30, 1, 0]
    assert np.isnan(dataset.features.values[0, 0])


def test_candidates_are_for_everybody_or_for_one(tmp_path: Path, items: Path) -> None:
    lists = tmp_path / "candidates.csv"
    lists.write_text("item_id,user_id\na,\nc,\nb,u\na,u\n", encoding="utf-8")
    allowed = _read(tmp_path, items, "u,a,click,100,,,\n", candidates=lists).allowed
    assert allowed.everybody.tolist() == [True, False, True]
    assert {user: found.tolist() for user, found in allowed.of_user.items()} == {0: [0, 1]}


def test_a_candidate_that_is_no_item_is_named(tmp_path: Path, items: Path) -> None:
    lists = tmp_path / "candidates.csv"
    lists.write_text("item_id\na\nz\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"candidates.csv:3: there is no item 'z'"):
        _read(tmp_path, items, "u,a,click,100,,,\n", candidates=lists)


def test_a_column_may_be_named_for_one_file_alone(tmp_path: Path) -> None:
    renamed = _items(tmp_path / "items.jsonl", [{"sku": "a", "title": "Bread"}])
    path = tmp_path / "interactions.csv"
    path.write_text("user_id,item_id,timestamp\nu,a,100\n", encoding="utf-8")
    sources = Sources([path], [renamed], mapping={"items.item_id": "sku"})
    assert read_dataset(sources).catalogue.ids == ["a"]


def test_days_that_a_spreadsheet_counted_are_told(tmp_path: Path, items: Path) -> None:
    days = "u,a,click,46054,,,\nu,b,click,46055,,,\n"
    assert "days_for_seconds" in {f.code for f in _read(tmp_path, items, days).audit.findings}
    hours = days + "u,b,click,86400,,,\n"
    assert "days_for_seconds" not in {f.code for f in _read(tmp_path, items, hours).audit.findings}
