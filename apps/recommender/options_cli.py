"""Options that several verbs of the recommender share, and what they open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from common.cli import BadRow, OnBadRow, existing, parse_mapping
from common.errors import UserError

if TYPE_CHECKING:
    from apps.recommender.data import Dataset, Sources
    from common.models.image_encoder import ImageModel
    from common.releases.release import Release

APPLICATION = "recommender"
SAMPLES = Path(__file__).parents[2] / "data_samples" / APPLICATION
# Few steps: a batch is whole histories, and the encoder's texts are read once.
DEFAULTS = {
    "strategy": "head",
    "epochs": 12,
    "batch_size": 32,
    "head_learning_rate": 1e-3,
    "group_by_length": False,
}


class Split(StrEnum):
    """How the past is divided from the future."""

    global_time = "global-time"
    leave_one_out = "leave-one-out"


Interactions = Annotated[
    list[Path],
    typer.Option(
        "--interactions", help="What users did: CSV, TSV, Parquet or JSONL.", callback=existing
    ),
]
Items = Annotated[
    list[Path], typer.Option("--items", help="Items with their texts.", callback=existing)
]
Users = Annotated[
    Path | None,
    typer.Option(
        "--users", help="user_id and further columns, taken as features.", callback=existing
    ),
]
CandidateFile = Annotated[
    Path | None,
    typer.Option(
        "--candidates",
        help="Items that may be shown: to a user_id, or to everybody.",
        callback=existing,
    ),
]
RulesFile = Annotated[
    Path | None,
    typer.Option(
        "--rules", help="Rules of lists as TOML: caps, blocked items …", callback=existing
    ),
]
RelationsFile = Annotated[
    Path | None,
    typer.Option(
        "--relations",
        help="item_id, other_id, relation (accessory, successor, substitute, requires), shown "
        "first; or a knowledge file (subject, relation, object).",
        callback=existing,
    ),
]
StockFile = Annotated[
    Path | None,
    typer.Option(
        "--stock",
        help="item_id with stock or available, over what --items says; serve follows its changes.",
        callback=existing,
    ),
]
MappingOption = Annotated[
    list[str] | None,
    typer.Option("--map", help="field=column, or items.field=column for one of the files."),
]
Behavior = Annotated[
    list[str] | None,
    typer.Option(
        "--behavior",
        help="name=behavior:weight, for a behavior under another name; weight 0: not liked.",
    ),
]
Strategy = Annotated[Split, typer.Option("--strategy", help="How to split the past in time.")]
Cutoff = Annotated[
    str | None, typer.Option("--cutoff", help="Where the test begins, e.g. 2026-06-01.")
]
FoldIn = Annotated[
    int,
    typer.Option(
        min=0, help="Users who start after the cutoff are ranked for after this many events."
    ),
]
Tune = Annotated[
    str | None,
    typer.Option("--tune", help="frozen (default), or a strategy: full, lora, adapter …"),
]
Interests = Annotated[
    int, typer.Option("--interests", min=1, max=4, help="Interest vectors per user.")
]
ColdPlaces = Annotated[
    int | None,
    typer.Option(
        "--cold-places",
        help="Of the first ten places, so many for items that nobody has met: 0, 1, 2, 3 or 5. "
        "Default: they are lifted as far as that costs no more than --max-ndcg-loss.",
    ),
]
MarginLoss = Annotated[
    float | None,
    typer.Option(
        "--margin-ndcg-loss",
        min=0,
        max=1,
        help="Share of nDCG@10 that it may cost to put items with a high `margin` higher. "
        "Default: margins count for nothing.",
    ),
]
ImageModelName = Annotated[
    str | None,
    typer.Option(
        "--image-model",
        help="Reads the column `image` of the items, paths of pictures: a directory or a hub id "
        "of sentence-transformers, such as sentence-transformers/clip-ViT-B-32.",
    ),
]
ReleaseId = Annotated[str | None, typer.Option("--release", help="Default: current.")]
AsOf = Annotated[
    str | None,
    typer.Option("--as-of", help="The moment to rank for. Default: after the last interaction."),
]


def open_registry(store: Path) -> Any:
    """The releases of this application."""
    from common.releases.registry import Registry

    return Registry(store, APPLICATION)


def open_rules(path: Path | None) -> Any:
    """The rules that `--rules` names, live; None where it names none.

    Raises:
        UserError: as `read_rules`.
    """
    if path is None:
        return None
    from common.rules.live import LiveRules

    return LiveRules(path, rules_model())


def rules_model() -> Any:
    """What a file of rules holds."""
    from apps.recommender.lists.rules import Rules

    return Rules


@dataclass(frozen=True)
class FileOptions:
    """The files of a shop, and how their rows are read."""

    interactions: Interactions
    items: Items
    users: Users = None
    mapping: MappingOption = None
    on_bad_row: OnBadRow = BadRow.fail

    def sources(
        self,
        store: Path,
        *,
        candidates: Path | None = None,
        as_of: int | None = None,
        behavior: list[str] | None = None,
        release: Release | None = None,
    ) -> Sources:
        """These files, as `read_dataset` takes them.

        Args:
            as_of: the moment that `--as-of` names.
            behavior: what `--behavior` says, over what `release` keeps of it.

        Raises:
            UserError: `--map` names no field, or `--behavior` no behavior.
        """
        from apps.recommender.data import MAPPABLE, Sources
        from apps.recommender.interactions.behaviors import parse_behaviors

        return Sources(
            interactions=self.interactions,
            items=self.items,
            users=self.users,
            candidates=candidates,
            mapping=parse_mapping(self.mapping, MAPPABLE),
            on_bad_row=self.on_bad_row.value,
            rejected_directory=store / APPLICATION / "rejected",
            is_past=as_of is not None,
            behaviors=parse_behaviors(behavior, kept_behaviors(release)),
        )

    def read(self, store: Path, **given: Any) -> Dataset:
        """The data set of these files; arguments, and what is raised, as of `sources`.

        Raises:
            UserError: a row cannot be read.
        """
        from apps.recommender.data import read_dataset

        return read_dataset(self.sources(store, **given))


def kept_behaviors(release: Release | None) -> dict[str, str]:
    """What a release learned names of behaviours to stand for, as `--behavior` takes it."""
    kept: dict[str, str] = release.manifest["data"].get("behaviors", {}) if release else {}
    return kept


def find_image_model(name: str | None, caches: Path) -> ImageModel | None:
    """The image model of this name; None: none is wanted.

    Raises:
        UserError: there is none.
    """
    if name is None:
        return None
    from common.models.image_encoder import ImageModel

    return ImageModel.find(name, caches)


def parse_moment(text: str | None, option: str) -> int | None:
    """Seconds since 1970 of an ISO 8601 date or time; without a zone, UTC.

    Raises:
        UserError: it is none.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise UserError(
            f"{option} {text}: not a date or time",
            hint="Write it like 2026-06-01 or 2026-06-01T08:00:00+08:00.",
        ) from None
    return int(moment.timestamp())


def unused_settings() -> dict[str, str]:
    """Settings that the recommender would pass over, and why."""
    from common.tuning.configuration import (
        OF_CLASSES,
        OF_CONTINUAL,
        OF_DISTILLATION,
        OF_PAIRS,
        OF_PRIVACY,
        OF_UNLABELLED,
    )

    of_classes = (
        *(*OF_CLASSES, *OF_PAIRS, *OF_UNLABELLED),
        *("contrastive_epochs", "contrastive_pairs"),
    )
    return {
        **dict.fromkeys(of_classes, "the recommender learns which items match, and no classes"),
        **dict.fromkeys(OF_CONTINUAL, "there is no train --from here"),
        **dict.fromkeys(OF_DISTILLATION, "the recommender learns from events alone"),
        **dict.fromkeys(OF_PRIVACY, "the recommender compares records with each other"),
    }
