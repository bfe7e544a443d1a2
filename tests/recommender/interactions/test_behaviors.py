from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from apps.recommender.data import Sources, read_dataset
from apps.recommender.interactions.behaviors import KNOWN, Behaviors, Meaning, parse_behaviors
from apps.recommender.interactions.reading import read_interactions
from apps.recommender.interactions.sequences import sequences
from apps.recommender.ranking.likes import rated
from apps.recommender.schema import BEHAVIORS
from common.errors import UserError

HEADER = "user_id,item_id,behavior,timestamp\n"
NAMES = ("view", "Add to Cart", "dislike", "加购", "购买", "purchase", "bag")
BAG = parse_behaviors(["Bag=add_to_cart:4"])


def _put(path: Path, names: tuple[str, ...] = NAMES) -> Path:
    rows = "".join(f"u{n},i{n},{name},{n + 1}\n" for n, name in enumerate(names))
    path.write_text(HEADER + rows, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("view", Meaning("browse")),
        ("addToCart", Meaning("click", 3)),
        ("remove_from_cart", Meaning("browse", 0.5)),
        ("wishlist", Meaning("click", 2)),
        ("rating", Meaning("click")),
        ("点踩", Meaning("browse", 0, is_opinion=True)),
        ("点赞", Meaning("click", 2, is_opinion=True)),
        ("收藏", Meaning("click", 2)),
    ],
)
def test_what_exports_call_it_is_known(name: str, meaning: Meaning) -> None:
    assert Behaviors().find(name) == meaning


def test_each_name_is_known_for_one_thing() -> None:
    names = [name for of in KNOWN.values() for name in of]
    assert len(names) == len(set(names))
    assert {Behaviors().read(name) for name in BEHAVIORS} == {Meaning(name) for name in BEHAVIORS}


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_names_are_mapped_weighed_and_told(
    tmp_path: Path, suffix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = _put(tmp_path / "i.csv")
    if suffix == "jsonl":
        frame = pl.read_csv(path)
        path = tmp_path / "i.jsonl"
        frame.write_ndjson(path)
    read = read_interactions(path, behaviors=BAG).frame
    assert [BEHAVIORS[n] for n in read["behavior"]] == [
        "browse", "click", "browse", "click", "purchase", "purchase", "click",
    ]  # fmt: skip
    assert read["weight"].to_list() == [1, 3, 1, 3, 1, 1, 4]
    assert read["liking"].to_list() == [1, 1, 0, 1, 1, 1, 1]
    said = capsys.readouterr().err.replace("\n", " ")
    for told in ("view as browse (1)", "dislike as not liked (1)", "bag as click × 4 (1)"):
        assert told in said
    assert "purchase as" not in said


def test_what_is_disliked_was_met_and_not_liked(tmp_path: Path) -> None:
    items = tmp_path / "items.jsonl"
    rows = [json.dumps({"item_id": f"i{n}", "title": f"Title {n}"}) for n in range(len(NAMES))]
    items.write_text("\n".join(rows), encoding="utf-8")
    dataset = read_dataset(Sources([_put(tmp_path / "i.csv")], [items], behaviors=BAG))
    assert dataset.events.weight.tolist() == [1, 1, 0, 1, 1, 1, 1]
    assert dataset.events.worth.tolist() == [1, 3, 1, 3, 1, 1, 4]
    assert any(finding.code == "renamed_behaviors" for finding in dataset.audit.findings)
    assert dataset.behaviors == BAG


def test_an_unknown_name_says_where_it_is_what_is_near_and_what_to_write(tmp_path: Path) -> None:
    path = _put(tmp_path / "i.csv", ("click", "add_too_cart"))
    with pytest.raises(UserError) as caught:
        read_interactions(path)
    for part in (f"{path}:3: ", "nearest known is 'add_to_cart'", "--behavior add_too_cart=click"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        ("bag", "not of the form"),
        ("=click", "not of the form"),
        ("bag=stare", "there is no behavior 'stare'"),
        ("bag=click:-1", "no number from 0"),
        ("bag=click:nan", "no number from 0"),
        ("bag=click:many", "no number from 0"),
        ("shown=click", "label 0"),
    ],
)
def test_a_wrong_mapping_is_refused(pair: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        parse_behaviors([pair])


def test_what_is_named_now_goes_before_what_a_release_keeps() -> None:
    both = parse_behaviors(["BAG=click:0"], {"bag": "click:3", "zap": "share"})
    assert both.own == {"zap": "share", "BAG": "click:0"}
    assert both.find("bag") == Meaning("click", 0, is_opinion=True)


def test_what_a_behavior_counts_for_is_no_opinion_of_the_item(tmp_path: Path) -> None:
    names = (
        "remove_from_cart",
        "wishlist",
        "add_to_cart",
        "like",
        "dislike",
        "heart",
        "never",
    )
    own = parse_behaviors(["heart=like:3", "never=browse:0"])
    items = tmp_path / "items.jsonl"
    rows = [json.dumps({"item_id": f"i{n}", "title": f"Title {n}"}) for n in range(len(names))]
    items.write_text("\n".join(rows), encoding="utf-8")
    path = tmp_path / "i.csv"
    done = "".join(f"u,i{n},{name},{n + 1}\n" for n, name in enumerate(names))
    path.write_text(HEADER + done, encoding="utf-8")
    events = read_dataset(Sources([path], [items], behaviors=own)).events
    assert rated(events).item.tolist() == [3, 4, 5, 6]
    assert rated(events).weight.tolist() == [2, 0, 3, 0]
    assert sequences(events, 9)[0].weight.tolist() == [0.5, 2, 3, 2, 0, 3, 0]
