"""Names under a secret hash."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.learning.sources import SECRET, hashed


def test_each_store_has_a_secret_of_its_own_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path may be a relative one: the same name, said elsewhere, is another store."""
    found = []
    for name in ("here", "there", "here"):
        (tmp_path / name).mkdir(exist_ok=True)
        monkeypatch.chdir(tmp_path / name)
        found.append(hashed(Path("var"), "address 127.0.0.1"))
        assert (tmp_path / name / "var" / SECRET).exists()
    assert found[0] == found[2] != found[1]
