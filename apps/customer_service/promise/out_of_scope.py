"""Questions that nothing here answers, where nobody labelled any: near misses and far ones."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.answering import Answerer
from apps.customer_service.answers.confidence import FEATURES, Foreign
from apps.customer_service.answers.network import Floats
from apps.customer_service.data import Example
from apps.customer_service.schema import OUT_OF_SCOPE
from common.console import progress
from common.records.personal import prepare
from common.records.text import fold

# What nobody's FAQ answers: questions, and what people type into a chat besides.
FAR_FILES = [
    Path(__file__).with_name(name) for name in ("far_questions.csv", "everyday_messages.csv")
]
NONE = np.empty((0, len(FEATURES)))
OWN_SHARE = 0.1


def far_questions(
    answerer: Answerer,
    validation: Sequence[Example],
    known: Sequence[str],
    languages: Collection[str],
) -> list[str]:
    """Bundled questions from anywhere but this business, normalised.

    One that is nearer to a known text than a tenth of the validation questions may be the
    business's own, as the weather is to some, and is left out.

    Args:
        answerer: of the pretrained model: what was learned since must not choose what it is
            measured on.
        known: what is learned from.
        languages: of the training texts, `en` and `zh` among them; else both are asked.
    """
    seen = {fold(text) for text in known}
    texts = [text for text in foreign_texts(languages) if fold(text) not in seen]
    own = _nearest(answerer, [example.text for example in validation])
    far = _nearest(answerer, texts) < np.quantile(own, OWN_SHARE)
    return [text for text, is_far in zip(texts, far, strict=True) if is_far]


def foreign_texts(languages: Collection[str]) -> list[str]:
    """All bundled texts of these languages, prepared; of every language if there are none."""
    rows = [row for path in FAR_FILES for row in _rows(path)]
    chosen = [row for row in rows if row["language"] in languages] or rows
    return [text for text in dict.fromkeys(prepare(row["text"]) for row in chosen) if text]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_foreign(
    answerer: Answerer, validation: Sequence[Example], known: Sequence[Example], far: Sequence[str]
) -> Foreign:
    """Both kinds, read by a model that is fine-tuned and not yet calibrated.

    Args:
        known: what the intents were learned from, in the order of `answerer.texts`.
        far: as `far_questions` gives them.
    """
    near_of = [i for i, example in enumerate(validation) if _has_own(example)]
    near = near_misses(answerer, [validation[i] for i in near_of], known)
    understood = answerer.understand(far) if far else []
    signals = [
        answerer.signals(answerer.rank(text, one), one)
        for text, one in zip(far, understood, strict=True)
    ]
    stacked = np.stack(signals) if signals else NONE
    return Foreign(near, np.array(near_of, dtype=np.int64), stacked)


def near_misses(
    answerer: Answerer, examples: Sequence[Example], known: Sequence[Example]
) -> NDArray[np.float64]:
    """Each example's signals had its own FAQ, or its intent, never been learned.

    What is left out is left out of the search and of the heads; the encoder has seen it. Encoders
    trained without a third of the intents separated them nearly alike (AUROC of the nearness
    .989–.998 against .991–1.000 on hwu64 and clinc150), so none is trained for this.

    Returns:
        [examples, features].
    """
    if not examples:
        return NONE
    outputs = answerer.outputs([example.text for example in examples])
    members: dict[Example, list[int]] = defaultdict(list)
    for position, example in enumerate(examples):
        members[replace(example, text="")].append(position)
    signals = np.empty((len(examples), len(FEATURES)))
    with progress("Near misses", len(examples)) as advance:
        for own, positions in members.items():
            view, columns = _without(answerer, own, known)
            read = view.read(_rows_of(outputs, positions, columns))
            for position, understood in zip(positions, read, strict=True):
                candidates = view.rank(examples[position].text, understood)
                signals[position] = view.signals(candidates, understood)
            advance(len(positions))
    return signals


def _nearest(answerer: Answerer, texts: Sequence[str]) -> NDArray[np.float32]:
    """[texts], the cosine of each to the nearest text that is known."""
    known = answerer.texts if answerer.index is None else answerer.index.vectors
    vectors = np.stack([understood.vector for understood in answerer.understand(texts)])
    return np.asarray((vectors @ np.asarray(known).T).max(1))


def _has_own(example: Example) -> bool:
    return example.intent != OUT_OF_SCOPE and bool(example.faq_id or example.intent)


def _without(
    answerer: Answerer, own: Example, known: Sequence[Example]
) -> tuple[Answerer, list[int]]:
    """The release without one FAQ, or one intent, and the columns of the intents it keeps."""
    gone = own.intent if own.faq_id is None or _is_alone(answerer, own) else None
    columns = [i for i, name in enumerate(answerer.intents) if name != gone]
    if len(columns) < 2:
        columns = list(range(len(answerer.intents)))
    index = answerer.index
    if index is not None and own.faq_id is not None:
        index = index.without(own.faq_id)
    kept = [answerer.intents[i] for i in columns]
    view = replace(answerer, index=index, intents=kept)
    others = [example.intent != gone for example in known]
    if answerer.texts is None or not any(others):
        return view, columns
    intents = answerer.text_intents
    left = None if intents is None else [*compress(intents, others)]
    return replace(view, texts=answerer.texts[others], text_intents=left), columns


def _is_alone(answerer: Answerer, own: Example) -> bool:
    """Whether an FAQ is the only one of its intent."""
    return Counter(faq.intent for faq in answerer.faqs.values())[own.intent] == 1


def _rows_of(
    outputs: dict[str, Floats], positions: Sequence[int], columns: Sequence[int]
) -> dict[str, Floats]:
    rows = {name: values[list(positions)] for name, values in outputs.items()}
    if "intent_logits" in rows:
        rows["intent_logits"] = rows["intent_logits"][:, list(columns)]
    return rows
