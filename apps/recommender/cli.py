"""The verbs of the recommender: train and measure; others stand in the files named `…_cli.py`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from apps.recommender import serve_cli
from apps.recommender.experiments import cli as experiments_cli
from apps.recommender.explaining import cli as explain_cli
from apps.recommender.exploration import cli as off_policy_cli
from apps.recommender.job import cli as job_cli
from apps.recommender.learning import cli as learning_cli
from apps.recommender.options_cli import (
    APPLICATION,
    DEFAULTS,
    SAMPLES,
    Behavior,
    CandidateFile,
    ColdPlaces,
    Cutoff,
    FileOptions,
    FoldIn,
    ImageModelName,
    Interests,
    MarginLoss,
    ReleaseId,
    RulesFile,
    Split,
    Strategy,
    Tune,
    find_image_model,
    open_registry,
    parse_moment,
    rules_model,
    unused_settings,
)
from apps.recommender.schema import FIGURES
from apps.recommender.stress import cli as stress_cli
from apps.recommender.stress.cli import expected_by
from apps.recommender.tuning import cli as tuning_cli
from common.cli import (
    Backbone,
    Device,
    Json,
    Promote,
    Resume,
    Store,
    check_backbone,
    new_app,
    print_json,
    run,
)
from common.console import results, say, show_table
from common.evaluation.fairness_cli import By, FigureName
from common.evaluation.stress.expectations.expectations_cli import ExpectationsFile
from common.groups_cli import grouped
from common.learning.candidates.groups_cli import GroupOptions
from common.learning.train_cli import show_release
from common.records.audit_cli import show_audit
from common.releases.releases_cli import add_release_verbs
from common.rules.rules_cli import add_rules_verbs
from common.serving.auditing.audit_log_cli import add_audit_log_verb
from common.serving.keys.keys_cli import add_key_verbs
from common.tuning.describing.settings_cli import add_settings_verb
from common.tuning.distillation.distil_cli import add_distil_verb
from common.tuning.pretraining.pretrain_cli import add_pretrain_verb
from common.tuning.settings_cli import SettingOptions

app = new_app(
    "Ranks what a user may want next, from the texts of what they viewed and did.",
    application="recommender",
)
for area in (
    *(job_cli, serve_cli, learning_cli, tuning_cli),
    *(explain_cli, stress_cli, off_policy_cli, experiments_cli),
):
    app.add_typer(area.verbs)
add_release_verbs(app, APPLICATION, FIGURES, Path(__file__).with_name("card.toml"))
add_pretrain_verb(app, APPLICATION)
add_distil_verb(app, APPLICATION)
add_settings_verb(app, DEFAULTS, unused_settings)
add_key_verbs(app)
add_audit_log_verb(app, "recommender")
add_rules_verbs(app, rules_model)


class Method(StrEnum):
    """How lists are made diverse."""

    dpp = "dpp"
    mmr = "mmr"


def main() -> None:
    """Run the command line."""
    run(app)


@app.command()
@grouped
def validate(
    *,
    files: FileOptions,
    candidates: CandidateFile = None,
    behavior: Behavior = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Read and audit the files without training."""
    dataset = files.read(store, candidates=candidates, behavior=behavior)
    counts = {
        "items": len(dataset.catalogue),
        "available": int((dataset.allowed.everybody & dataset.catalogue.available).sum()),
        "users": len(dataset.user_ids),
        "events": len(dataset.events),
        "impressions": 0 if dataset.impressions is None else len(dataset.impressions),
    }
    show_audit(dataset.audit, counts, as_json=as_json)


@app.command()
@grouped
def train(
    *,
    files: FileOptions,
    behavior: Behavior = None,
    tune: Tune = None,
    interests: Interests = 2,
    strategy: Strategy = Split.global_time,
    cutoff: Cutoff = None,
    fold_in: FoldIn = 10,
    rules: RulesFile = None,
    diversify: Annotated[Method, typer.Option(help="How lists are made diverse.")] = Method.dpp,
    max_ndcg_loss: Annotated[
        float, typer.Option(min=0, max=1, help="Share of nDCG@10 that diversity may cost.")
    ] = 0.01,
    cold_places: ColdPlaces = None,
    margin_ndcg_loss: MarginLoss = None,
    backbone: Backbone = "auto",
    image_model: ImageModelName = None,
    holding: GroupOptions,
    given: SettingOptions,
    resume: Resume = False,
    promote: Promote = None,
    expectations: ExpectationsFile = None,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Fine-tune on what users did; ends with a table beside simpler methods, and a release."""
    strategy_of_towers = "head" if tune == "frozen" else tune
    chosen = given.read(DEFAULTS, refused=unused_settings(), strategy=strategy_of_towers)
    moment = parse_moment(cutoff, "--cutoff")
    registry = open_registry(store)

    from apps.recommender.cold.places import check_cold_places
    from apps.recommender.interactions.timeline import split_in_time
    from apps.recommender.learning.groups import GROUPING, with_column
    from apps.recommender.lists.margins import check_margins
    from apps.recommender.lists.rules import Rules, read_rules

    check_cold_places(cold_places)
    groups = holding.gate(GROUPING, GROUPING.usual)
    if holding.by is not None:
        sources = files.sources(store, behavior=behavior)
        groups = holding.gate(*with_column(holding.by, sources))
    wanted = read_rules(rules) if rules else Rules()
    dataset = files.read(store, behavior=behavior)
    check_margins(dataset.catalogue, margin_ndcg_loss)
    expected = expected_by(expectations, dataset)
    check_backbone(backbone)
    images = find_image_model(image_model, registry.root / "vectors")

    from apps.recommender.pipeline.choices import Choices
    from apps.recommender.reporting import comparison_table
    from apps.recommender.retrieval.towers import TowerSizes
    from apps.recommender.train import train as fine_tune
    from common.tuning.processes import is_main_process

    if is_main_process() and not as_json:
        show_table(dataset.audit.table())
    trained = fine_tune(
        dataset,
        split_in_time(
            dataset.events,
            dataset.catalogue,
            strategy=strategy.value,
            cutoff=moment,
            fold_in=fold_in,
        ),
        chosen,
        registry,
        backbone=backbone,
        sizes=TowerSizes(interests=interests),
        choices=Choices(rules=wanted, method=diversify.value),
        max_ndcg_loss=max_ndcg_loss,
        cold_places=cold_places,
        margin_ndcg_loss=margin_ndcg_loss,
        resume=resume,
        promote=promote,
        expectations=expected,
        images=images,
        groups=groups,
    )
    if trained is None:
        return
    release, compared = trained.release, trained.comparison
    if as_json:
        print_json(
            {
                "release_id": release.release_id,
                "promoted": trained.promoted,
                "methods": compared.metrics,
                "simple": trained.judgement.to_json(),
            }
        )
        return
    title = f"{len(compared.queries)} users, what came after the cutoff"
    show_table(comparison_table(compared.model, compared.others, title))
    results().print(trained.judgement.sentence, markup=False)
    show_release(release, promoted=trained.promoted)


@app.command()
@grouped
def evaluate(
    *,
    files: FileOptions,
    cutoff: Cutoff = None,
    fold_in: FoldIn = 10,
    by: By = None,
    figure: FigureName = None,
    release_id: ReleaseId = None,
    device: Device = "auto",
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Measure a release on what came after a cutoff, beside simpler methods, and by group."""
    registry = open_registry(store)
    release = registry.open(release_id)
    moment = parse_moment(cutoff or release.manifest["data"]["begins"]["test"], "--cutoff") or 0

    from apps.recommender.interactions.timeline import window_from
    from apps.recommender.learning.groups import asked_users, with_column

    grouping, names = with_column(by or "history", files.sources(store))
    dataset = files.read(store, release=release)
    window = window_from(dataset.events, dataset.catalogue, moment, fold_in=fold_in)

    from apps.recommender.comparison.comparison import compare_release
    from apps.recommender.evaluate import compare_groups
    from apps.recommender.record import flattering
    from apps.recommender.release import load_release
    from apps.recommender.reporting import comparison_table

    if warning := flattering(release.manifest["data"], moment):
        say(warning)
    compared = compare_release(
        load_release(release), dataset, window, registry.root / "vectors", device=device
    )
    members = grouping.assign(asked_users(dataset, window.queries), names)
    groups = by and compare_groups(compared.model, members, figure)
    if as_json:
        shown = {"by_group": groups.to_json()} if groups else {}
        print_json({"release_id": release.release_id, "methods": compared.metrics, **shown})
        return
    title = f"Release {release.release_id}: {len(compared.queries)} users"
    show_table(comparison_table(compared.model, compared.others, title))
    if groups:
        show_table(groups.table())


@app.command()
def demo(store: Store = Path("var")) -> None:
    """Train on the sample shop if need be, rank for all its readers, and show one of them."""
    from apps.recommender.job.cli import recommend, score

    files = FileOptions(
        [SAMPLES / "interactions.csv", SAMPLES / "impressions.csv"],
        [SAMPLES / "items.jsonl"],
        SAMPLES / "users.csv",
    )
    if open_registry(store).current_id() is None:
        train(
            files=files,
            holding=GroupOptions(),
            given=SettingOptions(),
            resume=True,
            store=store,
        )
    score(files=files, out=store / APPLICATION / "demo", store=store)
    recommend(user_id="user-001", files=files, store=store)
