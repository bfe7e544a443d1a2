"""The item encoder in 8 bits, where items then lie where the release sees them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from common.console import say
from common.models.devices import ServingPrecision
from common.releases.eight_bit import LEAST_SAME, eight_bit_of, some_of
from common.releases.registry import Registry
from common.releases.release import Release

APPLICATION = "recommender"
# An item's nearest is to be among its ten nearest.
FEWEST = 50


def eight_bit_for(
    registry: Registry, release: Release, texts: Sequence[str], precision: ServingPrecision
) -> Path | None:
    """The release's item encoder in 8 bits, made now if there is none; None: as it was trained.

    Args:
        texts: of items, as `Catalogue.texts`: what it must agree on.

    Raises:
        UserError: the packages that it takes are not installed.
    """
    if precision != "int8":
        return None
    if len(texts) <= FEWEST:
        say("Reading in full precision: there are too few items to tell whether 8 bits agree.")
        return None
    return eight_bit_of(registry, release, partial(make, texts=some_of(texts)))


def make(store: Path, release_id: str, directory: Path, texts: Sequence[str]) -> None:
    """Export the encoder without the item tower, which learns on while the encoder stays.

    Raises:
        RefusedError: too many items would lie elsewhere.
    """
    from apps.recommender.export import export_encoder
    from apps.recommender.release import load_release

    model = load_release(Registry(store, APPLICATION).open(release_id))
    export_encoder(model, texts, directory, least_same=LEAST_SAME)
