"""A release that learned intents and no answers says what a question is about."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample import SAMPLES, Run

from apps.customer_service.release import TEXT_INTENTS, load_release
from common.releases.registry import Registry

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


@pytest.fixture(scope="module")
def few(questions: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose release learned a few texts of each intent."""
    folder = tmp_path_factory.mktemp("few")
    with questions.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    intents = dict.fromkeys(row["category"] for row in rows)
    path, made = folder / "questions.csv", folder / "store"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category"])
        writer.writeheader()
        for intent in intents:
            writer.writerows([row for row in rows if row["category"] == intent][:FEW])
    done = run(
        "train", "--questions", path, "--map", "question=text", "--map", "intent=category",
        "--set", "strategy=head", "--set", "epochs=2", "--max-wrong", 0.2, "--store", made,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return made


def test_where_texts_are_few_the_nearest_ones_tell_intents_too(few: Path, questions: Path) -> None:
    answerer = load_release(Registry(few, "customer_service").open())
    alone = replace(answerer, text_intents=None)
    assert answerer.texts is not None
    with questions.open(encoding="utf-8", newline="") as file:
        asked = [row["text"] for row in csv.DictReader(file)]
    both, head = (one.read(answerer.network.outputs(asked)) for one in (answerer, alone))
    moved = [
        abs(a.intents[n] - b.intents[n]) for a, b in zip(both, head, strict=True) for n in a.intents
    ]
    assert max(moved) > 0.1
    for blended, by_head in zip(both, head, strict=True):
        assert sum(blended.intents.values()) == pytest.approx(1, abs=1e-5)
        assert blended.intents["out_of_scope"] == by_head.intents["out_of_scope"]
        assert blended.intent_cosine == by_head.intent_cosine


def test_a_text_that_was_learned_votes_for_its_intent(few: Path) -> None:
    answerer = load_release(Registry(few, "customer_service").open())
    assert answerer.texts is not None and answerer.text_intents is not None
    assert len(answerer.texts) == len(answerer.text_intents)
    logits = np.zeros((len(answerer.texts), len(answerer.intents)), dtype=np.float32)
    found = answerer.read({"embedding": answerer.texts, "intent_logits": logits})
    told = [max(one.intents, key=one.intents.__getitem__) for one in found]
    right = [name == intent for name, intent in zip(told, answerer.text_intents, strict=True)]
    assert np.mean(right) > 0.9


def test_where_there_are_more_the_head_alone_does(store: Path) -> None:
    release = Registry(store, "customer_service").open()
    assert not (release.directory / TEXT_INTENTS).exists()
    assert load_release(release).text_intents is None
