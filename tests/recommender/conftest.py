from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from once import made_once
from trained_shop import QUICK, SAMPLES, USERS, succeed


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The sample shop with its first users alone."""
    made = tmp_path_factory.mktemp("shop")
    for name in ("interactions", "impressions", "users"):
        rows = pl.read_csv(SAMPLES / f"{name}.csv", infer_schema=False)
        rows.filter(pl.col("user_id") <= f"user-{USERS:03}").write_csv(made / f"{name}.csv")
    return (
        "--interactions", made / "interactions.csv",
        "--interactions", made / "impressions.csv",
        "--items", SAMPLES / "items.jsonl",
        "--users", made / "users.csv",
    )  # fmt: skip


@pytest.fixture(scope="session")
def store(
    data: tuple[object, ...], tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A release of it."""

    def make(folder: Path) -> None:
        place = ("--backbone", tiny_model, "--store", folder / "var", "--json")
        trained = json.loads(succeed("train", *data, *QUICK, *place).stdout)
        assert trained["promoted"]
        assert {"recommender", "popularity", "item mean", "item-kNN", "EASE", "BM25"} <= set(
            trained["methods"]
        )

    return made_once(tmp_path_factory, "recommender", make) / "var"
