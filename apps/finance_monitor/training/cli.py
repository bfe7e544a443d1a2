"""`train`: news, and pairs of opposite texts → a release."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from apps.finance_monitor.options_cli import (
    DEFAULTS,
    DirectionWords,
    Entities,
    FileOptions,
    Pairs,
    open_registry,
)
from apps.finance_monitor.stress.cli import expected_by
from common.cli import Json, Store, check_backbone, new_app, print_json
from common.console import results, say, show_table
from common.errors import UserError
from common.groups_cli import grouped
from common.learning.candidates.groups_cli import GroupOptions
from common.learning.train_cli import TrainOptions, show_release
from common.tuning.settings_cli import SettingOptions

if TYPE_CHECKING:
    from apps.finance_monitor.direction.lexicon import Lexicon
    from common.releases.release import Release
    from common.tuning.settings import Settings

verbs = new_app("Training.")


@verbs.command()
@grouped
def train(
    *,
    files: FileOptions,
    pairs: Pairs = None,
    direction_words: DirectionWords = None,
    entities: Entities = None,
    run: TrainOptions,
    holding: GroupOptions,
    given: SettingOptions,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Fine-tune on labelled news; ends with before beside after, and a release."""
    chosen = given.read(DEFAULTS)
    own = {"--validation": files.validation, "--test": files.test}
    run.check(chosen, own=own, pretrained={"--pairs": pairs})
    check_pairs(pairs, chosen, run.teacher)

    from apps.finance_monitor.learning.groups import GROUPING

    groups, mapping = holding.read(GROUPING, files.mapping)
    sources = replace(files, mapping=mapping).sources(
        store,
        entities=entities,
        unlabelled=run.unlabelled,
        pairs=pairs,
        by=groups.grouping.column,
    )

    from apps.finance_monitor.data import read_dataset

    dataset = read_dataset(sources, seed=chosen.seed)
    registry = open_registry(store)
    parent = registry.open(run.from_release) if run.from_release else None
    wanted = expected_by(run.expectations, dataset.topics, release=parent)
    check_backbone(run.backbone)
    lexicon = words_of(direction_words, parent)

    from apps.finance_monitor.reporting import beside, metrics
    from apps.finance_monitor.train import train as fine_tune
    from common.tuning.processes import is_main_process

    if is_main_process() and not as_json:
        show_table(dataset.audit.table())
    train_it = partial(
        fine_tune,
        teacher=run.teacher,
        from_release=run.from_release,
        max_forgetting=run.max_forgetting,
        expectations=wanted,
        groups=groups,
        lexicon=lexicon,
    )
    if chosen.is_private:
        from apps.finance_monitor.privacy.training import train_privately

        train_it = partial(
            train_privately,
            sources=sources,
            public=run.public or (),
            groups=groups,
            lexicon=lexicon,
        )
    trained = train_it(
        dataset,
        chosen,
        registry,
        backbone=run.backbone,
        resume=run.resume,
        promote=run.promote,
    )
    if trained is None:
        return
    columns = beside(trained.before, trained.after, trained.peer)
    release = trained.release
    say_whether_heard(direction_words, release)
    if as_json:
        names = {name.replace(" ", "_"): column for name, column in columns.items()}
        further = {one.what: one.to_json() for one in trained.forgetting}
        print_json(
            {"release_id": release.release_id, "promoted": trained.promoted, **names, **further}
        )
        return
    if trained.peer:
        results().print(trained.peer.text, markup=False)
    show_table(metrics(columns, "Before and after fine-tuning, held-out texts"))
    if trained.further:
        show_table(metrics(trained.further, "Old and new held-out texts"))
    for one in trained.forgetting:
        results().print(one.text, markup=False)
    show_release(release, promoted=trained.promoted)


def words_of(own: list[Path] | None, parent: Release | None) -> Lexicon | None:
    """A user's own words beside those of the release that is trained further; None: as usual.

    Raises:
        UserError: a file is missing or broken, or an entry is no word.
    """
    if not own:
        return None
    from apps.finance_monitor.direction.entries import bundled, read_words
    from apps.finance_monitor.release import direction_of

    kept = direction_of(parent) if parent else None
    return read_words(own, kept.lexicon if kept else bundled())


def say_whether_heard(own: list[Path] | None, release: Release) -> None:
    """Say so if a user's own words of direction are not in the release."""
    from apps.finance_monitor.release import direction_of

    if own and direction_of(release) is None:
        say(
            "The words of --direction-words are not in the release: no held-out text has one, or "
            "they would cost held-out texts their sentiment."
        )


def check_pairs(pairs: list[Path] | None, settings: Settings, teacher: str | None) -> None:
    """See that pairs are learned as pairs, or that no setting speaks of them.

    Raises:
        UserError: a teacher tells of texts one by one, or `pair_weight` is of no pairs.
    """
    from common.tuning.configuration import OF_PAIRS, refuse_settings

    if not pairs:
        refuse_settings(settings, OF_PAIRS, "it is for --pairs, and there are none")
        return
    for option, value in {
        "--teacher": teacher,
        "ensemble=probabilities": settings.distils_ensemble,
    }.items():
        if value:
            raise UserError(
                f"{option} and --pairs do not go together: a teacher tells of one text at a time",
                hint="Leave one of them out.",
            )
