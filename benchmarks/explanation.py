"""Whether the words that are said to count do count, on the sample data's test texts.

The five words of the largest weight are left out, and five drawn at random: how far does what the
release says move? (Deletion: Samek et al. 2017, arXiv 1509.06321.) The release is one of the sample
data, as `train` or `demo` makes it.

python -m benchmarks.explanation --store var --application finance_monitor
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.harness import parser, report
from common.evaluation.explanation.attribution import Method
from common.evaluation.explanation.explanation import Explanation
from common.evaluation.explanation.words import Word, words_of
from common.releases.registry import Registry

SAMPLES = Path(__file__).parents[1] / "data_samples"
TAKEN_OUT, DRAWS = 5, 10
FEWEST_WORDS = 12
# Of the sample news, some minutes.
MOST = 60
RESAMPLES = 2000

# Of a text: what explains it, and what the release says of it and of texts like it.
Explain = Callable[[str, Method], Explanation]
Say = Callable[[str, Sequence[str]], list[float]]


def main() -> None:
    """Explain, take out, report."""
    arguments = parser("explanations, by taking words out")
    arguments.add_argument("--store", type=Path, required=True)
    arguments.add_argument("--application", required=True)
    arguments.add_argument("--most", type=int, default=MOST, help="texts, drawn; 0: all")
    chosen = arguments.parse_args()
    opened = {"finance_monitor": _monitor, "customer_service": _answers}[chosen.application]
    texts, explain, say = opened(chosen.store)
    draw = random.Random(chosen.seed)
    # They stand language by language.
    draw.shuffle(texts)
    figures: dict[str, object] = {}
    methods: tuple[Method, ...] = ("gradients", "occlusion")
    for method in methods:
        moved = list(_moves(texts, explain, say, method, draw, chosen.most))
        strongest, drawn = np.array(moved).T
        low, high = _interval(strongest, drawn)
        figures |= {
            f"{method}, texts": len(moved),
            f"{method}, moved by the five strongest": float(strongest.mean()),
            f"{method}, moved by five at random": float(drawn.mean()),
            f"{method}, ratio": float(strongest.mean() / drawn.mean()),
            f"{method}, ratio, 95 % interval": [round(low, 2), round(high, 2)],
        }
    report(f"explanation_{chosen.application}", figures)


def _moves(
    texts: Sequence[str],
    explain: Explain,
    say: Say,
    method: Method,
    draw: random.Random,
    most: int,
) -> Iterator[tuple[float, float]]:
    """Of each text that is long enough: moved by the strongest words, and by those drawn."""
    done = 0
    for text in (text for text in texts if len(words_of(text)) >= FEWEST_WORDS):
        found = explain(text, method)
        if not found.attributions:
            continue
        words = found.attributions[0].words
        strongest = sorted(words, key=lambda word: -word.weight)[:TAKEN_OUT]
        chosen = [strongest, *(draw.sample(words, TAKEN_OUT) for _ in range(DRAWS))]
        whole, *left = say(text, [text, *(_without(text, some) for some in chosen)])
        moved = [abs(whole - one) for one in left]
        yield moved[0], float(np.mean(moved[1:]))
        done += 1
        if done == most:
            return


def _without(text: str, words: Sequence[Word]) -> str:
    for word in sorted(words, key=lambda one: -one.start):
        text = f"{text[: word.start]} {text[word.end :]}"
    return text


def _interval(strongest: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """Of the ratio of both means, by resampling texts."""
    made = np.random.default_rng(0)
    rows = [made.integers(len(drawn), size=len(drawn)) for _ in range(RESAMPLES)]
    ratios = [strongest[row].mean() / drawn[row].mean() for row in rows]
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)


def _monitor(store: Path) -> tuple[list[str], Explain, Say]:
    """Sentiment: the probability of what the whole text is taken for."""
    from apps.finance_monitor.data import Sources, read_examples
    from apps.finance_monitor.explaining.story import explain_story
    from apps.finance_monitor.release import load_release
    from apps.finance_monitor.stories.text import prepare

    classifier = load_release(Registry(store, "finance_monitor").open(None))
    examples = read_examples(Sources(test=sorted((SAMPLES / "finance_monitor").glob("test.*"))))

    def say(_: str, texts: Sequence[str]) -> list[float]:
        readings = classifier.read([prepare(text) for text in texts])
        rows = np.array([reading.sentiment for reading in readings])
        return rows[:, int(rows[0].argmax())].tolist()

    texts = [example.text for example in examples if example.target is None]
    return texts, lambda text, method: explain_story(classifier, text, method), say


def _answers(store: Path) -> tuple[list[str], Explain, Say]:
    """The score of the FAQ that the whole question finds first."""
    from apps.customer_service.data import Sources, read_faqs_of, read_questions
    from apps.customer_service.explaining.question import explain_question, scores_of
    from apps.customer_service.release import load_release

    release = Registry(store, "customer_service").open(None)
    answerer = load_release(release)
    paths = sorted((SAMPLES / "customer_service").glob("test.*"))
    examples = read_questions(Sources(questions=paths), read_faqs_of(release))

    def say(text: str, texts: Sequence[str]) -> list[float]:
        first = answerer.rank(text, answerer.understand([text])[0])[0].faq_id
        return scores_of(answerer, first, texts)

    texts = [example.text for example in examples]
    return texts, lambda text, method: explain_question(answerer, text, method), say


if __name__ == "__main__":
    main()
