"""Find the paraphrase among all second questions of lcqmc's test set, before and after.

python -m benchmarks.lcqmc [--data DIR]

Fitted on the positive pairs of the dev set: each pair is an FAQ asked in two ways.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import torch

from apps.customer_service.data import Example
from apps.customer_service.task import CustomerServiceTask
from benchmarks.harness import parser, report, start
from common.evaluation.compare import paired_bootstrap
from common.evaluation.metrics import ranks
from common.models.encoder import Encoder, load_encoder
from common.models.sources.bundled import locate
from common.records.splits import Splits
from common.records.text import normalise
from common.tuning.finetune import Tuned, finetune
from common.tuning.settings import Settings

SETTINGS = {"strategy": "top-layers:6", "epochs": 1, "learning_rate": 5e-5, "schedule": "cosine"}
Pairs = list[tuple[str, str]]


def main() -> None:
    """Rank all distinct second questions for each first one, before and after fine-tuning."""
    arguments = parser("lcqmc: question matching in Chinese")
    arguments.add_argument("--pairs", type=int, default=None, help="at most so many test pairs")
    chosen = arguments.parse_args()
    start(chosen)
    dev = _read(chosen.data / "lcqmc" / "dev.txt")
    test = _read(chosen.data / "lcqmc" / "test.txt")[: chosen.pairs]
    settings = Settings(**SETTINGS, seed=chosen.seed)
    before = _ranks(
        _tune(
            dev,
            settings.model_copy(
                update={
                    "learning_rate": 1e-12,
                    "epochs": 1,
                    "strategy": "head",
                    "head_learning_rate": 1e-12,
                }
            ),
        ),
        test,
    )
    tuned = _tune(dev, settings)
    after = _ranks(tuned, test)
    gain = paired_bootstrap((before == 1).numpy(), (after == 1).numpy())
    report(
        "lcqmc",
        {
            "test pairs": len(test),
            "recall@1 before": gain.before,
            "recall@1 after": gain.after,
            "95 % interval of the gain": f"{gain.low:+.4f} to {gain.high:+.4f}",
            "reciprocal rank before": float((1 / before).mean()),
            "reciprocal rank after": float((1 / after).mean()),
            "minutes": tuned.seconds / 60,
            "settings": settings.model_dump(exclude_defaults=True),
        },
    )


def _read(path: Path) -> Pairs:
    rows = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return [(normalise(s1), normalise(s2)) for s1, s2, label in rows if label == "1"]


def _tune(pairs: Pairs, settings: Settings) -> Tuned[Encoder]:
    examples = [
        Example(text, f"pair-{number}", None) for number, pair in enumerate(pairs) for text in pair
    ]
    task = CustomerServiceTask(examples, [])
    loaded = load_encoder(locate("e5-small"), dropout=settings.dropout)
    with tempfile.TemporaryDirectory() as work:
        return finetune(task, loaded, Splits(examples, [], []), settings, work=Path(work))


def _ranks(tuned: Tuned[Encoder], pairs: Pairs) -> torch.Tensor:
    searched = sorted({s2 for _, s2 in pairs})
    number = {text: index for index, text in enumerate(searched)}
    vectors = tuned.predict(searched)["embedding"]
    asked = tuned.predict([s1 for s1, _ in pairs])["embedding"]
    target = torch.tensor([number[s2] for _, s2 in pairs])
    parts = zip(asked.split(512), target.split(512), strict=True)
    return torch.cat([ranks(part @ vectors.T, wanted) for part, wanted in parts])


if __name__ == "__main__":
    main()
