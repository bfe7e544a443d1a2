"""What calibrates is asked first and learned afterwards; what validates is never learned."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from sample import Demo, Run

from apps.customer_service.data import Dataset, Sources, read_dataset
from apps.customer_service.promise.evidence import Evidence
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
    found = Evidence(np.ones((2, 13)), flags, flags, ~flags)
    found.save(tmp_path)
    again = Evidence.load(tmp_path) + Evidence.none()
    assert np.array_equal(again.signals, found.signals)
    assert np.array_equal(again.in_scope, found.in_scope)
