"""A release that learned intents and no answers says what a question is about."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from sample import SAMPLES, Run

INTENTS = 6
EACH = 25
# Of the last intent; of so few the name is learned as well.
FEW = 9


@pytest.fixture(scope="module")
def questions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions of some English sample intents, each with its intent and no FAQ."""
    lines = (SAMPLES / "faqs.en.jsonl").read_text(encoding="utf-8").splitlines()
    intent_of = {faq["id"]: faq["intent"] for faq in map(json.loads, lines)}
    chosen = [*list(dict.fromkeys(intent_of.values()))[:INTENTS], ""]
    kept: dict[str, list[str]] = {name: [] for name in chosen}
    most = dict.fromkeys(chosen, EACH) | {chosen[INTENTS - 1]: FEW}
    with (SAMPLES / "questions.en.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            intent = intent_of.get(row["faq_id"], "")
            if intent in kept and len(kept[intent]) < most[intent]:
                kept[intent].append(row["question"])
    path = tmp_path_factory.mktemp("intents") / "questions.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "category"])
        for intent, texts in kept.items():
            writer.writerows([text, intent or "out_of_scope"] for text in texts)
    return path


@pytest.fixture(scope="module")
def store(questions: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("intents-store")
    done = run(
        "train", "--questions", questions, "--map", "question=text", "--map", "intent=category",
        "--set", "strategy=head", "--set", "epochs=4", "--max-wrong", 0.2, "--store", made,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "intent accuracy" in done.stdout
    assert "The name of 1 label is learned" in done.stderr
    return made


def test_the_release_says_that_a_name_was_learned(store: Path) -> None:
    manifest = json.loads((store / "customer_service/current/manifest.json").read_text("utf-8"))
    assert manifest["label_names_learned"] == 1


def test_it_names_the_intent_and_gives_no_answer(store: Path, run: Run) -> None:
    question = "my card was stolen yesterday, how do I block it"
    answer = json.loads(run("ask", question, "--store", store, "--json").stdout)
    assert answer["intent"]["name"] == "card_lost_stolen"
    assert answer["answer"] is None
    assert answer["citations"] == answer["suggestions"] == []
    said = run("ask", question, "--store", store).stdout
    assert "card_lost_stolen" in said


def test_nonsense_goes_to_a_person(store: Path, run: Run) -> None:
    answer = json.loads(run("ask", "zxcv lalala", "--store", store, "--json").stdout)
    assert answer["decision"] == "handoff"


def test_it_is_evaluated_by_its_intents(store: Path, questions: Path, run: Run) -> None:
    done = run(
        "evaluate", "--questions", questions, "--map", "question=text", "--map", "intent=category",
        "--store", store, "--json",
    )  # fmt: skip
    metrics = json.loads(done.stdout)["figures"]["all"]
    assert metrics["intent_accuracy"] > 0.8
    assert "right_first" not in metrics
