"""A release that was trained is held to the groups that its owner names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from apps.finance_monitor.data import Dataset, Example, read_dataset
from apps.finance_monitor.evaluate import Outcome
from apps.finance_monitor.learning import promoting
from apps.finance_monitor.learning.groups import GROUPING
from apps.finance_monitor.options_cli import FileOptions
from apps.finance_monitor.stories.classifying import Reading
from apps.finance_monitor.train import train
from common.errors import RefusedError, UserError
from common.learning.candidates.groups import GroupGate
from common.learning.candidates.groups_cli import GroupOptions
from common.releases.registry import Registry
from common.releases.release import write_release
from common.tuning.settings import Settings

# Two releases of one second must differ in content.
NUMBERS = count()
# Of a hundred stories a desk; topics alone are told.
DESKS = ("north", "south")
EXAMPLES = [
    Example(f"{desk} story {number}", topics=("credit",), segment=desk)
    for desk in DESKS
    for number in range(100)
]


def _outcomes(right: dict[str, int]) -> list[Outcome]:
    """The first so many of each desk are right."""
    return [
        Outcome(
            example,
            Reading(sentiment=None, topics=None, target=None),
            ["credit"] if number % 100 < right[example.segment or ""] else [],
        )
        for number, example in enumerate(EXAMPLES)
    ]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """A release serves that is right of half of one desk's stories, and of all of the other's."""
    served = _outcomes({"north": 50, "south": 100})

    def run(_: object, held_out: Sequence[Example]) -> list[Outcome]:
        assert list(held_out) == EXAMPLES
        return served

    monkeypatch.setattr(promoting, "load_release", lambda release: release)
    monkeypatch.setattr(promoting.evaluate, "run", run)
    monkeypatch.setattr(promoting, "decide_with", lambda _: None)
    found = Registry(tmp_path, "finance_monitor")
    found.promote(write_release(found.releases, lambda d: (d / "a").touch(), {}).release_id)
    return found


def _promote(registry: Registry, groups: GroupGate[Example] | None) -> bool:
    release = write_release(
        registry.releases, lambda d: (d / "b").write_text(f"{next(NUMBERS)}"), {}
    )
    after = _outcomes({"north": 100, "south": 85})
    return promoting.promote_if_not_worse(
        registry, release, after, EXAMPLES, insisted=False, groups=groups
    )


def test_a_release_that_is_worse_for_a_column_of_ones_own_does_not_serve(
    registry: Registry,
) -> None:
    wider, mapping = GroupOptions(by="language,desk").read(GROUPING, ["text=body"])
    assert mapping == ["text=body"]
    with pytest.raises(
        RefusedError, match=r"worse for desk south \(100\.0% → 85\.0% of 100\)"
    ) as caught:
        _promote(registry, wider)
    assert "Allow more (train --max-group-loss)" in str(caught.value.hint)
    lenient, _ = GroupOptions(by="desk", max_group_loss=0.2).read(GROUPING, None)
    assert _promote(registry, lenient)


def test_without_groups_the_usual_ones_are_held_to(registry: Registry) -> None:
    usual, mapping = GroupOptions().read(GROUPING, None)
    assert (usual.grouping, usual.by, mapping) == (GROUPING, GROUPING.usual, None)
    assert _promote(registry, None)


def test_two_columns_of_ones_own_are_refused() -> None:
    with pytest.raises(UserError, match="one column of your own at a time"):
        GroupOptions(by="desk,office").read(GROUPING, None)


def test_only_held_out_files_must_have_the_column(registry: Registry, tmp_path: Path) -> None:
    labelled, plain, raw = (tmp_path / f"{name}.csv" for name in ("labelled", "plain", "raw"))
    labelled.write_text("text,sentiment,desk\nUp,positive,north\nDown,negative,south\n")
    plain.write_text("text,sentiment\nRose,positive\nFell,negative\n")
    raw.write_text("text\nUnchanged\n")
    gate, mapping = GroupOptions(by="desk").read(GROUPING, None)

    def read(news: Path, test: Path) -> Dataset:
        files = FileOptions([news], test=[test], mapping=mapping)
        return read_dataset(files.sources(tmp_path, unlabelled=[raw], by=gate.grouping.column))

    measured = read(plain, labelled).splits.test
    assert gate.assign(measured) == [("desk north",), ("desk south",)]
    with pytest.raises(UserError, match="--by desk: no column 'desk' in the held-out records"):
        train(read(labelled, plain), Settings(), registry, groups=gate)
