"""Fifteen FAQs and nothing else: what nobody labelled out of scope is held back all the same."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from sample import SAMPLES, Run

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import FEATURES
from apps.customer_service.data import Sources, read_dataset
from apps.customer_service.promise.out_of_scope import (
    FAR_FILES,
    far_questions,
    near_misses,
    read_foreign,
)
from apps.customer_service.release import load_release
from common.releases.registry import Registry

FAQS = 15
HELLO = ("hello", "do you have a store in Paris", "how do I bake a chocolate cake")


@pytest.fixture(scope="module")
def faqs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    lines = (SAMPLES / "faqs.en.jsonl").read_text(encoding="utf-8").splitlines()
    path = tmp_path_factory.mktemp("fifteen") / "faqs.jsonl"
    path.write_text("\n".join(lines[:: len(lines) // FAQS][:FAQS]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def store(faqs: Path, run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("fifteen-store")
    done = run(
        "train", "--faqs", faqs, "--set", "strategy=head", "--set", "epochs=4", "--store", made
    )
    assert done.returncode == 0, done.stderr
    assert "questions that it had not learned, none out of scope" in done.stderr
    assert "Held back: " in done.stderr
    return made


@pytest.fixture(scope="module")
def answerer(store: Path) -> Answerer:
    return load_release(Registry(store, "customer_service").open())


def test_what_no_faq_speaks_of_is_handed_over(answerer: Answerer) -> None:
    for question in HELLO:
        answer = answerer.answer(question, answerer.understand([question])[0])
        assert answer.decision == "handoff", question
        assert answer.confidence < 0.2


def test_most_of_the_other_faqs_questions_are_held_back(answerer: Answerer) -> None:
    with (SAMPLES / "test.en.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    near = [r["question"] for r in rows if r["faq_id"] and r["faq_id"] not in answerer.faqs]
    understood = answerer.understand(near)
    decided = [
        answerer.answer(text, one).decision for text, one in zip(near, understood, strict=True)
    ]
    assert len(near) > 100
    assert np.mean([decision != "answer" for decision in decided]) >= 0.8


def test_the_manifest_says_what_is_promised_on_which_questions(store: Path) -> None:
    promise = Registry(store, "customer_service").open().manifest["promise"]
    assert promise["questions"] > 0 == promise["out_of_scope"]
    assert promise["far_questions"] > 100
    assert promise["held_back"]["near"] >= 0.8
    assert promise["held_back"]["far"] >= 0.97


def test_a_near_miss_finds_any_faq_but_its_own(answerer: Answerer, faqs: Path) -> None:
    examples = read_dataset(Sources(faqs=[faqs])).splits.validation
    understood = answerer.understand([example.text for example in examples])
    own = np.array(
        [
            answerer.signals(answerer.rank(example.text, one), one)
            for example, one in zip(examples, understood, strict=True)
        ]
    )
    near = near_misses(answerer, examples, [])
    assert near.shape == own.shape
    assert near[:, 0].mean() < own[:, 0].mean() - 0.1


def test_without_a_far_question_the_near_misses_are_read_all_the_same(
    answerer: Answerer, faqs: Path
) -> None:
    examples = read_dataset(Sources(faqs=[faqs])).splits.validation
    foreign = read_foreign(answerer, examples, [], [])
    assert foreign.far.shape == (0, len(FEATURES))
    assert foreign.near.shape == (len(examples), len(FEATURES))


def test_what_a_business_speaks_of_itself_is_no_far_question(run: Run, tmp_path: Path) -> None:
    """To a weather service the weather is not far, whatever the bundled file thinks."""
    weather = [
        {"id": "snow", "question": "Will it snow this week?", "answer": "See the snow forecast.",
         "similar_questions": ["is snow expected", "will there be snow on Sunday"]},
        {"id": "heat", "question": "How hot is it in Dubai?", "answer": "See the city forecast.",
         "similar_questions": ["how hot is it in Cairo", "temperature in Dubai today"]},
    ]  # fmt: skip
    path = tmp_path / "faqs.jsonl"
    path.write_text("\n".join(map(json.dumps, weather)), encoding="utf-8")
    assert run("train", "--faqs", path, "--set", "strategy=head", "--set", "epochs=1",
               "--store", tmp_path).returncode == 0  # fmt: skip
    dataset = read_dataset(Sources(faqs=[path]))
    answerer = load_release(Registry(tmp_path, "customer_service").open())
    kept = far_questions(
        answerer, dataset.splits.validation, [one.text for one in dataset.knowledge], {"en"}
    )
    assert "how hot is it in Dubai right now" not in kept
    assert "how do I boil an egg" in kept


def test_the_bundled_questions_speak_both_languages() -> None:
    for path in FAR_FILES:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        languages = [row["language"] for row in rows]
        assert min(languages.count("en"), languages.count("zh")) > 100
        assert len({(row["text"], row["language"]) for row in rows}) == len(rows)
