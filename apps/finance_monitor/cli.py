"""The verbs of the finance monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from common.cli import (
    Backbone,
    BadRow,
    Config,
    Device,
    Json,
    Mapping,
    OnBadRow,
    Promote,
    Resume,
    Seed,
    Set,
    Store,
    add_release_verbs,
    new_app,
    parse_mapping,
    print_json,
    run,
)
from common.console import results
from common.errors import UserError

APPLICATION = "finance_monitor"
app = new_app("Reads financial news as it comes, and raises an alert when negative news surges.")
add_release_verbs(app, APPLICATION, ("sentiment_f1", "topic_f1", "target_accuracy"))

News = Annotated[list[Path] | None, typer.Option("--news", help="Labelled news to learn from.")]
Validation = Annotated[
    list[Path] | None, typer.Option("--validation", help="News to choose by; else split off.")
]
Test = Annotated[
    list[Path] | None, typer.Option("--test", help="News to report on, never learned from.")
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Default: current.")]
Entities = Annotated[
    Path | None, typer.Option("--entities", help="Companies to watch: name, aliases, ticker.")
]


def main() -> None:
    """Run the command line."""
    run(app)


def _sources(
    news: list[Path] | None,
    validation: list[Path] | None,
    test: list[Path] | None,
    mapping: list[str] | None,
    on_bad_row: BadRow,
    store: Path,
) -> Any:
    from apps.finance_monitor.data import Sources
    from apps.finance_monitor.schema import TrainingRecord

    return Sources(
        news=news or (),
        validation=validation or (),
        test=test or (),
        mapping=parse_mapping(mapping, TrainingRecord.model_fields),
        on_bad_row=on_bad_row.value,
        rejected_directory=store / APPLICATION / "rejected",
    )


def _registry(store: Path) -> Any:
    from common.releases.registry import Registry

    return Registry(store, APPLICATION)


@app.command()
def validate(
    news: News = None,
    validation: Validation = None,
    test: Test = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Read and audit the files without training."""
    from apps.finance_monitor.data import read_dataset

    dataset = read_dataset(_sources(news, validation, test, mapping, on_bad_row, store))
    splits = dataset.splits
    counts = {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
        "topics": len(dataset.topics),
    }
    if as_json:
        print_json({"counts": counts, "findings": dataset.audit.to_json()})
    else:
        results().print(dataset.audit.table())
        results().print(", ".join(f"{name}: {count}" for name, count in counts.items()))
    dataset.audit.raise_on_errors()


@app.command()
def train(
    news: News = None,
    validation: Validation = None,
    test: Test = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    backbone: Backbone = "auto",
    settings: Set = None,
    config: Config = None,
    resume: Resume = False,
    promote: Promote = True,
    device: Device = "auto",
    seed: Seed = 0,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Fine-tune on labelled news; ends with before beside after, and a release."""
    from common.tuning.configuration import read_settings

    chosen = read_settings(config, settings, device=device, seed=seed)
    sources = _sources(news, validation, test, mapping, on_bad_row, store)

    from apps.finance_monitor.data import read_dataset
    from apps.finance_monitor.reporting import figures
    from apps.finance_monitor.train import train as fine_tune
    from common.tuning.finetune import is_main_process

    dataset = read_dataset(sources, seed=seed)
    if is_main_process() and not as_json:
        results().print(dataset.audit.table())
    trained = fine_tune(
        dataset, chosen, _registry(store), backbone=backbone, resume=resume, promote=promote
    )
    if trained is None:
        return
    columns = {"before": trained.before, "after": trained.after}
    release = trained.release
    if as_json:
        print_json({"release_id": release.release_id, "promoted": trained.promoted, **columns})
        return
    results().print(figures(columns, "Before and after fine-tuning, held-out texts"))
    state = "It serves now." if trained.promoted else "It is not promoted."
    results().print(f"Release {release.release_id}. {state}", markup=False)
    results().print(f"Report: {release.directory / 'report.html'}", markup=False, soft_wrap=True)


@app.command()
def evaluate(
    news: Annotated[list[Path], typer.Option("--news", help="Labelled, held-out news.")],
    release_id: ReleaseId = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Measure a release on held-out news: in all, and by language."""
    from apps.finance_monitor import classifying
    from apps.finance_monitor.data import read_examples
    from apps.finance_monitor.evaluate import by, language, summarise
    from apps.finance_monitor.evaluate import run as read_all
    from apps.finance_monitor.reporting import figures

    release = _registry(store).open(release_id)
    examples = read_examples(_sources(None, None, news, mapping, on_bad_row, store))
    if not examples:
        raise UserError("no labels: nothing to measure by", mend="--map sentiment=COLUMN")
    outcomes = read_all(classifying.load(release, device=device), examples)
    columns = {"all": summarise(outcomes)}
    columns |= {name: summarise(group) for name, group in by(outcomes, language).items()}
    if as_json:
        print_json({"release_id": release.release_id, "figures": columns})
    else:
        results().print(figures(columns, f"Release {release.release_id}"))
