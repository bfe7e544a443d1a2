"""From the command line: files to a release, and from a release to ranked lists."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from command_line import run_apart, run_here
from processes import run
from release_contract import assert_names_no_place, assert_opens_as_sentence_transformer
from trained_shop import QUICK, SAMPLES, USERS, shop, succeed

from apps.recommender.catalogue.items import build_catalogue
from apps.recommender.release import item_vectors_of, load_release
from apps.recommender.schema import Item, Recommendation
from common.errors import RefusedError
from common.files import directory_hashes
from common.releases import gate
from common.releases.registry import Registry

FEW_USERS = 30


@pytest.fixture(scope="module")
def scored(data: tuple[object, ...], store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("scored") / "out"
    succeed(
        "score", *data, "--k", "7", "--shard-size", "12", "--workers", "1",
        "--out", out, "--store", store, run=run_apart,
    )  # fmt: skip
    return out


def test_the_release_says_what_it_learned_from_and_what_it_reached(store: Path) -> None:
    manifest = json.loads(succeed("releases", "show", "--json", "--store", store).stdout)
    begins = manifest["data"]["begins"]
    assert begins["ranker"] < begins["calibration"] < begins["test"]
    assert manifest["data"]["counts"]["items"] == 400
    assert manifest["after"]["ndcg@10"] > manifest["methods"]["popularity"]["ndcg@10"]
    report = (store / "recommender" / "current" / "report.html").read_text(encoding="utf-8")
    for title in ("Compared with the baselines", "Cold items", "The cost of diversity", "Learning"):
        assert title in report


def test_every_user_gets_a_full_list_without_what_they_know(scored: Path) -> None:
    rows = pl.read_parquet(scored / "shard=*" / "part-0.parquet")
    lists = rows.group_by("user_id").agg(pl.col("item_id"), pl.col("rank"))
    assert len(lists) == USERS
    assert all(ranks == list(range(1, 8)) for ranks in lists["rank"].to_list())
    assert all(len(set(items)) == 7 for items in lists["item_id"].to_list())
    known = pl.read_csv(SAMPLES / "interactions.csv").select("user_id", "item_id").unique()
    assert rows.join(known, on=["user_id", "item_id"]).is_empty()
    away = pl.read_ndjson(SAMPLES / "items.jsonl").filter(~pl.col("available"))
    assert not set(rows["item_id"]) & set(away["item_id"])
    assert rows["p_click"].is_between(0, 1).all()
    assert (rows["p_purchase"] <= rows["p_click"] + 1e-6).all()


def test_the_same_command_again_keeps_every_byte(
    data: tuple[object, ...], scored: Path, store: Path
) -> None:
    before = directory_hashes(scored)
    victim = scored / "shard=00003" / "part-0.parquet"
    victim.write_bytes(victim.read_bytes()[:100])
    (scored / "_SUCCESS").unlink()
    done = succeed(
        "score", *data, "--k", "7", "--shard-size", "12", "--workers", "2",
        "--out", scored, "--store", store, "--json", run=run_apart,
    )  # fmt: skip
    assert json.loads(done.stdout)["shards_kept"] == 7
    assert directory_hashes(scored) == before


def test_one_user_gets_the_list_of_the_batch_job(
    data: tuple[object, ...], scored: Path, store: Path
) -> None:
    done = succeed("recommend", "user-042", *data, "--k", "7", "--store", store, "--json")
    one = [Recommendation.model_validate(entry) for entry in json.loads(done.stdout)]
    rows = pl.read_parquet(scored / "shard=*" / "part-0.parquet")
    rows = rows.filter(pl.col("user_id") == "user-042").sort("rank")
    assert [entry.item_id for entry in one] == rows["item_id"].to_list()
    assert all(entry.reasons for entry in one)


RULES = """
item_ttl = 400

[[rule]]
name = "the third"
action = "force"
item_id = "{slot}"
position = 3
until = 2100-01-01

[[rule]]
name = "no gardens"
when = {{ any = ["garden", "园"] }}
action = "forbid"
"""


def test_the_batch_job_keeps_to_what_the_shop_says(
    data: tuple[object, ...], store: Path, tmp_path: Path
) -> None:
    items = pl.read_ndjson(SAMPLES / "items.jsonl").sort("created_at", descending=True)
    slot = items.filter(pl.col("available") & (pl.col("category") != "news"))["item_id"][0]
    # The stock has the name of another input.
    rules, stock, relations = (tmp_path / n for n in ("r.toml", "users.csv", "relations.csv"))
    rules.write_text(RULES.format(slot=slot), encoding="utf-8")
    bought = pl.read_csv(data[1], infer_schema=False).filter(pl.col("behavior") == "purchase")
    # A history holds the latest alone.
    buyer, book = bought.sort("timestamp").select("user_id", "item_id").row(-1)
    place = ("--store", store, "--rules", rules)
    told = succeed("recommend", buyer, *data, "--k", 40, *place, "--json")
    ranked = [one["item_id"] for one in json.loads(told.stdout)]
    assert ranked[2] == slot
    sold, accessory = ranked[4:8], ranked[30]
    stock.write_text("item_id,stock\n" + "".join(f"{one},0\n" for one in sold), encoding="utf-8")
    relations.write_text(
        f"item_id,other_id,relation\n{book},{accessory},accessory\n", encoding="utf-8"
    )
    out, further = tmp_path / "out", ("--stock", stock, "--relations", relations)
    succeed("score", *data, "--k", 20, "--workers", 1, "--out", out, *place, *further)
    rows = pl.read_parquet(out / "shard=*" / "part-0.parquet")
    shown = set(rows["item_id"])
    assert not shown & {*sold}
    third = rows.filter(pl.col("rule") == "the third")
    assert set(third["item_id"]) == {slot} and set(third["rank"]) == {3}
    # Rules go by whole words: gardeners are no garden.
    is_garden = pl.concat_str("title", "description").str.contains(r"(?i)\bgarden\b|园")
    assert len(items.filter(is_garden)) > 2
    assert not shown & {*items.filter(is_garden)["item_id"]} - {slot}
    oldest = rows["scored_at"][0] - timedelta(days=400)
    created = pl.col("created_at").str.to_datetime(time_zone="UTC")
    assert len(expired := items.filter(created <= oldest)) > 20
    assert not shown & {*expired["item_id"]}
    own = rows.filter(pl.col("user_id") == buyer).sort("rank")
    assert own["item_id"].to_list()[-1] == accessory
    assert json.loads(own["reasons"][-1])[0]["relation"] == "accessory"
    manifest = json.loads((out / "_manifest.json").read_text())
    assert {"users.csv", "other users.csv", "relations.csv"} <= manifest["run"]["inputs"].keys()


def test_nothing_after_the_cutoff_reaches_a_score(data: tuple[object, ...], store: Path) -> None:
    found = json.loads(succeed("audit", *data, "--store", store, "--json").stdout)
    assert found["is_clean"]
    assert found["shuffled"] > 100
    assert "score" in found["compared"]


def test_a_changed_item_alone_is_encoded_again(store: Path, tmp_path: Path) -> None:
    lines = (SAMPLES / "items.jsonl").read_text(encoding="utf-8").splitlines()
    for place in (5, 250):
        item = json.loads(lines[place])
        lines[place] = json.dumps({**item, "title": item["title"] + " anew"})
    changed = tmp_path / "items.jsonl"
    changed.write_text("\n".join(lines), encoding="utf-8")
    out = tmp_path / "vectors.parquet"
    done = succeed("embed", "--items", changed, "-o", out, "--store", store)
    assert "400 texts, 2 to encode" in done.stderr
    vectors = pl.read_parquet(out)
    assert vectors.columns == ["item_id", "vector"] and len(vectors) == 400


def test_item_vectors_are_those_of_the_releases_model(store: Path, tmp_path: Path) -> None:
    texts = ["Linen shirt, blue", "蓝色亚麻衬衫"]
    release = Registry(store, "recommender").open()
    items = build_catalogue([Item(item_id=text, title=text) for text in texts])
    vectors = item_vectors_of(load_release(release), items, tmp_path)
    assert_opens_as_sentence_transformer(release.directory, texts, vectors)


def test_a_release_says_nothing_of_the_machine(
    store: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    release = (store / "recommender" / "current").resolve()
    assert_names_no_place(release, tmp_path_factory.getbasetemp().parent)


def test_a_release_is_measured_again_as_it_was_in_training(
    data: tuple[object, ...], store: Path
) -> None:
    found = json.loads(succeed("evaluate", *data, "--store", store, "--json").stdout)
    manifest = json.loads(succeed("releases", "show", "--json", "--store", store).stdout)
    before, after = manifest["methods"]["recommender"], found["methods"]["recommender"]
    assert after["ndcg@10"] == pytest.approx(before["ndcg@10"], abs=1e-6)


@pytest.mark.slow
def test_the_encoder_may_learn_too(tiny_model: Path, tmp_path: Path) -> None:
    data, store = shop(tmp_path, FEW_USERS), tmp_path / "var"
    succeed("train", *data, *QUICK, "--tune", "lora", "--backbone", tiny_model, "--store", store)
    shown = json.loads(succeed("releases", "show", "--json", "--store", store).stdout)
    assert shown["settings"]["strategy"] == "lora"
    again = json.loads(succeed("evaluate", *data, "--store", store, "--json").stdout)
    figure = shown["methods"]["recommender"]["ndcg@10"]
    assert again["methods"]["recommender"]["ndcg@10"] == pytest.approx(figure, abs=1e-3)


def test_two_processes_train_as_one(tiny_model: Path, tmp_path: Path) -> None:
    data, store = shop(tmp_path, FEW_USERS), tmp_path / "var"
    done = run(
        "-m", "apps.recommender", "train", *data, *QUICK, "--set", "batch_size=16",
        "--backbone", tiny_model, "--store", store, "--json", ranks=2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["promoted"]


def test_a_release_that_is_worse_for_some_users_does_not_serve(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, store = shop(tmp_path, FEW_USERS), tmp_path / "var"
    given = (*data, *QUICK, "--backbone", tiny_model, "--store", store, "--promote")
    succeed("train", *given)
    serving = (store / "recommender" / "current").resolve()
    held: list[tuple[Any, ...]] = []

    def worse(*arguments: Any) -> None:
        held.append(arguments)
        raise RefusedError("the candidate is worse for device phone")

    monkeypatch.setattr(gate, "check_groups", worse)
    wanted = ("--by", "history,device", "--max-group-loss", "0.1")
    done = run_here("recommender", "train", *given, *wanted)
    assert done.returncode == 3, done.stderr
    assert "worse for device phone" in done.stderr
    assert (store / "recommender" / "current").resolve() == serving
    ((before, after, groups, max_loss, _),) = held
    assert max_loss == 0.1
    assert len(before) == len(after) == len(groups) > 5
    names = {name.split()[0] for one in groups for name in one}
    assert names == {"users", "device"}


def test_profitable_items_stand_higher_in_every_list_of_a_release_that_weighs_them(
    tiny_model: Path, tmp_path: Path
) -> None:
    data, store, items = shop(tmp_path, FEW_USERS), tmp_path / "var", tmp_path / "items.jsonl"
    # Every eighth item has no margin, and some lose.
    number = pl.int_range(pl.len())
    profit = pl.when(number % 8 > 0).then(number % 8 - 2.0)
    pl.read_ndjson(SAMPLES / "items.jsonl").with_columns(profit=profit).write_ndjson(items)
    given = [items if one == SAMPLES / "items.jsonl" else one for one in data]
    given += ["--map", "items.margin=profit"]
    checked = json.loads(succeed("validate", *given, "--store", store, "--json").stdout)
    counts = {one["code"]: one["count"] for one in checked["findings"]}
    assert counts["no_margin"] == counts["negative_margin"] == 50

    place = ("--backbone", tiny_model, "--store", store, "--promote")
    told = succeed("train", *given, *QUICK, *place, "--margin-ndcg-loss", "1")
    manifest = json.loads(succeed("releases", "show", "--json", "--store", store).stdout)
    assert manifest["margins"]["weight"] > 0
    assert "Margins weigh" in told.stderr
    report = (store / "recommender" / "current" / "report.html").read_text(encoding="utf-8")
    assert "The cost of margins" in report and "without margins" in report

    lists = []
    for name, files in (("with", given), ("without", data)):
        out = tmp_path / name
        done = succeed("score", *files, "--k", 10, "--workers", 1, "--out", out, "--store", store)
        lists.append(pl.read_parquet(out / "shard=*" / "part-0.parquet").sort("user_id", "rank"))
    assert "No item has a margin" in done.stderr
    margins = pl.read_ndjson(items).select("item_id", "profit")
    priced, plain = (one.join(margins, on="item_id")["profit"].mean() for one in lists)
    assert priced > plain + 0.2
    done = succeed("recommend", "user-007", *given, "--store", store, "--json")
    own = lists[0].filter(pl.col("user_id") == "user-007")["item_id"].to_list()
    assert own == [one["item_id"] for one in json.loads(done.stdout)]


MISTAKES = (
    ("train --margin-ndcg-loss 0.02", "no item has a margin"),
    ("serve --explore-by thompson", "nothing explores"),
    ("train --by colour", "users cannot be grouped by 'colour'"),
    ("train --cutoff soon", "not a date or time"),
    ("train --cutoff 2020-01-01", "no interaction lies before the cutoff"),
    ("train --tune some", "unknown strategy 'some'"),
    ("train --set epoch=3", "Did you mean epochs?"),
    ("train --set class_weights=balanced", "class_weights: the recommender learns which items"),
    ("train --set continual=replay", "continual: there is no train --from here"),
    ("train --set label_names=true", "label_names: the recommender learns which items match"),
    ("train --set pair_weight=2", "pair_weight: the recommender learns which items match"),
    ("train --set seeds=3", "seeds: the recommender learns from events alone"),
    ("train --set privacy_epsilon=8", "privacy_epsilon: the recommender compares records"),
    ("tune --set focal=2", "focal: the recommender learns which items"),
    ("validate --map items.titel=name", "there is no field 'items.titel'"),
    ("validate --candidates none.csv", "none.csv: no such file"),
    ("recommend nobody", "there is no user 'nobody'"),
    ("audit --cutoff 2026-03-10", "Audit it at that moment or later"),
    ("score --out tests", "is not empty"),
)


@pytest.mark.parametrize(("command", "message"), MISTAKES)
def test_a_mistake_is_told_and_ends_with_2(
    command: str, message: str, data: tuple[object, ...], store: Path
) -> None:
    done = run_here("recommender", *command.split(), *data, "--store", store)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_column_of_users_that_is_missing_is_not_known_and_said_once(
    data: tuple[object, ...], store: Path
) -> None:
    for verb in (("recommend", "user-001"), ("evaluate",)):
        done = run_here("recommender", *verb, *data[:6], "--store", store, "--json")
        assert done.returncode == 0, done.stderr
        said = "User columns that the release expects and these files lack: "
        assert done.stderr.count(said) == 1
        assert "city_tier, device" in done.stderr
    ranking = json.loads(run_here("recommender", "recommend", "user-001", *data[:6],
                                  "--store", store, "--json").stdout)  # fmt: skip
    assert [one["rank"] for one in ranking][:2] == [1, 2]


def test_an_export_sees_items_where_the_release_does(store: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra [onnx] is not installed")
    pytest.importorskip("onnxscript", reason="the extra [onnx] is not installed")
    # The tiny model reads Latin letters alone: all Chinese texts are one to it.
    items, out = tmp_path / "items.jsonl", tmp_path / "exported"
    pl.read_ndjson(SAMPLES / "items.jsonl").filter(pl.col("language") == "en").write_ndjson(items)
    done = succeed("export", "--items", items, "--out", out, "--store", store, "--json")
    assert json.loads(done.stdout)["cosine"] > 0.95
    assert {"model.onnx", "export.json", "tokenizer.json"} <= {p.name for p in out.iterdir()}
    again = run_here("recommender", "export", "--items", items, "--out", out, "--store", store)
    assert again.returncode == 2
    assert "there already" in again.stderr
