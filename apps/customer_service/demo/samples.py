"""The sample data, the settings that fit a first look, and the releases made of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from common.files import file_sha256
from common.releases.registry import Registry
from common.releases.release import Release

SAMPLES = Path(__file__).parents[3] / "data_samples" / "customer_service"
# Within five minutes on two cores, a quarter of the work of the settings above.
SETTINGS = {
    "strategy": "top-layers:6",
    "epochs": "3",
    "learning_rate": "2e-4",
    "adversarial": "0",
    "typing_errors": "0.15",
}
# A minute or two: the encoder stays as it is, so it reads each text once.
FIRST_SETTINGS = {**SETTINGS, "strategy": "head", "typing_errors": "0"}


def files(name: str) -> list[Path]:
    """Those for an option of `train`."""
    return sorted(SAMPLES.glob(f"{name}.*"))


def come_of_first(registry: Registry) -> set[str]:
    """The ids of releases that the first settings made, and of what these learned since."""
    releases = registry.all()
    found = {one.release_id for one in releases if _is_made_by(one, FIRST_SETTINGS)}
    # Oldest first, so a parent stands before its children.
    for one in releases:
        if one.manifest.get("parent") in found:
            found.add(one.release_id)
    return found


def awaits_fine_tuning(registry: Registry) -> bool:
    """Whether a first release serves, and nobody has fine-tuned on the samples yet.

    A fine-tuned release that was refused, or rolled back, is not made again.
    """
    is_made = any(_is_made_by(one, SETTINGS) for one in registry.all())
    return not is_made and registry.current_id() in come_of_first(registry)


def _is_made_by(release: Release, settings: Mapping[str, str]) -> bool:
    if release.manifest["settings"]["strategy"] != settings["strategy"]:
        return False
    made_of = release.manifest.get("data", {}).get("sha256", {})
    options = ("faqs", "questions", "test")
    of_samples = {file_sha256(path) for option in options for path in files(option)}
    return {*made_of.values()} == of_samples
