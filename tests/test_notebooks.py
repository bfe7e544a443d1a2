"""The notebooks run from the first cell to the last, and are kept without what they put out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from jupyter_client.connect import write_connection_file
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from processes import ROOT, Process

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FAST = {"STRATEGY": "head", "EPOCHS": "1", "DEVICE": "cpu", "ROWS": "60", "USERS": "30"}


class ForkedKernel(KernelManager):
    """A kernel that is started elsewhere."""

    has_kernel = True


def _named(path: Path) -> str:
    return path.stem


@pytest.fixture(scope="module")
def kernel(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KernelManager]:
    """One for all of them, forked where torch is imported already."""
    connection, _ = write_connection_file(str(tmp_path_factory.mktemp("kernel") / "kernel.json"))
    values = {**FAST, "BACKBONE": str(tiny_model)}
    environment = {f"BIZLM_{name}": value for name, value in values.items()}
    process = Process("-m", "ipykernel_launcher", "-f", connection, env=environment)
    manager = ForkedKernel(connection_file=connection, owns_kernel=False)
    manager.load_connection_file()
    yield manager
    process.kill()


def test_there_is_one_for_each_application() -> None:
    named = {"customer_service", "finance_monitor", "recommender", "your_own"}
    assert {path.stem for path in NOTEBOOKS} == named


@pytest.mark.parametrize("path", NOTEBOOKS, ids=_named)
def test_a_notebook_is_kept_short_and_without_output(path: Path) -> None:
    cells = nbformat.read(path, as_version=4).cells
    assert 8 <= len(cells) <= 12
    assert cells[0].cell_type == "markdown"
    for cell in cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=_named)
def test_a_notebook_runs(path: Path, kernel: KernelManager) -> None:
    book = nbformat.read(path, as_version=4)
    book.cells.insert(0, nbformat.v4.new_code_cell("%reset -f\n%matplotlib inline"))
    NotebookClient(book, km=kernel, timeout=300).execute()
    shown = [out for cell in book.cells for out in cell.get("outputs", ())]
    assert any("image/png" in out.get("data", {}) for out in shown)
