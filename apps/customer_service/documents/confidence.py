"""How sure a passage answers: calibrated on questions made of the documents themselves."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service.answers.confidence import FOREIGN_SHARE, WEAKER_BUDGETS
from apps.customer_service.documents.index import Hit, PassageIndex, Read
from apps.customer_service.documents.passage import Passage
from common.console import progress
from common.evaluation.calibration import (
    THRESHOLDS,
    LogisticCalibrator,
    fit_calibrator,
    out_of_fold_probability,
)
from common.records.personal import prepare
from common.records.text import CHINESE, language_of

Floats = NDArray[np.float64]

# Customers share fewer words with a document than questions made of it do: signals of words alone
# tell the two apart more than right from wrong, and are left out.
FEATURES = ("score", "margin", "document_margin", "sentence")
# More made-up questions tell no more.
MOST_QUESTIONS = 600
# Where so few made-up questions would be answered that they show nothing.
FEWEST = 20
UNPROVEN_THRESHOLD = 0.9
# Of what no passage answers at least so much is held back.
NEAR_HELD_BACK, FAR_HELD_BACK = 0.95, 0.98
# A made-up question is made of so many words, or Chinese characters, of which this share is kept.
MOST_WORDS, MOST_CHARACTERS = 16, 24
KEPT = 0.5
HEADINGS = 0.5


@dataclass(frozen=True)
class PassageConfidence:
    """The probability that the first passage is the right one, and from which it is quoted.

    Attributes:
        questions: how many made-up questions it was calibrated on.
        wrong: the share of wrong quotes among those given to them.
    """

    calibrator: LogisticCalibrator
    threshold: float
    budget: float
    questions: int
    wrong: float

    @property
    def text(self) -> str:
        """What was shown on what, in a line."""
        return (
            f"Documents: quoted from a confidence of {self.threshold:.0%}: {self.wrong:.1%} of the "
            f"quotes were wrong then, on {self.questions} questions made of the documents' own "
            f"headings and sentences. Customers, who use other words, are assumed to fare alike: "
            "ask some real questions to see."
        )

    def probability(self, signals: Floats) -> float:
        """Of one question."""
        return float(self.calibrator.probability(signals[None, :])[0])

    def to_json(self) -> dict[str, Any]:
        """Plain values for `from_json`."""
        return {"features": list(FEATURES), **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PassageConfidence:
        """Restore what `to_json` gave."""
        names = ("threshold", "budget", "questions", "wrong")
        calibrator = LogisticCalibrator(**values["calibrator"])
        return cls(calibrator, **{name: values[name] for name in names})


def signals(index: PassageIndex, hits: Sequence[Hit]) -> Floats:
    """[features] of a question, in the order of `FEATURES`."""
    if not hits:
        return np.zeros(len(FEATURES))
    first = hits[0]
    own = index.passages[first.row].document
    others = [hit.score for hit in hits if index.passages[hit.row].document != own]
    values = {
        "score": first.score,
        "margin": first.score - (hits[1].score if len(hits) > 1 else 0.0),
        "document_margin": first.score - max(others, default=hits[-1].score),
        "sentence": first.sentence,
    }
    return np.array([values[name] for name in FEATURES])


def calibrate(
    passages: Sequence[Passage],
    read: Read,
    far: Sequence[str],
    budget: float,
    unprojection: NDArray[np.float32] | None = None,
    *,
    seed: int = 0,
) -> PassageConfidence:
    """Calibrate on questions made of the documents, and on foreign ones.

    Half are headings, each taken out of its passage before it is asked, as in the inverse cloze
    task (Lee et al. 2019, arXiv 1906.00300): harder than what customers ask. Half are words of a
    sentence that stays where it is, which is easier. The same without its document is a near miss.

    Args:
        read: prepared texts → their embeddings.
        far: prepared questions that no business answers.
        budget: largest tolerated share of wrong quotes.
        unprojection: as `PassageIndex` has it.
    """
    asked, left = _made_up(passages, random.Random(seed))
    index = PassageIndex.build(left, read, unprojection)
    vectors = read([*asked.values(), *far])
    found, right, near = [], [], []
    with progress("Calibrating the documents", len(asked)) as advance:
        for (row, question), vector in zip(asked.items(), vectors, strict=False):
            own = [n for n, one in enumerate(left) if one.document == left[row].document]
            language = left[row].language
            hits = index.search(question, vector, language=language)
            others = index.search(question, vector, language=language, but=own)
            found.append(signals(index, hits))
            right.append(hits[0].row == row)
            near.append(signals(index, others))
            advance()
    foreign = [
        signals(index, index.search(text, vector, language=language_of(text)))
        for text, vector in zip(far, vectors[len(asked) :], strict=True)
    ]
    return fit_passage_confidence(
        np.array(found), np.array(right), np.array(near), np.array(foreign), budget
    )


def fit_passage_confidence(
    found: Floats, right: NDArray[np.bool_], near: Floats, far: Floats, budget: float
) -> PassageConfidence:
    """Fit on what was found for made-up questions; thresholds go by left-out folds.

    Args:
        found: [questions, features].
        right: [questions], whether the first passage is the one that it was made of.
        near: [questions, features], the same questions without their documents.
        far: [foreign questions, features].
        budget: largest tolerated share of wrong quotes.
    """
    far = far.reshape(-1, len(FEATURES))
    asked = len(found)
    everything = np.concatenate([found, near, far])
    labels = np.concatenate([right, np.zeros(len(near) + len(far), dtype=bool)])
    share = FOREIGN_SHARE * asked
    weight = np.repeat([1.0, share / asked, share / max(len(far), 1)], [asked, asked, len(far)])
    group = np.concatenate([np.arange(asked), np.arange(asked), asked + np.arange(len(far))])
    left_out = out_of_fold_probability(everything, labels, weight, group=group)
    of_asked, of_near, of_far = np.split(left_out, [asked, 2 * asked])
    threshold = max(
        _lowest(of_asked, right, budget),
        _above(of_near, NEAR_HELD_BACK),
        _above(of_far, FAR_HELD_BACK),
    )
    calibrator = fit_calibrator(everything, labels, weight)
    given = right[of_asked >= threshold]
    wrong = float(1 - given.mean()) if len(given) else 0.0
    return PassageConfidence(calibrator, threshold, budget, asked, wrong)


def _lowest(probability: Floats, right: NDArray[np.bool_], budget: float) -> float:
    """The lowest threshold at which the share of wrong quotes keeps within `budget`.

    Where there is none, at least that of the smallest larger budget which has one.
    """
    given = [(float(least), right[probability >= least]) for least in THRESHOLDS[::-1]]
    shares = [(least, 1 - some.mean()) for least, some in given if len(some) >= FEWEST]
    for tried in (budget, *(weaker for weaker in WEAKER_BUDGETS if weaker > budget)):
        lowest = next((least for least, wrong in shares if wrong <= tried), None)
        if lowest is not None:
            return lowest if tried == budget else max(UNPROVEN_THRESHOLD, lowest)
    return UNPROVEN_THRESHOLD


def _above(probability: Floats, share: float) -> float:
    return float(np.quantile(probability, share, method="higher")) if len(probability) else 0.0


def _made_up(
    passages: Sequence[Passage], chance: random.Random
) -> tuple[dict[int, str], list[Passage]]:
    """Row → a question made of it; and the passages without the headings that were asked."""
    asked: dict[int, str] = {}
    left = list(passages)
    for row in chance.sample(range(len(passages)), min(MOST_QUESTIONS, len(passages))):
        passage = passages[row]
        if passage.headings and chance.random() < HEADINGS:
            question = passage.headings[-1]
            left[row] = passage.model_copy(update={"headings": passage.headings[:-1]})
        else:
            question = _words_of(chance.choice(passage.sentences), chance)
        asked[row] = prepare(question)
    return asked, left


def _words_of(sentence: str, chance: random.Random) -> str:
    """A stretch of a sentence with about half its words, or pairs of Chinese characters."""
    if CHINESE.search(sentence):
        parts = [sentence[i : i + 2] for i in range(0, len(sentence), 2)]
        joint, most = "", MOST_CHARACTERS // 2
    else:
        parts = sentence.split()
        joint, most = " ", MOST_WORDS
    start = chance.randrange(max(1, len(parts) - most + 1))
    parts = parts[start : start + most]
    kept = [part for part in parts if chance.random() < KEPT]
    return joint.join(kept or parts)
