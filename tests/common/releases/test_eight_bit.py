"""The 8-bit model beside a release: made once, and a refusal is remembered."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from common.errors import RefusedError, UserError
from common.files import write_json
from common.releases.eight_bit import KEPT, MOST_COMPARED, eight_bit_of, some_of
from common.releases.registry import Registry
from common.releases.release import Release

pytest.importorskip("onnxruntime", reason="needs the extra `onnx`")
AGREEMENT = {"texts": 20, "cosine": 0.99, "same": 0.95, "megabytes": 20.0, "layers": True}


def agrees(store: Path, release_id: str, directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "made-of").write_text(f"{store} {release_id} {os.getpid()}", encoding="utf-8")
    write_json(directory / "export.json", {"agreement": AGREEMENT})


def refuses(store: Path, release_id: str, directory: Path) -> None:
    raise RefusedError("in 8 bits it answers otherwise", hint="Nothing is written.")


def dies(store: Path, release_id: str, directory: Path) -> None:
    directory.mkdir(parents=True)
    write_json(directory / "export.json", {"agreement": AGREEMENT})
    os._exit(9)


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path, "test")


def _release(weights: str = "a") -> Release:
    return Release(Path("none"), {"release_id": "one", "files": {"model/weights": weights}})


def test_it_is_made_once_in_a_process_of_its_own(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    made = eight_bit_of(registry, _release(), agrees)
    assert made is not None
    store, release_id, process = (made / "made-of").read_text(encoding="utf-8").split()
    assert (Path(store), release_id) == (registry.root.parent, "one")
    assert int(process) != os.getpid()
    assert "the same for 95.0% of 20 held-out texts" in capsys.readouterr().err
    # It would be refused were it made again.
    assert eight_bit_of(registry, _release(), refuses) == made


def test_a_refusal_is_said_and_remembered(
    registry: Registry, capsys: pytest.CaptureFixture[str]
) -> None:
    for make in (refuses, agrees):
        assert eight_bit_of(registry, _release(), make) is None
        said = capsys.readouterr().err
        assert "Serving in full precision: in 8 bits it answers otherwise" in said


def test_what_was_killed_half_way_is_made_again(registry: Registry) -> None:
    with pytest.raises(UserError, match="ended early"):
        eight_bit_of(registry, _release(), dies)
    assert eight_bit_of(registry, _release(), agrees) is not None


def test_other_weights_have_their_own_and_the_oldest_go(registry: Registry) -> None:
    made = [eight_bit_of(registry, _release(str(n)), agrees) for n in range(KEPT + 1)]
    assert [path is not None and path.is_dir() for path in made] == [False, *[True] * KEPT]
    parts = {eight_bit_of(registry, _release(), agrees, part) for part in ("x", "y")}
    assert len(parts) == 2


def test_few_texts_from_everywhere_are_compared() -> None:
    texts = [str(number) for number in range(MOST_COMPARED * 2 + 1)]
    assert len(some_of(texts)) <= MOST_COMPARED
    assert int(some_of(texts)[-1]) > MOST_COMPARED
    assert some_of(texts[:5]) == texts[:5]
    assert some_of([]) == []
