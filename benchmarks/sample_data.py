"""What fine-tuning gains on the bundled sample data, with the settings of `make serve`.

python -m benchmarks.sample_data
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from apps.customer_service.cli import DEMO_SETTINGS, SAMPLES
from apps.customer_service.data import Sources, read_dataset
from apps.customer_service.evaluate import by_language, run, summarise
from apps.customer_service.train import train
from benchmarks.harness import parser, report, start
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

SHOWN = ("right_first", "right_in_three", "answered", "wrong_among_answered", "auroc")


def main() -> None:
    """Train as the demo does, measure on the held-out questions, in all and by language."""
    chosen = parser("sample data: the right FAQ first, wrong among answered").parse_args()
    start(chosen)
    dataset = read_dataset(
        Sources(
            faqs=sorted(SAMPLES.glob("faqs.*")),
            questions=sorted(SAMPLES.glob("questions.*")),
            test=sorted(SAMPLES.glob("test.*")),
        )
    )
    settings = read_settings(None, [f"{name}={value}" for name, value in DEMO_SETTINGS.items()])
    with tempfile.TemporaryDirectory() as store:
        registry = Registry(Path(store), "customer_service")
        trained = train(dataset, settings, registry)
        assert trained is not None
        from apps.customer_service.release import load_release

        outcomes = run(load_release(trained.release), dataset.splits.test)
    metrics = {f"{name}, before": trained.before.get(name, 0.0) for name in SHOWN[:2]}
    metrics |= {f"{name}, after": trained.after[name] for name in SHOWN}
    for language, group in sorted(by_language(outcomes).items()):
        metrics |= {f"{name}, {language}": summarise(group)[name] for name in SHOWN[:4]}
    report(
        "sample_data",
        {"training texts": len(dataset.splits.train), "test questions": len(outcomes)}
        | metrics
        | {"minutes": trained.release.manifest["seconds"] / 60},
    )


if __name__ == "__main__":
    main()
