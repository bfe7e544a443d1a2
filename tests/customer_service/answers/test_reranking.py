from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sample import Demo, Run
from torch import nn

from apps.customer_service.answers.answering import prepare
from apps.customer_service.answers.contest import Contest, document
from apps.customer_service.answers.rerank_task import RerankModule, RerankTask
from apps.customer_service.answers.reranking import ALONE, FIRST, Reranker, blend, margin
from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.record import APPLICATION
from apps.customer_service.release import load_release, save_release
from common.models.pair_scorer import load_pair_scorer
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.releases.registry import Registry
from common.releases.release import write_release
from common.tuning.finetune import finetune
from common.tuning.settings import Settings

LETTERS = "abcdef"


def candidate(faq_id: str, score: float) -> Candidate:
    return Candidate(faq_id, score, score, score, 0.0, 0.0)


def test_scores_are_blended_by_weight() -> None:
    ranking = [candidate("a", 0.5), candidate("b", 0.45), candidate("c", 0.2)]
    logits = np.array([0.0, 3.0, 9.0], dtype=np.float32)
    assert [one.faq_id for one in blend(ranking, logits, 0.0)] == ["a", "b", "c"]
    assert [one.faq_id for one in blend(ranking, logits, 0.03)] == ["b", "a", "c"]
    assert [one.faq_id for one in blend(ranking, logits, 1.0)] == ["c", "b", "a"]
    assert margin(ranking) == pytest.approx(0.05)
    assert margin(ranking[:1]) == ALONE


def test_it_learns_which_document_answers(tiny_model: Path, tmp_path: Path) -> None:
    contests = [
        Contest(one * 3, f"{one} {one}", tuple(f"{o} {o}" for o in LETTERS if o != one)[:3])
        for one in LETTERS
    ] * 4
    settings = Settings(
        epochs=40, batch_size=8, learning_rate=3e-3, precision="fp32", device="cpu", patience=0
    )
    tuned = finetune(
        RerankTask(),
        load_pair_scorer(Source("tiny", tiny_model)),
        Splits(contests, contests[:6], []),
        settings,
        work=tmp_path,
    )
    assert tuned.after["reciprocal_rank"] > tuned.before["reciprocal_rank"] + 0.15


def test_a_release_keeps_it_and_opens_with_and_without(
    demo: Demo, tiny_model: Path, tmp_path: Path
) -> None:
    from sentence_transformers import CrossEncoder

    answerer = load_release(Registry(demo.store, APPLICATION).open(), device="cpu")
    assert answerer.reranker is None
    scorer = load_pair_scorer(Source("tiny", tiny_model))
    module = RerankModule(scorer.network)
    nn.Module.eval(module)
    reranker = Reranker(scorer, module, 0.5, ALONE, "fp32")
    registry = Registry(tmp_path, APPLICATION)
    with_it = replace(answerer, reranker=reranker)
    release = write_release(registry.releases, lambda d: save_release(with_it, d), {})
    opened = load_release(release, device="cpu")
    assert opened.reranker is not None

    question = prepare("I cannot find my card")
    alone = answerer.rank(question, answerer.understand([question])[0])
    ranked = opened.rank(question, opened.understand([question])[0])
    assert {one.faq_id for one in ranked[:FIRST]} == {one.faq_id for one in alone[:FIRST]}
    assert ranked[FIRST:] == alone[FIRST:]
    pairs = [(question, document(answerer.faqs[one.faq_id])) for one in alone[:FIRST]]
    logits = CrossEncoder(str(release.directory / "reranker"), device="cpu").predict(pairs)
    expected = blend(alone[:FIRST], np.asarray(logits), 0.5)
    assert [one.faq_id for one in ranked[:FIRST]] == [one.faq_id for one in expected]
    sure = replace(opened, reranker=replace(opened.reranker, unsure_below=0.0))
    assert sure.rank(question, sure.understand([question])[0]) == alone


def test_train_with_rerank_ends_with_a_release(
    run: Run, few: Demo, tiny_model: Path, tmp_path: Path
) -> None:
    arguments = (
        "train", "--faqs", few.faqs, "--questions", few.questions, "--backbone", tiny_model,
        "--set", "epochs=1", "--rerank", "--store", tmp_path,
    )  # fmt: skip
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    assert "The reranker reads" in done.stderr


def test_a_reranker_on_a_base_in_few_bits_is_refused_before_anything_is_read(
    run: Run, tmp_path: Path
) -> None:
    faqs = tmp_path / "faqs.jsonl"
    faqs.write_text("no FAQ")
    done = run(
        "train", "--faqs", faqs, "--rerank",
        "--set", "strategy=lora", "--set", "quantised_base=int8", "--store", tmp_path,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--rerank learns with all weights" in done.stderr
