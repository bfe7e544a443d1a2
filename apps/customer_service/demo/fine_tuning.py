"""Fine-tuning on the sample data while a first release of them serves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from apps.customer_service.data import Sources, read_dataset
from apps.customer_service.demo import samples
from apps.customer_service.options_cli import DEFAULTS
from apps.customer_service.train import train
from common.console import say
from common.errors import RefusedError
from common.learning.options_cli import open_store
from common.releases.registry import Registry
from common.storage.database import DATABASE
from common.tuning.configuration import read_settings

APPLICATION = "customer_service"
FIGURE = "right_first"


def fine_tune(store: Path) -> None:
    """Fine-tune, serve what comes of it, and learn again what the first release had learned.

    Raises:
        RefusedError: the release is worse than the one that serves, or that one is of other data
            by now.
    """
    registry = Registry(store, APPLICATION)
    sources = Sources(
        faqs=samples.files("faqs"), questions=samples.files("questions"), test=samples.files("test")
    )
    pairs = [f"{name}={value}" for name, value in samples.SETTINGS.items()]
    settings = read_settings(None, pairs, defaults=DEFAULTS)
    trained = train(read_dataset(sources), settings, registry, resume=True, promote=False)
    if trained is None:
        return
    release, came_before = trained.release, samples.come_of_first(registry)
    serving = registry.open()
    if serving.release_id not in came_before:
        raise RefusedError(
            f"release {serving.release_id}, which is of other data, serves by now; "
            f"{release.release_id} stays beside it"
        )
    if trained.after[FIGURE] < serving.manifest["after"][FIGURE]:
        raise RefusedError(
            f"release {release.release_id} has the right FAQ first for {trained.after[FIGURE]:.1%} "
            f"of the held-out questions, and {serving.release_id} for "
            f"{serving.manifest['after'][FIGURE]:.1%}"
        )
    if not registry.promote_over(serving.release_id, release.release_id):
        raise RefusedError(
            f"release {registry.current_id()} was promoted meanwhile, and {release.release_id} was "
            "not compared with it: it stays beside it"
        )
    say(f"Release {release.release_id}. Now serving.")
    _learn_again(store, came_before)


def _learn_again(store: Path, releases: Collection[str]) -> None:
    """What those learned is open once more: the one that serves now is made of the files alone."""
    database = os.environ.get("BIZLM_DATABASE")
    if database is None and not (store / DATABASE).exists():
        return
    with open_store(store, database, APPLICATION) as kept:
        rows = kept.feedback(kind="correction")
        learned = [row.id for row in rows if row.learned_in in releases]
        kept.decide(learned, "new", None)
    learn = [sys.executable, "-m", "apps.customer_service", "learn", "--promote"]
    subprocess.run([*learn, "--store", str(store)], check=False)
