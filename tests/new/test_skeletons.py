"""Every kind of application passes its own test, and the contracts, as it is written."""

from __future__ import annotations

from pathlib import Path

import pytest
from processes import ROOT, run

from apps.new.writing import KINDS, Kind, write_application


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_passes_its_tests_at_once(
    kind: Kind, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BIZLM_BACKBONE", str(tiny_model))
    written = write_application("of_my_own", kind, tmp_path)
    done = run(
        *("-m", "pytest", written.test, "--rootdir", tmp_path, "-c", "/dev/null"),
        *("-p", "no:cacheprovider", "-o", f"pythonpath={tmp_path} {ROOT / 'tests'}"),
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
    assert "skipped" not in done.stdout
