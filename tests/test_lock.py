"""The image installs what was tested: the versions of the constraints, each file by its hash."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "deploy" / "requirements.lock").read_text(encoding="utf-8")
EXTRAS = ("", "onnx", "postgres")
# Of another index: the image installs it first.
APART = {"torch"}


def pins(text: str) -> dict[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.M)
    return {canonicalize_name(name): version for name, version in found}


def test_it_pins_what_the_constraints_pin() -> None:
    constraints = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    assert pins(LOCK).items() <= constraints.items()


def test_it_holds_what_the_image_needs() -> None:
    wanted = {
        canonicalize_name(one.name)
        for one in map(Requirement, requires("bizlm") or ())
        if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in EXTRAS)
    }
    assert wanted - APART <= pins(LOCK).keys()


def test_every_file_has_its_hash() -> None:
    blocks = re.split(r"\n(?=[A-Za-z])", LOCK.partition("make lock\n")[2])
    assert len(blocks) == len(pins(LOCK))
    assert all("--hash=sha256:" in block for block in blocks)
