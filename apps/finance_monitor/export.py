"""A release as ONNX in 8 bits, if it says what the release says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from apps.finance_monitor.schema import SENTIMENTS
from apps.finance_monitor.stories.classifying import Classifier
from common.releases.agreement import Agreement
from common.releases.export import LEAST_SAME, Outputs, write_export


def export(
    classifier: Classifier,
    texts: Sequence[str],
    directory: Path,
    least_same: float = LEAST_SAME,
) -> Agreement:
    """Write it into a new `directory`, as `write_export` does and with what it raises.

    What must be the same is the sentiment; in a release without it, the likeliest topic, or else
    the sentiment towards a target.

    Args:
        texts: prepared, held out from training.
        least_same: smallest tolerated share with the same label.
    """
    about = {
        "release_id": classifier.release_id,
        "sentiments": SENTIMENTS,
        "topics": classifier.topics,
        "temperatures": classifier.temperatures,
    }
    return write_export(
        classifier.module,
        classifier.backbone,
        texts,
        directory,
        same=_same_labels,
        about=about,
        least_same=least_same,
    )


def _same_labels(ours: Outputs, theirs: Outputs) -> list[bool]:
    heads = ("sentiment_logits", "topic_logits", "target_logits")
    head = next(name for name in heads if name in ours)
    same: list[bool] = (ours[head].argmax(-1) == theirs[head].argmax(-1)).tolist()
    return same
