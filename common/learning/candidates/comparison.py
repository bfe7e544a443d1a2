"""A candidate beside the release that serves, record by record, and what the gate makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from common.errors import RefusedError
from common.evaluation.compare import Difference, paired_bootstrap, worse_groups
from common.evaluation.stress.expectations.checking import Decide, check, compare_checked
from common.evaluation.stress.expectations.expectation import MOST_MORE_FAILURES, Expectations
from common.releases import gate

# How probable it may be that a group is called worse by chance, over all groups.
GROUP_LEVEL = 0.05


@dataclass(frozen=True)
class Judged:
    """One record that both releases predicted; `groups` are those that it belongs to.

    `before` and `after` say how good each prediction is: 1 for right, 0 for wrong, or between.
    """

    text: str
    before: float
    after: float
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """How good the predictions of both releases are on the same records.

    `golden` are records that are never learned from; `new` the corrected ones, if any, each
    predicted by a candidate that did not learn it where there are enough of them
    (`new_is_held_out`). `worse` are golden groups that lost more than chance explains, with the
    probability, adjusted for how many groups there are. `figure` names what is compared,
    `fixed` the records that both are measured on. `expectations` are the shares of what is expected
    that is met, by kind, and a candidate may fail `max_more_failures` of a kind more.
    """

    golden: Difference
    new: Difference | None
    new_is_held_out: bool
    turned_right: list[str]
    turned_wrong: list[str]
    groups: dict[str, Difference] = field(default_factory=dict)
    worse: dict[str, float] = field(default_factory=dict)
    figure: str = "right"
    fixed: str = "golden"
    expectations: dict[str, Difference] = field(default_factory=dict)
    max_more_failures: float = MOST_MORE_FAILURES


def compare(
    golden: Sequence[Judged],
    new: Sequence[Judged],
    *,
    new_is_held_out: bool,
    figure: str = "right",
    fixed: str = "golden",
) -> Comparison:
    """Both releases on golden records, in all and by group, and on the corrected ones."""
    members: dict[str, list[Judged]] = {}
    for one in golden:
        for name in one.groups:
            members.setdefault(name, []).append(one)
    groups = dict(sorted(members.items())) if len(members) > 1 else {}
    lost_and_won = {
        name: (
            sum(one.before > one.after for one in some),
            sum(one.after > one.before for one in some),
        )
        for name, some in groups.items()
    }
    every = [*golden, *new]
    return Comparison(
        golden=_difference(golden),
        new=_difference(new) if new else None,
        new_is_held_out=new_is_held_out,
        turned_right=[one.text for one in every if one.after > one.before],
        turned_wrong=[one.text for one in every if one.before > one.after],
        groups={name: _difference(some) for name, some in groups.items()},
        worse=worse_groups(lost_and_won, GROUP_LEVEL),
        figure=figure,
        fixed=fixed,
    )


def with_expectations(
    comparison: Comparison,
    expectations: Expectations | None,
    serving: Decide,
    candidate: Decide,
) -> Comparison:
    """The comparison with what both releases make of the expectations, if there are any."""
    if expectations is None:
        return comparison
    before, after = (check(expectations, decide) for decide in (serving, candidate))
    return replace(
        comparison,
        expectations=compare_checked(before, after),
        max_more_failures=expectations.max_more_failures,
    )


def judge(comparison: Comparison) -> tuple[str, bool]:
    """What the gate says.

    No worse on golden records, in a group or in what is expected, and better on corrected ones.
    """
    try:
        shown = gate.check(comparison.figure, comparison.golden)
    except RefusedError as error:
        return str(error).splitlines()[0], False
    if comparison.worse:
        named = ", ".join(
            f"{name} ({comparison.groups[name].before:.1%} → {comparison.groups[name].after:.1%})"
            for name in comparison.worse
        )
        return f"the candidate is worse for {named}", False
    missed = gate.missed_expectations(comparison.expectations, comparison.max_more_failures)
    if missed:
        return missed, False
    new = comparison.new
    useless = new is not None and new.gain == 0 and new.after < 1 and not comparison.new_is_held_out
    if new is not None and (new.gain < 0 or useless):
        return "the candidate gets no more of the corrected records right", False
    return shown, True


def _difference(records: Sequence[Judged]) -> Difference:
    return paired_bootstrap([one.before for one in records], [one.after for one in records])
