from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from once import made_once
from trained_shop import QUICK, USERS, shop, succeed


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The sample shop with its first users alone."""
    return shop(tmp_path_factory.mktemp("shop"), USERS)


@pytest.fixture(scope="module")
def store(
    data: tuple[object, ...], tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A release of it."""

    def make(folder: Path) -> None:
        place = ("--backbone", tiny_model, "--store", folder / "var", "--json")
        trained = json.loads(succeed("train", *data, *QUICK, *place).stdout)
        assert trained["promoted"]
        assert {"recommender", "popularity", "item mean", "item-kNN", "EASE", "BM25"} <= set(
            trained["methods"]
        )

    with made_once(tmp_path_factory, "recommender", make) as folder:
        yield folder / "var"
