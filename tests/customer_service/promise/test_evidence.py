"""What calibrates is asked first and learned afterwards; what validates is never learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from sample import Demo, Run

from apps.customer_service.answers.confidence import FEATURES, Confidence, Foreign, fit_confidence
from apps.customer_service.data import Dataset, Sources, read_dataset
from apps.customer_service.promise.evidence import EVIDENCE, Evidence
from apps.customer_service.promise.promise import Promise
from apps.customer_service.release import load_release
from common.releases.registry import Registry


def _dataset(demo: Demo) -> Dataset:
    return read_dataset(Sources(faqs=[demo.faqs], questions=[demo.questions], test=[demo.test]))


def test_the_sides_do_not_meet_and_calibration_is_learned_last(demo: Demo) -> None:
    dataset = _dataset(demo)
    sides = [
        {example.text for example in some}
        for some in (dataset.splits.train, dataset.splits.validation, dataset.calibration)
    ]
    assert all(sides)
    assert len(set.union(*sides)) == sum(map(len, sides))
    everything = dataset.learning_everything()
    assert {example.text for example in everything.knowledge} == sides[0] | sides[2]
    assert everything.not_learned == dataset.splits.validation


def test_of_hardly_anything_one_question_validates(tmp_path: Path) -> None:
    faqs = tmp_path / "faqs.csv"
    faqs.write_text(
        "id,question,similar_questions,answer\na,Is it open?,When is it open?,Yes.\n"
        "b,Is it far?,How far is it?,No.\n",
        encoding="utf-8",
    )
    dataset = read_dataset(Sources(faqs=[faqs]))
    assert len(dataset.splits.validation) == 1
    assert not dataset.calibration


def test_a_release_searches_what_calibrated_and_not_what_validates(demo: Demo) -> None:
    dataset = _dataset(demo)
    answerer = load_release(Registry(demo.store, "customer_service").open())
    assert answerer.index is not None
    searched = {variant.text for variant in answerer.index.variants}
    assert {one.text for one in dataset.calibration if one.faq_id} <= searched
    assert searched.isdisjoint(one.text for one in dataset.splits.validation)


def test_learning_later_rests_on_the_same_evidence(demo: Demo, run: Run) -> None:
    release = Registry(demo.store, "customer_service").open()
    evidence = Evidence.load(release.directory)
    dataset = _dataset(demo)
    assert len(evidence) == len(dataset.calibration)
    assert evidence.in_scope.tolist() == [
        one.intent != "out_of_scope" for one in dataset.calibration
    ]
    assert release.manifest["promise"]["questions"] == len(dataset.not_learned)
    shown = json.loads(
        run("validate", "--faqs", demo.faqs, "--questions", demo.questions, "--json").stdout
    )
    assert shown["counts"]["calibration"] == len(evidence)


def test_evidence_is_read_back_as_it_was(tmp_path: Path) -> None:
    assert len(Evidence.load(tmp_path)) == 0
    flags = np.array([True, False])
    found = Evidence(np.ones((2, 13)), flags, flags, ~flags, np.array([1, 2], dtype=np.int8))
    found.save(tmp_path)
    again = Evidence.load(tmp_path) + Evidence.none()
    assert np.array_equal(again.signals, found.signals)
    assert np.array_equal(again.in_scope, found.in_scope)
    assert again.languages == ["en", "zh"]


def test_evidence_of_an_earlier_version_is_of_no_language(tmp_path: Path) -> None:
    flags = np.array([True, False])
    Evidence(np.ones((2, 13)), flags, flags, flags, np.ones(2, dtype=np.int8)).save(tmp_path)
    kept = load_file(tmp_path / EVIDENCE)
    save_file({name: one for name, one in kept.items() if name != "language"}, tmp_path / EVIDENCE)
    assert Evidence.load(tmp_path).languages == ["", ""]


def test_the_bound_is_told_for_each_language_with_its_count() -> None:
    random = np.random.default_rng(0)
    signals = random.normal(size=(600, len(FEATURES)))
    right = random.random(600) < 1 / (1 + np.exp(-4 * signals[:, 0] - 1))
    none = np.empty((0, len(FEATURES)))
    foreign = Foreign(none, np.empty(0, dtype=np.int64), none)
    language = ["zh"] * 200 + ["en"] * 400
    everything = np.ones(600, dtype=bool)
    confidence = fit_confidence(signals, right, right, everything, 0.05, foreign, language)
    promise = Promise(confidence, 600, 0, {})
    told = promise.to_json()["by_language"]
    assert {name: one["questions"] for name, one in told.items()} == {"en": 400, "zh": 200}
    # Fewer answers show less: each bound is wider than that of all of them.
    assert min(one["bound"] for one in told.values()) > 0
    assert told["zh"]["bound"] > told["zh"]["wrong"] / told["zh"]["answered"]
    for name, language_name in (("en", "English"), ("zh", "Chinese")):
        one = told[name]
        assert f"{language_name} {one['bound']:.1%} ({one['wrong']} wrong of {one['answered']}" in (
            promise.text
        )
    assert Confidence.from_json(confidence.to_json()).shown == confidence.shown
    alone = fit_confidence(signals, right, right, everything, 0.05, foreign, ["en"] * 600)
    assert "By language" not in Promise(alone, 600, 0, {}).text


def test_what_could_be_shown_instead_is_told() -> None:
    random = np.random.default_rng(5)
    signals = random.normal(size=(1200, len(FEATURES)))
    right = random.random(1200) < 0.96 / (1 + np.exp(-2 * signals[:, 0] - 1.5))
    none = np.empty((0, len(FEATURES)))
    foreign = Foreign(none, np.empty(0, dtype=np.int64), none)
    everything = np.ones(1200, dtype=bool)
    confidence = fit_confidence(signals, right, right, everything, 0.005, foreign)
    promise = Promise(confidence, 1200, 0, {})
    assert "Could not show that at most 0.5% of the answers are wrong" in promise.text
    least = confidence.least_shown
    assert least is not None
    assert f"The least that could be shown is {100 * least:g}%." in promise.text
    assert promise.to_json()["least_shown"] == least
    hopeless = fit_confidence(signals[:3], right[:3], right[:3], everything[:3], 0.005, foreign)
    assert "Nor could any share up to 50%." in Promise(hopeless, 3, 0, {}).text
