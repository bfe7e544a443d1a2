"""`off-policy` on the log of a release that is judged by itself."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from command_line import run_here
from trained_shop import succeed


def test_a_release_earns_what_it_earned(
    data: tuple[object, ...], store: Path, tmp_path: Path
) -> None:
    place = ("--store", store, "--device", "cpu")
    succeed("score", *data, *place, "--out", tmp_path / "out", "--k", 3, "--workers", 1)
    lists = pl.read_parquet(str(tmp_path / "out" / "shard=*" / "*.parquet"))
    log = lists.select(
        "user_id",
        "item_id",
        pl.col("rank").alias("place"),
        propensity=pl.lit(1.0),
        reward=(pl.col("rank") == 1).cast(pl.Int8),
    )
    log.write_csv(tmp_path / "log.csv")
    arguments = (tmp_path / "log.csv", *data, *place, "--log-map", "position=place", "--json")
    found = json.loads(succeed("off-policy", *arguments).stdout)
    assert found["rows"] == found["effective_rows"] == len(log)
    assert found["estimates"]["ips"] == found["estimates"]["logged"]
    assert found["estimates"]["ips"]["value"] == pytest.approx(log["reward"].mean())
    assert (found["unknown_users"], found["lacks_support"]) == (0, False)

    log.head(9).write_csv(tmp_path / "log.csv")
    refused = run_here("recommender", "off-policy", *arguments)
    assert refused.returncode == 3
    assert "decides nothing" in refused.stderr
