"""Each question is asked of a model that did not learn it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sample import Demo, Run

from apps.customer_service.data import Dataset, Example, Sources, read_dataset, variants_of
from apps.customer_service.evaluate import Outcome
from apps.customer_service.promise.evidence import Evidence
from apps.customer_service.release import load_release
from apps.customer_service.training import crossing
from apps.customer_service.training.crossing import cross, in_folds
from common.models.adapting.known import Known
from common.records.splits import Splits
from common.releases.registry import Registry
from common.tuning.settings import Settings

FAQS = (
    "id,question,similar_questions,answer\na,Is it open?,When is it open?,Yes.\nb,Is it far?,,No.\n"
)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    (tmp_path / "faqs.csv").write_text(FAQS, encoding="utf-8")
    lines = [f"{word} {name}?,{name}," for name in "ab" for word in ("one", "two", "six", "ten")]
    lines += [f"joke {number},,out_of_scope" for number in range(8)]
    lines += ["is it open,a,", "hm?,a,", "Hm,b,"]
    text = "question,faq_id,intent\n" + "\n".join(lines)
    (tmp_path / "questions.csv").write_text(text, encoding="utf-8")
    return read_dataset(
        Sources(faqs=[tmp_path / "faqs.csv"], questions=[tmp_path / "questions.csv"])
    )


def test_each_question_is_set_apart_once_and_faqs_never(dataset: Dataset) -> None:
    folds = in_folds(dataset, seed=0, count=3)
    everything = {one.text for one in dataset.learning_everything().splits.train}
    apart = [{one.text for one in one.calibration} for one in folds]
    for one, texts in zip(folds, apart, strict=True):
        learned = {example.text for example in one.splits.train}
        assert learned.isdisjoint(texts)
        assert learned | texts == everything
        assert one.splits.validation == dataset.splits.validation
        assert {variant.text for variant in variants_of(dataset.faqs)} <= learned
        assert {example.faq_id for example in one.splits.train} == {"a", "b", None}
    assert sum(map(len, apart)) == len(set.union(*apart))
    # What has the words of an FAQ, and what has two labels, stays.
    always = {variant.text for variant in variants_of(dataset.faqs)} | {"is it open", "hm?", "Hm"}
    assert set.union(*apart) == everything - always


def test_wordings_of_faqs_are_set_apart_where_there_are_no_questions(tmp_path: Path) -> None:
    wordings = "|".join(f"wording {number}" for number in range(12))
    (tmp_path / "faqs.csv").write_text(
        f"id,question,similar_questions,answer\na,Is it open?,{wordings},Yes.\nb,Far?,,No.\n"
    )
    alone = read_dataset(Sources(faqs=[tmp_path / "faqs.csv"]))
    folds = in_folds(alone, seed=0, count=3)
    assert len(folds) == 3
    learned = [{example.faq_id for example in one.splits.train} for one in folds]
    assert all(faq_ids == {"a", "b"} for faq_ids in learned)


def test_one_part_alone_where_folds_are_not_wanted_or_not_to_be_had(dataset: Dataset) -> None:
    assert in_folds(dataset, seed=0, count=1) == [dataset]
    two_labels = [Example("hm?", "a", None), Example("Hm", "b", None)]
    learned = replace(dataset.splits, train=variants_of(dataset.faqs))
    few = replace(dataset, splits=learned, calibration=two_labels)
    assert in_folds(few, seed=0, count=3) == [few]


def test_a_release_rests_on_the_questions_of_all_folds(
    run: Run, few: Demo, tiny_model: Path, tmp_path: Path
) -> None:
    done = run(
        "train", "--faqs", few.faqs, "--questions", few.questions, "--backbone", tiny_model,
        "--set", "strategy=head", "--set", "epochs=1", "--folds", 2, "--no-promote",
        "--store", tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (release,) = Registry(tmp_path, "customer_service").all()
    evidence = Evidence.load(release.directory)
    folds = in_folds(
        read_dataset(Sources(faqs=[few.faqs], questions=[few.questions])), seed=0, count=2
    )
    asked = [one for fold in folds for one in fold.calibration]
    assert evidence.in_scope.tolist() == [one.intent != "out_of_scope" for one in asked]
    shown = release.manifest["promise"]["questions"]
    assert shown == len(asked) + len(folds[0].splits.validation)
    answerer = load_release(release)
    assert answerer.index is not None
    searched = {variant.text for variant in answerer.index.variants}
    assert {one.text for one in asked if one.faq_id} <= searched


@pytest.mark.parametrize(
    ("given", "named"),
    [
        (["--rerank"], "--rerank"),
        (["--from", "r"], "--from"),
        (["--set", "seeds=2"], "--set seeds"),
        (["--set", "privacy_epsilon=8"], "--set privacy_epsilon"),
    ],
)
def test_folds_are_refused_beside_what_sets_one_part_apart(
    run: Run, tmp_path: Path, given: list[str], named: str
) -> None:
    """What knows the questions of a fold, or would be learned once more for each."""
    (tmp_path / "faqs.csv").write_text(FAQS, encoding="utf-8")
    done = run("train", "--faqs", tmp_path / "faqs.csv", "--folds", 3, *given)
    assert done.returncode == 2
    assert f"Leave --folds out, or {named}" in done.stderr


def test_no_model_is_asked_what_it_learned(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last steps of each fold alone: what was learned, what it was chosen by, what is asked."""
    _, *others = in_folds(dataset, seed=0, count=3)
    learned: list[Splits[Example]] = []
    asked: list[Example] = []
    rooms: list[int] = []

    def learn(_: object, loaded: Any, splits: Splits[Example], *__: object, **___: object) -> Any:
        learned.append(splits)
        loaded.known.room -= 10
        return SimpleNamespace(module=None, pretrained=loaded, precision="fp32", seconds=2.0)

    def load(source: str, _: Settings, known: Known) -> Any:
        rooms.append(known.room)
        return SimpleNamespace(source=source, known=known.again())

    def ask(_: object, examples: list[Example]) -> list[Outcome]:
        texts = {one.text for one in (*learned[-1].train, *learned[-1].validation)}
        assert texts.isdisjoint(one.text for one in examples)
        asked.extend(examples)
        return []

    monkeypatch.setattr(crossing, "AnswerModel", object)
    monkeypatch.setattr(crossing, "finetune", learn)
    monkeypatch.setattr(crossing, "load_to_learn", load)
    monkeypatch.setattr(crossing, "build_answerer", lambda *_: None)
    monkeypatch.setattr(crossing.evaluate, "run", ask)
    encoder: Any = SimpleNamespace(source="e5", known=Known(room=25))
    _, seconds = cross(encoder, others, Settings(), tmp_path, resume=False)
    assert seconds == 4.0
    assert asked == [one for fold in others for one in fold.calibration]
    # All folds share what their frozen layers read, and its bound.
    assert rooms == [25, 15]
