"""A generator learns approved replies, is kept in a release, and writes for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from sample import Demo, Run

from apps.customer_service.generation.kept import (
    GENERATOR,
    keep_generator,
    load_own,
    with_generator,
)
from apps.customer_service.generation.options import Generation
from apps.customer_service.generation.rewriting import gate_of
from apps.customer_service.generation.writing import OwnModel, Writers
from apps.customer_service.importing.schema import Pair
from apps.customer_service.release import load_release
from apps.customer_service.replies import teach as teaching
from apps.customer_service.replies.measuring import Measured, Written
from apps.customer_service.replies.pairs import PairReader
from apps.customer_service.replies.reading import Files, read_replies, sources_of
from common.errors import Exit, UserError
from common.models.adapting.adapter import adapter_of
from common.models.adapting.quantised import quantised_as
from common.models.generator import load_generator
from common.models.sources.bundled import Source
from common.releases.registry import Registry
from common.releases.release import Release, open_release

FEW = ("--set", "epochs=1", "--set", "learning_rate=0.05", "--set", "tracking=none")


@pytest.fixture(scope="module")
def taught(demo: Demo, causal: Path, approved: Path, run: Run) -> tuple[Release, Release]:
    """The release before, and the one that holds a generator; the latter serves."""
    registry = Registry(demo.store, "customer_service")
    before = registry.open()
    done = run(
        "teach", "--replies", approved, "--generator", causal, *FEW, "--store", demo.store, "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["promoted"]
    assert registry.current_id() == found["release_id"]
    return before, registry.open(found["release_id"])


def test_what_was_learned_is_kept_beside_its_base(
    taught: tuple[Release, Release], causal: Path
) -> None:
    before, after = taught
    assert after.manifest["parent"] == before.release_id
    assert after.manifest["promise"] == before.manifest["promise"]
    assert {f"{GENERATOR}/adapter.safetensors", f"{GENERATOR}/base/model.safetensors"} <= (
        after.manifest["files"].keys()
    )
    assert after.manifest[GENERATOR]["data"]["counts"] == {"train": 14, "validation": 2, "test": 4}
    tokens = torch.tensor([[7, 8, 9]])
    own, base = load_own(after), load_generator(Source("base", causal))
    with torch.inference_mode():
        logits = [one.network.eval()(tokens).logits for one in (own, base)]
    assert not torch.allclose(*logits, atol=1e-3)


def test_mined_pairs_are_learned_by_the_source_that_bears_them(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answerer = load_release(Registry(demo.store, "customer_service").open(), device="cpu")
    known = sources_of(answerer)
    mined = [
        Pair(
            question=f"Order {n}: how do I activate my new card?",
            answer="You can also activate it by using it once with your PIN at any cash machine.",
            wordings=[],
            dialogue_ids=["d"],
            agents=[],
            score=0.5,
            agreeing=1,
            thanked=0,
            doubted=0,
            asked_again=0,
            flags=["one-dialogue"],
            other_answers=[],
        )
        for n in range(22)
    ]
    mined[0] = replace(mined[0], flags=["contradiction"])
    mined[1] = replace(mined[1], answer="We never send cards to Norway.")
    path = tmp_path / "renamed.jsonl"
    lines = [json.dumps(pair.to_json()) + "\n" for pair in mined]
    path.write_text("".join(lines), encoding="utf-8")
    read = read_replies(
        Files([path]), known, lambda: PairReader(answerer, known, gate_of(answerer))
    )
    found = [one for side in vars(read.splits).values() for one in side]
    assert len(found) == 20
    assert {one.sources for one in found} == {(known["en-card-activate"],)}
    told = capsys.readouterr().err
    assert "20 of 22 pairs are learned; 1 are flagged, and what 1 say no FAQ" in told
    assert "ignored columns" not in told


def test_a_release_s_own_generator_writes_unless_told_otherwise(
    taught: tuple[Release, Release],
) -> None:
    for release, generation, composes, writes in [
        (taught[1], None, True, True),
        (taught[1], Generation("none"), False, False),
        (taught[1], Generation("compose"), True, False),
        (taught[0], None, False, False),
    ]:
        answerer = load_release(release, device="cpu")
        writers = Writers(generation)
        assert writers.prepare(release, answerer) is answerer
        assert writers.composes(answerer) is composes
        assert isinstance(writers.of(answerer), OwnModel) is writes


def test_a_release_made_of_it_keeps_the_generator(
    taught: tuple[Release, Release], tmp_path: Path
) -> None:
    before, after = taught
    keep_generator(after, tmp_path)
    own = f"{GENERATOR}/adapter.safetensors"
    assert (tmp_path / own).samefile(after.directory / own)
    said = with_generator({"after": {"answered": 0.5}}, after)
    assert said[GENERATOR] == after.manifest[GENERATOR]
    assert said["after"] == {
        "answered": 0.5,
        "faithfulness": after.manifest["after"]["faithfulness"],
    }
    assert with_generator({"after": {}}, before) == {"after": {}}
    keep_generator(before, tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_changed_adapter_is_refused(taught: tuple[Release, Release], tmp_path: Path) -> None:
    copy = tmp_path / "release"
    shutil.copytree(taught[1].directory, copy)
    adapter = copy / GENERATOR / "adapter.safetensors"
    adapter.write_bytes(adapter.read_bytes()[:-1] + b"x")
    with pytest.raises(UserError, match=r"adapter\.safetensors was changed"):
        open_release(copy)


@pytest.mark.parametrize(("after", "code"), [(0.2, Exit.REFUSED), (0.9, Exit.DONE)])
def test_what_is_less_faithful_than_before_does_not_serve(
    demo: Demo,
    taught: tuple[Release, Release],
    causal: Path,
    approved: Path,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    after: float,
    code: int,
) -> None:
    figures = {"before": 0.1, "by the serving release": 0.5, "after": after}

    def measured(_: Any, __: Any, exchanges: Sequence[Any], what: str) -> Measured:
        return Measured([Written(figures[what], True, 0.5) for _ in exchanges], 1.0)

    monkeypatch.setattr(teaching, "measure", measured)
    store = shutil.copytree(demo.store, tmp_path / "var", symlinks=True)
    registry = Registry(store, "customer_service")
    serving = registry.current_id()
    done = run("teach", "--replies", approved, "--generator", causal, *FEW, "--store", store)
    assert done.returncode == code, done.stderr
    assert (registry.current_id() == serving) is (code == Exit.REFUSED)
    if code == Exit.DONE:
        assert "90.0%" in done.stdout
        assert "90.0%" in run("releases", "list", "--store", store).stdout
        assert run("releases", "rollback", "--store", store).returncode == 0
        assert registry.current_id() == serving


def test_beside_a_base_in_4_bits_what_was_learned_stays(
    taught: tuple[Release, Release], demo: Demo, causal: Path, approved: Path, run: Run
) -> None:
    pytest.importorskip("bitsandbytes")
    held = ("--set", "quantised_base=int4", "--no-promote", "--store", demo.store, "--json")
    done = run("teach", "--replies", approved, "--generator", causal, *FEW, *held)
    assert done.returncode == 0, done.stderr
    registry = Registry(demo.store, "customer_service")
    found = registry.open(json.loads(done.stdout)["release_id"])
    own = load_own(found)
    assert quantised_as(own.network) == "int4"
    assert adapter_of(own.network) is not None
    (said,) = own.generate([[{"role": "user", "content": "lost"}]], max_new_tokens=2)
    assert isinstance(said, str)
