"""What kind of message it is, by how near it is to written examples."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apps.customer_service import promise
from apps.customer_service.answers.answering import Answerer
from apps.customer_service.conversation.recognising.fragments import Fragments
from apps.customer_service.conversation.spelling.spellings import LENGTHS, Spellings
from apps.customer_service.conversation.turns import CHAT
from apps.customer_service.schema import Kind
from common.files import write_atomically
from common.records.fields import content_hash
from common.records.personal import prepare

if TYPE_CHECKING:
    from common.releases.release import Release

Floats = NDArray[np.float32]

# Those that nobody's FAQ answers, and others that some FAQ may well be near to.
EXAMPLES = (
    Path(promise.__path__[0]) / "everyday_messages.csv",
    Path(__file__).with_name("examples.csv"),
)
# Parts of what was said before, which say nothing by themselves.
FRAGMENTS = Path(__file__).with_name("fragments.csv")
# What the examples were read as, below the application's directory.
KEPT = "messages"
QUESTION = "question"
OFF_TOPIC = "off_topic"
NONSENSE = "nonsense"
# Danger, fraud that goes on, threats: a person must see it at once.
URGENT = "urgent"
KINDS = (*sorted(CHAT), "angry", "distress", "wants_person")
# What is nearly as probably said in passing is not taken for a mood.
IN_PASSING = 0.7
# Of the business's own questions; ten times as many tell it no better.
MOST_QUESTIONS = 1000
# Chosen by five folds of the written examples, on a release of the sample data: at 5 it found
# fewer, at 60 it took more of what is off topic.
INVERSE_REGULARISATION = 20.0
# Runs of one to four characters count so much beside the embedding. Of held-out examples 73 % were
# told right instead of 70 %, and a fifth fewer questions taken for something else.
SPELLING = 0.7
# A fragment asks something, too, and counts so much beside what was written as a question. Of 568
# development conversations 486 were right; at 1, 482; without fragments, 481.
AS_PARTS = 0.3
# Rarer ones, and a closer fit, told held-out examples no better in three folds and take twice as
# long, each time a release is loaded.
FEWEST = 4
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Recognised:
    """The most probable kind of what may be no question.

    `certainty` is the probability that it is none: which of the others it is matters less.
    `urgency` is the probability that a person must see it at once, `everyday` that it is none or
    about what no business answers, `nonsense` that it says nothing, `aside` that it says nothing or
    is about what no business answers. `tells` says whether it is likelier small talk than that.
    """

    kind: Kind
    probability: float
    certainty: float
    urgency: float
    everyday: float
    nonsense: float
    aside: float
    tells: bool


@dataclass(frozen=True)
class Recogniser:
    """Logistic regression over the embeddings that a release makes anyway, and over spellings.

    An encoder that was fine-tuned on a business's questions has forgotten some of how people ask
    who it is and for whom else.

    Args:
        weights: [classes, width].
        spellings: runs of characters; None where what was learned from has no texts.
        spelling_weights: [spellings, classes].
        offsets: [classes].
        fragments: whether a text is worded as a part of what was said before.
    """

    classes: Sequence[str]
    weights: Floats
    spellings: Spellings | None
    spelling_weights: Floats
    offsets: Floats
    fragments: Fragments

    def recognise(self, text: str, vector: Floats) -> Recognised:
        """The most probable kind, besides a question, of a text with this embedding [width]."""
        logits = self.weights @ vector + self.offsets
        if self.spellings is not None:
            columns, values = self.spellings.read(text)
            logits = logits + SPELLING * (values @ self.spelling_weights[columns])
        odds = np.exp(logits - logits.max())
        probability = dict(zip(self.classes, (odds / odds.sum()).tolist(), strict=True))
        certainty = sum(probability[kind] for kind in KINDS)
        chat = sum(probability[kind] for kind in CHAT)
        rest = {kind: probability[kind] for kind in KINDS if kind not in CHAT}
        likeliest = max(rest, key=lambda kind: rest[kind])
        least = rest[likeliest] * (1.0 if likeliest == "wants_person" else IN_PASSING)
        if chat >= least:
            rest = {kind: probability[kind] for kind in CHAT}
        kind = max(rest, key=lambda kind: rest[kind])
        off_topic, nonsense = probability[OFF_TOPIC], probability[NONSENSE]
        return Recognised(
            kind,
            rest[kind],
            certainty,
            urgency=probability[URGENT],
            everyday=certainty + off_topic,
            nonsense=nonsense,
            aside=off_topic + nonsense,
            tells=probability["smalltalk"] > off_topic + nonsense,
        )


def fit_recogniser(answerer: Answerer, release: Release, kept: Path) -> Recogniser:
    """Fit on the written examples and the business's own questions, in some seconds.

    What was fitted before on the same questions, and what the same weights made of the examples, is
    in `kept`, a directory, and is read from there.
    """
    examples, fragments = _examples(), _fragments()
    own, texts = _own(answerer)
    known_by = _key(release, [*examples, *fragments])
    path = kept / f"{known_by}-{content_hash(own.tobytes().hex(), *texts)}.npz"
    if path.exists():
        return _read(path)
    vectors = _vectors(answerer, release, list(examples), kept)
    parts = _vectors(answerer, release, fragments, kept)
    # Nonsense and what is off topic are classes of their own, though both go the way of a question:
    # in one class with the business's questions, a third of the nonsense was taken for small talk.
    kinds = [*examples.values(), *[QUESTION] * (len(fragments) + len(own))]
    counts = np.repeat([1.0, AS_PARTS, 1.0], [len(examples), len(fragments), len(own)])
    known = [*examples, *fragments, *texts] if len(texts) == len(own) else None
    learned = np.concatenate([vectors, parts, own])
    found = _fit(learned, known, kinds, Fragments.fit(parts, own), counts)
    _keep(found, path)
    return found


def _fit(
    vectors: Floats,
    texts: Sequence[str] | None,
    kinds: Sequence[str],
    fragments: Fragments,
    counts: NDArray[np.float64] | None = None,
) -> Recogniser:
    """`counts` [texts] says how much each counts; None: all alike."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    model: Any = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=300, tol=TOLERANCE)
    width = vectors.shape[1]
    spellings = None
    learned: Any = vectors
    if texts is not None:
        spelled = TfidfVectorizer(
            analyzer="char_wb", ngram_range=LENGTHS, min_df=FEWEST, sublinear_tf=True
        ).fit(texts)
        learned = hstack([csr_matrix(vectors), SPELLING * spelled.transform(texts)]).tocsr()
        spellings = Spellings(spelled.get_feature_names_out().tolist(), spelled.idf_)
    model.fit(learned, kinds, sample_weight=counts)
    weights = model.coef_.astype(np.float32)
    return Recogniser(
        classes=list(model.classes_),
        weights=np.ascontiguousarray(weights[:, :width]),
        spellings=spellings,
        spelling_weights=np.ascontiguousarray(weights[:, width:].T),
        offsets=model.intercept_.astype(np.float32),
        fragments=fragments,
    )


def _keep(found: Recogniser, path: Path) -> None:
    arrays: dict[str, Any] = {
        "classes": np.array(found.classes),
        "weights": found.weights,
        "spelling_weights": found.spelling_weights,
        "offsets": found.offsets,
        **found.fragments.to_arrays(),
    }
    if found.spellings is not None:
        arrays |= {"runs": np.array(found.spellings.runs), "rarity": found.spellings.rarity}
    written = BytesIO()
    np.savez(written, allow_pickle=False, **arrays)
    # Where nothing can be kept, it is fitted again next time.
    with suppress(OSError):
        write_atomically(path, written.getvalue())


def _read(path: Path) -> Recogniser:
    with np.load(path, allow_pickle=False) as kept:
        known = {name: kept[name] for name in kept.files}
    spellings = Spellings(known["runs"].tolist(), known["rarity"]) if "runs" in known else None
    return Recogniser(
        classes=known["classes"].tolist(),
        weights=known["weights"],
        spellings=spellings,
        spelling_weights=known["spelling_weights"],
        offsets=known["offsets"],
        fragments=Fragments.from_arrays(known),
    )


def _examples() -> Mapping[str, str]:
    """Prepared text → kind."""
    found: dict[str, str] = {}
    for path in EXAMPLES:
        with path.open(encoding="utf-8", newline="") as file:
            found |= {prepare(row["text"]): row["kind"] for row in csv.DictReader(file)}
    return found


def _fragments() -> list[str]:
    with FRAGMENTS.open(encoding="utf-8", newline="") as file:
        return [prepare(row["text"]) for row in csv.DictReader(file)]


def _own(answerer: Answerer) -> tuple[Floats, list[str]]:
    """[questions, width], some of what the release knows, from everywhere in it; their texts."""
    index = answerer.index
    known = answerer.texts if index is None else index.vectors
    texts = [] if index is None else [one.text for one in index.variants]
    if known is None:
        return np.empty((0, answerer.network.dimension), dtype=np.float32), []
    every = max(1, len(known) // MOST_QUESTIONS)
    return known[::every][:MOST_QUESTIONS], texts[::every][:MOST_QUESTIONS]


def _vectors(answerer: Answerer, release: Release, texts: Sequence[str], kept: Path) -> Floats:
    path = kept / f"{_key(release, texts)}.npy"
    if path.exists():
        return np.asarray(np.load(path, allow_pickle=False))
    vectors = answerer.network.quick().outputs(texts)["embedding"]
    written = BytesIO()
    np.save(written, vectors, allow_pickle=False)
    # Where nothing can be kept, they are read again next time.
    with suppress(OSError):
        write_atomically(path, written.getvalue())
    return vectors


def _key(release: Release, texts: Sequence[str]) -> str:
    files = release.manifest["files"]
    weights = {name: value for name, value in files.items() if name.startswith("model/")}
    return content_hash(*sorted(weights.items()), *texts)
