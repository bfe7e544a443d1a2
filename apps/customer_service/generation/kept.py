"""The generator of a release, beside what answers: its base, its adapter, its figures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.models.sources.bundled import Source
from common.releases.release import Release

if TYPE_CHECKING:
    from common.models.generator import Generator

GENERATOR = "generator"
# The figure that releases are listed with.
FIGURE = "faithfulness"


def has_generator(release: Release) -> bool:
    """Whether a release has one."""
    return GENERATOR in release.manifest


def load_own(release: Release) -> Generator:
    """The generator of a verified release; what was added to it is folded in, to write faster."""
    from common.models.adapting.adding import fold_adapter
    from common.models.generator import load_generator

    base = release.manifest[GENERATOR]["base_model"]
    generator = load_generator(Source(f"{base} (taught)", release.directory / GENERATOR))
    fold_adapter(generator.network)
    return generator


def keep_generator(release: Release | None, directory: Path) -> None:
    """The same files in a release that is made of another; they take no room twice."""
    if release is not None and has_generator(release):
        shutil.copytree(release.directory / GENERATOR, directory / GENERATOR, copy_function=os.link)


def with_generator(manifest: dict[str, Any], release: Release) -> dict[str, Any]:
    """What a release that is made of another says of the generator, if that has one."""
    if not has_generator(release):
        return manifest
    recorded = release.manifest[GENERATOR]
    figures = {**manifest.get("after", {}), FIGURE: recorded["after"][FIGURE]}
    return {**manifest, GENERATOR: recorded, "after": figures}
