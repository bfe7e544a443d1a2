"""A candidate that is better on the whole and worse for some does not serve."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest

from common.evaluation.compare import worse_groups
from common.evaluation.stress.expectations.checking import Decided
from common.evaluation.stress.expectations.expectation import Case, Expectations
from common.learning.candidates.comparison import Judged, compare, judge, with_expectations


def records(group: str, *, right: int, won: int = 0, lost: int = 0) -> list[Judged]:
    found = [Judged(f"{group} {i}", True, True, (group,)) for i in range(right)]
    found += [Judged(f"{group} won {i}", False, True, (group,)) for i in range(won)]
    return found + [Judged(f"{group} lost {i}", True, False, (group,)) for i in range(lost)]


def test_a_group_that_loses_stops_a_candidate_that_wins() -> None:
    golden = records("English", right=100, won=40) + records("Chinese", right=80, lost=10)
    found = compare(golden, [], new_is_held_out=False)
    assert found.golden.gain > 0
    verdict, passed = judge(found)
    assert not passed
    assert verdict == "the candidate is worse for Chinese (100.0% → 88.9%)"


def test_a_group_that_loses_by_chance_does_not() -> None:
    golden = records("English", right=100, won=10) + records("Chinese", right=100, won=2, lost=4)
    assert judge(compare(golden, [], new_is_held_out=False))[1]


def test_no_group_is_called_worse_where_there_is_but_one() -> None:
    assert compare(records("all", right=5), [], new_is_held_out=False).groups == {}


@pytest.mark.parametrize(("groups", "is_worse"), [(1, True), (10, False)])
def test_the_more_groups_the_more_it_takes(groups: int, is_worse: bool) -> None:
    # Seven of seven lost: 1/128 alone.
    counts = {"one": (7, 0)} | {f"other {i}": (0, 0) for i in range(groups - 1)}
    assert ("one" in worse_groups(counts)) is is_worse


def test_the_corrected_must_get_better() -> None:
    golden = records("a", right=50)
    nothing = [Judged("x", False, False)]
    assert not judge(compare(golden, nothing, new_is_held_out=False))[1]
    assert judge(compare(golden, [Judged("x", False, True)], new_is_held_out=False))[1]


def test_a_candidate_that_fails_more_of_what_is_expected_does_not_serve() -> None:
    cases = [
        Case(name="plain", kind="minimum functionality", of="mood", expect="bad", texts=(str(n),))
        for n in range(10)
    ]
    found = compare(records("a", right=50, won=5), [], new_is_held_out=False)

    def decide(good: int, texts: Sequence[str]) -> list[Decided]:
        return [Decided({"mood": "good" if int(text) < good else "bad"}, {}) for text in texts]

    for margin, passes in ((0.1, False), (0.2, True)):
        wanted = Expectations(max_more_failures=margin, cases=tuple(cases))
        judged = with_expectations(found, wanted, partial(decide, 1), partial(decide, 3))
        verdict, passed = judge(judged)
        assert passed is passes
        assert passes or "minimum functionality (1 → 3 of 10 fail)" in verdict
