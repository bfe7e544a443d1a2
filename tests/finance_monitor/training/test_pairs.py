"""Pairs of opposite texts: read, learned side by side, and measured apart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import run_here

from apps.finance_monitor.data import Example, Sources, apart, pair, read_dataset
from apps.finance_monitor.learning.lessons import load_lessons
from apps.finance_monitor.release import direction_of
from apps.finance_monitor.schema import PairRecord
from apps.finance_monitor.task import FinanceMonitorTask
from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import Source
from common.releases.registry import Registry

NAMES = ("Alba", "Borel", "Cinder", "Dorset", "Elmar", "Fenwick", "Gault", "Hartmann")
QUICK = ("--set", "strategy=head", "--set", "epochs=1")


def _row(first: str, second: str, **others: Any) -> dict[str, Any]:
    texts = [
        {"text": first, "sentiment": "positive"},
        {"text": second, "sentiment": "negative"},
    ]
    return {"texts": texts, **others}


def _write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def news(tmp_path: Path) -> Path:
    rows = [
        {"text": f"{name} {what}", "sentiment": sentiment}
        for name in NAMES
        for what, sentiment in (("profit jumps", "positive"), ("shares plunge", "negative"))
    ]
    return _write(tmp_path / "news.jsonl", rows)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    rows = [
        _row(f"{name} loss narrows", f"{name} loss widens", pattern="loss", part="train")
        for name in NAMES
    ]
    rows += [
        _row(f"{name} denies fraud", f"{name} admits fraud", pattern="rumour", part="test")
        for name in NAMES[:4]
    ]
    return _write(tmp_path / "pairs.jsonl", rows)


def test_both_texts_of_a_pair_are_in_one_batch_and_are_told_apart(tiny_model: Path) -> None:
    backbone: Encoder = load_encoder(Source("tiny", tiny_model, "", ""))
    both = pair(PairRecord.model_validate(_row("loss narrows", "loss widens")))
    records = [Example("profit up", "positive"), both, Example("sued", "negative")]
    losses = {}
    for weight in (0.0, 2.0):
        torch.manual_seed(0)
        task = FinanceMonitorTask(records, [], pair_weight=weight)
        module = task.build(backbone).eval()
        batch = task.collate(records, backbone.tokenize)
        assert batch["opposite"].tolist() == [-1, 2, 1, -1]
        assert batch["sentiment"].tolist() == [0, 0, 2, 2]
        assert len(batch["input_ids"]) == len(task.training) == 4
        outputs = module(**batch)
        losses[weight] = outputs["loss"].item()
        z = outputs["sentiment_logits"]
        apart_by = (z[1, 0] - z[1, 2]) - (z[2, 0] - z[2, 2])
    assert losses[2.0] - losses[0.0] == pytest.approx(
        2 * torch.nn.functional.softplus(-apart_by).item(), abs=1e-5
    )
    assert "opposite" not in task.collate(records[:1], backbone.tokenize)


def test_pairs_are_learned_of_their_own_part_and_kept_by_the_release(
    news: Path, pairs: Path, tiny_model: Path, tmp_path: Path
) -> None:
    dataset = read_dataset(Sources(news=[news], pairs=[pairs]))
    assert len(dataset.pairs) == len(NAMES)
    assert len(apart(dataset.learned.train)) == len(dataset.splits.train) + 2 * len(NAMES)
    own = tmp_path / "own.toml"
    own.write_text('good = ["loss"]\nunwelcome = ["plunge"]\n', encoding="utf-8")
    files = ("--news", news, "--pairs", pairs, "--backbone", tiny_model, "--store", tmp_path)
    files += ("--direction-words", own)
    done = run_here("finance_monitor", "train", *files, *QUICK, "--set", "pair_weight=2")
    assert done.returncode == 0, done.stderr
    assert "4 of 12 pairs are not of the part 'train'" in done.stderr
    release = Registry(tmp_path, "finance_monitor").open()
    assert release.manifest["data"]["counts"]["pairs"] == len(NAMES)
    assert "pairs.jsonl" in release.manifest["data"]["sha256"]
    directed = direction_of(release)
    assert release.manifest["direction"] == (directed and directed.to_json())
    assert ("words of --direction-words are not in the release" in done.stderr) == (not directed)
    if directed:
        assert "loss" in directed.lexicon.entries["good"]
    kept = {one.text: one for one in load_lessons(release).train}
    assert kept["Alba loss widens"] == Example("Alba loss widens", "negative")
    assert "Alba admits fraud" not in kept


def test_stress_says_how_many_pairs_are_read_the_right_way_round(
    release: Path, pairs: Path
) -> None:
    done = run_here("finance_monitor", "stress", "--pairs", pairs, "--store", release, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["stress"] == []
    assert found["pairs"]["all"]["pairs"] == 4
    assert {*found["pairs"]["groups"]["pattern"]} == {"rumour"}
    assert {*found["pairs"]["groups"]["language"]} == {"en"}
    known = _write(
        pairs.with_name("known.jsonl"),
        [_row(f"{name} profit jumps", f"{name} misses its payment") for name in NAMES],
    )
    done = run_here("finance_monitor", "stress", "--pairs", known, "--store", release)
    assert done.returncode == 0, done.stderr
    assert "100.0%" in done.stdout


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"texts": [{"text": "up", "sentiment": "positive"}]}, "a pair has two texts, and here"),
        (_row("Loss narrows", "loss  narrows"), "both texts of the pair are the same"),
        (_row("a rises", "b rises", part="dev"), "part: Input should be 'train' or 'test'"),
        (
            {"texts": [{"text": t, "sentiment": "利好"} for t in ("rises", "falls")]},
            "both texts are positive",
        ),
        (
            {"texts": [{"text": t, "sentiment": t} for t in ("up", "down")]},
            "texts.0.sentiment: Input should be",
        ),
    ],
)
def test_a_row_that_is_no_pair_is_told_by_its_line(
    news: Path, tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    broken = _write(tmp_path / "broken.jsonl", [_row("debt falls", "debt rises"), row])
    files = ("--news", news, "--pairs", broken, "--store", tmp_path)
    done = run_here("finance_monitor", "train", *files)
    assert done.returncode == 2
    assert f"broken.jsonl:2: {message}" in done.stderr.replace("row: ", "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--set", "pair_weight=0.5"), "it is for --pairs, and there are none"),
        (("--set", "pseudo_label_confidence=0.8"), "it is for --unlabelled, and there is none"),
        (("--set", "lora_rank=4"), "lora_rank would change nothing: it needs strategy=lora"),
        (("--pairs", "PAIRS", "--teacher", "x"), "a teacher tells of one text at a time"),
        (("--pairs", "PAIRS", "--from", "x"), "--pairs starts again from the pretrained model"),
        (
            ("--pairs", "PAIRS", "--set", "seeds=2", "--set", "ensemble=probabilities"),
            "ensemble=probabilities and --pairs do not go together",
        ),
        (
            ("--pairs", "PAIRS", "--public", "PAIRS", "--set", "privacy_epsilon=8"),
            "privacy_epsilon and --pairs do not go together",
        ),
        (("--direction-words", "WORDS"), "own.toml:1: words are never 'goood' Did you mean good?"),
        (("--pairs", "MEASURED"), "no pair is of the part 'train'"),
    ],
)
def test_options_without_sense_are_refused(
    news: Path, pairs: Path, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    measured = _write(tmp_path / "measured.jsonl", [_row("rises", "falls", part="test")])
    own = tmp_path / "own.toml"
    own.write_text('goood = ["loss"]\n', encoding="utf-8")
    named = {"PAIRS": str(pairs), "MEASURED": str(measured), "WORDS": str(own)}
    given = [named.get(one, one) for one in arguments]
    done = run_here("finance_monitor", "train", "--news", news, *given, "--store", tmp_path)
    assert done.returncode == 2
    assert message in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("application", "verb", "option"),
    [("finance_monitor", "tune", "--news"), ("customer_service", "train", "--faqs")],
)
def test_where_there_are_no_pairs_their_weight_is_refused(
    news: Path, tmp_path: Path, application: str, verb: str, option: str
) -> None:
    chosen = ("--set", "pair_weight=2", "--store", tmp_path)
    done = run_here(application, verb, option, news, *chosen)
    assert done.returncode == 2
    assert "pair_weight: " in done.stderr


def test_a_held_out_text_among_the_pairs_is_found(news: Path, tmp_path: Path) -> None:
    leaking = _write(tmp_path / "leaking.jsonl", [_row("Alba wins again", "Alba loses again")])
    test = _write(tmp_path / "test.jsonl", [{"text": "Alba wins again", "sentiment": "positive"}])
    dataset = read_dataset(Sources(news=[news], pairs=[leaking], test=[test]))
    (leak,) = (one for one in dataset.audit.findings if one.code == "leak")
    assert leak.examples == ["test.jsonl:1: also leaking.jsonl:1"]


def test_stress_needs_something_to_read(release: Path) -> None:
    done = run_here("finance_monitor", "stress", "--store", release)
    assert done.returncode == 2
    assert "Give --news FILE, --pairs FILE, --expectations FILE." in done.stderr
