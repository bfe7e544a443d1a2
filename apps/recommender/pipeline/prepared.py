"""All that scoring reads beside the release, as flat files that worker processes map."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.recommender.catalogue.items import Catalogue
from apps.recommender.catalogue.users import UserFeatures
from apps.recommender.data import Allowed
from apps.recommender.interactions.counting import Snapshot
from apps.recommender.interactions.events import Events
from apps.recommender.retrieval.approximate import ApproximateSearch, load_search
from apps.recommender.retrieval.neighbours import Neighbours, load_neighbours
from apps.recommender.retrieval.quantised import FEWEST_ITEMS, QuantisedSearch
from common.files import read_json, write_json

DONE, SIMPLE = "prepared.json", "simple.npy"
COUNTED = ("met", "bought", "total")


@dataclass(frozen=True)
class Prepared:
    """What is known by the moment that is scored for.

    `items` is [items, width], of length 1, mapped rather than read; `approximate` searches in
    them where they are too many to go through, and `quantised`, which a server has, finds the same
    as all of them sooner for one user at a time; with `snapshot` no event has to be counted again;
    `simple` [items] are the scores of the simple method that is blended in, where they are the
    same for everybody.
    """

    catalogue: Catalogue
    items: NDArray[np.float32]
    user_ids: list[str]
    languages: list[str | None]
    events: Events
    features: UserFeatures
    allowed: Allowed
    neighbours: Neighbours
    as_of: int
    approximate: ApproximateSearch | None = None
    quantised: QuantisedSearch | None = None
    snapshot: Snapshot | None = None
    simple: NDArray[np.float32] | None = None

    def for_a_server(self) -> Prepared:
        """The same with `quantised`, where there are many items to go through."""
        if self.approximate is not None or len(self.items) < FEWEST_ITEMS:
            return self
        return replace(self, quantised=QuantisedSearch(self.items))


def write_prepared(directory: Path, prepared: Prepared) -> None:
    """Write all of it; `open_prepared` takes a directory only when it is whole."""
    import polars as pl

    directory.mkdir(parents=True, exist_ok=True)
    catalogue = prepared.catalogue
    pl.DataFrame(
        {
            "id": catalogue.ids,
            "title": catalogue.titles,
            "text": catalogue.texts,
            "tags": pl.Series(catalogue.tags, dtype=pl.List(pl.String)),
            "language": pl.Series(catalogue.languages, dtype=pl.String),
            "category": catalogue.category,
            "price": catalogue.price,
            "created": catalogue.created,
            "available": catalogue.available,
            "margin": catalogue.margin,
        }
    ).write_parquet(directory / "items.parquet")
    pl.DataFrame(
        {"id": prepared.user_ids, "language": pl.Series(prepared.languages, dtype=pl.String)}
    ).write_parquet(directory / "users.parquet")
    np.save(directory / "items.npy", prepared.items)
    np.save(directory / "features.npy", prepared.features.values)
    np.save(directory / "everybody.npy", prepared.allowed.everybody)
    for field in fields(Events):
        np.save(directory / f"events.{field.name}.npy", getattr(prepared.events, field.name))
    own = prepared.allowed.of_user
    np.save(directory / "own.users.npy", np.array(list(own), np.int64))
    np.save(directory / "own.counts.npy", np.array([len(found) for found in own.values()], int))
    np.save(directory / "own.items.npy", np.concatenate([np.empty(0, np.int32), *own.values()]))
    prepared.neighbours.save(directory)
    if prepared.snapshot is not None:
        for name in COUNTED:
            np.save(directory / f"counts.{name}.npy", getattr(prepared.snapshot, name))
    if prepared.simple is not None:
        np.save(directory / SIMPLE, prepared.simple)
    if prepared.approximate is not None:
        prepared.approximate.save(directory)
    write_json(
        directory / DONE,
        {
            "as_of": prepared.as_of,
            "categories": catalogue.categories,
            "feature_names": prepared.features.names,
            "feature_words": dict(prepared.features.words),
        },
    )


def open_prepared(directory: Path, *, with_texts: bool = False) -> Prepared:
    """What `write_prepared` wrote, arrays mapped; texts fill the memory of every process."""
    import polars as pl

    known: dict[str, Any] = read_json(directory / DONE)
    columns = pl.scan_parquet(directory / "items.parquet")
    table = (columns if with_texts else columns.drop("text", strict=False)).collect()
    users = pl.read_parquet(directory / "users.parquet")

    def mapped(name: str) -> NDArray[Any]:
        array: NDArray[Any] = np.load(directory / f"{name}.npy", mmap_mode="r")
        return array

    lists = np.split(mapped("own.items"), np.cumsum(mapped("own.counts"))[:-1])
    own = dict(zip(mapped("own.users").tolist(), lists, strict=False))
    catalogue = Catalogue(
        ids=table["id"].to_list(),
        titles=table["title"].to_list(),
        texts=table["text"].to_list() if with_texts else [],
        tags=table["tags"].to_list(),
        languages=table["language"].to_list(),
        categories=known["categories"],
        category=table["category"].to_numpy(),
        price=table["price"].to_numpy(),
        created=table["created"].to_numpy(),
        available=table["available"].to_numpy(),
        margin=table["margin"].to_numpy(),
    )
    return Prepared(
        catalogue=catalogue,
        items=mapped("items"),
        user_ids=users["id"].to_list(),
        languages=users["language"].to_list(),
        events=Events(**{field.name: mapped(f"events.{field.name}") for field in fields(Events)}),
        features=UserFeatures(
            known["feature_names"], mapped("features"), known.get("feature_words", {})
        ),
        allowed=Allowed(mapped("everybody"), own),
        neighbours=load_neighbours(directory),
        as_of=known["as_of"],
        approximate=load_search(directory),
        snapshot=(
            Snapshot(known["as_of"], *(mapped(f"counts.{name}") for name in COUNTED))
            if (directory / "counts.met.npy").exists()
            else None
        ),
        simple=np.load(directory / SIMPLE) if (directory / SIMPLE).exists() else None,
    )
