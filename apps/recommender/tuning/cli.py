"""`tune`: settings of the towers that find more of what users do next."""

from __future__ import annotations

from pathlib import Path

from apps.recommender.options_cli import (
    DEFAULTS,
    Behavior,
    Cutoff,
    FileOptions,
    FoldIn,
    Interests,
    Split,
    Strategy,
    Tune,
    open_registry,
    parse_moment,
    unused_settings,
)
from common.cli import Backbone, Json, Store, check_backbone, new_app
from common.groups_cli import grouped
from common.tuning.search.cli import SearchOptions, read_search_space, search_and_show
from common.tuning.settings_cli import SettingOptions

SPACE = (
    "head_learning_rate=1e-4..1e-2,log",
    "batch_size=16,32,64",
    "epochs=6..24",
    "weight_decay=1e-3..0.3,log",
)

verbs = new_app("Search.")


@verbs.command()
@grouped
def tune(
    *,
    files: FileOptions,
    behavior: Behavior = None,
    strategy_of_towers: Tune = None,
    interests: Interests = 2,
    strategy: Strategy = Split.global_time,
    cutoff: Cutoff = None,
    fold_in: FoldIn = 10,
    backbone: Backbone = "auto",
    searching: SearchOptions,
    given: SettingOptions,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Search for settings of the towers that do better after their time, before the test's."""
    base = searching.base(
        given,
        DEFAULTS,
        refused=unused_settings(),
        strategy="head" if strategy_of_towers == "frozen" else strategy_of_towers,
    )
    space = read_search_space(searching.search, SPACE, base)
    moment = parse_moment(cutoff, "--cutoff")
    registry = open_registry(store)

    from apps.recommender.interactions.timeline import split_in_time

    dataset = files.read(store, behavior=behavior)
    check_backbone(backbone)

    from apps.recommender.retrieval.towers import TowerSizes
    from apps.recommender.train import trials as prepare_trials

    timeline = split_in_time(
        dataset.events,
        dataset.catalogue,
        strategy=strategy.value,
        cutoff=moment,
        fold_in=fold_in,
    )
    search_and_show(
        space,
        base,
        lambda: prepare_trials(
            dataset, timeline, backbone, TowerSizes(interests=interests), registry.root
        ),
        registry.root,
        data=dataset.hashes,
        also=[backbone, strategy.value, str(moment), str(fold_in), str(interests)],
        options=searching,
        as_json=as_json,
        defaults=DEFAULTS,
    )
