"""A release of any application is a backbone for any other, with all that is true of the model."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from itertools import pairwise, permutations
from pathlib import Path

import polars as pl
import pytest
from command_line import ROOT, run_here

from common.models.encoder import Encoder, load_encoder, save_encoder
from common.models.sentence_modules import read_modules
from common.models.sources.bundled import locate
from common.models.sources.facts import write_prompts

APPLICATIONS = ("customer_service", "finance_monitor", "recommender")
SAMPLES = ROOT / "data_samples"
# A walk along each ordered pair of them once.
WALK = tuple(APPLICATIONS[number] for number in (0, 1, 0, 2, 1, 2, 0))
QUICK = (
    *("--set", "strategy=head", "--set", "epochs=1", "--set", "adversarial=0"),
    *("--device", "cpu", "--precision", "fp32", "--json"),
)
LONGEST = 24
USERS = 30

Train = Callable[[str, Path], Path]


@pytest.fixture(scope="module")
def base(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A backbone unlike others in all that a directory can say."""
    directory = shutil.copytree(tiny_model, tmp_path_factory.mktemp("transfer") / "base")
    write_prompts(directory, "q : ", "p : ")
    (directory / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": 32, "pooling_mode": "cls"}
    (directory / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    modules = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{name}"}
        for n, (path, name) in enumerate((("", "Transformer"), ("1_Pooling", "Pooling")))
    ]
    (directory / "modules.json").write_text(json.dumps(modules))
    settings = {"max_seq_length": LONGEST, "do_lower_case": True}
    (directory / "sentence_bert_config.json").write_text(json.dumps(settings))
    return directory


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[object, ...]]:
    made = tmp_path_factory.mktemp("data")
    with (made / "questions.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["question", "intent"])
        for intent, word in (("lost", "card"), ("fees", "cost"), ("login", "password")):
            writer.writerows([f"{word} question {n * 'x'}", intent] for n in range(1, 16))
    with (made / "news.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "sentiment"])
        for label, word in (("positive", "jumps"), ("neutral", "meets"), ("negative", "plunges")):
            writer.writerows([f"alba {word} {n * 'y'}", label] for n in range(1, 16))
    for name in ("interactions", "users"):
        rows = pl.read_csv(SAMPLES / "recommender" / f"{name}.csv", infer_schema=False)
        rows.filter(pl.col("user_id") <= f"user-{USERS:03}").write_csv(made / f"{name}.csv")
    return {
        "customer_service": ("--questions", made / "questions.csv"),
        "finance_monitor": ("--news", made / "news.csv"),
        "recommender": (
            *("--interactions", made / "interactions.csv", "--users", made / "users.csv"),
            *("--items", SAMPLES / "recommender" / "items.jsonl"),
        ),
    }


@pytest.fixture(scope="module")
def train(
    data: dict[str, tuple[object, ...]], tmp_path_factory: pytest.TempPathFactory, few_trees: None
) -> Train:
    def run(application: str, backbone: Path) -> Path:
        store = tmp_path_factory.mktemp(application)
        arguments = ("--backbone", backbone, "--promote", "--store", store, *QUICK)
        done = run_here(application, "train", *data[application], *arguments)
        assert done.returncode == 0, done.stderr
        return store / application

    return run


@pytest.fixture(scope="module")
def releases(base: Path, train: Train) -> list[Path]:
    """Releases that serve, each trained on the one before, along the walk."""
    made = [base]
    for application in WALK:
        made.append(train(application, made[-1]) / "current")
    return made[1:]


def _assert_facts(encoder: Encoder) -> None:
    assert encoder.source.query_prefix == "q : "
    assert encoder.source.passage_prefix == "p : "
    assert encoder.max_length == LONGEST
    assert encoder.lower_case
    assert encoder.pooling[0].pooling_mode in ("cls", ("cls",), ["cls"])


def test_the_walk_has_each_pair_of_applications_once() -> None:
    assert sorted(pairwise(WALK)) == sorted(permutations(APPLICATIONS, 2))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(WALK) - 1))
def test_each_application_trains_on_the_release_of_each_other(
    place: int, releases: list[Path]
) -> None:
    start, made = releases[place : place + 2]
    for current in (start, made):
        _assert_facts(load_encoder(locate(str(current))))
    manifest = json.loads((made / "manifest.json").read_text())
    assert manifest["base_model"] == f"{start.resolve().name}/model"


def test_current_names_the_release_that_it_stood_for(tiny_model: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        save_encoder(load_encoder(locate(str(tiny_model))), tmp_path / name / "model")
    (tmp_path / "current").symlink_to("first")
    source = locate(str(tmp_path / "current"))
    (tmp_path / "current").unlink()
    (tmp_path / "current").symlink_to("second")
    assert source.directory == (tmp_path / "first" / "model").resolve()


def test_what_a_task_learned_on_top_is_read_or_left_out(releases: list[Path]) -> None:
    model = releases[0] / "model"
    kinds = [
        [type(m).__name__ for m in read_modules(model, width=32, is_causal=False, projected=wanted)]
        for wanted in (True, False)
    ]
    assert kinds == [["Pooling", "Dense"], ["Pooling"]]
