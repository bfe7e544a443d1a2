from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from once import made_once
from trained_shop import QUICK, USERS, shop, succeed

# What nobody is shown again, and what cannot be.
EXPECTED = """
[[expectation]]
name = "kept out"
kind = "minimum functionality"
of = "repeated"
expect = "none"
texts = ["purchase book-0001, dislike book-0002"]

[[expectation]]
name = "never"
kind = "direction"
label = "item book-0001"
moves = "up"
texts = [["nothing", "purchase book-0001"]]
"""


@pytest.fixture(scope="module", autouse=True)
def quick(few_trees: None) -> None:
    """What a ranker reaches with all of its trees is measured in `benchmarks`."""


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of expectations, one of which is met."""
    path = tmp_path_factory.mktemp("expected") / "wanted.toml"
    path.write_text(EXPECTED, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """The sample shop with its first users alone."""
    return shop(tmp_path_factory.mktemp("shop"), USERS)


@pytest.fixture(scope="module")
def store(
    data: tuple[object, ...],
    expected: Path,
    tiny_model: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Path]:
    """A release of it, held to what is expected."""

    def make(folder: Path) -> None:
        place = ("--backbone", tiny_model, "--store", folder / "var", "--json")
        place += ("--expectations", expected)
        trained = json.loads(succeed("train", *data, *QUICK, *place).stdout)
        assert trained["promoted"]
        assert {"recommender", "popularity", "item mean", "item-kNN", "EASE", "BM25"} <= set(
            trained["methods"]
        )

    with made_once(tmp_path_factory, "recommender", make) as folder:
        yield folder / "var"
