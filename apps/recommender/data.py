"""From files to arrays: read, check, number users and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.images import images_of
from apps.recommender.catalogue.items import Catalogue, build_catalogue
from apps.recommender.catalogue.users import UserFeatures, user_features
from apps.recommender.interactions.behaviors import Behaviors
from apps.recommender.interactions.checks import check_items, check_rows
from apps.recommender.interactions.events import Events, Impressions, sorted_events
from apps.recommender.interactions.ratings import LEAST, RatingScale, scale_of
from apps.recommender.interactions.reading import read_interactions
from apps.recommender.schema import Candidate, Interaction, Item, Record, User
from common.errors import UserError
from common.records.audit import Audit, Finding
from common.records.reader import OnBadRow, R, Records, hashes_by_name, read_records

if TYPE_CHECKING:
    import polars as pl

RECORDS: dict[str, type[Record]] = {
    "interactions": Interaction,
    "items": Item,
    "users": User,
    "candidates": Candidate,
}
# What `--map` may name: a field wherever it occurs, or the field of one file.
MAPPABLE = {name for record in RECORDS.values() for name in record.model_fields} | {
    f"{file}.{name}" for file, record in RECORDS.items() for name in record.model_fields
}


@dataclass(frozen=True)
class Sources:
    """The files a user gave; several of one kind are read one after the other.

    `is_past`, `behaviors`: see `read_interactions`.
    """

    interactions: Sequence[Path]
    items: Sequence[Path]
    users: Path | None = None
    candidates: Path | None = None
    mapping: Mapping[str, str] = field(default_factory=dict)
    on_bad_row: OnBadRow = "fail"
    rejected_directory: Path | None = None
    is_past: bool = False
    behaviors: Behaviors = field(default_factory=Behaviors)

    def columns(self, file: str) -> dict[str, str]:
        """What `--map` says of one kind of file."""
        fields = RECORDS[file].model_fields
        shared = {name: column for name, column in self.mapping.items() if name in fields}
        own = {
            name.partition(".")[2]: column
            for name, column in self.mapping.items()
            if name.startswith(f"{file}.")
        }
        return shared | own


@dataclass(frozen=True)
class Allowed:
    """Which items are candidates at all, and the lists of users that have their own.

    `everybody` is [items]; `of_user` maps user numbers to sorted item numbers. What is not to be
    had, the rules keep out.
    """

    everybody: NDArray[np.bool_]
    of_user: dict[int, NDArray[np.int32]]


@dataclass(frozen=True)
class Dataset:
    """All records as arrays; `user_ids[u]` is the id of user number u.

    `languages` are those that the users file gives in a column of that name.
    """

    catalogue: Catalogue
    user_ids: list[str]
    languages: list[str | None]
    events: Events
    impressions: Impressions | None
    features: UserFeatures
    allowed: Allowed
    audit: Audit
    hashes: dict[str, str]
    behaviors: Behaviors = field(default_factory=Behaviors)
    ratings: RatingScale = field(default_factory=RatingScale)


def read_dataset(sources: Sources) -> Dataset:
    """Read all files; users are numbered by their ids' order, items by their file's.

    Raises:
        UserError: bad rows, two items with one id, or no interaction with an item that is known.
    """
    import polars as pl

    items = [_read(path, Item, "items", sources) for path in sources.items]
    catalogue = _catalogue(items)
    findings = check_items(items)
    tables = [
        read_interactions(
            path,
            mapping=sources.columns("interactions"),
            on_bad_row=sources.on_bad_row,
            rejected_directory=sources.rejected_directory,
            is_past=sources.is_past,
            behaviors=sources.behaviors,
        )
        for path in sources.interactions
    ]
    frame = _concatenate([table.frame for table in tables])
    item = _numbers(frame["item_id"], catalogue.number)
    findings += check_rows(frame, item, sources.behaviors)
    frame = _known(frame, item, catalogue)
    users = _user_files(sources)
    described = [user for file in users for user in file]
    user_ids = sorted({*_names(frame["user_id"]), *(user.user_id for user in described)})
    numbers = {user_id: n for n, user_id in enumerate(user_ids)}
    spoken = {user.user_id: user.features.get("language") for user in described}
    lists = (
        _read(sources.candidates, Candidate, "candidates", sources) if sources.candidates else None
    )
    files: list[Records[Any]] = [*items, *users, *([lists] if lists else [])]
    done = frame.filter(pl.col("label").is_null() | (pl.col("label") == 1))
    ratings = scale_of(done["rating"])
    paths_of_tables = zip(sources.interactions, tables, strict=True)
    return Dataset(
        catalogue=catalogue,
        user_ids=user_ids,
        languages=[spoken.get(user_id) for user_id in user_ids],
        events=_events(done, ratings, catalogue, numbers),
        impressions=_impressions(frame, catalogue, numbers),
        features=user_features(described, numbers),
        allowed=_allowed(lists, catalogue, numbers),
        audit=_sorted(findings),
        hashes=hashes_by_name(
            [
                *((file.source, file.sha256) for file in files),
                *((path, table.sha256) for path, table in paths_of_tables),
            ]
        ),
        behaviors=sources.behaviors,
        ratings=ratings,
    )


def read_items(sources: Sources) -> Catalogue:
    """The items alone."""
    return _catalogue([_read(path, Item, "items", sources) for path in sources.items])


def _catalogue(files: Sequence[Records[Item]]) -> Catalogue:
    return build_catalogue(
        [item for file in files for item in file],
        [image for file in files for image in images_of(file)],
    )


def _read(path: Path, record: type[R], file: str, sources: Sources) -> Records[R]:
    return read_records(
        path,
        record,
        mapping=sources.columns(file),
        on_bad_row=sources.on_bad_row,
        rejected_directory=sources.rejected_directory,
    )


def _concatenate(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    return pl.concat(frames)


def _known(frame: pl.DataFrame, item: NDArray[np.int32], catalogue: Catalogue) -> pl.DataFrame:
    """Rows whose item is in the catalogue; `check_rows` counts the others."""
    known = frame.filter(item >= 0)
    if known.is_empty():
        raise UserError(
            "no interaction names an item of the items file",
            hint=f"For example {frame['item_id'][0]!r} here, {catalogue.ids[0]!r} there.",
        )
    return known


def _names(column: pl.Series) -> list[str]:
    """What occurs in a column of categories."""
    import polars as pl

    return column.unique().cast(pl.String).to_list()


def _numbers(column: pl.Series, numbers: Mapping[str, int]) -> NDArray[np.int32]:
    """[rows], the number of each row's category, -1 where it has none."""
    import polars as pl

    occurring = column.unique()
    code = occurring.to_physical().to_numpy()
    table = np.full(int(code.max(initial=0)) + 1, -1, np.int32)
    table[code] = [numbers.get(name, -1) for name in occurring.cast(pl.String).to_list()]
    found: NDArray[np.int32] = table[column.to_physical().to_numpy()]
    return found


def read_users(sources: Sources) -> list[User]:
    """The users that the file of users describes, if there is one."""
    return [user for file in _user_files(sources) for user in file]


def _user_files(sources: Sources) -> list[Records[User]]:
    return [_read(sources.users, User, "users", sources)] if sources.users else []


def _events(
    done: pl.DataFrame, ratings: RatingScale, catalogue: Catalogue, users: Mapping[str, int]
) -> Events:
    """What was done; a rating above the mean weighs more than one below (`RatingScale.weight`).

    One below the middle of its scale weighs nothing: the item was met, and not liked. So does a
    behaviour that says as much. What else a behaviour weighs is no opinion.
    """
    import polars as pl

    relative = pl.col("rating") / ratings.mean if ratings.mean else pl.lit(1.0)
    weighted = (pl.col("liking") * relative.fill_null(1.0)).clip(LEAST)
    disliked = (pl.col("weight") == 0) | (pl.col("liking") == 0)
    weighted = pl.when(disliked).then(0.0).otherwise(weighted)
    if ratings.middle is not None:
        weighted = pl.when(pl.col("rating") < ratings.middle).then(0.0).otherwise(weighted)
    weight = done.select(weighted.alias("weight"))["weight"]
    return sorted_events(
        _numbers(done["user_id"], users),
        _numbers(done["item_id"], catalogue.number),
        done["behavior"].to_numpy(),
        done["time"].to_numpy(),
        weight.to_numpy(),
        worth=done["weight"].to_numpy(),
        users=len(users),
    )


def _impressions(
    frame: pl.DataFrame, catalogue: Catalogue, users: Mapping[str, int]
) -> Impressions | None:
    import polars as pl

    shown = frame.filter(pl.col("impression_id").is_not_null() & pl.col("label").is_not_null())
    if shown.is_empty():
        return None
    # Shops number the lists of each user by themselves.
    together = pl.struct("impression_id", "user_id")
    shown = shown.sort("impression_id", "user_id", maintain_order=True)
    return Impressions(
        impression=shown.select(together.rle_id()).to_series().to_numpy().astype(np.int32),
        user=_numbers(shown["user_id"], users),
        item=_numbers(shown["item_id"], catalogue.number),
        label=shown["label"].to_numpy(),
        time=shown["time"].to_numpy(),
    )


def _allowed(
    lists: Records[Candidate] | None, catalogue: Catalogue, users: Mapping[str, int]
) -> Allowed:
    if lists is None:
        return Allowed(np.ones(len(catalogue), np.bool_), {})
    everybody = np.zeros(len(catalogue), np.bool_)
    own: dict[int, set[int]] = {}
    for candidate, place in zip(lists.items, lists.places, strict=True):
        item = catalogue.number.get(candidate.item_id)
        if item is None:
            raise UserError(f"there is no item {candidate.item_id!r}", where=place)
        if candidate.user_id is None:
            everybody[item] = True
        elif candidate.user_id in users:
            own.setdefault(users[candidate.user_id], set()).add(item)
    if not everybody.any():
        # Lists for some users alone say nothing about the others.
        everybody = np.ones(len(catalogue), np.bool_)
    return Allowed(
        everybody,
        {user: np.array(sorted(found), np.int32) for user, found in own.items()},
    )


def _sorted(findings: Sequence[Finding]) -> Audit:
    order = {"error": 0, "warning": 1, "note": 2}
    return Audit(sorted(findings, key=lambda finding: order[finding.severity]))
