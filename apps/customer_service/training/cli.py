"""`train`: FAQs and questions → a release."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from apps.customer_service.knowledge import cli as knowledge_cli
from apps.customer_service.options_cli import (
    DEFAULTS,
    Documents,
    FileOptions,
    Folds,
    MaxWrong,
    Rerank,
    check_folds,
    open_registry,
)
from apps.customer_service.stress.cli import expected_by
from common.cli import Json, Store, check_backbone, new_app, print_json
from common.console import results, show_table
from common.groups_cli import grouped
from common.learning.candidates.groups_cli import GroupOptions
from common.learning.train_cli import TrainOptions, show_release
from common.tuning.settings_cli import SettingOptions

if TYPE_CHECKING:
    from apps.customer_service.train import Trained

verbs = new_app("Training.")


@verbs.command()
@grouped
def train(
    *,
    files: FileOptions,
    documents: Documents = None,
    run: TrainOptions,
    holding: GroupOptions,
    given: SettingOptions,
    max_wrong: MaxWrong = 0.05,
    folds: Folds = 1,
    rerank: Rerank = False,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Fine-tune on your FAQs and questions; ends with before beside after, and a release."""
    from common.tuning.configuration import OF_PAIRS, refuse_settings

    chosen = given.read(DEFAULTS)
    own = {"--validation": files.validation, "--test": files.test}
    run.check(chosen, own={**own, "--rerank": rerank, "--documents": documents})
    uncrossed: dict[str, object] = {"--unlabelled": run.unlabelled, "--teacher": run.teacher}
    uncrossed |= {"--from": run.from_release, "--rerank": rerank}
    uncrossed |= {"--set seeds": chosen.seeds > 1, "--set privacy_epsilon": chosen.is_private}
    check_folds(folds, uncrossed)
    refuse_settings(chosen, OF_PAIRS, "questions are of FAQs, and no pairs of opposite texts")
    if rerank:
        refuse_settings(
            chosen, ["quantised_base"], "--rerank learns with all weights, and these do not learn"
        )

    from apps.customer_service.learning.groups import GROUPING

    groups, mapping = holding.read(GROUPING, files.mapping)
    sources = replace(files, mapping=mapping).sources(
        store, unlabelled=run.unlabelled, by=groups.grouping.column
    )

    from apps.customer_service.data import read_dataset, read_faqs_of

    registry = open_registry(store)
    parent = registry.open(run.from_release) if run.from_release else None
    known = read_faqs_of(parent) if parent else None
    dataset = read_dataset(sources, seed=chosen.seed, known=known)
    wanted = expected_by(run.expectations, dataset.faqs, dataset.intents, release=parent)
    check_backbone(run.backbone)

    from apps.customer_service.documents.reading import read_documents
    from apps.customer_service.train import train as fine_tune
    from common.tuning.processes import is_main_process

    if is_main_process() and not as_json:
        show_table(dataset.audit.table())
    train_it = partial(
        fine_tune,
        folds=folds,
        teacher=run.teacher,
        from_release=run.from_release,
        max_forgetting=run.max_forgetting,
        expectations=wanted,
        groups=groups,
    )
    if chosen.is_private:
        from apps.customer_service.privacy.training import train_privately

        train_it = partial(train_privately, sources=sources, public=run.public or (), groups=groups)
    elif documents:
        train_it = partial(train_it, passages=read_documents(documents))
    trained = train_it(
        dataset,
        chosen,
        registry,
        backbone=run.backbone,
        max_wrong=max_wrong,
        rerank=rerank,
        resume=run.resume,
        promote=run.promote,
    )
    if trained is not None:
        _show(trained, store, as_json)


def _show(trained: Trained, store: Path, as_json: bool) -> None:
    """What a run ends with, on stdout."""
    from apps.customer_service.reporting import before_and_after, metrics

    release = trained.release
    if as_json:
        print_json(trained.to_json())
        return
    if trained.peer:
        results().print(trained.peer.text, markup=False)
    show_table(before_and_after(trained.before, trained.after, trained.peer))
    if trained.further:
        show_table(metrics(trained.further, "Old and new held-out questions"))
    for one in trained.forgetting:
        results().print(one.text, markup=False)
    show_release(release, promoted=trained.promoted)
    knowledge_cli.say_what_is_not_learned(store, release)
