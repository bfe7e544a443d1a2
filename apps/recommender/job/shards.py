"""Shards: ranges of users, the unit that is scored, written, checked and done again."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from common.files import file_sha256

TEMPORARY = "_temporary"
COMPRESSION_LEVEL = 3
ROWS_PER_GROUP = 1 << 17

# A row of the output; rows stand by user, then rank.
SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string(), nullable=False),
        pa.field("item_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("score", pa.float32(), nullable=False),
        pa.field("text_score", pa.float32()),
        pa.field("p_click", pa.float32()),
        pa.field("p_purchase", pa.float32()),
        pa.field("p_like", pa.float32()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("cold_user", pa.bool_(), nullable=False),
        pa.field("cold_item", pa.bool_(), nullable=False),
        pa.field("reasons", pa.string()),  # a JSON array of schema.Reason
        pa.field("rule", pa.string()),  # the rule that put it there
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("scored_at", pa.timestamp("ms", tz="UTC"), nullable=False),
    ]
)


def shard_path(number: int) -> Path:
    """The file of a shard, in the output directory."""
    return Path(f"shard={number:05d}") / "part-0.parquet"


@dataclass(frozen=True)
class Shard:
    """The users `start` to `stop - 1`, by their numbers."""

    number: int
    start: int
    stop: int

    def __len__(self) -> int:
        return self.stop - self.start

    @property
    def path(self) -> Path:
        """Where its rows stand in the output directory."""
        return shard_path(self.number)


@dataclass(frozen=True)
class ShardFile:
    """What is known of a shard that is written: rows, bytes, and the file's SHA-256."""

    shard: int
    users: int
    rows: int
    bytes: int
    sha256: str

    @property
    def path(self) -> Path:
        """Where it stands in the output directory."""
        return shard_path(self.shard)


def split_users(users: int, size: int) -> list[Shard]:
    """All users by ranges of `size`; the last may be shorter."""
    starts = range(0, users, size)
    return [Shard(n, start, min(start + size, users)) for n, start in enumerate(starts)]


def write_shard(directory: Path, shard: Shard, table: Any) -> ShardFile:
    """Write the rows of `shard`, a table of `SCHEMA`, whole or not at all.

    The same table gives the same bytes. When this returns, they are on disk under their name.

    Raises:
        OSError: it cannot be written.
        ValueError: the table's columns are not those of `SCHEMA`.
    """
    path = directory / shard.path
    # Not named by the process alone: its number may be taken on another machine.
    temporary = directory / TEMPORARY / f"{shard.number:05d}-{uuid4().hex}.parquet"
    temporary.parent.mkdir(exist_ok=True)
    try:
        pq.write_table(
            table.cast(SCHEMA),
            temporary,
            compression="zstd",
            compression_level=COMPRESSION_LEVEL,
            row_group_size=ROWS_PER_GROUP,
        )
        written = ShardFile(
            shard.number,
            len(shard),
            table.num_rows,
            temporary.stat().st_size,
            file_sha256(temporary),
        )
        sync(temporary)
        path.parent.mkdir(exist_ok=True)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync(path.parent)
    sync(directory)
    return written


def sync(path: Path) -> None:
    """Wait until a file, or the names in a directory, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_vectors(path: Path, ids: Sequence[str], vectors: NDArray[np.float32]) -> None:
    """Item ids and their vectors [items, width] as one Parquet file, whole or not at all."""
    width = vectors.shape[1]
    flat = pa.array(vectors.ravel(), pa.float32())
    column = pa.FixedSizeListArray.from_arrays(flat, width)
    table = pa.table({"item_id": pa.array(ids, pa.string()), "vector": column})
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        pq.write_table(table, temporary, compression="zstd", compression_level=COMPRESSION_LEVEL)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
