"""`tune`: settings that answer more of the validation questions right."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from apps.customer_service.options_cli import DEFAULTS, FileOptions, open_registry
from common.cli import Backbone, Json, Store, check_backbone, new_app
from common.groups_cli import grouped
from common.tuning.search.cli import SearchOptions, read_search_space, search_and_show
from common.tuning.settings_cli import SettingOptions

SPACE = (
    "learning_rate=5e-5..5e-4,log",
    "head_learning_rate=3e-4..1e-2,log",
    "adversarial=0..2",
    "label_smoothing=0..0.2",
    "layer_decay=0.7..1",
)

verbs = new_app("Search.")


@verbs.command()
@grouped
def tune(
    *,
    files: FileOptions,
    backbone: Backbone = "auto",
    searching: SearchOptions,
    given: SettingOptions,
    store: Store = Path("var"),
    as_json: Json = False,
) -> None:
    """Search for settings that do better on the validation questions; --test is not read."""
    base = searching.base(given, DEFAULTS)
    space = read_search_space(searching.search, SPACE, base)

    from apps.customer_service.data import read_dataset

    dataset = read_dataset(replace(files, test=None).sources(store), seed=base.seed)
    check_backbone(backbone)

    from apps.customer_service.train import trials as prepare_trials
    from apps.customer_service.training.usual import as_usual

    base = as_usual(base, dataset)
    search_and_show(
        space,
        base,
        lambda: prepare_trials(dataset, backbone),
        open_registry(store).root,
        data=dataset.hashes,
        also=[backbone],
        options=searching,
        as_json=as_json,
        defaults=DEFAULTS,
    )
