"""Fine-tune a reranker on what the search confuses, and choose how far it is heeded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle, islice, product
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.contest import Contest, document
from apps.customer_service.answers.rerank_task import RerankModule, RerankTask
from apps.customer_service.answers.reranking import ALONE, FIRST, Reranker, blend, margin
from apps.customer_service.answers.retrieval import Candidate
from apps.customer_service.data import Dataset, Example
from common.console import say
from common.errors import UserError
from common.models.adapting.quantised import quantised_as
from common.models.encoder import Encoder, save_encoder
from common.models.pair_scorer import load_pair_scorer
from common.models.sources.bundled import Source
from common.records.splits import Splits
from common.tuning.finetune import finetune
from common.tuning.processes import is_main_process
from common.tuning.settings import Settings

# Tokens of question and document together; attention over more would not pay.
LONGEST_PAIR = 128
# The half of the questions that the search is least sure of teaches as much as all of them do:
# right first 86.9 % of the sample data's validation questions either way.
HARD_SHARE = 0.5
SETTINGS = {
    **{"epochs": 2, "strategy": "full", "learning_rate": 1e-4, "adversarial": 0.0},
    "contrastive_epochs": 0,
    # The head of a reranker is drawn at random: there is nothing of it to keep.
    "pretrained_share": 0.0,
    # A figure of the other task, and paraphrases of its texts.
    **{"monitor": None, "back_translation": None},
}
WEIGHTS = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12, 0.2)
# Share of the questions that are read again: those of the smallest margins.
UNSURE_SHARES = (0.3, 0.5, 1.0)


def check_base(encoder: Encoder) -> None:
    """See that a reranker can start from an encoder, before anything is learned.

    Raises:
        UserError: its base is held in 8 or 4 bits.
    """
    if held := quantised_as(encoder.network):
        raise UserError(
            f"--rerank: a reranker learns with all weights of the encoder, and in {held} they do "
            "not learn",
            hint="Leave --rerank out, or train from a model that is held in full.",
        )


def add_reranker(
    answerer: Answerer, dataset: Dataset, settings: Settings, *, work: Path, resume: bool
) -> Answerer:
    """The answerer with a reranker that starts from its encoder, if one ranks better.

    Raises:
        UserError: a release of intents alone, or too few FAQs to confuse.
    """
    train = _contests(answerer, _hardest(answerer, dataset.knowledge))
    validation = _contests(answerer, dataset.splits.validation)
    if not train or not validation:
        raise UserError(
            "--rerank: there is nothing to tell apart",
            hint="A reranker learns from questions whose FAQ is known and at least two FAQs.",
        )
    with TemporaryDirectory() as directory:
        save_encoder(answerer.backbone, Path(directory))
        source = Source(answerer.backbone.source.name, Path(directory))
        scorer = load_pair_scorer(source, dropout=settings.dropout, seed=settings.seed)
    scorer = replace(scorer, max_length=min(LONGEST_PAIR, scorer.max_length))
    if is_main_process():
        say(f"Fine-tuning a reranker on {len(train):,} questions and {FIRST} FAQs for each")
    tuned = finetune(
        RerankTask(),
        scorer,
        Splits(train, validation, []),
        settings.model_copy(update=SETTINGS),
        work=work,
        resume=resume,
    )
    assert isinstance(tuned.module, RerankModule)
    made = Reranker(tuned.pretrained, tuned.module, 0.0, 0.0, tuned.precision)
    chosen = _choose(made, answerer, dataset.splits.validation)
    return replace(answerer, reranker=chosen)


def _contests(answerer: Answerer, examples: Sequence[Example]) -> list[Contest]:
    """Each question with its FAQ and the first others that the search finds."""
    contests = []
    for example, found in _found(answerer, examples):
        wrong = [c.faq_id for c in found if c.faq_id != example.faq_id][: FIRST - 1]
        if wrong:
            texts = [document(answerer.faqs[f]) for f in islice(cycle(wrong), FIRST - 1)]
            right = document(answerer.faqs[str(example.faq_id)])
            contests.append(Contest(example.text, right, tuple(texts)))
    return contests


def _hardest(answerer: Answerer, examples: Sequence[Example]) -> list[Example]:
    """The questions whose FAQ is least ahead of the best other one.

    By prototypes: among the variants each of these questions would find itself.
    """
    margins = []
    for example, found in _found(answerer, examples):
        own = max((c.prototype for c in found if c.faq_id == example.faq_id), default=0.0)
        other = max((c.prototype for c in found if c.faq_id != example.faq_id), default=-1.0)
        margins.append((own - other, example))
    margins.sort(key=lambda pair: pair[0])
    return [example for _, example in margins[: max(1, round(HARD_SHARE * len(margins)))]]


def _found(
    answerer: Answerer, examples: Sequence[Example]
) -> list[tuple[Example, list[Candidate]]]:
    """Questions whose FAQ is known, with what the search alone finds."""
    asked = [example for example in examples if example.faq_id in answerer.faqs]
    searching = replace(answerer, reranker=None)
    understood = searching.understand([example.text for example in asked]) if asked else []
    return [(e, searching.rank(e.text, u)) for e, u in zip(asked, understood, strict=True)]


def _choose(reranker: Reranker, answerer: Answerer, examples: Sequence[Example]) -> Reranker | None:
    """Weight and margin by the validation questions; None: the search alone is as good."""
    found = [(example, ranking[:FIRST]) for example, ranking in _found(answerer, examples)]
    pairs = [(e.text, document(answerer.faqs[c.faq_id])) for e, ranking in found for c in ranking]
    sizes = np.cumsum([len(ranking) for _, ranking in found])[:-1]
    logits = np.split(reranker.score(pairs), sizes)
    margins = np.array([margin(ranking) for _, ranking in found])
    limits = {share: float(np.quantile(margins, share)) for share in UNSURE_SHARES}
    limits[1.0] = ALONE

    def right_first(weight: float, limit: float) -> int:
        firsts = (
            blend(ranking, logit, weight)[0] if ahead < limit else ranking[0]
            for (_, ranking), logit, ahead in zip(found, logits, margins, strict=True)
        )
        pairs = zip(found, firsts, strict=True)
        return sum(first.faq_id == example.faq_id for (example, _), first in pairs)

    # The first of equals: what reads less, and is heeded less.
    share, weight = max(
        product(UNSURE_SHARES, WEIGHTS), key=lambda pair: right_first(pair[1], limits[pair[0]])
    )
    before, after = right_first(0.0, 0.0), right_first(weight, limits[share])
    if is_main_process():
        say(
            f"The reranker reads {share:.0%} of the questions: right first of {len(found)} "
            f"validation questions {before} → {after}."
        )
    if after <= before:
        if is_main_process():
            say("It ranks no better than the search alone, and is left out.")
        return None
    return replace(reranker, weight=weight, unsure_below=limits[share])
