"""The sample data, and the settings that fit a first look."""

from __future__ import annotations

from pathlib import Path

from common.files import file_sha256
from common.releases.registry import Registry

SAMPLES = Path(__file__).parents[3] / "data_samples" / "customer_service"
# Within five minutes on two cores, a quarter of the work of the settings above.
SETTINGS = {
    "strategy": "top-layers:6",
    "epochs": "3",
    "learning_rate": "2e-4",
    "adversarial": "0",
    "typing_errors": "0.15",
}
# About a minute: the encoder stays as it is, so it reads each text once.
FIRST_SETTINGS = {**SETTINGS, "strategy": "head", "typing_errors": "0", "precision": "fp32"}


def files(name: str) -> list[Path]:
    """Those for an option of `train`."""
    return sorted(SAMPLES.glob(f"{name}.*"))


def serves_first_release(registry: Registry) -> bool:
    """Whether what serves was made by the first settings, whatever it learned since."""
    release = registry.open()
    while parent := release.manifest.get("parent"):
        release = registry.open(parent)
    options = ("faqs", "questions", "test")
    of_samples = {file_sha256(path) for option in options for path in files(option)}
    made_of = release.manifest.get("data", {}).get("sha256", {})
    strategy = release.manifest["settings"]["strategy"]
    return {*made_of.values()} == of_samples and strategy == FIRST_SETTINGS["strategy"]
