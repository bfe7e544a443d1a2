"""What fine-tuning gains on the bundled sample data, with the settings that `train` takes.

python -m benchmarks.sample_data [--demo] [--store DIR] [--set NAME=VALUE …]

`--demo`: with those of `make serve`, in a third of the time. `--store`: the release stays there,
for other benchmarks, and what was interrupted goes on.

Beside it, the same questions with two typing errors in each.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.customer_service.data import Example, Sources, read_dataset
from apps.customer_service.demo import samples
from apps.customer_service.evaluate import by_language, run, summarise
from apps.customer_service.options_cli import DEFAULTS
from apps.customer_service.train import train
from benchmarks.harness import add_settings, parser, report, start
from common.records.typing_errors import with_typing_errors
from common.releases.registry import Registry
from common.tuning.configuration import read_settings

SHOWN = ("right_first", "right_in_three", "answered", "wrong_among_answered", "auroc")
SEED = "two typing errors"


def main() -> None:
    """Train, measure on the held-out questions, in all and by language."""
    arguments = parser("sample data: the right FAQ first, wrong among answered")
    arguments.add_argument("--demo", action="store_true", help="the settings of `make serve`")
    arguments.add_argument("--folds", type=int, default=1, help="as of `train --folds`")
    arguments.add_argument("--store", type=Path, help="default: none is kept")
    add_settings(arguments)
    chosen = arguments.parse_args()
    start(chosen)
    dataset = read_dataset(
        Sources(
            faqs=samples.files("faqs"),
            questions=samples.files("questions"),
            test=samples.files("test"),
        )
    )
    demo = [f"{name}={value}" for name, value in samples.SETTINGS.items()]
    settings = read_settings(
        None,
        [*(demo if chosen.demo else []), *(chosen.set or [])],
        defaults=DEFAULTS,
        seed=chosen.seed or None,
    )
    with nullcontext(chosen.store) if chosen.store else TemporaryDirectory() as store:
        registry = Registry(Path(store), "customer_service")
        trained = train(dataset, settings, registry, folds=chosen.folds, resume=True)
        assert trained is not None
        from apps.customer_service.release import load_release

        answerer = load_release(trained.release)
        outcomes = run(answerer, dataset.splits.test)
        mistyped = run(answerer, _mistyped(dataset.splits.test))
        validated = summarise(run(answerer, dataset.splits.validation))
        minutes = trained.release.manifest["seconds"] / 60
    metrics = {f"{name}, before": trained.before.get(name, 0.0) for name in SHOWN[:2]}
    metrics |= {f"{name}, after": trained.after[name] for name in (*SHOWN, "wrong_bound")}
    for language, group in sorted(by_language(outcomes).items()):
        metrics |= {f"{name}, {language}": summarise(group)[name] for name in SHOWN[:4]}
    metrics |= {f"{name}, validation questions": validated[name] for name in SHOWN[:4]}
    metrics |= {f"{name}, two typing errors": summarise(mistyped)[name] for name in SHOWN[:4]}
    name = "sample_data_demo" if chosen.demo else "sample_data"
    report(
        f"{name}_folds" if chosen.folds > 1 else name,
        {"training texts": trained.release.manifest["data"]["counts"]["train"]}
        | {"test questions": len(outcomes)}
        | metrics
        | {"minutes": minutes, "settings": settings.model_dump(exclude_defaults=True)},
    )


def _mistyped(examples: Sequence[Example]) -> list[Example]:
    return [replace(one, text=with_typing_errors(one.text, 2, SEED)) for one in examples]


if __name__ == "__main__":
    main()
