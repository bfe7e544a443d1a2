"""The verbs of the finance monitor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from apps.finance_monitor import serve_cli
from apps.finance_monitor.alerts.cli import alerts
from apps.finance_monitor.backtest import cli as backtest_cli
from apps.finance_monitor.brief import cli as brief_cli
from apps.finance_monitor.explaining import cli as explain_cli
from apps.finance_monitor.feeds.sources.cli import sources
from apps.finance_monitor.labelling import cli as labelling_cli
from apps.finance_monitor.learning import cli as learning_cli
from apps.finance_monitor.options_cli import (
    APPLICATION,
    DEFAULTS,
    FileOptions,
    Pairs,
    ReleaseId,
    load_classifier,
    open_registry,
)
from apps.finance_monitor.prices import cli as prices_cli
from apps.finance_monitor.querying import cli as sql_cli
from apps.finance_monitor.rules import cli as rules_cli
from apps.finance_monitor.schema import FIGURES
from apps.finance_monitor.stories import cli as score_cli
from apps.finance_monitor.stress import cli as stress_cli
from apps.finance_monitor.training import cli as train_cli
from apps.finance_monitor.training.cli import train
from apps.finance_monitor.tuning import cli as tuning_cli
from apps.finance_monitor.watch import cli as watch_cli
from apps.finance_monitor.watch.cli import show_watch
from apps.finance_monitor.zero_shot import cli as zero_shot_cli
from common.cli import (
    BadRow,
    Device,
    Json,
    Mapping,
    OnBadRow,
    Store,
    existing,
    new_app,
    print_json,
    run,
)
from common.console import results, say, show_table
from common.errors import UserError
from common.evaluation.fairness_cli import By, FigureName
from common.groups_cli import grouped
from common.learning.candidates.groups_cli import GroupOptions
from common.learning.train_cli import TrainOptions
from common.records.audit_cli import show_audit
from common.releases.releases_cli import add_release_verbs
from common.serving.auditing.audit_log_cli import add_audit_log_verb
from common.serving.keys.keys_cli import add_key_verbs
from common.tuning.describing.settings_cli import add_settings_verb
from common.tuning.distillation.distil_cli import add_distil_verb
from common.tuning.pretraining.pretrain_cli import add_pretrain_verb
from common.tuning.settings_cli import SettingOptions

app = new_app(
    "Watches financial news as it arrives and raises an alert when negative news surges.",
    application="finance_monitor",
)
add_release_verbs(app, APPLICATION, FIGURES, Path(__file__).with_name("card.toml"))
add_pretrain_verb(app, APPLICATION)
add_distil_verb(app, APPLICATION)
add_settings_verb(app, DEFAULTS)
for area in (
    *(watch_cli, score_cli, backtest_cli, serve_cli),
    *(learning_cli, tuning_cli, labelling_cli, zero_shot_cli),
    *(explain_cli, stress_cli, train_cli, brief_cli, prices_cli, sql_cli),
):
    app.add_typer(area.verbs)
app.add_typer(alerts, name="alerts")
app.add_typer(sources, name="sources")
add_key_verbs(app)
add_audit_log_verb(app, "finance_monitor")
rules_cli.add_verbs(app)

SAMPLES = Path(__file__).parents[2] / "data_samples" / APPLICATION
# An epoch fewer than by default, at twice the rate.
DEMO_SETTINGS = {"strategy": "full", "epochs": "4", "learning_rate": "2e-4"}
# Half an hour into the outage: an hour at sixty times its speed shows the alert.
DEMO_BEGIN = "2026-03-10T08:10:00+00:00"


def main() -> None:
    """Run the command line."""
    run(app)


@app.command()
@grouped
def validate(
    *,
    files: FileOptions,
    pairs: Pairs = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Read and audit the files without training."""
    from apps.finance_monitor.data import read_dataset

    dataset = read_dataset(files.sources(store, pairs=pairs))
    splits = dataset.splits
    counts = {
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
        "pairs": len(dataset.pairs),
        "topics": len(dataset.topics),
    }
    show_audit(dataset.audit, counts, as_json=as_json)


@app.command()
def evaluate(
    news: Annotated[
        list[Path], typer.Option("--news", help="Labelled, held-out news.", callback=existing)
    ],
    release_id: ReleaseId = None,
    by: By = None,
    figure: FigureName = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Measure a release on held-out news: in all, by language, and by any group."""
    from apps.finance_monitor.data import read_examples
    from apps.finance_monitor.learning.groups import GROUPING
    from common.learning.candidates.groups import require_column

    grouping, names, mapping = GROUPING.with_columns(by or "language", mapping)
    release = open_registry(store).open(release_id)
    files = FileOptions(test=news, mapping=mapping, on_bad_row=on_bad_row)
    examples = read_examples(files.sources(store, by=grouping.column))
    if not examples:
        raise UserError("no labels: nothing to measure by", hint="--map sentiment=COLUMN")
    require_column(grouping, examples)

    from apps.finance_monitor.evaluate import by as grouped_by
    from apps.finance_monitor.evaluate import compare_groups, language, summarise
    from apps.finance_monitor.evaluate import run as read_all
    from apps.finance_monitor.release import load_release
    from apps.finance_monitor.reporting import metrics

    outcomes = read_all(load_release(release, device=device), examples)
    columns = {"all": summarise(outcomes)}
    columns |= {name: summarise(group) for name, group in grouped_by(outcomes, language).items()}
    groups = by and compare_groups(outcomes, grouping.assign(examples, names), figure)
    if as_json:
        shown = {"by_group": groups.to_json()} if groups else {}
        print_json({"release_id": release.release_id, "figures": columns, **shown})
        return
    show_table(metrics(columns, f"Release {release.release_id}"))
    if groups:
        show_table(groups.table())


@app.command()
def export(
    out: Annotated[Path, typer.Option("--out", help="A new directory to write.")],
    news: Annotated[
        list[Path], typer.Option("--news", help="Held-out news to compare on.", callback=existing)
    ],
    release_id: ReleaseId = None,
    mapping: Mapping = None,
    on_bad_row: OnBadRow = BadRow.fail,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Write a release as ONNX in 8 bits, for onnxruntime on a CPU; refused if it says otherwise."""
    from dataclasses import asdict

    from apps.finance_monitor.data import read_examples

    files = FileOptions(test=news, mapping=mapping, on_bad_row=on_bad_row)
    examples = read_examples(files.sources(store))
    release = open_registry(store).open(release_id)

    from apps.finance_monitor.export import export as write
    from apps.finance_monitor.release import load_release

    classifier = load_release(release, device="cpu")
    plain = [e.text for e in examples if e.target is None]
    found = write(classifier, plain or [e.text for e in examples], out)
    if as_json:
        print_json(asdict(found))
        return
    results().print(
        f"{out}: {found.megabytes:.0f} MB, {found.what}. The same label for {found.same:.1%} of "
        f"{found.texts} texts, mean cosine {found.cosine:.3f}.",
        markup=False,
        soft_wrap=True,
    )


@app.command()
def demo(
    speed: Annotated[
        float, typer.Option(min=1, max=1_000_000, help="How many times real speed.")
    ] = 60,
    train_only: Annotated[
        bool, typer.Option("--train-only", help="Fine-tune if need be, replay nothing.")
    ] = False,
    store: Store = Path("var"),
) -> None:
    """Fine-tune on the sample news if need be, then replay the sample feed, fast."""
    import shutil
    from datetime import datetime

    from apps.finance_monitor.feeds.file_feed import FileFeed
    from apps.finance_monitor.feeds.paced_feed import PacedFeed
    from apps.finance_monitor.watch.running import Options

    if open_registry(store).current_id() is None:
        train(
            files=FileOptions(
                [path for kind in ("news", "posts", "targets") for path in _samples(kind)],
                test=_samples("test"),
            ),
            entities=SAMPLES / "entities.csv",
            pairs=_samples("pairs"),
            run=TrainOptions(resume=True),
            holding=GroupOptions(),
            given=SettingOptions([f"{name}={value}" for name, value in DEMO_SETTINGS.items()]),
            store=store,
        )
    if train_only:
        return
    classifier, topics = load_classifier(store, None, "auto", scored=False)
    directory = store / APPLICATION / "demo"
    shutil.rmtree(directory, ignore_errors=True)
    begin = datetime.fromisoformat(DEMO_BEGIN)
    say(f"Reading the feed up to {begin:%d %B, %H:%M} UTC, then at {speed:g} times real speed.")
    feed = PacedFeed(FileFeed(SAMPLES / "feed.jsonl", once=True), begin, speed)
    options = Options(entities=SAMPLES / "entities.csv", relations=SAMPLES / "relations.csv")
    show_watch(feed, options, classifier, topics, directory)


def _samples(kind: str) -> list[Path]:
    return sorted(SAMPLES.glob(f"{kind}.*.jsonl"))
