"""What was purged is in no later release: hashes of texts that must not be learned again."""

from __future__ import annotations

from collections.abc import Callable, Collection

from common.files import write_atomically
from common.records.fields import content_hash
from common.records.text import fold
from common.releases.registry import Registry
from common.releases.release import Release

PURGED = "purged"


def forget(
    registry: Registry,
    text: str | None,
    whole: Collection[str],
    texts_of: Callable[[Release], Collection[str]],
) -> list[str]:
    """Have the next `learn` leave out what was purged.

    Remembered is a hash of each text that a release holds, not the text.

    Args:
        text: what a text holds that is to be left out.
        whole: texts that are to be left out.
        texts_of: the texts that a release learned from or is measured on.

    Returns:
        The ids of the releases that hold one.
    """
    gone = {fold(one) for one in whole}
    holding, hashes = [], purged(registry)
    for release in registry.all():
        found = {
            held
            for held in texts_of(release)
            if fold(held) in gone or (text is not None and text in held)
        }
        if found:
            holding.append(release.release_id)
            hashes |= {content_hash(one) for one in found}
    write_atomically(registry.root / PURGED, "\n".join(sorted(hashes)))
    return holding


def purged(registry: Registry) -> set[str]:
    """Hashes of texts that must not be learned any more."""
    path = registry.root / PURGED
    return set(path.read_text(encoding="utf-8").split()) if path.exists() else set()
