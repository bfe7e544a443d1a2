"""Whether a release reads which way a story points."""

from __future__ import annotations

from collections.abc import Sequence

from apps.finance_monitor.data import apart, pair
from apps.finance_monitor.evaluate import run
from apps.finance_monitor.schema import PairRecord
from apps.finance_monitor.stories.classifying import Classifier
from common.errors import UserError
from common.evaluation.stress.contrast import Contrast, contrast
from common.records.text import language_of


def direction(classifier: Classifier, pairs: Sequence[PairRecord]) -> Contrast:
    """The pairs of which both sentiments are right, in all, by language and by pattern.

    One that is likeliest counts as said, however unsure; which pairs were decided stands beside.

    Raises:
        UserError: the release tells no sentiments.
    """
    if not classifier.network.has_sentiment:
        raise UserError(
            f"--pairs: release {classifier.release_id} was trained without sentiments",
            hint="Leave --pairs out.",
        )
    outcomes = run(classifier, apart([pair(one, classifier.tickers) for one in pairs]))
    right = [outcome.is_right for outcome in outcomes]
    sure = [classifier.is_sure("sentiment", outcome.confidence) for outcome in outcomes]
    return contrast(
        list(zip(right[::2], right[1::2], strict=True)),
        {
            "language": [language_of(one.texts[0].text) for one in pairs],
            "pattern": [one.pattern for one in pairs],
        },
        [first and second for first, second in zip(sure[::2], sure[1::2], strict=True)],
    )
