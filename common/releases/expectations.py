"""What is expected of a release, kept with it: what is to serve after it is held to the same."""

from __future__ import annotations

from pathlib import Path

from common.console import say
from common.evaluation.stress.expectations.checking import Checked, Decide, check, compare_checked
from common.evaluation.stress.expectations.expectation import Expectations
from common.files import read_json, write_json
from common.releases import gate
from common.releases.registry import Registry
from common.releases.release import Release

EXPECTATIONS = "expectations.json"


def save_expectations(expectations: Expectations | None, directory: Path) -> None:
    """Write them into a release's directory, if there are any."""
    if expectations:
        write_json(
            directory / EXPECTATIONS, expectations.model_dump(exclude_none=True, mode="json")
        )


def load_expectations(release: Release) -> Expectations | None:
    """Those of a release; None: nothing was expected of it."""
    path = release.directory / EXPECTATIONS
    return Expectations.model_validate(read_json(path)) if path.exists() else None


def check_next(registry: Registry, given: Expectations | None, decide: Decide) -> Checked | None:
    """What a new release makes of what it is held to.

    Args:
        given: what it is held to; None: what was expected of the release that serves.
    """
    serving = registry.current_id()
    if given is None and serving is not None:
        given = load_expectations(registry.open(serving))
    if given is None:
        return None
    checked = check(given, decide)
    kinds = (f"{kind} {of['failed']} of {of['cases']}" for kind, of in checked.summary().items())
    say(f"Expectations that are not met: {', '.join(kinds)}.")
    return checked


def hold_to(checked: Checked, serving: Decide) -> None:
    """Hold a release to failing no more than the one that serves, which is asked the same.

    Raises:
        RefusedError: it fails more of a kind than `max_more_failures`.
    """
    before = check(checked.expectations, serving)
    gate.check_expectations(
        compare_checked(before, checked), checked.expectations.max_more_failures
    )
