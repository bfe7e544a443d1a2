"""A candidate beside the release that serves, label by label."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from apps.finance_monitor import evaluate
from apps.finance_monitor.data import Example
from apps.finance_monitor.evaluate import Outcome
from apps.finance_monitor.learning.groups import GROUPING
from apps.finance_monitor.learning.lessons import Lessons, facets, plain_text, plain_texts
from apps.finance_monitor.stories.classifying import Classifier
from common.console import say
from common.learning.candidates import comparison as comparing
from common.learning.candidates.comparison import Comparison, Judged

# With fewer corrections a figure over those held out says nothing.
FEWEST_FOR_FOLDS = 10
FOLDS = 2


def compare(
    serving: Classifier,
    candidate: Classifier,
    lessons: Lessons,
    examples: Sequence[Example],
    learn: Callable[[Sequence[Example]], Classifier],
    by: Sequence[str],
) -> tuple[Comparison, list[Outcome]]:
    """Both on golden texts and on the corrected ones, and the candidate's outcomes on the golden.

    Args:
        examples: what the candidate learned beyond the serving release.
        learn: makes a candidate that learned some of them alone.
        by: see `GROUPING`.
    """
    before, after = evaluate.run(serving, lessons.golden), evaluate.run(candidate, lessons.golden)
    new = facets(examples)
    held_out = len(examples) >= FEWEST_FOR_FOLDS
    learned = _held_out(learn, new) if held_out else evaluate.run(candidate, new)
    found = comparing.compare(
        _judged(before, after, by),
        _judged(evaluate.run(serving, new), learned, ()),
        new_is_held_out=held_out,
    )
    return found, after


def _held_out(
    learn: Callable[[Sequence[Example]], Classifier], examples: Sequence[Example]
) -> list[Outcome]:
    """Each corrected text, read by a candidate that learned from the other half."""
    texts = _texts_of(examples)
    fold_of = {text: number % FOLDS for number, text in enumerate(dict.fromkeys(texts))}
    outcomes: dict[int, Outcome] = {}
    for fold in range(FOLDS):
        say(f"Learning half of the corrections, to ask the other half: {fold + 1} of {FOLDS}")
        own = [i for i, text in enumerate(texts) if fold_of[text] == fold]
        others = [examples[i] for i, text in enumerate(texts) if fold_of[text] != fold]
        found = evaluate.run(learn(others), [examples[i] for i in own])
        outcomes |= dict(zip(own, found, strict=True))
    return [outcomes[i] for i in range(len(examples))]


def _texts_of(examples: Sequence[Example]) -> list[str]:
    """Which text each is of; a name in front is of it only where another example says so."""
    certain = {plain_text(one) for one in examples if len(plain_texts(one)) == 1}
    found = []
    for example in examples:
        whole = plain_text(example)
        without_name = plain_texts(example) - {whole}
        found.append(whole if whole in certain else min(without_name, default=whole))
    return found


def _judged(before: Sequence[Outcome], after: Sequence[Outcome], by: Sequence[str]) -> list[Judged]:
    """Each label of each text by itself."""
    labels = [
        (label, old, new)
        for old, new in zip(before, after, strict=True)
        for label in facets([old.example])
    ]
    groups = GROUPING.assign([label for label, _, _ in labels], by)
    return [
        Judged(label.text, _is_right(old, label), _is_right(new, label), some)
        for (label, old, new), some in zip(labels, groups, strict=True)
    ]


def _is_right(outcome: Outcome, label: Example) -> bool:
    return replace(outcome, example=label).is_right
