"""What was made already is not made again."""

from __future__ import annotations

import json
from typing import Any

from common.console import say
from common.errors import UserError
from common.learning.candidates.releasing import (
    PROMOTED_MEANWHILE,
    Learned,
    MarkLearned,
    let_serve,
    mark_nothing,
)
from common.learning.review import Reviewed
from common.records.fields import content_hash
from common.releases.registry import Registry
from common.releases.release import Release, versions


def made_from(parent: Release, **what: Any) -> str:
    """A hash of all that a candidate is made of, and measured and judged by.

    The same hash, the same candidate and the same verdict, for learning draws nothing at random;
    with other versions of the libraries it may be another one.

    Args:
        parent: the release that it learns further from.
        what: plain values, such as what is taken and the options that matter.
    """
    known = {**what, "libraries": versions()}
    values = json.dumps(known, sort_keys=True, ensure_ascii=False, default=str)
    return content_hash("candidate", parent.release_id, values)


def take_earlier(
    registry: Registry,
    made_of: str,
    found: Reviewed,
    *,
    promote: bool,
    mark_learned: MarkLearned = mark_nothing,
) -> Learned | None:
    """The candidate of an earlier run that was made of just this, with the verdict it got.

    One that passed is promoted now if that is wanted; one that was withdrawn since is not.

    Args:
        made_of: see `made_from`.
        mark_learned: as of `release_candidate`.

    Returns:
        None where there is none: it is to be made.
    """
    release = _find(registry, made_of)
    if release is None:
        return None
    name, learned = release.release_id, release.manifest["learned"]
    verdict, passed = str(learned["verdict"]), bool(learned["passed"])
    fate = "passed" if passed else "was refused"
    if why := registry.withdrawn().get(name):
        fate, verdict, passed = "was withdrawn", why, False
    serves = promote and passed and let_serve(registry, release, found, mark_learned)
    if not promote or not passed:
        verdict = f"Nothing new came since release {name}, which {fate}: {verdict}"
    elif not serves:
        verdict, passed = PROMOTED_MEANWHILE, False
    return Learned(
        found,
        candidate=release,
        verdict=verdict,
        passed=passed,
        promoted=serves,
        made_before=True,
    )


def _find(registry: Registry, made_of: str) -> Release | None:
    for release in reversed(registry.all()):
        if (release.manifest.get("learned") or {}).get("made_of") != made_of:
            continue
        try:
            return registry.open(release.release_id)
        except UserError as error:
            say(f"It is made again, for {error}")
    return None
